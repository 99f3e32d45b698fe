"""Facts that the servers vLLM and SGLang share: deployment keys, constants of speed, and settings to try as remedies."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import Setting
from vramfit.errors import UsageError
from vramfit.workload.keys import Group, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vramfit.engines.interface import Estimate
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


class ServerKeys(Record):
    """Values of the servers' deployment keys; None if the server decides."""

    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    max_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    enforce_eager: bool = False


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
        "max_batched_tokens",
        "count",
        "vLLM: tokens of one step",
        flags=("--max-num-batched-tokens",),
        default_text="the engine's",
        decided=True,
    ),
    Key(
        "gpu_memory_utilization",
        "number",
        "vLLM: share of the card it may take",
        minimum=0.01,
        maximum=1.0,
        default_text="the engine's",
        decided=True,
    ),
    Key("enforce_eager", "flag", "vLLM: no CUDA graphs", default=False),
)

GROUPS = (Group(KEYS, 40),)


def refuse_offload(model: Model, work: Workload, name: str) -> None:
    """Raise ``UsageError`` if the deployment puts layers into host memory, where servers do not compute them."""
    if work.cpu_moe_layers or work.gpu_layers not in ("all", model.layer_count):
        raise UsageError(f"{name} keeps every layer on the GPUs", "use --engine llama.cpp for layers in RAM")


def ranks(estimate: Estimate) -> int:
    """Number of GPUs that each layer is split over, which the estimate decided."""
    return estimate.settings["tensor_parallel"]  # type: ignore[return-value]


BYTES_PER_CLOCK = 9.67
"""Bytes of weights that a multiprocessor processes per clock if they need no unpacking: fitted on vLLM and SGLang on A100,
A10G and H20 (``SpeedProfile.bytes_per_clock``)."""
LAYER_MICROSECONDS = {"": 65.6}
"""Time of a layer that does not depend on its bytes, fitted on the rows of all servers: each launches a whole step as one
CUDA graph, so that one number serves them all (``SpeedProfile.layer_microseconds``)."""
CHUNK_TOKENS = 2048
"""Number of prompt tokens of one step, if the deployment does not state it (``SpeedProfile.chunk_tokens``)."""


HEADS_ALIKE = ("plain", "fp8")
"""Families of schemes in which checkpoints store a prediction head like the rest. Those of fewer bits leave it in 16
(``ignore`` of nvidia/Qwen3.6-27B-NVFP4's and nvidia/Qwen3.5-397B-A17B-NVFP4's config.json: ``mtp.layers.0*``)."""


def head_scheme(scheme: Scheme) -> Scheme:
    """Scheme that a checkpoint in ``scheme`` stores a prediction head in."""
    from vramfit.quantization import SCHEMES

    return scheme if scheme.family in HEADS_ALIKE else SCHEMES["bf16"]


LEAST_STEP_TOKENS = 512
"""Number of tokens of the smallest step that a remedy proposes."""


def settings(
    name: str, keys: ServerKeys, decided: Mapping[str, object], shares: tuple[float, ...]
) -> Iterator[Setting]:
    """Settings to try as remedies: a larger share of the card (one of ``shares``), no CUDA graphs, ever smaller steps.

    ``decided`` contains the settings that the estimate decided (``Estimate.settings``).
    """
    share = decided.get("gpu_memory_utilization")
    for step in shares:
        if isinstance(share, float) and share < step:
            summary = f"let {name} take {step:.0%} of the card instead of {share:.0%}"
            trade = "less is left for other programs on the card"
            yield Setting({"gpu_memory_utilization": step}, summary, trade, 1)
    if not keys.enforce_eager:
        trade = "decoding is slower without CUDA graphs, most of all for small models"
        yield Setting({"enforce_eager": True}, f"run {name} without CUDA graphs", trade, 2)
    tokens = decided.get("max_batched_tokens")
    while isinstance(tokens, int) and tokens >= 2 * LEAST_STEP_TOKENS:
        tokens //= 2
        summary = f"process {tokens:,} tokens per step at most"
        yield Setting({"max_batched_tokens": tokens}, summary, "prompts are processed more slowly", 2)
