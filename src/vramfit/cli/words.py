"""A GPU and a model given without flags: ``vramfit check 4090 qwen3-8b``, also where names have blanks in them."""

from __future__ import annotations

from vramfit.errors import AmbiguousName, UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.catalogue import Catalogue

FILLERS = frozenset((
    "on", "with", "for", "and", "in", "fit", "fits", "run", "runs", "using", "can", "could", "will", "would", "does", "do", "i",
    "my", "a", "an", "the", "single", "it", "be", "to", "at", "of",
    "how", "much", "what", "about", "need", "needs", "needed", "have", "got", "is", "enough", "vram", "one", "there",
))  # fmt: skip
"""Words between a model and a GPU that say nothing."""
MOST_WORDS = 16
"""Number of words that are put together to names; a name has some six."""


def placed(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Flags for the GPU and the model that ``words`` name, of those which ``flags`` do not state.

    With both to name, the words are divided where the one part is a GPU's name, and the other then is the model.
    Raises ``UsageError`` where nothing is left to name, or no part is a GPU's name.
    """
    if len(words) == 1 and "/" not in words[0]:
        words = words[0].rstrip("?").split() or words
    if len(words) > MOST_WORDS:
        raise _unread(words)
    words = _without_purpose(words)
    has_gpu, has_model = _states(flags, "gpu", "-g"), _states(flags, "model", "-m")
    if has_gpu and has_model:
        return _beside_both(words, flags)
    if has_gpu or has_model:
        rest, found = _taken(words, flags)
        return ["--model" if has_gpu else "--gpu", " ".join(rest or words), *(found if rest else [])]
    return _divided(words, flags)


def _without_purpose(words: Sequence[str]) -> Sequence[str]:
    """Words without those for training that a task beside them makes clear.

    Raises ``UsageError`` for training without a task, and for a question that another command answers.
    """
    low = [word.lower() for word in words]
    _refuse_question(words, low)
    if "full" in low or not set(TASKS).isdisjoint(low):
        words = [word for word in words if word.lower() not in TRAINING]  # ``full finetune``
    for word in words:
        if word.lower() in TRAINING:
            raise UsageError(f'"{word}" may mean several things', "say --task qlora, --task lora or --task full")
    return words


def _beside_both(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Flags for words beside a GPU and a model that have flags: a quantization, further GPUs, and what ``_taken`` reads."""
    rest, found = _taken(words, flags)
    if len(rest) == 1 and _is_scheme(rest[0]) and not _states(flags, "quant", "--quant"):
        return ["--quant", rest[0], *found]
    if rest and all(_is_gpu(_catalogue(flags), word) for word in rest):
        return [*found, *[word for one in rest for word in ("--gpu", one)]]  # ``-g 3090 3090``
    if rest or not found:
        raise _unread(words)
    return found


def _divided(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Flags for the GPU and the model among words, and for what else they say."""
    catalogue = _catalogue(flags)
    bare = [word.strip(",;:") for word in words]
    for rest, found in ((list(words), []), _taken(words, flags), _taken([word for word in bare if word], flags)):
        plain = [word for word in rest if word.lower() not in FILLERS] or rest
        for gpu, model in _divisions(plain):
            if gpu and _is_gpu(catalogue, gpu) and (not model or not _is_gpu(catalogue, model)):
                if model and not found and _taken(model.split(), flags)[1]:
                    break  # what is no part of the model's name goes first
                return ["--gpu", gpu, *(["--model", model] if model else []), *found]
    if len(words) == 1:
        return ["--model", words[0]]
    return ["--gpu", words[0], "--model", " ".join(words[1:])]


def _refuse_question(words: Sequence[str], low: Sequence[str]) -> None:
    """Raise ``UsageError`` for a question that another command answers; ``low`` are the words in lower case."""
    if not {"what", "which"}.isdisjoint(low) and not {"gpu", "gpus", "card", "cards"}.isdisjoint(low):
        raise UsageError(
            "a check is for a GPU that is named", "`vramfit recommend -m MODEL` says which GPUs run a model"
        )
    for word, lower in zip(words, low, strict=True):
        if lower in SEVERAL:
            raise UsageError(
                f'"{word}" asks two questions at once',
                "`vramfit matrix -g 4090 -g 3090 -m qwen3-8b` answers for several GPUs",
            )


def _unread(words: Sequence[str]) -> UsageError:
    """Error for words that belong to nothing."""
    return UsageError(
        f'"{words[0]}" belongs to no flag',
        "write flags with two dashes and one value each; see `vramfit check --help`",
    )


def _taken(words: Sequence[str], flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words that name a GPU or a model, and flags for the others: an engine, a task, a context, users, host memory."""
    rest: list[str] = []
    found: list[str] = []
    for place, word in enumerate(words):
        before = rest[-1].lower() if rest else ""
        low = word.lower().strip(",")
        if _count(before) and low in USERS:
            found += ["--parallel", rest.pop()]
        elif _count(before) and low in TOKENS and "--context" not in found:
            found += ["--context", rest.pop()]
        elif low in HOST and _is_memory(before):
            found += ["--ram", rest.pop()]
        elif rest and _is_context(low) and "--context" not in found:
            found += ["--context", low]
        elif low in TASKS or (low == "full" and rest):
            found += ["--task", low]
        elif (
            _engine(low)
            and "--engine" not in found
            and not "".join(words[place + 1 : place + 2]).lower().endswith("bpw")
        ):
            found += ["--engine", _engine(low)]
        elif low not in TOKENS:
            rest.append(word)
    stated = [flag for flag in found[::2] if _states(flags, flag[2:], SHORT.get(flag, ""))]
    return (list(words), []) if stated else (rest, found)


TOKENS = ("context", "ctx", "tokens")
USERS = ("users", "people", "requests", "concurrent")
HOST = ("ram", "ddr4", "ddr5")
TRAINING = ("fine-tune", "finetune", "fine-tuning", "finetuning", "train", "training", "tune")
SEVERAL = ("vs", "vs.", "versus", "or")
TASKS = ("qlora", "lora")
SHORT = {"--context": "-c", "--parallel": "-np"}
"""Short spellings of the flags that words stand for."""
PATHS = ("./", "../", "/", "~/")
"""Beginnings of a path, which is never part of a GPU's name."""
_FEWEST_OF_AN_ENGINE = 3
"""Letters of the shortest engine's name."""


def _count(word: str) -> bool:
    return word.isascii() and word.replace(",", "").isdecimal()


def _is_context(word: str) -> bool:
    """Return True for ``32k``."""
    return word[-1:] == "k" and word[:-1].isascii() and word[:-1].isdecimal()


def _is_memory(word: str) -> bool:
    """Return True for ``64gb``."""
    return word.endswith("gb") and word[:-2].isdecimal()


def _engine(word: str) -> str:
    """Engine that a word names; empty for any other word."""
    from vramfit.engines.keys import common_keys
    from vramfit.workload.keys import parse_value

    if len(word) < _FEWEST_OF_AN_ENGINE or word == "gguf":
        return ""
    try:
        return str(parse_value(common_keys()["engine"], word))
    except VramfitError:
        return ""


def _states(flags: Sequence[str], name: str, short: str) -> bool:
    return any(word in (f"--{name}", short) or word.startswith(f"--{name}=") for word in flags)


def _divisions(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Ways to divide words into a GPU and a model: the GPU first, then the model first, the longest GPU first."""
    for cut in range(len(words), 0, -1):
        yield " ".join(words[:cut]), " ".join(words[cut:])
    for cut in range(1, len(words)):
        yield " ".join(words[cut:]), " ".join(words[:cut])


def _is_scheme(word: str) -> bool:
    """Return True if a word names a quantization."""
    from vramfit.quantization import find_scheme

    try:
        find_scheme(word)
    except VramfitError:
        return False
    return True


def _is_gpu(catalogue: Catalogue, name: str) -> bool:
    """Return True if a name means a GPU, or several of which one must be chosen, or this machine's."""
    from vramfit.workload.common import QUESTION
    from vramfit.workload.keys import parse_value

    if name.lower() == "auto":
        return True
    if any(word.startswith(PATHS) for word in name.split()):
        return False  # whatever its letters add up to: "rtx3060-12gb ./t6"
    try:
        for one in parse_value(QUESTION[0], name):
            catalogue.gpus(one)
    except AmbiguousName:
        return True
    except VramfitError:
        return False
    return True


def _catalogue(flags: Sequence[str]) -> Catalogue:
    """The catalogue, with the files that the flags lay over it."""
    from vramfit.sources import open_catalogue

    extra = [flags[n + 1] for n, word in enumerate(flags[:-1]) if word == "--catalogue"]
    return open_catalogue(tuple(extra))
