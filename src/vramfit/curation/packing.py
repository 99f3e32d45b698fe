"""Writer of the compiled catalogue, in the format that ``catalogue.container`` defines and reads."""

from __future__ import annotations

import marshal

from vramfit.catalogue.container import MAGIC, SHARDS, checksum, shard_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_MARSHAL_VERSION = 4


def pack(
    key: object,
    sections: Mapping[str, object],
    tables: Mapping[str, Mapping[str, object]],
    records: Mapping[str, list[Any]],
) -> bytes:
    """Bytes of a compiled file; ``key`` says what it was compiled from (see ``sources``)."""
    parts = {name: _dump(value) for name, value in sections.items()}
    for kind, entries in (*[(name, _shards(table)) for name, table in tables.items()], *records.items()):
        blobs = [_dump(entry) for entry in entries]
        parts[f"{kind}/records"] = b"".join(blobs)
        parts[f"{kind}/index"] = _index(blobs)
    places: dict[str, tuple[int, int, int]] = {}
    offset = 0
    for name, blob in parts.items():
        places[name] = (offset, len(blob), 0 if name.endswith("/records") else checksum(blob))
        offset += len(blob)
    header = _dump((key, places))
    prefix_bytes = len(MAGIC) + 16
    total = prefix_bytes + len(header) + offset
    prefix = total.to_bytes(8, "little") + len(header).to_bytes(4, "little") + checksum(header).to_bytes(4, "little")
    return b"".join([MAGIC, prefix, header, *parts.values()])


def _shards(table: Mapping[str, object]) -> list[dict[str, object]]:
    shards: list[dict[str, object]] = [{} for _ in range(SHARDS)]
    for key, value in table.items():
        shards[shard_of(key)][key] = value
    return shards


def _dump(value: Any) -> bytes:
    return marshal.dumps(value, _MARSHAL_VERSION)


def _index(blobs: list[bytes]) -> bytes:
    places = []
    offset = 0
    for blob in blobs:
        places += [number.to_bytes(4, "little") for number in (offset, len(blob), checksum(blob))]
        offset += len(blob)
    return b"".join(places)
