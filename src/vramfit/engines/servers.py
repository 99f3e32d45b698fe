"""Facts that servers share: deployment keys, machines, and constants of speed."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import UsageError
from vramfit.workload.keys import Group, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


class ServerKeys(Record):
    """Values of the servers' deployment keys; None if the server decides."""

    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    data_parallel: int | None = None
    """Number of copies of the attention layers, each with requests of its own."""
    expert_parallel: bool = False
    """True if every GPU has whole experts instead of a part of each."""
    nodes: int | None = None
    """Number of machines."""
    max_num_seqs: int | None = None
    """Largest number of requests that the server processes at once; further ones queue."""
    max_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_memory_bytes: int | None = None
    """Size of the cache on each GPU; None for what the share of the card leaves."""
    enforce_eager: bool = False
    cpu_offload_bytes: int = 0
    """Bytes of weights of each GPU that stay in host memory."""
    swap_space_bytes: int | None = None
    """Bytes of host memory for each GPU's cache of requests that wait."""
    engine_version: str | None = None
    """Version of the engine; None for the newest."""
    max_loras: int = 0
    """Number of adapters held beside the model."""
    max_lora_rank: int = 16


class PositionKeys(ServerKeys):
    """Values of the keys of servers that read a model's configuration themselves."""

    rope_scaling: str | None = None
    """Positions that the model is extended to (``engines.positions``); None for its own."""
    long_context: bool = False
    """True if the server takes a context beyond the model's longest."""


class Spread(Record):
    """Machines that the GPUs of a server are in."""

    machines: int = 1
    stages: int = 1
    """Number of pipeline stages, if the deployment states no division."""


ONE_MACHINE = Spread()


def spread(gpus: tuple[Gpu, ...], work: Workload) -> Spread:
    """Machines of the GPUs; raises ``UsageError`` if those that the deployment states do not divide the GPUs."""
    nodes: int | None = work.own.nodes  # type: ignore[attr-defined]
    if len(gpus) == 1 and nodes in (None, 1):
        return ONE_MACHINE
    from vramfit.engines import machines

    return Spread(*machines.spread(gpus, nodes))


def _gibibytes(text: str) -> str:
    """Size of a bare number, which vLLM's ``--swap-space`` has in GiB; any other text as it is."""
    return f"{text.strip()}GiB" if text.strip().isdecimal() else text


KEYS = (
    Key(
        "tensor_parallel",
        "count",
        "GPUs each layer is split over",
        flags=("-tp",),
        maximum=1024,
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "pipeline_parallel",
        "count",
        "stages the layers are split into",
        flags=("-pp",),
        maximum=1024,
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "data_parallel",
        "count",
        "copies of the attention layers, each with requests of its own",
        flags=("-dp",),
        maximum=1024,
        default_text="1",
        decided=True,
    ),
    Key(
        "expert_parallel",
        "flag",
        "whole experts on each GPU, not a part of each",
        default=False,
    ),
    Key(
        "nodes",
        "count",
        "machines that the GPUs are in",
        maximum=1024,
        default_text="8 GPUs each",
        decided=True,
    ),
    Key(
        "max_num_seqs",
        "count",
        "requests processed at once; more of them queue",
        maximum=2**20,
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "max_batched_tokens",
        "count",
        "tokens of one step",
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "gpu_memory_utilization",
        "number",
        "share of the card the server may take",
        minimum=0.01,
        maximum=1.0,
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "kv_cache_memory",
        "size",
        "size of the cache on each GPU, for example 10GiB",
        default_text="what the share leaves",
        field="kv_cache_memory_bytes",
    ),
    Key("enforce_eager", "flag", "no CUDA graphs", default=False),
    Key(
        "cpu_offload", "size", "weights of each GPU kept in RAM, for example 8GiB", default=0, field="cpu_offload_bytes"
    ),
    Key(
        "swap_space",
        "size",
        "RAM for the cache of requests that wait, for each GPU, in GiB or as a size",
        default_text="the engine's",
        field="swap_space_bytes",
        read=_gibibytes,
    ),
    Key("engine_version", "text", "version of the engine, for example 0.19.0", default_text="the newest"),
    Key("max_loras", "count", "LoRA adapters held beside the model", minimum=0, maximum=4096, default=0),
    Key("max_lora_rank", "count", "largest rank of such an adapter", maximum=4096, default=16),
)

TITLE = "Servers: vLLM, SGLang, TensorRT-LLM"
GROUPS = (Group(KEYS, 40, TITLE),)

