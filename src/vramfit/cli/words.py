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
    has_gpu, has_model = _states(flags, "gpu", "-g"), _states(flags, "model", "-m")
    if has_gpu and has_model and len(words) == 1 and _is_scheme(words[0]) and not _states(flags, "quant", "--quant"):
        return ["--quant", words[0]]
    if (has_gpu and has_model) or len(words) > MOST_WORDS:
        raise UsageError(
            f'"{words[0]}" belongs to no flag',
            "write flags with two dashes and one value each; see `vramfit check --help`",
        )
    if has_gpu:
        return ["--model", " ".join(words)]
    catalogue = _catalogue(flags)
    if has_model:
        return ["--gpu", " ".join(words)]
    for gpu, model in _divisions([word for word in words if word.lower() not in FILLERS] or list(words)):
        if gpu and _is_gpu(catalogue, gpu) and (not model or not _is_gpu(catalogue, model)):
            return ["--gpu", gpu, *(["--model", model] if model else [])]
    if len(words) == 1:
        return ["--model", words[0]]
    return ["--gpu", words[0], "--model", " ".join(words[1:])]


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
