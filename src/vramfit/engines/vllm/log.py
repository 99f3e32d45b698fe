"""Start-up logs of vLLM, both engines, 0.6 to 0.33: the deployment and the figures that they state of the first rank.

Source: vllm-project/vllm ``worker/worker.py`` (0.6.3 to 0.8: what the profile run found), ``v1/worker/gpu_worker.py``,
``v1/worker/gpu_model_runner.py``, ``v1/core/kv_cache_utils.py``, ``utils/mem_utils.py`` and ``config``'s ``__str__``.
"""

from __future__ import annotations

import re

from vramfit.engines.interface import Job
from vramfit.engines.logs import (
    REQUESTS,
    TOKENS,
    Amount,
    Figure,
    Log,
    LogReader,
    half_digit,
    keyword,
    last,
    ranks,
    sized,
    split_at,
)
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate

MARKS = (
    "LLM engine (v", "vLLM API server version", "non-default args", "args: Namespace", "Model loading took",
    "Loading model weights took", "total_gpu_memory", "non_torch_memory", "Available KV cache memory", "KV cache size:",
    "Maximum concurrency for", "Graph capturing finished", "torch peak memory increase", "# GPU blocks", "# cuda blocks",
    "Free memory on device", "Actual usage is", "Requested memory:", "Estimated CUDA graph memory", "non-torch",
    "Chunked prefill is enabled", "device_name=NVIDIA", "model weights take", "Initial free memory",
)  # fmt: skip
"""Words of which each line that is read has one."""

BEGINS = re.compile(r"Initializing an? (?:V[01] )?LLM engine \(v")
CONFIG = re.compile(r"LLM engine \(v(?P<version>[^)\s]+)\) with config: (?P<config>.*)")
SERVER = re.compile(r"vLLM API server version v?(?P<version>\d[\w.+]*)")
ARGUMENTS = re.compile(r"(?:non-default args: \{|args: Namespace\()(?P<arguments>.*)")
RANK = re.compile(r"(?:TP|rank[= ]|Rank ?)(?P<number>\d+)")
WORKER = re.compile(r"\((?:Vllm|RayW|W)orker\w* |VllmWorkerProcess|RayWorker")
SIZE = r"(?<![\d.])(?P<number>-?\d+(?:\.\d+)?) ?(?P<unit>GiB|GB|MiB|MB)"

PATTERNS = {
    "weights": (
        re.compile(rf"(?:Model loading took|[Ll]oading model weights took) {SIZE}"),
        re.compile(rf"weights memory: {SIZE}"),
        re.compile(rf"Actual usage is {SIZE} for weight"),
        re.compile(rf"model weights take {SIZE}"),
    ),
    "activation peak": (
        re.compile(rf"torch peak memory increase: {SIZE}"),
        re.compile(rf", {SIZE} for peak activation"),
        re.compile(rf"PyTorch activation peak memory takes {SIZE}"),
    ),
    "non-torch memory": (
        re.compile(rf"non-torch (?:forward )?increase memory: {SIZE}"),
        re.compile(rf"{SIZE} for non-torch memory"),
        re.compile(rf"non_torch_memory takes {SIZE}"),
        re.compile(rf"non_torch_memory={SIZE}"),
    ),
    "CUDA graphs": (
        re.compile(rf"Graph capturing finished in [\d.]+ secs?, took {SIZE}"),
        re.compile(rf"{SIZE} for CUDAGraph memory"),
    ),
    "CUDA graphs, vLLM's estimate": (re.compile(rf"Estimated CUDA graph memory: {SIZE}"),),
    "room for the cache": (
        re.compile(rf"Available KV cache memory: {SIZE}"),
        re.compile(rf"rest of the memory reserved for KV Cache is {SIZE}"),
        re.compile(rf"kv_cache_size={SIZE}"),
    ),
}  # fmt: skip
"""Sizes by name, each as the releases print it; the first pattern found anywhere counts."""
PEAK_WITH_WEIGHTS = re.compile(rf"peak_torch_memory={SIZE}")
TOTALS = (
    re.compile(rf"total_gpu_memory \({SIZE}\)"),
    re.compile(rf"total_gpu_memory={SIZE}"),
    re.compile(r"Free memory on device(?: \w+:\d+)? \((?P<free>[\d.]+)/(?P<number>[\d.]+) (?P<unit>GiB)\)"),
)
SHARES = (
    re.compile(r"gpu_memory_utilization \((?P<share>[\d.]+)\)"),
    re.compile(r"gpu_memory_utilization=(?P<share>[\d.]+)"),
    re.compile(r"GPU memory utilization (?:is )?\((?P<share>[\d.]+),"),
    re.compile(r"Requested memory: (?P<share>[\d.]+) \(util\)"),
)
KV_TOKENS = re.compile(r"KV cache size: (?P<number>[\d,]+) tokens")
BLOCKS = re.compile(r"# (?:GPU|cuda) blocks: (?P<number>\d+)")
CONCURRENCY = re.compile(r"Maximum concurrency for (?P<tokens>[\d,]+) tokens per request: (?P<number>[\d.]+)x")
STEP = re.compile(r"max_num_batched_tokens=(?P<number>\d+)")
DEVICE_NAME = re.compile(r"device_name=(?P<name>NVIDIA_[\w-]+?)(?:,|\.json)")

