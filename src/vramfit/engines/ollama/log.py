"""Server logs of Ollama: the lines of llama.cpp in them, and those of Ollama's own scheduler and engine.

Source: ollama/ollama ``llm/server.go`` and ``llm/memory.go`` (0.1 to 0.11: ``starting llama server``, ``offload to``),
``ml/device.go`` and ``runner/ollamarunner/runner.go`` (from 0.6 on, models run by Ollama's own engine: ``model weights``,
``kv cache``, ``compute graph``), ``discover/types.go`` (``inference compute``). What ``offload to`` prints is planned, not
taken, so it is no figure.
"""

from __future__ import annotations

import re

from vramfit.engines.llamacpp import log as llamacpp
from vramfit.engines.llamacpp.log_amounts import printed
from vramfit.engines.llamacpp.log_lines import MARKS as LLAMACPP_MARKS
from vramfit.engines.llamacpp.log_lines import device_of
from vramfit.engines.logs import Figure, Log, LogReader, added, last, sized, split_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MARKS = (
    *LLAMACPP_MARKS, 'msg="starting llama server"', 'msg="starting runner"', 'msg="inference compute"', "server config",
    'msg="model weights"', 'msg="kv cache"', 'msg="compute graph"', 'msg="offload', "msg=offload", "msg=load request=",
    "file_type=", 'msg="Listening on',
)  # fmt: skip
"""Words of which each line that is read has one."""

OWN = re.compile(r'level=\w+ source=\w+\.go:\d+ msg=|\[GIN\]|msg="(?:starting llama server|server config)')
BEGINS = re.compile(r'msg="?starting (?:llama server|runner|go runner|ollama engine)|msg=load request=')
VERSION = re.compile(r"Listening on .{0,200}\(version (?P<version>[\d.]+\w*)")
COMPUTE = re.compile(
    r'inference compute" .{0,300}library=(?P<library>\w+) .{0,300}(?:name|description)=(?P<name>"[^"]*"|\S+) '
    r".{0,300}total="
)
COMMAND = re.compile(r'cmd="?(?P<command>[^"]*)')
FLAG = {
    "context": re.compile(r"--ctx-size (\d+)"),
    "parallel": re.compile(r"--parallel (\d+)"),
    "ubatch": re.compile(r"--batch-size (\d+)"),
    "gpu_layers": re.compile(r"--n-gpu-layers (\d+)"),
    "kv_cache_type": re.compile(r"--kv-cache-type (\w+)"),
}
LOAD = {
    "context": re.compile(r"KvSize:(\d+)"),
    "parallel": re.compile(r"Parallel:(\d+)"),
    "ubatch": re.compile(r"BatchSize:(\d+)"),
    "kv_cache_type": re.compile(r"KvCacheType:(\w+)"),
}
FLASH = re.compile(r"--flash-attn\b|FlashAttention:(?:true|Enabled)")
SIZES = {
    "weights": re.compile(
        r'msg="model weights" (?:device=(?P<device>\S+)|buffer=(?P<buffer>\S+)) size="?(?P<number>[\d.]+) (?P<unit>\w+)"?'
    ),
    "KV cache": re.compile(r'msg="kv cache" device=(?P<device>\S+) size="?(?P<number>[\d.]+) (?P<unit>\w+)"?'),
    "compute buffer": re.compile(
        r'msg="compute graph" (?:backend=\S+ )?(?:device=(?P<device>\S+)|buffer_type=(?P<buffer>\S+))'
        r' size="?(?P<number>[\d.]+) (?P<unit>\w+)"?'
    ),
}
KIND = re.compile(r'architecture=(?P<architecture>\S+) file_type=(?P<type>\S+) name=(?P<name>"[^"]*"|\S*)')


def read(lines: Sequence[str]) -> Log | None:
    """Read the last start of a runner; None if no line is Ollama's own, or none states a figure."""
    if not any(OWN.search(line) for line in lines):
        return None
    before, *parts = split_at(lines, BEGINS)
    found: list[tuple[list[str], Log]] = []
    for part in parts or [before]:
        log = llamacpp.read(part) or _of_own_engine(part)
        if log is not None:
            found.append((part, log))
    if not found:
        return None
    own, log = found[-1]
    keys = dict(log.keys)
    asked = [match[1] for line in own for match in [COMMAND.search(line)] if match] + [
        line for line in own if "msg=load request=" in line
    ]
    for table in (FLAG, LOAD):
        for key, pattern in table.items():
            stated = last(pattern, asked)
            if stated is not None and (key not in keys or key == "parallel"):
                keys[key] = stated[1]
    if "gpu_layers" in keys and log.keys.get("gpu_layers") is None:
        del keys["gpu_layers"]
    _per_slot(keys, log)
    if "flash_attention" not in log.keys and asked:
        keys["flash_attention"] = "on" if any(FLASH.search(line) for line in asked) else "off"
    for name in ("backend", "batch", "tensor_split"):
        keys.pop(name, None)
    cards = [match for line in lines for match in [COMPUTE.search(line)] if match and match["library"] != "cpu"]
    names = log.gpus or tuple(match["name"].strip('"') for match in cards[: log.gpu_count])
    version = last(VERSION, lines)
    return Log(
        keys,
        log.models,
        names if len(names) == log.gpu_count else (),
        log.gpu_count,
        (),
        log.figures,
        version["version"] if version else None,
        len(found),
        log.lines + len(asked) + len(cards) + 1,
        log.notes,
        log.file_bytes,
        any_gpu=True,
    )


def _per_slot(keys: dict[str, object], log: Log) -> None:
    """Put slots and their context into keys: Ollama multiplies the context by the slots that share a runner's cache."""
    slots = int(str(keys.get("parallel", "1")))
    if slots > 1 and "context" not in log.keys and "context" in keys:
        keys["context"] = str(int(str(keys["context"])) // slots)
    if slots == 1:
        keys.pop("parallel", None)


def _of_own_engine(lines: Sequence[str]) -> Log | None:
    """Read the sizes that Ollama's own engine prints; it does so for each placement that it tries, the last counts."""
    found: dict[tuple[str, str], Figure] = {}
    count = 0
    for line in lines:
        for name, pattern in SIZES.items():
            match = pattern.search(line)
            if match is None:
                continue
            count += 1
            label = match["device"] or match["buffer"]
            device = device_of(label)
            if device is not None:
                found[(name, label)] = sized(name, device, match["number"], match["unit"])
    if not found:
        return None
    figures = added(found.values())
    gpus = 1 + max([int(one.device[3:]) for one in figures if one.device != "host"], default=-1)
    kind = last(KIND, lines)
    names = () if kind is None else (kind["name"].strip('"'),)
    keys: dict[str, object] = {} if kind is None else {"quant": kind["type"]}
    return Log(keys, tuple(filter(None, names)), (), gpus, (), tuple(figures), None, 1, count, any_gpu=True)


READER = LogReader(MARKS, read, printed)
"""Reader of Ollama's own lines, whose runner is llama.cpp: an estimate has the same values for the buffers of both."""
