"""Stores as the programs lay them out, built in a temporary directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMIT = "9bb3d7a0c1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6"
OLDER = "1111111111111111111111111111111111111111"


def write(path: Path, content: bytes | str) -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def hub_snapshot(
    cache: Path,
    repository: str,
    files: Mapping[str, bytes | str | None],
    commit: str = COMMIT,
    ref: str | None = "main",
) -> Path:
    """One commit of a repository in a Hub cache: links into its blobs, one that leads nowhere for None."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True, exist_ok=True)
    for number, (name, content) in enumerate(files.items()):
        blob = folder / "blobs" / f"{commit[:8]}{number}"
        if content is not None:
            write(blob, content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    if ref is not None:
        write(folder / "refs" / ref, commit)
    return snapshot


def digest(number: int) -> str:
    """A digest that is none of a content: 64 hexadecimal digits."""
    return f"sha256:{number:064x}"


def manifest(layers: Mapping[str, tuple[int, int]], config: tuple[int, int] = (9, 20)) -> dict[str, object]:
    """A manifest of Ollama: kind of layer to number of its digest and bytes."""
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest(config[0]), "size": config[1],
        },
        "layers": [
            {"mediaType": f"application/vnd.ollama.image.{kind.partition('/')[0]}", "digest": digest(number),
             "size": size, **({"name": kind.partition("/")[2]} if "/" in kind else {})}
            for kind, (number, size) in layers.items()
        ],
    }  # fmt: skip


def ollama_tag(store: Path, path: str, value: object) -> None:
    """A manifest at ``HOST/NAMESPACE/NAME/TAG``."""
    write(store / "manifests" / path, json.dumps(value))


def ollama_blob(store: Path, number: int, content: bytes | str) -> Path:
    """The blob of a number."""
    return write(store / "blobs" / digest(number).replace(":", "-"), content)