BLOCK_TOKENS = 16
"""Tokens of a block, the default on NVIDIA cards until blocks were sized by the kernels (0.6 ``config.py``)."""
DEFAULT_SEQUENCES = 256
"""Default of ``max_num_seqs`` before 0.8.3 (``engine/arg_utils.py``)."""


def read(lines: Sequence[str]) -> Log | None:
    """Read the last start that got as far as memory; None if no line states a figure of vLLM."""
    before, *parts = split_at(lines, BEGINS)
    found = [part for part in parts or [before] if _figures(part)]
    if not found:
        return None
    own = found[-1]
    config_line, arguments = last(CONFIG, own), last(ARGUMENTS, [*before, *[line for part in parts for line in part]])
    version = config_line["version"] if config_line else None
    server = last(SERVER, lines)
    version = version if version and version[0].isdecimal() else server["version"] if server else version
    config = config_line["config"] if config_line else ""
    given = arguments["arguments"] if arguments else ""
    keys, count = _keys(own, config, given, version)
    total = next((match for pattern in TOTALS for match in [last(pattern, own)] if match), None)
    memory = () if total is None else (round(float(total["number"]) * GIB),) * count
    name = last(DEVICE_NAME, own)
    model = keyword("model", config) or _argument("model", given) or _argument("model_tag", given)
    figures = _figures(own)
    if total is not None and "free" in total.groupdict():
        taken = float(total["number"]) - float(total["free"])
        figures.append(Figure("context at the start", "gpu0", taken * GIB, slack=half_digit(total["free"], "GiB")))
    return Log(
        keys,
        _names(model),
        () if name is None else (name["name"].replace("_", " "),) * count,
        count,
        memory,
        tuple(figures),
        version,
        len(found),
        sum(map(len, found)),
        () if name is not None else ("vLLM does not print which GPU it runs on",),
    )


def _names(model: str | None) -> tuple[str, ...]:
    """Names of a model: the repository of a path in the Hub's cache, the name as it is, and the last part of a path."""
    if model is None:
        return ()
    found = re.search(r"models--([^/]{1,200}?)--([^/]+)", model)
    names = [f"{found[1]}/{found[2]}"] if found else []
    if model.count("/") != 1 or model.startswith(("/", ".", "~")):
        names.append(model.rstrip("/").rpartition("/")[2])
    else:
        names.append(model)
    return tuple(names)


