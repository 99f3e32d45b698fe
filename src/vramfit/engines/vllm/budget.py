"""Memory of a vLLM process that neither holds tensors of the model nor belongs to the profile run's peak.

vLLM looks at the card when its worker is up: what is taken then (CUDA context, NCCL) lies outside of the share of the card
that it allows itself. What libraries take afterwards, its "non-torch" memory, lies inside of it
(``utils/mem_utils.py`` ``memory_profiling``).

All constants were measured: where a source is not named, in 37 start-up logs of vLLM 0.15 to 0.19 on one, two and four H100
(jgchn/llm-d-planner, branch accuracy, ``accuracy/results``) and four of 0.11 (llm-d results page).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.cuda import BLACKWELL, HOPPER
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.release import Release
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme

CONSUMER = 12
"""Major number of the compute capability of Blackwell's cards other than those of data centres."""
ALONE_BYTES, ALONE_BYTES_EARLIER = 256 * MIB, 133 * MIB
"""Non-torch bytes on one GPU of Hopper: 0.24-0.26 GiB from 0.18 on, 0.13 before."""
SMALL_ALONE_BYTES, SMALL_ALONE_BYTES_EARLIER = 170 * MIB, 80 * MIB
"""Non-torch bytes on one GPU of other generations: before 0.18 0.02-0.36 GiB, median 0.08, in 37 start-up logs (among them
vllm-project/vllm issues 10517, 12330 and huggingface/cookbook ``fine_tune_chatbot_docs_synthetic``); from then on 0.10 on
an L40S, 0.21 on an L4 and 0.32 on an A100, as what the other terms leave of the share."""
UNSAMPLED_BYTES = 72 * MIB
"""Non-torch bytes on a stage of a pipeline without the sampler: 0.07 GiB on the first of four."""
PEER_BYTES, PEER_BYTES_HOPPER = 225 * MIB, 430 * MIB
"""Further bytes for each further rank (NCCL and the custom all-reduce): two ranks 0.25-0.74 GiB, four 0.34-1.39
(vllm-project/vllm issues 15815, 13061, 16570); eight A100 over NVLink 2.1 (issue 18446); two H100 0.55 in 0.11."""
PEER_BYTES_PCIE = 66 * MIB
"""Further bytes for each rank beyond two of cards that no NVLink joins all of: four A100 PCIe 0.34 GiB (vllm-project/vllm issue
16570), eight cards of 24 GB at most 0.2 (issue 22177), eight RTX 5080 1.35 (out-of-memory messages)."""
NVLINK_FOR_ALL = 300_000_000_000
"""Least bandwidth in bytes a second of NVLinks that join all cards of a machine, and not pairs of them by a bridge."""
FUSED_BYTES, FUSED_PEER_BYTES = 1863 * MIB, 45 * MIB
"""Further bytes from 0.18 on for tensor parallelism on data-centre cards from Hopper on, and for each rank beyond two, where
vLLM joins all-reduce and norm (``config/vllm.py`` ``enable_allreduce_rms_fusion``: not with a pipeline or data
parallelism): 2.06-2.11 GiB on two, 2.13-2.21 on four in all."""
NCCL_BYTES_HOPPER = 1044 * MIB
"""Bytes on several data-centre cards from Hopper on that are taken before vLLM looks at the card: 1.48-1.55 GiB less the
context of 0.51."""
NCCL_BYTES_EXPERTS = 490 * MIB
"""Further such bytes for a mixture of experts, whose experts have a group of ranks of their own: 2.01 GiB on two H100. On
cards of other generations, all that processes have beyond the context of one GPU is about what ``PEER_BYTES`` says: 1.35
GiB on eight RTX 5080, 2.1 on eight A100 (out-of-memory messages in issues of vllm-project/vllm)."""
HOPPER_CONTEXT_BYTES = 82 * MIB
"""Bytes that a context on Hopper takes beyond that of other cards: 0.51 GiB on an H100."""


UNIFIED_SYSTEM_SHARE = 0.083
"""Share of a memory that CPU and GPU share that system and processes hold when vLLM looks at what is free, which is what the
system calls available (``utils/mem_utils.py``): with 10 of a GB10's 121.7 GiB the default share of 0.92 does not start, as
reported, and 0.90 does."""
UNIFIED_SHARE = 0.058
"""Share of such a memory that the server's processes take on the CPU's side afterwards, which counts as non-torch memory:
about 7 GiB of a GB10's, as Qwen3.6-35B-A3B leaves 10.3 of a share of 0.85 for everything but weights, cache and graphs
(start-up log of vLLM 0.22.0, 2026-05-30)."""

BY_KERNEL = ("nvfp4", "plain", "fp8")
"""Families of schemes whose experts FlashInfer's kernels run on Blackwell (0.33.0 ``fused_moe/oracle/nvfp4.py``, ``fp8.py``,
``unquantized.py``); in 16 bits from 0.21 on."""


