"""Headers of safetensors files: name, element type, shape and place of every tensor, of one file or a set of shards.

Layout: huggingface/safetensors ``README.md`` and ``safetensors/src/tensor.rs`` at 0.8: a little-endian u64 with the length
of the header, the header as JSON, the data. The checks are that library's: no gaps, no overlaps, no name twice, and as
many bytes as type and shape come to. Types it does not know are words here, not errors.
"""

from __future__ import annotations

import json

from vramfit.errors import InputError
from vramfit.importers.header import HeaderFile, Raw, RawHeader
from vramfit.importers.kept_headers import headers_of, safetensors_kept, safetensors_plain
from vramfit.importers.source import foreign, printable, truncated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.importers.source import ByteSource, Folder

FIRST_READ_BYTES = 1 << 20
"""Bytes of the first read: the whole header of nearly every file (97 % are below 100 kB, huggingface_hub says)."""

LONGEST_HEADER_BYTES = 1 << 25
LONGEST_FORMAT_BYTES = 100_000_000
"""Longest header that is read, and that the format allows. A header of 20,000 tensors takes 2.5 MB, and huggingface_hub
reads none above 25 MB (``SAFETENSORS_MAX_HEADER_LENGTH``)."""

LONGEST_INDEX_BYTES = 1 << 26
"""Bytes of the longest index that is read: 280,000 names, as a quantized mixture of 384 experts has, take 28 MB."""

MOST_VALUES = 640_000
"""Commas and brackets of a JSON text, about as many as values: each costs up to a hundred bytes once parsed."""

LONGEST_NAME = 512
LARGEST = 1 << 63

BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Bits of one element of each type."""

INDEX_NAMES = ("model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json")
SINGLE_NAMES = ("model.safetensors", "diffusion_pytorch_model.safetensors")
"""Names that transformers and diffusers look for first (``SAFE_WEIGHTS_INDEX_NAME``, ``SAFE_WEIGHTS_NAME``)."""

ASIDE = ("consolidated", "adapter_model", "adapter", "training_args", "optimizer")
"""Beginnings of file names that do not belong to a model's own set where others are there: Mistral's second copy of the
same weights, adapters, and what training leaves behind."""


def read_safetensors(source: ByteSource, file: int = 0) -> tuple[dict[str, Raw], dict[str, str]]:
    """Entries by name and the metadata of one file, which is number ``file`` of its set.

    Raises:
        InputError: not a safetensors file, cut short, or a header that contradicts itself.
    """
    first = source.read(0, FIRST_READ_BYTES)
    length = int.from_bytes(first[:8], "little")
    if len(first) < 8 or first[8:9] not in (b"{", b"") or length < 2:
        raise foreign(source, first, "safetensors")
    if length > LONGEST_HEADER_BYTES:
        if length > LONGEST_FORMAT_BYTES:
            raise foreign(source, first, "safetensors")
        raise InputError(
            f"{source.name} has a header of {length:,} bytes, too long to read", "split the model in shards"
        )
    if source.size_bytes is not None and source.size_bytes < 8 + length:
        raise truncated(source, 8 + length)
    text = first[8 : 8 + length]
    if len(text) < length:
        text += source.read(8 + len(text), length - len(text))
    if len(text) < length:
        raise truncated(source, 8 + length)
    del first
    table = parse(text, source.name)
    metadata = table.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise InputError(f"{source.name}: __metadata__ is not a table", "the file is damaged: download it again")
    entries = _entries(source, table, 8 + length, file)
    return entries, {key: value for key, value in metadata.items() if isinstance(value, str)}


def parse(text: bytes, name: str, *, strict: bool = True) -> dict[str, Any]:
    """A JSON object from a file called ``name``, each key once, within bounds of depth and size.

    Not ``strict``, ``Infinity`` and ``NaN`` are numbers: Python writes them into configurations (Nemotron-H's
    ``time_step_limit``).
    """
    hint = "the file is damaged: download it again"
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise InputError(f"{name} has more values than can be read", hint)
    try:
        table = json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant if strict else float
        )
    except RecursionError:
        raise InputError(f"{name} is nested too deeply", hint) from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text", hint) from None
    except ValueError as error:
        # One line: json's own messages name line and column, and a key that stands twice.
        raise InputError(f"{name} is not valid JSON: {printable(str(error))}", hint) from None
    if not isinstance(table, dict):
        raise InputError(f"{name} is not a JSON object", hint)
    return table


def find_files(folder: Folder) -> tuple[tuple[str, ...], tuple[str, ...], int | None]:
    """A folder's safetensors files in order, those its index lists and that are missing, and the index's total of bytes.

    The total is None where there is no index, or it states none.

    Raises:
        InputError: there are none, or the index cannot be read.
    """
    here = folder.names()
    for index in INDEX_NAMES:
        if index in here:
            names, total = _index(folder.open(index))
            found = [name for name in names if name in set(here)]
            return tuple(found), tuple([name for name in names if name not in set(here)]), total
    for single in SINGLE_NAMES:
        if single in here:
            return (single,), (), None
    every = [name for name in here if name.endswith(".safetensors")]
    own = [name for name in every if not name.startswith(ASIDE)] or every
    if not own:
        raise InputError(f"{folder.name} holds no safetensors file", "name a folder with a model's weights")
    return tuple(own), (), None


def read_set(folder: Folder, names: Sequence[str], total: int | None = None) -> RawHeader:
    """The headers of several files as one; ``total`` is the index's sum of bytes, to compare with.

    Raises:
        InputError: a file cannot be read, or two files hold a tensor of one name.
    """
    entries: dict[str, Raw] = {}
    metadata: dict[str, str] = {}
    files = []
    kept, read = headers_of(folder), {}
    for number, name in enumerate(names):
        known = None if kept is None else safetensors_kept(kept.get(name), number)
        if known is None:
            source = folder.open(name)
            found, stated = read_safetensors(source, number)
            size_bytes, shown = source.size_bytes, source.name
            read[name] = safetensors_plain(found, stated, size_bytes)
        else:
            (found, stated, size_bytes), shown = known, printable(name)
        twice = entries.keys() & found.keys()
        if twice:
            raise InputError(
                f"{printable(min(twice))} is in {shown} and in another file of the set",
                "remove the files of one copy",
            )
        entries.update(found)
        metadata = metadata or stated
        files.append(HeaderFile(shown, size_bytes))
    if kept is not None and read:
        kept.put(read)
    stored = sum([raw.stored_bytes for raw in entries.values()])
    notes: tuple[str, ...] = ()
    if total is not None and total != stored:
        notes = (f"the index states {total:,} bytes of tensors, the files hold {stored:,}",)
    return RawHeader(tuple(files), entries, metadata, notes)


def _index(source: ByteSource) -> tuple[list[str], int | None]:
    """File names of an index in order of first mention, and its ``total_size``."""
    text = source.read(0, LONGEST_INDEX_BYTES)
    if len(text) == LONGEST_INDEX_BYTES:
        raise InputError(f"{source.name} is too long to read", "download it again")
    table = parse(text, source.name)
    weights = table.get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise InputError(f"{source.name} lists no weights", "download it again")
    stated = list(weights.values())
    for name in stated if any(not isinstance(name, str) for name in stated) else dict.fromkeys(stated):
        # A name with a path would lead out of the folder.
        if (
            not isinstance(name, str)
            or not name.isprintable()
            or "/" in name
            or "\\" in name
            or name in ("", ".", "..")
        ):
            raise InputError(f"{source.name} names the file {printable(repr(name))}", "download it again")
    metadata = table.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return sorted(set(stated)), total if type(total) is int else None


def _entries(source: ByteSource, table: dict[str, Any], data: int, file: int) -> dict[str, Raw]:
    """The checked entries of a header whose data begins at byte ``data``."""
    entries = {}
    ranges = []
    forms: dict[tuple[object, ...], tuple[str, tuple[int, ...], int | None]] = {}
    for name, row in table.items():
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise _fault(source, f'has a tensor named "{printable(name)}"')
        try:
            key = (row["dtype"], *row["shape"])
            form = forms.get(key)
            start, end = row["data_offsets"]
        except (TypeError, KeyError, ValueError):
            raise _unknown_form(source, name) from None
        if form is None or type(row["shape"]) is not list or _has_other(row["shape"]):
            form = forms[key] = _form(source, name, row)
        if type(start) is not int or type(end) is not int or not 0 <= start <= end < LARGEST:
            raise _unknown_form(source, name)
        dtype, shape, size = form
        if size is not None and size != end - start:
            raise _fault(
                source, f"gives {printable(name)} {end - start:,} bytes for {_product(shape):,} elements of {dtype}"
            )
        ranges.append((start, end))
        entries[name] = Raw(dtype, shape, end - start, file, data + start)
    ranges.sort()
    at = 0
    for start, end in ranges:
        if start != at:
            raise _fault(
                source, f"has {'tensors that overlap' if start < at else 'a gap'} at byte {data + min(start, at):,}"
            )
        at = end
    size = source.size_bytes
    if size is not None and size != data + at:
        if size < data + at:
            raise truncated(source, data + at)
        raise _fault(source, f"goes on for {size - data - at:,} bytes behind its last tensor")
    return entries


def _form(source: ByteSource, name: str, row: dict[str, Any]) -> tuple[str, tuple[int, ...], int | None]:
    """Type, shape and the bytes that they come to (-1 where no whole number, None where the type is unknown).

    Thousands of experts have the same, so each is checked once.
    """
    dtype, shape = row["dtype"], row["shape"]
    right = isinstance(dtype, str) and dtype.isascii() and dtype.isprintable() and len(dtype) <= 32
    if not right or type(shape) is not list or len(shape) > 16 or _has_other(shape):
        raise _unknown_form(source, name)
    if any(extent < 0 for extent in shape) or _product(shape) >= LARGEST or max(shape, default=0) >= LARGEST:
        raise _fault(source, f"gives {printable(name)} an impossible shape of {dtype}")
    bits = BITS.get(dtype)
    if bits is None:
        return dtype, tuple(shape), None
    size, rest = divmod(_product(shape) * bits, 8)
    return dtype, tuple(shape), -1 if rest else size


def _has_other(shape: list[Any]) -> bool:
    """True if a list holds anything but whole numbers: True and 1.0 would be equal to 1."""
    for extent in shape:  # noqa: SIM110  (half the time of any() over a generator)
        if type(extent) is not int:
            return True
    return False


def _product(shape: Sequence[int]) -> int:
    product = 1
    for extent in shape:
        product *= extent
    return product


def _unknown_form(source: ByteSource, name: str) -> InputError:
    """The error for an entry that is no table of type, shape and offsets."""
    return _fault(source, f"describes {printable(name)} in no known form")


def _fault(source: ByteSource, what: str) -> InputError:
    """The error for a header that says what cannot be."""
    return InputError(f"{source.name} {what}", "the file is damaged: download it again")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} stands in it twice")
    return table


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")