POSITION_KEYS = (
    Key(
        "rope_scaling",
        "text",
        "RoPE scaling of vLLM and SGLang, KIND:FACTOR[:TRAINED] as in yarn:4:32768, or other positions, 131072",
        default_text="the model's",
    ),
    Key("long_context", "flag", "take a context beyond the longest of the model (vLLM, SGLang)", default=False),
)

POSITION_GROUPS = (Group(POSITION_KEYS, 40, TITLE),)
"""Groups of keys that servers have which read a model's configuration themselves."""

SGLANG_KEYS = (
    Key(
        "max_total_tokens",
        "count",
        "SGLang: most tokens of the cache",
        default_text="what the share leaves",
    ),
    Key(
        "swa_full_tokens_ratio",
        "number",
        "SGLang: tokens of windowed layers for each of the full ones'",
        minimum=0.01,
        maximum=1.0,
        default_text="0.8",
    ),
    Key(
        "mamba_full_memory_ratio",
        "number",
        "SGLang: memory of recurrent states for each byte of the tokens' cache",
        minimum=0.01,
        maximum=100.0,
        default_text="0.9",
    ),
    Key(
        "cuda_graph_max_bs",
        "count",
        "SGLang: largest batch captured in CUDA graphs",
        flags=("--cuda-graph-max-bs-decode",),
        default_text="by the card",
    ),
)

SGLANG_GROUPS = (Group(SGLANG_KEYS, 41, TITLE),)
"""Groups of keys that SGLang alone has. They stand here because tables of all keys are made without loading an engine."""


def refuse_offload(model: Model, work: Workload, name: str) -> None:
    """Raise ``UsageError`` if the deployment puts layers into host memory, where servers do not compute them."""
    if work.cpu_moe_layers or work.gpu_layers not in ("all", model.layer_count):
        raise UsageError(f"{name} keeps every layer on the GPUs", "use --engine llama.cpp for layers in RAM")


def version(keys: ServerKeys) -> tuple[int, ...] | None:
    """Numbers of the version that a deployment states, ``(0, 19, 0)``; None for the newest.

    Release candidates and builds count as the version that they precede or follow (``0.19.0rc1``, ``v0.19.0+cu128``).
    Raises ``UsageError`` for a text without numbers.
    """
    text = keys.engine_version
    if text is None or text.strip().lower() in ("latest", "newest"):
        return None
    numbers: list[int] = []
    for part in text.strip().lower().removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    if not numbers:
        raise UsageError(f'engine_version "{text}" is no version', "write it as 0.19.0")
    return tuple(numbers)


def sequences(keys: ServerKeys, work: Workload, usual: int) -> int:
    """Number of requests that the server processes at once: the stated one, else ``usual``, and all that are asked.

    Raises ``UsageError`` if fewer are stated than the deployment asks to be held at once.
    """
    stated = keys.max_num_seqs
    if stated is None:
        return max(usual, work.parallel)
    if stated < work.parallel:
        raise UsageError(
            f"max_num_seqs {stated} is fewer than the {work.parallel} requests asked at once",
            f"use --max-num-seqs {work.parallel}, or fewer users",
        )
    return stated


def ranks(estimate: Estimate) -> int:
    """Number of GPUs that each layer is split over, which the estimate decided."""
    return estimate.settings["tensor_parallel"]  # type: ignore[return-value]


BYTES_PER_CLOCK = 9.67
"""Bytes of weights that a multiprocessor processes per clock if they need no unpacking: fitted on vLLM and SGLang on A100,
A10G and H20 (``SpeedProfile.bytes_per_clock``)."""
LAYER_MICROSECONDS = {"": 65.6}
"""Time of a layer that does not depend on its bytes, fitted on the rows of all servers: each launches a whole step as one
CUDA graph, so that one number serves them all (``SpeedProfile.layer_microseconds``)."""


HEADS_ALIKE = ("plain", "fp8")
"""Families of schemes in which checkpoints store a prediction head like the rest. Those of fewer bits leave it in 16
(``ignore`` of nvidia/Qwen3.6-27B-NVFP4's and nvidia/Qwen3.5-397B-A17B-NVFP4's config.json: ``mtp.layers.0*``)."""


def head_scheme(scheme: Scheme) -> Scheme:
    """Scheme that a checkpoint in ``scheme`` stores a prediction head in."""
    from vramfit.quantization import SCHEMES

    return scheme if scheme.family in HEADS_ALIKE else SCHEMES["bf16"]
