"""Reading of a fine-tune's name as that of its base, where the words say that the architecture is the same.

``Huihui-Qwen3.8-27B-abliterated`` contains the id of an entry, generation and size included, as whole words, and no word
beside it speaks of another architecture: it is answered as Qwen3.8 27B, which the report says. A name without the base's
generation (``Nous-Hermes-13B``), with a second size, or with a word of ``CHANGED`` means nothing here, because a wrong
base is worse than none. The rules were held against the dimensions of the 6,300 repositories in llmfit 1.1.17 that they
answer: eight had others. Loaded only when no entry has a name, and no file can be had for it.
"""

from __future__ import annotations

from vramfit.catalogue.names import normalise_model
from vramfit.catalogue.packaging import STYLES, is_packaging, keys_of, states_scheme, undescribed
from vramfit.catalogue.pruned import WORDS as CUT_WORDS
from vramfit.catalogue.pruned import divided
from vramfit.catalogue.repositories import MOST_WORDS, Reading, file_reading, parted
from vramfit.quantization.gguf_parts import run_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.catalogue.pruned import CutName

CHANGED = frozenset((
    "vl", "vlm", "mllm", "v", "vision", "visual", "omni", "omni2", "audio", "speech", "tts", "asr", "voice", "ocr", "image",
    "video", "llava", "ultravox", "bunny", "cambrian", "minigpt", "mmproj", "clip", "encoder", "tokenizer",
    "embedding", "embed", "embeddings", "embedder", "reranker", "rerank", "retriever", "reward", "rm", "prm", "orm",
    "classifier", "seqcls", "sae", "saes", "rwkv", "retnet", "blt", "bitnet", "ternary", "aqlm", "vptq", "quip",
    "draft", "drafter", "speculator", "speculative", "eagle", "eagle2", "eagle3", "medusa", "dflash", "dspark", "assistant",
    "hass", "hydra", "lora", "qlora", "dora", "lokr", "loha", "peft", "delta", "adapter", "adapters", "control", "steering",
    "reap", "pruned", "prune", "merge", "merged", "upscaled", "upscale", "expanded", "stack", "franken", "passthrough",
    "moe", "experts", "sparse", "linear", "mamba", "hybrid", "mini", "lite", "nano", "tiny", "small",
    "next", "max", "pro", "air", "flash", "diffusion", "1m", "longctx", "yarn", "prolong", "gradient", "megabeam", "deep", "wide",
    "domino", "dflare", "vispec", "orthrus", "spec", "slice", "sliced", "dense", "recurrent", "latent",
    "mm", "sa2va", "ovis", "sam2", "sam3", "gaze", "ream", "svd", "asvd", "tomoe",
    "flexrank", "sculpt", "upcycled", "grafted", "onnx", "openvino",
))  # fmt: skip
"""Words that speak of another architecture, of another size, of a part of a model, of a longer context, or of a form of
weights that no engine here loads."""

PARTS = (
    "franken", "merge", "prun", "expand", "upscal", "shrink", "shrunk", "layers", "draft", "specul", "eagle", "dflash", "dspark",
    "mtpv", "ovis", "blip", "instructblip", "long", "wmix", "reap",
)  # fmt: skip
"""Beginnings of further such words."""
HOSTED = frozenset(("claude", "gemini", "gpt", "grok", "opus", "sonnet", "haiku", "fable", "mythos"))
"""Models that run on their makers' machines alone: in a fine-tune's name they are its teachers."""
GRADES = frozenset(("pro", "flash", "lite", "mini", "max", "nano", "preview"))
"""Words behind the name and the version of such a model, which are not the fine-tune's."""
UNITS = ("k", "l", "layer", "layers", "x", "experts", "pct")
"""Units of the numbers that speak of a context, of layers, of several models, of experts or of a share of a model."""
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
    "mn": "mistral-nemo", "ms3.1": "mistral-small-3.1", "ms3.2": "mistral-small-3.2",
}  # fmt: skip
"""Short forms of series in front of the names of fine-tunes (Haidra-Org/AI-Horde-text-model-reference models.csv, 2026-06)."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_./")
"""Letters of the names of repositories and files."""
CUT = "cut"
"""Word that stands for those on experts that were cut out: one of the name's own."""
FEWEST_WORDS = 2
"""Words of the shortest id that is looked for: a generation and a size."""


