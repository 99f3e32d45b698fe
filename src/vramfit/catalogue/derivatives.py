"""Reading of a fine-tune's name as that of its base, where the words say that the architecture is the same.

``Huihui-Qwen3.8-27B-abliterated`` contains the id of an entry, generation and size included, as whole words, and no word
beside it speaks of another architecture: it is answered as Qwen3.8 27B, which the report says. A name without the base's
generation (``Nous-Hermes-13B``), with a second size, or with a word of ``CHANGED`` means nothing here, because a wrong
base is worse than none. The rules were held against the dimensions of the 6,300 repositories in llmfit 1.1.17 that they
answer: eight had others. Loaded only when no entry has a name, and no file can be had for it.
"""

from __future__ import annotations

from vramfit.catalogue.changes import is_change, is_size, is_version
from vramfit.catalogue.names import normalise_model
from vramfit.catalogue.packaging import is_packaging, keys_of, states_scheme, undescribed
from vramfit.catalogue.pruned import WORDS as CUT_WORDS
from vramfit.catalogue.pruned import divided
from vramfit.catalogue.repositories import HOSTS, MOST_WORDS, Reading, chosen_file, file_reading, parted
from vramfit.catalogue.tags import LATEST
from vramfit.quantization.gguf_parts import run_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.catalogue.pruned import CutName

HOSTED = frozenset(("claude", "gemini", "gpt", "grok", "opus", "sonnet", "haiku", "fable", "mythos"))
"""Models that run on their makers' machines alone: in a fine-tune's name they are its teachers."""
GRADES = frozenset(("pro", "flash", "lite", "mini", "max", "nano", "preview"))
"""Words behind the name and the version of such a model, which are not the fine-tune's."""
SERIES = frozenset(("small", "base", "large", "xl", "xxl", "medium", "embeddings", "embedding", "embed"))
"""Words for sizes in the names of older models, and for models with another head: kin of theirs are too many to tell."""
MAKERS = frozenset((
    "llama", "llama2", "llama3", "qwen", "qwen2", "qwen2.5", "qwen3", "gemma", "gemma2", "gemma3", "mistral", "mixtral", "phi",
    "phi3", "phi4", "deepseek", "yi", "glm", "granite", "falcon", "bert", "t5",
))  # fmt: skip
"""Words for series of models: beside a name without a size, one of them is what was tuned."""
SHORT = {
    "l3": "llama-3", "l3.1": "llama-3.1", "l3.2": "llama-3.2", "l3.3": "llama-3.3", "g2": "gemma-2", "g3": "gemma-3",
    "g4": "gemma-4", "q2.5": "qwen2.5", "q3": "qwen3", "q3.5": "qwen3.5", "q3.6": "qwen3.6", "q3.8": "qwen3.8",
    "l2": "llama-2", "mn": "mistral-nemo", "ms3.1": "mistral-small-3.1", "ms3.2": "mistral-small-3.2",
}  # fmt: skip
"""Short forms of series in front of the names of fine-tunes (Haidra-Org/AI-Horde-text-model-reference models.csv, 2026-06)."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_./")
"""Letters of the names of repositories and files."""
CUT = "cut"
"""Word that stands for those on experts that were cut out: one of the name's own."""
GENERATIONS = (
    "llama", "qwen", "gemma", "granite", "ministral", "mistral", "phi", "olmo", "exaone", "lfm", "internlm", "smollm", "falcon",
)  # fmt: skip
"""Beginnings of the names of series that count their generations."""
LONGEST_GENERATION = 3
"""Words of the longest name of a generation: ``mistral-small-3.2``."""
HEADS = frozenset(("reranker", "rerank", "embedding", "embeddings", "embed"))
"""Words for models with another head, which are of no generation of those that write."""
PARTS_ALONE = ("mtp", "mmproj", "draft")
"""Words at the beginning of the names of files that hold a part of a model."""
UNVERSIONED = (
    ("gpt", "oss"), ("seed", "oss"), ("mixtral",), ("pixtral",), ("codestral",), ("tinyllama",), ("codellama",), ("qwq",),
    ("solar",),
)  # fmt: skip
"""Words of series that have one generation, of which a name's size says which model it is."""
SERIES_END = "v"
"""Word that stands for the versions of a series of fine-tunes (``curation.spellings``)."""
MOST_LETTERS = 3
"""Letters of the version of a fine-tune: the ``v`` before its number, and those behind it."""
FEWEST_WORDS = 2
"""Words of the shortest id that is looked for: a generation and a size."""


