"""The draw: 2,000 deployments in strata of engine and task, the same for a seed and a catalogue.

Each deployment of a stratum has one key in turn that is certainly set, so that every key of an engine is reached equally
often, and some others by chance. The strata are interleaved: any beginning of the draw has its share of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.reports.refused import refused
from tests.reports.values import (
    ADAPTERS,
    COMMON,
    LLAMA_CPP,
    OLLAMA,
    OPTIMIZERS,
    POSITIONS,
    SERVERS,
    SGLANG,
    TRAINING,
    TUNING,
    Asked,
    gpus,
    model,
    repository,
    value,
)

if TYPE_CHECKING:
    from tests.reports.listed import Listed

SEED = 1
REFUSED_EVERY = 16
"""One deployment of this many is spoiled (``refused``)."""
FOREIGN_SHARE = 0.05
"""Share of deployments with a key of other engines', a task spelled out, or keys that contradict each other."""
QUANT_SHARE = 0.4
"""Share with a scheme beside those whose turn it is: without one, three classes are answered, never the other schemes."""
SHIFT = 7
"""Strata begin with different ways to spoil."""


@dataclass(frozen=True)
class Stratum:
    """Deployments of one engine and task."""

    engine: str
    """Empty for one that the model's or the scheme's name must decide."""
    task: str
    size: int
    keys: tuple[str, ...]
    """Keys that are set in turn."""


STRATA = (
    Stratum("transformers", "inference", 240, COMMON),
    Stratum("transformers", "full", 110, (*TRAINING, *TUNING, "reserve", "platform", "level")),
    Stratum("transformers", "lora", 120, (*ADAPTERS, *TUNING, "quant", "level")),
    Stratum("transformers", "qlora", 110, (*ADAPTERS, *TUNING, "quant", "level")),
    Stratum("llama.cpp", "inference", 440, (*COMMON, *LLAMA_CPP)),
    Stratum("vllm", "inference", 300, (*COMMON, *SERVERS, *POSITIONS)),
    Stratum("sglang", "inference", 200, (*COMMON, *SERVERS, *SGLANG, *POSITIONS)),
    Stratum("ollama", "inference", 220, (*COMMON, *OLLAMA)),
    Stratum("exllamav2", "inference", 32, COMMON),
    Stratum("exllamav3", "inference", 58, (*COMMON, "tensor_parallel")),
    Stratum("mlx", "inference", 90, COMMON),
    Stratum("tensorrt-llm", "inference", 10, (*COMMON, *SERVERS)),
    Stratum("", "inference", 70, ("quant", "context", "ubatch", "optimizer")),
)
"""Sizes by how much there is to go wrong; 2,000 together."""

SEVERAL = (
    "split_mode",
    "main_gpu",
    "tensor_split",
    "sched_spread",
    "tensor_parallel",
    "pipeline_parallel",
    "zero_stage",
    "sharding",
)
"""Keys that mean something on several GPUs only."""


def draw(listed: Listed, seed: int = SEED) -> list[dict[str, Any]]:
    """Deployments as a file has them, named ``d0001`` and on, strata interleaved."""
    found: list[tuple[float, int, dict[str, Any]]] = []
    optimizers = 0
    for place, stratum in enumerate(STRATA):
        rng = Random(f"{seed} {stratum.engine} {stratum.task}")
        for number in range(stratum.size):
            first = stratum.keys[number % len(stratum.keys)]
            keys = deployment(stratum, first, listed, rng)
            if first == "optimizer":  # each in turn, so that none is left to chance
                keys["optimizer"] = OPTIMIZERS[optimizers % len(OPTIMIZERS)]
                optimizers += 1
            if number % REFUSED_EVERY == REFUSED_EVERY - 1:
                keys = refused(keys, number // REFUSED_EVERY + SHIFT * place)
            found.append(((number + 0.5) / stratum.size, place, keys))
    found.sort(key=lambda one: one[:2])
    return [{"name": f"d{number:04}", **keys} for number, (_, _, keys) in enumerate(found, 1)]


def deployment(stratum: Stratum, key: str, listed: Listed, rng: Random) -> dict[str, Any]:
    others = rng.sample(stratum.keys, min(len(stratum.keys), rng.choice((0, 0, 1, 2, 3, 4))))
    if rng.random() < FOREIGN_SHARE:
        others.append(rng.choice((*COMMON, *OLLAMA, *SERVERS, *TRAINING)))
    if "quant" in stratum.keys and rng.random() < QUANT_SHARE:
        others.append("quant")
    names = list(dict.fromkeys((key, *others)))
    gpu, cards = gpus(listed, stratum.engine, rng, several=key in SEVERAL)
    row = model(listed, cards, names, rng)
    elsewhere = rng.random() < (0.12 if stratum.engine else 0.6)
    keys: dict[str, Any] = {"gpu": gpu, "model": repository(row, rng) if elsewhere else row["id"]}
    if stratum.engine:
        keys["engine"] = stratum.engine
    if stratum.task != "inference" or rng.random() < FOREIGN_SHARE:
        keys["task"] = stratum.task
    asked = Asked(listed, stratum.engine, row, _count(gpu))
    keys |= {name: value(name, asked, rng) for name in names}
    if rng.random() >= FOREIGN_SHARE:
        _agree(keys, asked)
    return keys


def _agree(keys: dict[str, Any], asked: Asked) -> None:
    """Make keys that are refused apart agree with each other."""
    if "kv_cache_type_v" in keys and asked.engine != "llama.cpp":
        keys["kv_cache_type"] = keys["kv_cache_type_v"]
    if "tensor_parallel" in keys:
        keys["pipeline_parallel"] = asked.gpus // keys["tensor_parallel"]
    elif "pipeline_parallel" in keys:
        keys["tensor_parallel"] = asked.gpus // keys["pipeline_parallel"]


def _count(gpu: Any) -> int:
    """Devices of a value of ``gpu``."""
    if isinstance(gpu, list):
        return sum(_count(one) for one in gpu)
    head = str(gpu).partition("x")[0]
    return int(head) if head.isdigit() else 1
