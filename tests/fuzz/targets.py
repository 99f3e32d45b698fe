"""Targets: a reader of bytes from outside with sound inputs to start from. Whatever it raises but ``VramfitError`` is a fault."""

from __future__ import annotations

import io
import json
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.fuzz.memory import MemoryFile, MemoryFolder
from tests.importers import models
from vramfit.cli.deployments import read_deployments
from vramfit.cli.options import read as read_arguments
from vramfit.curation.strict_yaml import parse
from vramfit.engines.commands import with_command
from vramfit.engines.keys import parse_request
from vramfit.errors import VramfitError
from vramfit.importers import load
from vramfit.importers.place import Place
from vramfit.importers.reference import LocalFile
from vramfit.manifests.documents import documents
from vramfit.verify import marks
from vramfit.verify import read as read_log
from vramfit.verify.lines import kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.importers.write_gguf import GgufWriter
    from vramfit.importers.source import Folder


ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Target:
    """A reader and its corpus."""

    read: Callable[[bytes], object]
    corpus: Callable[[], list[bytes]]


def _arguments(data: bytes) -> object:
    words = data.decode("utf-8", "surrogateescape").split("\n")
    values = read_arguments(words)
    if values is None or words[0] != "check":
        return values  # names of other commands have other keys
    return parse_request({name: one for name, one in values.items() if name not in ("json", "format")})


def _deployments(data: bytes) -> object:
    found = list(read_deployments(data.decode("utf-8", "surrogateescape"), "fuzz.yaml", {}))
    return [_parsed(raw) for _, _, raw in found if isinstance(raw, dict)]


def _parsed(raw: dict[str, object]) -> object:
    try:
        return parse_request(with_command(raw)[0] if "command" in raw else raw)
    except VramfitError as error:
        return error


def _log(data: bytes) -> object:
    lines = kept(io.BytesIO(data), marks()).lines
    try:
        return read_log(lines)
    except VramfitError as error:
        return error


def _manifest(data: bytes) -> object:
    return [one.data() for one in documents(data.decode("utf-8", "replace"), "fuzz.yaml")]


def _file(name: str, data_bytes: int = 0) -> Callable[[bytes], object]:
    """Reader of a file of which the header is changed, in memory; ``data_bytes`` of zeros follow."""
    reference = LocalFile(name)

    def read(data: bytes) -> object:
        folder = MemoryFolder(MemoryFile(name, data, len(data) + data_bytes))
        place = Place(reference, "disk", True, cast("Folder", folder), name)
        return load._imported(place, name)

    return read


def _written(write: Callable[[Path], object], name: str) -> Callable[[], list[bytes]]:
    def corpus() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            return [(Path(folder) / name).read_bytes().rstrip(b"\0")]

    return corpus


COMMANDS = (
    "llama-server -m ./model.gguf -c 32k -ngl 33 -ctk q8_0 -fa on -ot 'ffn_.*_exps=CPU' --parallel 4",
    "CUDA_VISIBLE_DEVICES=0,1 vllm serve org/name --tensor-parallel-size 2 --max-model-len 8192 --quantization awq",
    "docker run --gpus all -v /a:/b -e HF_TOKEN=x lmsysorg/sglang:latest python3 -m sglang.launch_server --model-path a/b",
    "OLLAMA_CONTEXT_LENGTH=8192 ollama serve & ollama run llama3.1:8b",
)
ARGUMENTS = (
    "check -g 2xrtx4090 -m llama-3.1-8b --quant Q4_K_M --context 32k --kv-cache-type q8_0 --ram 64GiB",
    "check -g custom:24GiB@1008GB/s -m llama-2-7b --engine vllm --gpu-memory-utilization 0.9 --image-size 10x10",
    "matrix -g rtx* -m qwen* --quant best", "recommend -g rtx4090 --use chat --min-speed 20", "list gpus --format csv",
)  # fmt: skip
GGUF_DATA_BYTES = 3 * 2**20
"""Zeros behind a header: more than its tensors have."""
SAFETENSORS_DATA_BYTES = 5_509_632
"""Zeros behind a header: as many as its tensors have, since neither fewer nor more are taken."""
DEPLOYMENTS = (
    "defaults: {quant: int4}\ndeployments:\n- {gpu: [rtx4090, 2xrtx3090], model: llama-2-7b, context: 32k}\n"
    "- gpu: a\n  command: llama-server -m x.gguf -c 4096\n",
    '{"deployments": [{"gpu": "rtx4090", "model": "a", "tensor_split": "3,1", "ram": "64GiB", "parallel": 4}]}',
)
GPUS = "gpus:\n- id: rtx9999\n  name: RTX 9999\n  memory: {bus_bits: 384, data_rate_gbps: 28}\n  sources: [a]\n"


def _texts(texts: tuple[str, ...]) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _files(folder: str) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes()[:20_000] for path in sorted((ROOT / folder).rglob("*")) if path.is_file()][:40]


def _ggufs() -> list[bytes]:
    """A GGUF header with a vocabulary, which is most of it, and one without, whose other parts are changed more often."""
    whole, bare = models.gguf(), models.gguf()
    bare.pairs = [pair for pair in bare.pairs if not pair[0].startswith("tokenizer")]
    return [*_header(whole), *_header(bare)]


def _header(writer: GgufWriter) -> list[bytes]:
    return _written(lambda folder: writer.write(folder / "x.gguf"), "x.gguf")()


def _configs() -> list[bytes]:
    published = [path.read_bytes() for path in sorted((ROOT / "importers/config/published").glob("*.json"))]
    return [*_written(models.write_config, "config.json")(), json.dumps({"model_type": "llama"}).encode(), *published]


TARGETS = {
    "arguments": Target(_arguments, lambda: ["\n".join(shlex.split(one)).encode() for one in ARGUMENTS]),
    "deployments": Target(_deployments, _texts(DEPLOYMENTS)),
    "catalogue": Target(lambda data: parse(data, "fuzz.yaml"), _texts((GPUS,))),
    "command": Target(lambda data: with_command({"command": data.decode("utf-8", "replace")}), _texts(COMMANDS)),
    "manifest": Target(_manifest, _files("manifests/found")),
    "log": Target(_log, _files("verify/logs")),
    "gguf": Target(_file("x.gguf", GGUF_DATA_BYTES), _ggufs),
    "safetensors": Target(
        _file("model.safetensors", SAFETENSORS_DATA_BYTES),
        _written(lambda folder: models.write_safetensors(folder / "model.safetensors", models.tensors()), "model.safetensors"),
    ),
    "config": Target(_file("config.json"), _configs),
}  # fmt: skip
"""Targets by name."""