def _argument(name: str, text: str) -> str | None:
    """Value of an argument in a printed dictionary, or in a ``Namespace``."""
    found = re.search(rf"'{name}': ('[^']*'|[^,}}]+)", text)
    return found[1].strip("'\" ") if found else keyword(name, text)


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple([int(one) for one in re.findall(r"\d+", (version or "").partition("+")[0])[:3]])


def _keys(own: list[str], config: str, given: str, version: str | None) -> tuple[dict[str, object], int]:
    """Deployment keys of a start, and the number of its GPUs."""
    keys: dict[str, object] = {}
    numbers = _numbers(version)
    if len(numbers) == 3:
        keys["engine_version"] = ".".join(map(str, numbers))
    tensor = ranks(keyword("tensor_parallel_size", config) or _argument("tensor_parallel_size", given))
    stages = ranks(keyword("pipeline_parallel_size", config) or _argument("pipeline_parallel_size", given))
    if ranks(str(tensor * stages)) > 1:
        keys |= {"tensor_parallel": str(tensor), "pipeline_parallel": str(stages)}
    context = keyword("max_seq_len", config) or _argument("max_model_len", given)
    concurrency = last(CONCURRENCY, own)
    context = context or (concurrency["tokens"].replace(",", "") if concurrency else None)
    if context is not None:
        keys["context"] = context
    dtype, quantization = keyword("dtype", config), keyword("quantization", config)
    if quantization is None and dtype is not None:
        keys["quant"] = {"torch.bfloat16": "bf16", "torch.float16": "fp16"}.get(dtype, "bf16")
    elif quantization in ("fp8", "awq", "bitsandbytes"):
        keys["quant"] = {"bitsandbytes": "nf4"}.get(quantization, quantization)
    elif quantization in ("awq_marlin", "gptq", "gptq_marlin", "mxfp4"):
        keys["quant"] = {"awq_marlin": "awq", "mxfp4": "MXFP4"}.get(quantization, "gptq-int4")
    cache = keyword("kv_cache_dtype", config)
    if cache not in (None, "auto") and cache in ("fp8", "fp8_e4m3", "fp8_e5m2", "int8", "nvfp4"):
        keys["kv_cache_type"] = cache
    if keyword("enforce_eager", config) == "True":
        keys["enforce_eager"] = "true"
    for name, key in (("max_num_seqs", "max_num_seqs"), ("max_num_batched_tokens", "max_batched_tokens")):
        value = _argument(name, given)
        if value is not None and value.isdecimal():
            keys[key] = value
    step = last(STEP, own)
    if step is not None:
        keys.setdefault("max_batched_tokens", step["number"])
    if numbers and numbers < (0, 8, 3):
        keys.setdefault("max_num_seqs", str(DEFAULT_SEQUENCES))
        if context is not None and keyword("chunked_prefill_enabled", config) != "True" and numbers < (0, 8):
            keys.setdefault("max_batched_tokens", str(max(2048, int(context))))
    share = _argument("gpu_memory_utilization", given)
    found = next((match for pattern in SHARES for match in [last(pattern, own)] if match), None)
    share = share or (found["share"] if found else None)
    if share is not None:
        keys["gpu_memory_utilization"] = share
    return keys, tensor * stages


def _of_first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    """Match of the first rank's line; of the first line without a worker's name if ranks are not named."""
    matches = [(line, match) for line in lines for match in [pattern.search(line)] if match]
    for line, match in matches:
        rank = RANK.search(line[: match.start()])
        if (rank and rank["number"] == "0") or (rank is None and not WORKER.search(line)):
            return match
    return matches[0][1] if matches else None


