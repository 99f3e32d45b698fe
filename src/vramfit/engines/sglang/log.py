"""Start-up logs of SGLang 0.3 to 0.5: the deployment and the figures that they state of the first rank.

Source: sgl-project/sglang ``srt/model_executor/model_runner.py``, ``srt/mem_cache/memory_pool.py`` and
``srt/managers/scheduler.py``. Its GB are 2^30.
"""

from __future__ import annotations

import re

from vramfit._record import replace
from vramfit.engines.logs import TOKENS, Amount, Figure, Log, LogReader, added, keyword, last, ranks, sized, split_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate

MARKS = (
    "server_args=ServerArgs(", "Load weight begin", "Load weight end", "KV Cache is allocated", "Memory pool end",
    "Capture cuda graph end", "max_total_num_tokens=", "Mamba Cache is allocated", "Init torch distributed ends",
)  # fmt: skip
"""Words of which each line that is read has one."""

BEGINS = re.compile(r"server_args=ServerArgs\(")
RANK = re.compile(r"(?:TP|DP|PP)(?P<number>\d+)")
SIZE = r"(?P<number>-?\d+(?:\.\d+)?) GB"
PATTERNS = {
    "weights": re.compile(rf"Load weight end\..{{0,500}}mem usage={SIZE}"),
    "K of the cache": re.compile(rf"KV Cache is allocated\..{{0,500}}K size: {SIZE}"),
    "V of the cache": re.compile(rf"KV Cache is allocated\..{{0,500}}V size: {SIZE}"),
    "KV cache": re.compile(rf"KV Cache is allocated\..{{0,500}}KV size: {SIZE}"),
    "recurrent states": re.compile(rf"Mamba Cache is allocated\..{{0,500}}ssm_state size: {SIZE}"),
    "CUDA graphs": re.compile(rf"Capture cuda graph end\..{{0,500}}mem usage={SIZE}"),
    "free before the weights": re.compile(rf"Load weight begin\. avail mem={SIZE}"),
}
KV_TOKENS = re.compile(r"(?:#tokens: |max_total_num_tokens=)(?P<number>\d+)")
ENDS = re.compile(r"max_total_num_tokens=\d+, (?P<rest>.*)")


def read(lines: Sequence[str]) -> Log | None:
    """Read the last start that got as far as memory; None if no line states a figure of SGLang."""
    before, *parts = split_at(lines, BEGINS)
    found = [part for part in parts or [before] if _figures(part)]
    if not found:
        return None
    own = found[-1]
    arguments = last(re.compile(r"ServerArgs\((?P<all>.*)"), own)
    given = arguments["all"] if arguments else ""
    end = last(ENDS, own)
    keys, count = _keys(given, end["rest"] if end else "")
    model = keyword("model_path", given)
    names = () if model is None else (model,) if model.count("/") == 1 else (model.rstrip("/").rpartition("/")[2],)
    kind = last(re.compile(r"dtype=torch\.(?P<name>\w+)"), own)
    if kind is not None and keyword("quantization", given) is None:
        keys.setdefault("quant", {"float16": "fp16"}.get(kind["name"], "bf16"))
    released = bool(given) and keyword("quantization", given) is None
    note = "SGLang does not print which GPU it runs on"
    return Log(
        keys,
        names,
        (),
        count,
        (),
        tuple(_figures(own)),
        None,
        len(found),
        sum(map(len, found)),
        (note,),
        as_released=released,
    )


def _keys(given: str, end: str) -> tuple[dict[str, object], int]:
    """Deployment keys of the printed arguments and of the line that ends the start, and the number of GPUs."""
    keys: dict[str, object] = {}
    tensor, stages = ranks(keyword("tp_size", given)), ranks(keyword("pp_size", given))
    if ranks(str(tensor * stages)) > 1:
        keys |= {"tensor_parallel": str(tensor), "pipeline_parallel": str(stages)}
    stated = {
        "context": keyword("context_len", end) or keyword("context_length", given),
        "gpu_memory_utilization": keyword("mem_fraction_static", given),
        "max_batched_tokens": keyword("chunked_prefill_size", end) or keyword("chunked_prefill_size", given),
        "max_num_seqs": keyword("max_running_requests", given),
    }
    keys |= {name: value for name, value in stated.items() if value is not None and not value.startswith("-")}
    cache = keyword("kv_cache_dtype", given)
    if cache in ("fp8_e4m3", "fp8_e5m2"):
        keys["kv_cache_type"] = cache
    if keyword("disable_cuda_graph", given) == "True":
        keys["enforce_eager"] = "true"
    quantization = keyword("quantization", given)
    if quantization in ("fp8", "awq"):
        keys["quant"] = quantization
    return keys, tensor * stages


def _figures(lines: Sequence[str]) -> list[Figure]:
    """Figures of the first rank, and the tokens of the cache."""
    found = []
    for name, pattern in PATTERNS.items():
        for line in lines:
            match, rank = pattern.search(line), RANK.search(line)
            if match and (rank is None or rank["number"] == "0"):
                found.append(sized(name, "gpu0", match["number"], "GiB"))
                break
    found = [replace(one, name="KV cache") if one.name.endswith("of the cache") else one for one in found]
    found = added(found)
    tokens = last(KV_TOKENS, lines)
    if tokens is not None:
        found.append(Figure("tokens of the cache", "", int(tokens["number"]), TOKENS, 0.5))
    return found


def printed(
    runtime: Engine[Any, Any], deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]
) -> Mapping[tuple[str, str], Amount]:
    """Values of an estimate for the figures of the first rank: weights, the pool and its tokens.

    The bounds of weights are the estimate's; those of the pool are what the bounds of all else leave of it.
    """
    from vramfit.engines.sglang.static import StaticPool
    from vramfit.engines.vllm.estimate import WEIGHTS_HIGH, WEIGHTS_LOW
    from vramfit.engines.vllm.loaded import spread_bounds
    from vramfit.engines.vllm.release import has_states

    gpu, pool = estimate.gpus[0], estimate.pool
    if not isinstance(pool, StaticPool):
        raise TypeError("an estimate of SGLang has a static pool")
    low, high = spread_bounds(deployment.checkpoint, (WEIGHTS_LOW, WEIGHTS_HIGH))
    work = deployment.workload
    offered = runtime.offered_on(deployment.gpus, work)
    free = pool.free_bytes(offered, work.reserve_bytes)[0]
    room = pool.pool_bytes(offered, work.reserve_bytes)[0]
    found = {
        ("weights", "gpu0"): Amount(gpu.weights_bytes * low, gpu.weights_bytes, gpu.weights_bytes * high),
        ("free before the weights", "gpu0"): Amount(free, free, free),
    }
    serving = runtime.serving(deployment, estimate, usable_bytes)
    share = runtime.view(deployment.gpus, work).shares[0]
    if room > 0 and serving is not None and serving.cache_tokens:
        less = (share.high - share.expected) * pool.share + gpu.weights_bytes * (high - 1)
        more = (share.expected - share.low) * pool.share + gpu.weights_bytes * (1 - low)
        bounds = (max(0.0, room - less) / room, (room + more) / room)
        if not has_states(deployment.model):
            found[("KV cache", "gpu0")] = Amount(room * bounds[0], room, room * bounds[1])
        tokens = serving.cache_tokens
        found[("tokens of the cache", "")] = Amount(tokens * bounds[0], tokens, tokens * bounds[1])
    return found


READER = LogReader(MARKS, read, printed)
