"""Choice among a repository's GGUF files, by their paths, as ``llama-server -hf`` chooses.

Source: llama.cpp b11434 ``common/download.cpp``: ``get_gguf_split_info``, ``gguf_filename_is_model``,
``find_best_model``, ``get_split_files``, ``find_best_sibling``. A file that the user did not name is taken in the order
of the listing, which is the Hub's.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NO_MODELS = ("mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-")
"""Parts of file names of projectors, of importance matrices and of drafts."""
PREFERRED = ("Q4_K_M", "Q8_0")
"""Quantizations tried when none is asked; then the first file."""
PROJECTOR = "mmproj"

_SUFFIX = ".gguf"
_MOST_DIGITS = 4
_TAG_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class SplitName(Record):
    """Parts of a GGUF file's path."""

    prefix: str
    """The path without the shard's number and the suffix."""
    tag: str
    """Last word of the prefix in capitals, where quantizations stand: ``Q4_K_M``; may be empty."""
    index: int
    """Number of the shard, from 1."""
    count: int
    """Shards of the set; 1 for a file that is whole."""

    def shards(self, suffix: str = _SUFFIX) -> tuple[str, ...]:
        """Paths of all shards of the set, in order; of a set in another format, with its suffix."""
        return tuple([f"{self.prefix}-{number:05d}-of-{self.count:05d}{suffix}" for number in range(1, self.count + 1)])


class GgufChoice(Record):
    """A model's files, chosen from a listing."""

    model: str
    """The file that is given to llama.cpp: the first shard."""
    shards: tuple[str, ...]
    """Files of the model, in order, this one included."""
    missing: tuple[str, ...]
    """Shards that the set must have and the listing has not."""
    projector: str | None
    """The vision or audio projector that goes with it, or None."""


def split_name(path: str) -> SplitName | None:
    """The parts of a GGUF file's path; None where it has another suffix."""
    if not path.endswith(_SUFFIX):
        return None
    prefix, index, count = path[: -len(_SUFFIX)], 1, 1
    # NAME-00001-of-00004: eighteen characters behind at least one.
    numbers = prefix[-15:]
    if len(prefix) > 15 and numbers[:1] == "-" and numbers[6:10].lower() == "-of-":
        first, last = numbers[1:6], numbers[10:]
        if first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal():
            prefix, index, count = prefix[:-15], int(first), int(last)
    start = len(prefix)
    while start and prefix[start - 1] in _TAG_LETTERS:
        start -= 1
    tag = prefix[start:].upper() if start and prefix[start - 1] in "-." else ""
    return SplitName(prefix, tag, index, count)


def shard_names(path: str) -> tuple[str, ...] | None:
    """Paths of the set that a file is a shard of, in order; None where its name is no shard's."""
    own = split_name(path)
    return None if own is None or own.count == 1 or not 1 <= own.index <= own.count else own.shards()


def is_model(path: str) -> bool:
    """True if a path is that of a GGUF model, and not of a projector, a draft or an importance matrix."""
    name = path.rpartition("/")[2]
    return path.endswith(_SUFFIX) and not any(word in name for word in NO_MODELS)


def choose_gguf(paths: Sequence[str], quant: str | None = None, file: str | None = None) -> GgufChoice | None:
    """The model among ``paths`` with the quantization or the file asked; None where there is none.

    ``quant`` is found anywhere in a path, whatever its case, with ``.`` or ``-`` behind it. Without one, ``Q4_K_M`` and
    ``Q8_0`` are tried and then the first model is taken.
    """
    model = _file(paths, file) if file is not None else _model(paths, quant)
    if model is None:
        return None
    own = split_name(model)
    if own is None or own.count <= 1:
        return GgufChoice(model, (model,), (), find_projector(paths, model))
    shards, missing = _set(own, [path for path in paths if path.startswith(own.prefix)])
    return GgufChoice(model if missing else shards[0], shards, missing, find_projector(paths, model))


def all_gguf(paths: Sequence[str]) -> Iterator[GgufChoice]:
    """Each model among ``paths``, a set of shards as one, in order."""
    sets: dict[tuple[str, int], list[str]] = {}
    for path in paths:
        name = split_name(path)
        if name is not None and is_model(path):
            sets.setdefault((name.prefix, name.count), []).append(path)
    for files in sets.values():
        choice = choose_gguf(files, file=files[0])
        if choice is not None:
            yield choice


def find_projector(paths: Sequence[str], model: str) -> str | None:
    """The projector that goes with ``model``: of the deepest folder they share, then of the nearest bits, then the first."""
    bits = _bits(model)
    folders = model.split("/")[:-1]
    best, best_depth, best_distance = None, 0, 0
    for path in paths:
        above = path.split("/")[:-1]
        if not path.endswith(_SUFFIX) or PROJECTOR not in path or above != folders[: len(above)]:
            continue
        depth, distance = len(above), abs(_bits(path) - bits)
        if best is None or depth > best_depth or (depth == best_depth and distance < best_distance):
            best, best_depth, best_distance = path, depth, distance
    return best


def quantizations(paths: Sequence[str]) -> tuple[str, ...]:
    """Tags of the models among ``paths``, in order, each once: what may stand behind the colon."""
    names = [split_name(path) for path in paths if is_model(path)]
    return tuple(dict.fromkeys([name.tag for name in names if name is not None and name.tag]))


def _file(paths: Sequence[str], file: str) -> str | None:
    return next((path for path in paths if path.lower() == file.lower()), None)


def _model(paths: Sequence[str], quant: str | None) -> str | None:
    models = [path for path in paths if is_model(path)]
    firsts = [
        path for path in models if (name := split_name(path)) is not None and (name.count <= 1 or name.index == 1)
    ]
    for tag in PREFERRED if quant is None else (quant,):
        for path in firsts:
            if f"{tag.lower()}." in path.lower() or f"{tag.lower()}-" in path.lower():
                return path
    return firsts[0] if firsts and quant is None else None


def _set(own: SplitName, paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The shards of a set that are among ``paths``, and the names of those that are not."""
    found: dict[int, str] = {}
    for path in paths:
        name = split_name(path)
        if name is not None and (name.count, name.prefix) == (own.count, own.prefix):
            found.setdefault(name.index, path)
    missing = [path for number, path in enumerate(own.shards(), 1) if number not in found]
    return tuple([found[number] for number in sorted(found)]), tuple(missing)


def _bits(path: str) -> int:
    """The first number in the tag of a path: 4 of ``Q4_K_M``, 16 of ``F16``; 0 without one."""
    name = split_name(path)
    tag = "" if name is None else name.tag
    start = next((i for i, character in enumerate(tag) if character.isdecimal()), len(tag))
    stop = start
    while stop < len(tag) and tag[stop].isascii() and tag[stop].isdecimal() and stop - start < _MOST_DIGITS:
        stop += 1
    return int(tag[start:stop] or 0)