def _figures(lines: Sequence[str]) -> list[Figure]:
    """Figures of the first rank, and those of the server."""
    found = []
    for name, patterns in PATTERNS.items():
        match = next((one for pattern in patterns for one in [_of_first(pattern, lines)] if one), None)
        if match is not None:
            unit = {"GB": "GiB", "MB": "MiB"}.get(match["unit"], match["unit"])  # 0.6 writes GB for 2^30
            found.append(sized(name, "gpu0", match["number"], unit))
    known = {one.name: one for one in found}
    peak, weights = _of_first(PEAK_WITH_WEIGHTS, lines), known.get("weights")
    if peak is not None and weights is not None and "activation peak" not in known:
        whole = sized("", "", peak["number"], "GiB")
        slack = whole.slack + weights.slack
        found.insert(1, Figure("activation peak", "gpu0", whole.value - weights.value, slack=slack))
    tokens = [int(match["number"].replace(",", "")) for line in lines for match in [KV_TOKENS.search(line)] if match]
    blocks = [int(match["number"]) * BLOCK_TOKENS for line in lines for match in [BLOCKS.search(line)] if match]
    if tokens or blocks:
        found.append(Figure("tokens of the cache", "", min(tokens or blocks), TOKENS, 0.5))
    times = last(CONCURRENCY, lines)
    if times is not None:
        found.append(Figure("requests at once", "", float(times["number"]), REQUESTS, 0.005))
    return found


def printed(
    runtime: Engine[Any, Any], deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]
) -> Mapping[tuple[str, str], Amount]:
    """Values of an estimate for the figures of the first rank, with the bounds that each kind of term has.

    Weights, and what the card holds when the worker looks at it, have no bounds of their own.
    """
    from vramfit.engines.vllm.parts import ESTIMATED_SHARE, SPREAD, captured_kind, parts
    from vramfit.engines.vllm.release import release

    work = deployment.workload
    view = runtime.view(deployment.gpus, work)
    job: Job[Any, Any] = Job(deployment.checkpoint, work, view.traits, len(deployment.gpus))
    facts = release(job.keys)
    own, weights = parts(job, facts, 0), estimate.gpus[0].weights_bytes
    peak_kind, library_kind, graph_kind = own.kinds
    captured = own.graphs_bytes / (ESTIMATED_SHARE if facts.graphs_in_share else 1)
    share = estimate.settings["gpu_memory_utilization"]
    assert isinstance(share, float)
    offered = runtime.offered_bytes(deployment.gpus[0], work)
    uncounted = 0 if facts.counts_everything else own.peak.counts_bytes
    taken = [(own.peak.total_bytes - uncounted, peak_kind), (own.libraries.inside_bytes, library_kind)]
    taken += [(own.graphs_bytes, graph_kind)] if facts.graphs_in_share else []
    room = share * offered - weights
    left = Amount(
        room - sum([size * SPREAD[kind][1] for size, kind in taken]),
        room - sum([size for size, _ in taken]),
        room - sum([size * SPREAD[kind][0] for size, kind in taken]),
    )
    outside = own.libraries.outside_bytes + view.shares[0].expected
    found = {
        ("weights", "gpu0"): Amount(weights, weights, weights),
        ("activation peak", "gpu0"): _spread(own.peak.total_bytes, SPREAD[peak_kind]),
        ("non-torch memory", "gpu0"): _spread(own.libraries.inside_bytes, SPREAD[library_kind]),
        ("CUDA graphs", "gpu0"): _spread(captured, SPREAD[captured_kind(facts)]),
        ("CUDA graphs, vLLM's estimate", "gpu0"): _spread(captured * ESTIMATED_SHARE, SPREAD["graphs, estimated"]),
        ("room for the cache", "gpu0"): left,
        ("context at the start", "gpu0"): Amount(outside, outside, outside),
    }
    serving = runtime.serving(deployment, estimate, usable_bytes)
    if serving is not None and serving.concurrent_requests > 0 and left.expected > 0:
        bounds = (max(0.0, left.low) / left.expected, left.high / left.expected)
        found[("tokens of the cache", "")] = _spread(serving.cache_tokens, bounds)
        found[("requests at once", "")] = _spread(serving.concurrent_requests, bounds)
    return found


def _spread(size: float, factors: tuple[float, float]) -> Amount:
    return Amount(size * factors[0], size, size * factors[1])


READER = LogReader(MARKS, read, printed)
