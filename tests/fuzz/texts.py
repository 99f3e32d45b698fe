"""Texts at random: logs and manifests of which lines are changed, deployments and catalogue files with keys of their own."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fuzz.changed import changed
from tests.fuzz.commands import GPUS, NAMES, command, value
from tests.fuzz.values import WORDS, changed_json, number, scalar
from vramfit.engines.keys import every_key

if TYPE_CHECKING:
    from random import Random

ROOT = Path(__file__).parent.parent
DIGITS = re.compile(r"\d+(?:\.\d+)?")
FRONTS = (
    "",
    "",
    "",
    "2026-11-29T10:00:00Z ",
    "\x1b[36m(EngineCore pid=7)\x1b[0m ",
    "llm-1  | ",
    "0.01.234.567 I ",
    "\r100%|##|\r",
)
"""What loggers and service managers put in front of a line."""


@cache
def files(folder: str) -> list[bytes]:
    """Beginnings of the files of a folder of the tests."""
    return [path.read_bytes()[:20_000] for path in sorted((ROOT / folder).rglob("*")) if path.is_file()][:40]


@cache
def _lines(folder: str) -> list[list[str]]:
    return [data.decode("utf-8", "replace").splitlines() for data in files(folder)]


def log(rng: Random) -> bytes:
    """A log with lines and numbers changed, mixed with another, packed or decoded as servers and shells do."""
    if rng.random() < 0.1:
        return changed(files("verify/logs"), rng)
    lines = list(rng.choice(_lines("verify/logs")))
    if rng.random() < 0.5:  # some lines of it, as people paste them
        begin = rng.randrange(len(lines))
        lines = lines[begin : begin + rng.choice((1, 5, 12))]
    for _ in range(rng.choice((0, 1, 2, 3, 6))):
        at, what = rng.randrange(len(lines)), rng.randrange(7)
        if what < 3:
            lines[at] = _renumbered(lines[at], rng)
        elif what == 3:
            del lines[at : at + rng.choice((1, 1, 3)) * (len(lines) > 3)]
        elif what == 4:
            lines[at:at] = lines[at : at + rng.choice((1, 3, 10))] * rng.choice((1, 2, 5))
        elif what == 5:
            lines.insert(at, rng.choice(rng.choice(_lines("verify/logs"))))
        else:
            lines[at] = "".join(changed([lines[at].encode()], rng).decode("utf-8", "replace").splitlines())
    front = rng.choice(FRONTS)
    text = "".join([f"{front}{line}\n" for line in lines])
    packed = rng.random()
    if packed < 0.05:
        text = "".join(
            [json.dumps({"log": f"{line}\n", "stream": "stderr"}, separators=(",", ":")) + "\n" for line in lines]
        )
    return text.encode("utf-16" if packed > 0.97 else "utf-8")


def _renumbered(line: str, rng: Random) -> str:
    """A line with one of its numbers, a unit or what it stands for changed."""
    found = list(DIGITS.finditer(line))
    if not found:
        return line + rng.choice(WORDS)
    one = rng.choice(found)
    return (
        line[: one.start()]
        + rng.choice((str(number(rng)), "0", "-1", "1e9", "", "9" * 25, "9" * 5000, "0.00", ",", "nan"))
        + line[one.end() :]
    )


ROWS = ("---", "kind: List", "a: &a {b: c}", "# x", "command: vllm serve a/b", "image: x", "  gpus: all", "<<: *a")


def manifest(rng: Random) -> bytes:
    """A manifest with values, indents and blocks changed, most of which leave it YAML."""
    if rng.random() < 0.1:
        return changed(files("manifests/found"), rng)
    lines = list(rng.choice(_lines("manifests/found")))
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, what = rng.randrange(len(lines)), rng.randrange(8)
        key, colon, rest = lines[at].partition(": ")
        if what < 3 and colon:
            lines[at] = f"{key}: {_scalar(rest, rng)}"
        elif what == 3:
            del lines[at : at + rng.choice((1, 1, 4)) * (len(lines) > 4)]
        elif what == 4:
            lines[at] = _renumbered(lines[at], rng)
        elif what == 5 and rng.random() < 0.3:
            lines[at] = f"{' ' * rng.choice((1, 2))}{lines[at]}" if rng.random() < 0.5 else lines[at][2:]
        elif what == 6:
            lines[at:at] = rng.choice(_lines("manifests/found"))[: rng.choice((1, 6, 30))]
        else:
            lines.insert(at, rng.choice(ROWS))
    return "\n".join(lines).encode()


def _scalar(rest: str, rng: Random) -> str:
    return rng.choice((
        json.dumps(scalar(rng)), rest + rest, "!x y", "|", "[a, b]", "${X:-1}", "${", str(number(rng)), "",
        json.dumps(command(rng).decode("utf-8", "replace")), "{{ .Values.a }}",
    ))  # fmt: skip


DEPLOYMENTS = (
    "defaults: {quant: int4}\ndeployments:\n- {gpu: [rtx4090, 2xrtx3090], model: llama-2-7b, context: 32k}\n"
    "- gpu: a\n  command: llama-server -m x.gguf -c 4096\n",
    '{"deployments": [{"gpu": "rtx4090", "model": "a", "tensor_split": "3,1", "ram": "64GiB", "parallel": 4}]}',
)


def deployments(rng: Random) -> bytes:
    """A file of deployments with keys of all engines, as JSON, which is YAML too, or as YAML."""
    if rng.random() < 0.1:
        return changed([text.encode() for text in DEPLOYMENTS], rng)
    listed = [_deployment(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    document: dict[str, Any] = {"deployments": listed}
    if rng.random() < 0.2:
        document["defaults"] = rng.choice(({"quant": "int4"}, _deployment(rng), [], None))
    if rng.random() < 0.5:
        text = json.dumps(document) if rng.random() < 0.8 else changed_json([json.dumps(document)], rng)
    else:
        rows = ["".join([f"  {key}: {_written(one, rng)}\n" for key, one in keys.items()]) for keys in listed]
        text = "deployments:\n" + "".join([f"-{row[1:]}" for row in rows])
    return text.encode("utf-8", "replace")


@cache
def _keys() -> list[Any]:
    return list(every_key().values())


def _deployment(rng: Random) -> dict[str, Any]:
    keys: dict[str, Any] = {"gpu": rng.choice(GPUS), "model": rng.choice(NAMES)}
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        key = rng.choice(_keys())
        keys[key.name] = value(key, rng) if rng.random() < 0.9 else scalar(rng)
    if rng.random() < 0.1:
        keys["command"] = command(rng).decode("utf-8", "replace")
    if rng.random() < 0.05:
        keys[rng.choice(("contxt", "x", "gpu ", "Quant", ""))] = 1
    return keys


def _written(one: Any, rng: Random) -> str:
    plain = isinstance(one, str) and one.isalnum()
    return str(one) if plain and rng.random() < 0.8 else json.dumps(one)


GPU = {
    "id": "rtx9999", "name": "RTX 9999", "family": "ada-geforce", "vram_gb": 24, "price_usd": 1599,
    "memory": {"bus_bits": 384, "data_rate_gbps": 21, "bandwidth_gb_s": 1008},
    "reported": [{"mib": 24000, "by": "cuda", "source": "tpu"}], "aliases": ["my card"],
}  # fmt: skip
MODEL = {
    "id": "kin-8b", "name": "Kin 8B", "family": "llama-2", "layers": 40, "hidden": 5120, "ffn": 13824, "heads": 40,
    "vocab": 32000, "context": 8192, "kv_heads": 8, "window": 4096, "pattern": "5*sliding full", "dtype": "bf16",
    "moe": {"experts": 8, "active": 2, "width": 1024}, "hf": ["a/kin"], "tied": True,
}  # fmt: skip


def catalogue(rng: Random) -> bytes:
    """A user's catalogue file with fields changed, as JSON, which is YAML too, or as YAML."""
    kind, entry, needed = ("gpus", GPU, 4) if rng.random() < 0.5 else ("models", MODEL, 9)
    if rng.random() < 0.1:
        return changed([f"{kind}:\n{_block(entry)}".encode()], rng)
    kept = {key: one for place, (key, one) in enumerate(entry.items()) if place < needed or rng.random() < 0.2}
    if rng.random() < 0.3:
        kept["id"] = rng.choice(("rtx4090", "llama-2-7b", "x y", "", "rtx9999"))
    document: dict[str, Any] = {kind: [kept]}
    text = json.dumps(document)
    if rng.random() < 0.7:
        text = changed_json([text], rng)
    elif rng.random() < 0.5:
        text = f"{kind}:\n{_block(kept)}"
    return text.encode()


def _block(entry: dict[str, Any]) -> str:
    rows = [f"  {key}: {json.dumps(one)}" for key, one in entry.items()]
    return "\n".join([f"-{rows[0][1:]}", *rows[1:]]) + "\n"