def base_reading(name: str, known: Callable[[str], bool], ids: Callable[[], Sequence[str]] = tuple) -> Reading | None:
    """Reading of a fine-tune's name as that of its base; None where the words do not tell it.

    ``known`` says whether the catalogue has exactly one entry of a name; ``ids`` gives those of all its models.
    """
    name = name.strip()
    for host in HOSTS:
        name = name.removeprefix(host)
    text, _, chosen = (chosen_file(name) or name).partition("@")[0].partition(":")
    text = file_reading(text) or text
    chosen = "" if chosen == LATEST else chosen
    if text.count("/") > 1 or text.startswith(".") or not LETTERS.issuperset(text.lower()):
        return None
    words, packing, owner = parted(f"{text}-{chosen}" if chosen else text)
    if len(words) + len(packing) > MOST_WORDS:
        return None
    words = _spelt_out([part for word in words for part in _undotted(word)])
    if words[:1] and words[0] in PARTS_ALONE:
        return None
    cut = divided([*words, *packing])
    if cut is not None:
        return _of_cut(cut, [*words, *packing], owner, known, ids())
    found = _reading(words, packing, owner, known)
    if found is None and (brought := _together(words, known)) is not None:
        found = _reading(brought, packing, owner, known)
    return found or _of_series(words, packing, owner, known)


def _undotted(word: str) -> list[str]:
    """Words that a dot joins where it is none of a number: an owner's before a model's, ``Sao10K.14B``."""
    at = next(
        (index for index, letter in enumerate(word) if letter == "." and not word[index - 1 : index].isdecimal()), 0
    )
    return [word[:at], word[at + 1 :]] if at and at + 1 < len(word) else [word]


def _together(words: list[str], known: Callable[[str], bool]) -> list[str] | None:
    """Words of a name with its one size behind the generation that it is of; None where no model is of both.

    ``Gemma-4-Queen-31B`` is ``gemma-4-31b-queen``, and ``Wayfarer-Large-70B-Llama-3.3`` is ``wayfarer-large-llama-3.3-70b``.
    """
    sizes = [index for index, word in enumerate(words) if is_size(word) and not word.startswith("a")]
    if len(sizes) != 1:
        return None
    stop = sizes[0] + 1
    while stop < len(words) and is_size(words[stop]):
        stop += 1
    size, rest = words[sizes[0] : stop], [*words[: sizes[0]], *words[stop:]]
    runs = [
        (start, end)
        for start, word in enumerate(rest)
        if word.startswith(GENERATIONS)
        for end in range(start + 1, min(start + LONGEST_GENERATION, len(rest)) + 1)
        if any(character.isdecimal() for character in "".join(rest[start:end]))
        and HEADS.isdisjoint(rest[start:end])
        and not start < sizes[0] < end
        and known("-".join([*rest[start:end], *size]))
    ]
    if not runs:
        return None
    _, end = max(runs, key=lambda run: run[1] - run[0])
    return [*rest[:end], *size, *rest[end:]]


def _of_series(words: list[str], packing: list[str], owner: str, known: Callable[[str], bool]) -> Reading | None:
    """Reading of a further version of a series of fine-tunes, of which the catalogue has several of one base.

    ``Cydonia-24B-v4.4`` is of the series of ``Cydonia-24B-v4.1`` and ``Cydonia-24B-v4.3``.
    """
    plain = words[:-1] if len(words) > FEWEST_WORDS and is_version_of_series(words[-1]) else words
    for start in (0, 1):
        stem = "-".join([*plain[start:], SERIES_END])
        if len(plain) - start >= FEWEST_WORDS and known(stem):
            return Reading(stem, keys_of(packing, owner))
    return None


def is_version_of_series(word: str) -> bool:
    """True for ``v4``, ``v1.1``, ``v4zk``: the version of a fine-tune, at the end of its name."""
    number = word.removeprefix("v").rstrip("abcdefghijklmnopqrstuvwxyz")
    return word[:1] == "v" and number.replace(".", "").isdecimal() and len(word) - len(number) <= MOST_LETTERS


def _reading(words: list[str], packing: list[str], owner: str, known: Callable[[str], bool]) -> Reading | None:
    """Reading of the words of a name, and those of its packaging."""
    found: list[tuple[int, int]] = []
    for start in range(len(words)):
        for stop in range(len(words), start + FEWEST_WORDS - 1, -1):
            run = words[start:stop]
            if _is_specific(run) and known("-".join(run)):
                found.append((start, stop))
                break
    if not found:
        return None
    sized = [one for one in found if any(is_size(word) for word in words[one[0] : one[1]])]
    found = sized or found
    start, stop = max(found, key=lambda one: one[1] - one[0])
    inside = all(start <= first and last <= stop for first, last in found)
    own = [*words[:start], *words[stop:]]
    behind = _without_schemes(words[stop:], packing)
    beside = [*_without_hosted(words[:start]), *_without_teachers(_without_hosted(behind), known)]
    tuned = any(known("-".join(words[start:end])) for end in range(start + FEWEST_WORDS, stop))
    if not inside or any(is_change(word) for word in beside) or (not tuned and all(is_version(word) for word in own)):
        return None
    if not sized and not MAKERS.isdisjoint(beside):
        return None
    base = "-".join(words[start:stop])
    keys = keys_of([*words[stop:], *packing], owner)
    return Reading(next((dated for word in own if known(dated := f"{base}-{word}")), base), keys)