def base_reading(name: str, known: Callable[[str], bool], ids: Callable[[], Sequence[str]] = tuple) -> Reading | None:
    """Reading of a fine-tune's name as that of its base; None where the words do not tell it.

    ``known`` says whether the catalogue has exactly one entry of a name; ``ids`` gives those of all its models.
    """
    text, _, chosen = name.strip().partition("@")[0].partition(":")
    text = file_reading(text) or text
    if text.count("/") > 1 or text.startswith(".") or not LETTERS.issuperset(text.lower()):
        return None
    words, packing, owner = parted(f"{text}-{chosen}" if chosen else text)
    if len(words) + len(packing) > MOST_WORDS:
        return None
    words = _spelt_out(words)
    cut = divided([*words, *packing])
    if cut is not None:
        return _of_cut(cut, [*words, *packing], owner, known, ids())
    return _reading(words, packing, owner, known)


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
    sized = [one for one in found if any(_is_size(word) for word in words[one[0] : one[1]])]
    found = sized or found
    start, stop = max(found, key=lambda one: one[1] - one[0])
    inside = all(start <= first and last <= stop for first, last in found)
    own = [*words[:start], *words[stop:]]
    behind = _without_schemes(words[stop:], packing)
    beside = [*_without_hosted(words[:start]), *_without_teachers(_without_hosted(behind), known)]
    tuned = any(known("-".join(words[start:end])) for end in range(start + FEWEST_WORDS, stop))
    if not inside or any(_is_change(word) for word in beside) or (not tuned and all(_is_version(word) for word in own)):
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
    sizes = [word for word in words[1:] if _is_size(word)]
    series = SHORT.get(words[0]) if words else None
    if series is None or len([size for size in sizes if not size.startswith("a")]) != 1:
        return words
    return [*series.split("-"), *sizes, *[word for word in words[1:] if word not in sizes]]


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
        teacher = word in HOSTED or (teacher and (word in GRADES or _is_version(word)))
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
    sizes = [index for index, word in enumerate(run) if _is_size(word)]
    if any(word in ("instruct", "it", "chat", "base") for word in run[:1]):
        return False
    if not sizes:
        return _is_unsized(run)
    return any(character.isdecimal() for word in run[: sizes[0]] for character in word)


def _is_unsized(run: list[str]) -> bool:
    """True if words name a generation that has one size: ``glm-5.3``, ``deepseek-v4-flash``.

    A whole number alone (``phi-2``, ``deepseek-r1``) has kin of other sizes under the same words.
    """
    dotted = any("." in word for word in run)
    lettered = any(word[0].isalpha() and word[-1].isdecimal() for word in run)
    named = [word for word in run if word.isalpha()]
    return SERIES.isdisjoint(run) and (dotted or (lettered and len(named) >= FEWEST_WORDS))


def _is_version(word: str) -> bool:
    """True for a word that may stand behind any model: ``v4``, ``2507``, the grade of an edit."""
    return word in STYLES or word.removeprefix("v").replace(".", "", 1).isdecimal()


def _is_change(word: str) -> bool:
    """True for a word that speaks of another architecture, size or form than the base's."""
    changed = any(part in CHANGED for part in word.split("."))  # ``speculator.eagle3``
    return changed or word.startswith(PARTS) or _is_size(word) or _is_scheme(word) or _is_count(word)


def _is_scheme(word: str) -> bool:
    """True for a word that names a quantization which is not known: ``oq4e``."""
    return any(word[at] == "q" and word[at + 1].isdecimal() for at in range(len(word) - 1))


def _is_count(word: str) -> bool:
    """True for a context (``262k``), a number of layers (``28layers``, ``12l``), of models (``4x``, ``x4``) or of experts.

    ``224e`` counts experts; ``2e`` is half of a learning rate (``2e-5``).
    """
    numbers = [word.removesuffix(unit) for unit in UNITS if word.endswith(unit)]
    numbers.append(word[1:] if word.startswith("x") else "")
    return any(number.isdecimal() for number in numbers) or (
        word.endswith("e") and len(word) > 3 and word[:-1].isdecimal()
    )


def _is_size(word: str) -> bool:
    """True for ``8b``, ``0.6b``, ``135m``, ``a3b`` and ``8x7b``."""
    number, unit = word.removeprefix("a").removeprefix("e"), word[-1:]
    if unit not in ("b", "m", "t") or len(number) < 2:
        return False
    return all(part.replace(".", "", 1).isdecimal() for part in number[:-1].split("x"))
