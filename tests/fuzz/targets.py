"""Targets: a reader of bytes from outside, with inputs drawn at random. Whatever it raises but ``VramfitError`` is a fault.

An input is *refused at once* where the reader's first check ends it: no header, no JSON, no YAML, no program, no figure.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.fuzz import binary, commands, texts
from tests.fuzz.catalogues import lay
from tests.fuzz.changed import changed
from tests.fuzz.memory import MemoryFile, MemoryFolder
from tests.fuzz.values import changed_json
from tests.importers import models
from vramfit.cli import words
from vramfit.cli.deployments import read_deployments
from vramfit.cli.flags import translated
from vramfit.cli.options import command_of
from vramfit.cli.options import read as read_arguments
from vramfit.engines.commands import with_command
from vramfit.engines.keys import parse_request
from vramfit.errors import UsageError, VramfitError
from vramfit.importers import load
from vramfit.importers.place import Place
from vramfit.importers.reference import LocalFile
from vramfit.manifests import Broken
from vramfit.manifests import read as manifests
from vramfit.sources import open_catalogue
from vramfit.verify import marks
from vramfit.verify import read as read_log
from vramfit.verify.lines import kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.importers.write_gguf import GgufWriter
    from vramfit.importers.source import Folder

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Target:
    """A reader, sound inputs, and inputs drawn at random."""

    read: Callable[[bytes], object]
    corpus: Callable[[], list[bytes]]
    draw: Callable[[Random], bytes]
    early: str
    """Pattern of messages with which the first check refuses an input."""


NOT_READ = "these are no arguments"
_catalogue = lru_cache(1)(lambda: open_catalogue(()))
words._catalogue = lambda flags: (
    _catalogue()
)  # opened once, and a name is looked up once: it is the parser that is tried
_known = lru_cache(4096)(lambda name, is_gpu=words._is_gpu: is_gpu(_catalogue(), name))
words._is_gpu = lambda catalogue, name: bool(_known(name))


def _arguments(data: bytes) -> object:
    """Words as the light reader takes them, else put into our own flags; values are parsed for a check."""
    line = data.decode("utf-8", "surrogateescape").split("\n")
    values = read_arguments(line)
    if values is None and command_of(line) is not None:
        values = read_arguments(translated(line))
    if values is None:
        raise UsageError(NOT_READ)
    if line[0] != "check":
        return values  # names of other commands have other keys
    return parse_request({name: one for name, one in values.items() if name not in ("json", "format")})


def _deployments(data: bytes) -> object:
    """Requests of a file, or the error of its first deployment where none is one."""
    found = list(read_deployments(data.decode("utf-8", "surrogateescape"), "fuzz.yaml", {}))
    parsed = [raw if isinstance(raw, VramfitError) else _parsed(raw) for _, _, raw in found]
    return _any_of(parsed)


def _any_of(found: list[object]) -> object:
    """The values that were read; raises the first error where there is no other."""
    if found and all(isinstance(one, VramfitError) for one in found):
        raise cast("VramfitError", found[0])
    return found


def _parsed(raw: dict[str, object]) -> object:
    try:
        return parse_request(with_command(raw)[0] if "command" in raw else raw)
    except VramfitError as error:
        return error


def _log(data: bytes) -> object:
    return read_log(kept(io.BytesIO(data), marks()).lines)


def _manifest(data: bytes) -> object:
    found = list(manifests.read(data.decode("utf-8", "replace"), "fuzz.yaml", os.curdir, {"A": "1"}))
    return _any_of([one.error if isinstance(one, Broken) else one for one in found])


def _file(name: str, hole: Callable[[bytes], int] = lambda _: 0) -> Callable[[bytes], object]:
    """Reader of a file, in memory, with as many zeros behind its header as ``hole`` says."""
    reference = LocalFile(name)

    def read(data: bytes) -> object:
        folder = MemoryFolder(MemoryFile(name, data, len(data) + hole(data)))
        place = Place(reference, "disk", True, cast("Folder", folder), name)
        return load._imported(place, name)

    return read


def _written(write: Callable[[Path], object], name: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return [(Path(folder) / name).read_bytes().rstrip(b"\0")]


GGUF_HOLE = 1 << 41
"""Zeros behind a header: more than any tensor of an input has."""


def _ggufs() -> list[bytes]:
    """A GGUF header with a vocabulary, which is most of it, and one without, whose other parts are changed more often."""
    whole, bare = models.gguf(), models.gguf()
    bare.pairs = [pair for pair in bare.pairs if not pair[0].startswith("tokenizer")]
    return [*_header(whole), *_header(bare)]


def _header(writer: GgufWriter) -> list[bytes]:
    return _written(lambda folder: writer.write(folder / "x.gguf"), "x.gguf")


def _safetensors() -> list[bytes]:
    name = "model.safetensors"
    return _written(lambda folder: models.write_safetensors(folder / name, models.tensors()), name)


def _configs() -> list[bytes]:
    published = [path.read_bytes() for path in sorted((ROOT / "importers/config/published").glob("*.json"))]
    return [*_written(models.write_config, "config.json"), json.dumps({"model_type": "llama"}).encode(), *published]


def _of(corpus: Callable[[], list[bytes]], draw: Callable[[Random], bytes]) -> Callable[[Random], bytes]:
    """Drawing of structured inputs, every tenth of them changed sound bytes."""
    sound: list[bytes] = []

    def drawn(rng: Random) -> bytes:
        if rng.random() < 0.9:
            return draw(rng)
        if not sound:
            sound.extend(corpus())
        return changed(sound, rng)

    return drawn


def _drawn_config() -> Callable[[Random], bytes]:
    sound = [data.decode() for data in _configs()]
    return lambda rng: changed_json(sound, rng).encode("utf-8", "surrogatepass")


def _argument_lists() -> list[bytes]:
    return ["\n".join(text.split()).encode() for text in ARGUMENTS]


ARGUMENTS = (
    "check -g 2xrtx4090 -m llama-3.1-8b --quant Q4_K_M --context 32k --kv-cache-type q8_0 --ram 64GiB",
    "check -g custom:24GiB@1008GB/s -m llama-2-7b --engine vllm --gpu-memory-utilization 0.9 --image-size 10x10",
    "matrix -g rtx* -m qwen* --quant best", "recommend -g rtx4090 --use chat --min-speed 20", "list gpus --format csv",
)  # fmt: skip
ENTRIES = {"gpus": texts.GPU, "models": texts.MODEL}

TARGETS = {
    "arguments": Target(_arguments, _argument_lists, _of(_argument_lists, commands.arguments), NOT_READ),
    "deployments": Target(
        _deployments, lambda: [text.encode() for text in texts.DEPLOYMENTS], texts.deployments, r"fuzz\.yaml"
    ),
    "catalogue": Target(
        lay, lambda: [json.dumps({kind: [one]}).encode() for kind, one in ENTRIES.items()], texts.catalogue,
        "a mapping is expected|holds (neither|both)|not YAML|a list of entries",
    ),
    "command": Target(
        lambda data: with_command({"command": data.decode("utf-8", "replace")}), commands.commands, commands.command,
        "no engine is known|cannot read the command|no launch command",
    ),
    "manifest": Target(_manifest, lambda: texts.files("manifests/found"), texts.manifest, "not YAML"),
    "log": Target(_log, lambda: texts.files("verify/logs"), texts.log, "no start-up lines"),
    "gguf": Target(
        _file("x.gguf", lambda _: GGUF_HOLE), _ggufs, _of(_ggufs, binary.gguf), "is no GGUF|is GGUF version|claims .* keys",
    ),
    "safetensors": Target(
        _file("model.safetensors", binary.safetensors_hole), _safetensors, _of(_safetensors, binary.safetensors),
        "is no safetensors|is not valid JSON|cut short|header of",
    ),
    "config": Target(_file("config.json"), _configs, _of(_configs, _drawn_config()), "is not valid JSON|not UTF-8|JSON object"),
}  # fmt: skip
"""Targets by name."""