class Libraries(Record):
    """Memory of libraries on one rank in bytes."""

    alone_bytes: int
    """Bytes within the share of the card on one GPU."""
    linked_bytes: int = 0
    """Further such bytes of ranks that work together."""
    rank_bytes: int = 0
    """Further such bytes for each of ``further_ranks``."""
    further_ranks: int = 0
    context_bytes: int = 0
    """Bytes outside of the share that the context takes beyond that of other cards."""
    nccl_bytes: int = 0
    """Bytes outside of the share of several cards that speak with each other."""
    experts_bytes: int = 0
    """Further such bytes of a mixture of experts."""
    processes_bytes: int = 0
    """Bytes that the processes take of a memory shared with the CPU."""

    @property
    def inside_bytes(self) -> int:
        """Bytes within the share of the card, "non-torch" in the log."""
        return self.alone_bytes + self.linked_bytes + self.rank_bytes * self.further_ranks + self.processes_bytes

    @property
    def outside_bytes(self) -> int:
        """Bytes that are taken before vLLM looks at the card, beyond the context of a process on one GPU."""
        return self.context_bytes + self.nccl_bytes + self.experts_bytes


def libraries(
    model: Model,
    ranks: int,
    stages: int,
    last: bool,
    generation: str,
    release: Release,
    data_parallel: bool,
    peer_bytes: int = PEER_BYTES,
) -> Libraries:
    """Memory of libraries on one of ``ranks`` tensor-parallel ranks of one of ``stages`` stages, the ``last`` or another.

    ``generation`` and ``peer_bytes`` are those of the card as in ``Cards``.
    """
    linked = generation in ("hopper", "blackwell")
    recent = release.numbers >= (0, 18)
    if linked:
        alone = ALONE_BYTES if recent else ALONE_BYTES_EARLIER
    else:
        alone = SMALL_ALONE_BYTES if recent else SMALL_ALONE_BYTES_EARLIER
    together, each, further = 0, 0, 0
    if ranks > 1:
        if linked and recent and stages == 1 and not data_parallel:
            together, each, further = FUSED_BYTES, FUSED_PEER_BYTES, ranks - 2
        elif linked:
            together, each, further = PEER_BYTES_HOPPER, PEER_BYTES, ranks - 2
        else:
            together, each, further = PEER_BYTES, peer_bytes, ranks - 2
    several = linked and ranks * stages > 1
    experts = several and ranks > 1 and any(group.experts is not None for group in model.layers)
    return Libraries(
        alone if last else min(alone, UNSAMPLED_BYTES),
        together,
        each,
        further,
        HOPPER_CONTEXT_BYTES if generation == "hopper" else 0,
        NCCL_BYTES_HOPPER if several else 0,
        NCCL_BYTES_EXPERTS if experts else 0,
    )


def generation(gpu: Gpu) -> str:
    """Generation of a card as far as it matters: ``hopper``, ``blackwell`` (data centre), ``blackwell-12`` or an empty text."""
    if gpu.compute_capability is None or gpu.compute_capability < HOPPER:
        return ""
    if gpu.compute_capability < BLACKWELL:
        return "hopper"
    return "blackwell" if gpu.compute_capability[0] < CONSUMER else "blackwell-12"


def peer_bytes(gpu: Gpu) -> int:
    """Bytes of each rank beyond two on cards before Hopper, and on Blackwell's others; a bridge joins two PCIe cards."""
    joined = (gpu.nvlink_bytes_per_second or 0) >= NVLINK_FOR_ALL and "pcie" not in gpu.name.lower()
    return PEER_BYTES if joined else PEER_BYTES_PCIE


def unified_bytes(gpu: Gpu, offered_bytes: int) -> tuple[int, int]:
    """Bytes of a memory shared with the CPU that are taken before vLLM looks, and that its processes take afterwards.

    Both are 0 for cards with a memory of their own, and for other vendors', whose memory vLLM asks the driver about
    (``is_integrated_gpu``).
    """
    if not gpu.unified or gpu.vendor != "nvidia":
        return 0, 0
    return round(UNIFIED_SYSTEM_SHARE * offered_bytes), round(UNIFIED_SHARE * offered_bytes)


def experts_kernel(scheme: Scheme, generation: str, mxfp4_kernel: str, release: Release) -> str:
    """Kernel that runs a mixture's experts: ``flashinfer``, ``triton`` (the one for MXFP4), or an empty text for others."""
    if scheme.family == "mxfp4":
        if mxfp4_kernel == "triton":
            return "triton"
        return "flashinfer" if generation == "blackwell" else ""
    if generation.startswith("blackwell") and scheme.family in BY_KERNEL:
        return "flashinfer" if scheme.family == "nvfp4" or release.numbers >= (0, 21) else ""
    return ""