def _of_cut(
    divided_name: CutName, words: list[str], owner: str, known: Callable[[str], bool], ids: Sequence[str]
) -> Reading | None:
    """Reading of the name of a mixture of which experts were cut out: that of its base, with the cut.

    Where the name has the cut's size in place of the base's, the base is the one model of the series of which as much is
    active: ``Qwen3-Coder-REAP-25B-A3B`` is cut from Qwen3-Coder 30B-A3B.
    """
    rest, active = divided_name.words, divided_name.active
    if divided_name.before:
        whole = [word for word in words if word not in CUT_WORDS]
        if _reading([CUT, *whole], [], owner, known) is not None:
            return None  # the size is the base's own, and the name does not say how many are left
    found = None
    for stop in range(len(rest), 0, -1):
        run = "-".join(rest[:stop])
        packed = all(is_packaging(word) or states_scheme(word) for word in rest[stop:])
        siblings = [
            one for one in ids if one.startswith(f"{run}-") and active is not None and one.endswith(f"-{active}")
        ]
        if packed and known(run):
            found = Reading(run, keys_of(rest[stop:], owner))
        elif packed and len(siblings) == 1:
            found = Reading(siblings[0], keys_of(rest[stop:], owner))
        if found is not None:
            break
    found = found or _reading([CUT, *rest], [], owner, known)
    return None if found is None else Reading(found.model, found.keys, divided_name.cut)


def _spelt_out(words: list[str]) -> list[str]:
    """Words of a name with the short form of a series spelt out, its size beside it.

    ``L3.3-MS-Nevoria-70b`` is ``llama-3.3-70b-ms-nevoria``, and ``MS3.2-PaintedFantasy-24B`` a Mistral Small 3.2.
    """
    at = next(
        (index for index, word in enumerate(words) if word in SHORT and (index == 0 or word[-1].isdecimal())), None
    )
    if at is None:
        return words
    rest = [*words[:at], *words[at + 1 :]]
    sizes = [word for word in rest if is_size(word)]
    if len([size for size in sizes if not size.startswith("a")]) != 1:
        return words
    return [*SHORT[words[at]].split("-"), *sizes, *[word for word in rest if word not in sizes]]


def _without_schemes(words: list[str], packing: list[str]) -> list[str]:
    """Words behind a base without those that say how its weights are stored, which ``packaging.keys_of`` reads."""
    stored = {*run_of(words), *undescribed([*words, *packing])}
    return [word for word in words if word not in stored and not states_scheme(word)]


def _without_teachers(words: list[str], known: Callable[[str], bool]) -> list[str]:
    """Words behind a base without the name of a model that it was taught by (``Qwen3.5-9B-DeepSeek-V4-Flash``)."""
    for start in range(len(words)):
        for stop in range(len(words), start + 1, -1):
            run = words[start:stop]
            if any(character.isdecimal() for character in "".join(run)) and known("-".join(run)):
                return [*words[:start], *words[stop:]]
    return words


def _without_hosted(words: list[str]) -> list[str]:
    """Words without versions and grades of models that run on their makers' machines alone (``Gemini-3-Flash``)."""
    left: list[str] = []
    teacher = False
    for word in words:
        teacher = word in HOSTED or (teacher and (word in GRADES or is_version(word)))
        if not teacher:
            left.append(word)
    return left


def has_words_of_its_own(name: str, spellings: tuple[str, ...]) -> bool:
    """True if a name has words that are neither packaging nor part of any of the model's names."""
    text = name.strip().removeprefix("hf:").partition("@")[0].partition(":")[0]
    words, _, _ = parted(file_reading(text) or text)
    whole = "".join([normalise_model(spelling) for spelling in spellings])
    return any(normalise_model(word) not in whole for word in words)


def _is_specific(run: list[str]) -> bool:
    """True if words name a generation: a digit, which stands before the size where there is one (``deepseek-v4-flash``)."""
    sizes = [index for index, word in enumerate(run) if is_size(word)]
    if any(word in ("instruct", "it", "chat", "base") for word in run[:1]):
        return False
    if not sizes:
        return _is_unsized(run)
    if any(tuple(run[: len(words)]) == words for words in UNVERSIONED):
        return True
    return any(character.isdecimal() for word in run[: sizes[0]] for character in word)


def _is_unsized(run: list[str]) -> bool:
    """True if words name a generation that has one size: ``glm-5.3``, ``deepseek-v4-flash``.

    A whole number alone (``phi-2``, ``deepseek-r1``) has kin of other sizes under the same words.
    """
    dotted = any("." in word for word in run)
    lettered = any(word[0].isalpha() and word[-1].isdecimal() for word in run)
    named = [word for word in run if word.isalpha()]
    return SERIES.isdisjoint(run) and (dotted or (lettered and len(named) >= FEWEST_WORDS))
