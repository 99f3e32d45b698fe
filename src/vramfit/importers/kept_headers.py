"""Headers that were read of a repository, in the form in which they are kept: a second question costs no request.

What is kept is what the header walks return, after all their checks: never a part of a header, and nothing that failed.
A folder whose files cannot change under their commit offers ``headers``; one of this disk is read each time.
"""

from __future__ import annotations

from vramfit._record import fields
from vramfit.importers.gguf import Entry, GgufFile, read_gguf
from vramfit.importers.header import Raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from vramfit.importers.source import Folder

    class Headers(Protocol):
        """Store of the headers of one folder's files."""

        def get(self, name: str) -> object:
            """Header that was kept of a file, None where none was."""

        def put(self, found: Mapping[str, object]) -> None:
            """Keep headers by the names of their files."""


def headers_of(folder: Folder) -> Headers | None:
    """Store of a folder's headers; None for a folder whose files may change."""
    found: Headers | None = getattr(folder, "headers", None)
    return found


def gguf_header(folder: Folder, name: str) -> GgufFile:
    """Header of a GGUF file, read or kept.

    Raises:
        InputError: see ``read_gguf``.
    """
    kept = headers_of(folder)
    if kept is None:
        return read_gguf(folder.open(name))
    found = _gguf(kept.get(name))
    if found is None:
        found = read_gguf(folder.open(name))
        entries = [list(entry.__dict__.values()) for entry in found.tensors]
        kept.put({name: {field: getattr(found, field) for field in fields(GgufFile)} | {"tensors": entries}})
    return found


def _gguf(value: object) -> GgufFile | None:
    """Header from its plain form; None for anything else."""
    if not isinstance(value, dict) or value.keys() != set(fields(GgufFile)):
        return None
    try:
        rows = tuple([Entry(name, kind, tuple(shape), at, size) for name, kind, shape, at, size in value["tensors"]])
        sound = all(type(number) is int for row in rows for number in (*row.shape, row.offset, row.stored_bytes))
    except (TypeError, ValueError):
        return None
    return GgufFile(**{**value, "tensors": rows}) if sound and isinstance(value["metadata"], dict) else None


def safetensors_plain(entries: Mapping[str, Raw], metadata: Mapping[str, str], size_bytes: int | None) -> object:
    """Plain form of a safetensors header."""
    rows = {name: [raw.dtype, raw.shape, raw.stored_bytes, raw.offset] for name, raw in entries.items()}
    return {"tensors": rows, "metadata": metadata, "size_bytes": size_bytes}


def safetensors_kept(value: object, file: int) -> tuple[dict[str, Raw], dict[str, str], int | None] | None:
    """Entries, metadata and bytes of a file from their plain form; None for anything else."""
    if not isinstance(value, dict):
        return None
    try:
        entries = {
            name: Raw(dtype, tuple(shape), size, file, at)
            for name, (dtype, shape, size, at) in value["tensors"].items()
        }
        sound = all(
            type(number) is int for raw in entries.values() for number in (*raw.shape, raw.stored_bytes, raw.offset)
        )
        size_bytes, metadata = value["size_bytes"], value["metadata"]
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    if not sound or not isinstance(metadata, dict) or not isinstance(size_bytes, int | None):
        return None
    return entries, metadata, size_bytes
