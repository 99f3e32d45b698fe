"""Memory of an SGLang process besides weights, cache and activations: what it holds before it loads, and what comes after.

The memory before counts twice: it is gone when SGLang measures the free memory that its static share is a share of.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

ALONE_BYTES = 90 * MIB
"""Bytes that a single process holds beside its CUDA context before it loads: "Init torch distributed ends" 0.00-0.09 GB.
With the context this leaves 177.65 GiB of a B200, 287.5 of an MI355X, 15.4 of a 16 GB card and 46.9 of a 48 GB card; logs
have 177.74 (sgl-project/sglang PR 14173), 287.2 (PR 18263), 15.33 (a note on LFM2-700M, 0.5.6.post2) and 46.81 (PR 15426)."""
PEER_BYTES = 130 * MIB
PEER_BYTES_EACH = 66 * MIB
"""Bytes of NCCL over PCIe, and for each rank: 0.26 GB for two RTX 4090 (issue 16920), 0.39 for four RTX PRO 6000 (issue
40558)."""
NVLINK_BYTES = 1750 * MIB
NVLINK_BYTES_EACH = 30 * MIB
"""Bytes of NCCL and custom all-reduce over NVLink from Hopper on, and for each rank: 1.77-2.01 GB for eight H200 (PR 11716).
Four H100 have 2.5 GiB less than the card before they load (vllm-project/vllm issue 21348)."""
ROCM_BYTES = 3200 * MIB
"""Bytes of RCCL, which AMD cards warm up at the start: eight MI300X have 188.3 GiB left of 192 (issue 7691)."""
BEFORE_LOW, BEFORE_HIGH = 0.3, 1.6
"""Lowest and highest factor of these in logs."""

DECODE_BYTES_PER_LAYER = 6 * MIB
"""Bytes of the CUDA graphs for decoding, which share one memory pool, per layer: 0.13 GB for 64 layers (0.5.19, Qwen3-32B on
an H100), 0.03 for 16 (0.5.6), 0.93 for 64 in 0.4.3 on four L4."""
DECODE_LOW, DECODE_HIGH = 0.3, 2.5
PREFILL_GRAPH_BYTES = 8 * MIB
"""Bytes outside of PyTorch for each captured prefill size (0.5.23 ``memory_hook.py`` ``reserve_for_graph_mb``). Those inside
of it are the activations of the largest step, which later steps use again: 2.84 GB in all for Qwen3-32B, 0.5.19, on an
H100."""
PREFILL_HIGH = 2.0
FLASHINFER_BYTES = 384 * MIB
"""Bytes of FlashInfer's workspace, which all cards but Hopper decode with: Hopper has FlashAttention 3, and Blackwell
of the data centre takes as much for TensorRT-LLM's kernels (``srt/environ.py`` ``SGLANG_FLASHINFER_WORKSPACE_SIZE``)."""
LIBRARIES_BYTES = 160 * MIB
LIBRARIES_LOW, LIBRARIES_HIGH = 0.3, 3.0
"""Bytes of handles, kernels and sampling buffers, and the lowest and highest factor: two of 24 GB hold 20.85 GiB where
weights and cache are 18.46 (Qwen3-14B on four RTX 4090)."""

IMAGE_CACHE_BYTES = 100 * MIB
"""Bytes kept back from the pool for embeddings of images (``SGLANG_VLM_CACHE_SIZE_MB``, ``mm_runtime_reservation_gb``)."""

PARTITION_TOKENS = 256
PARTITION_BYTES = 4
"""Tokens of a part of AITER's decode attention, and bytes of an element of its results
(``srt/layers/attention/aiter_backend.py``)."""
LEAST_REQUESTS, MOST_REQUESTS = 2048, 4096
"""Bounds of the number of requests that a server prepares for where none is stated (``resolve_max_num_reqs``)."""


class Overhead(Record):
    """Bytes of one rank, without the CUDA context."""

    before_bytes: int
    """Bytes held before weights are loaded."""
    decode_bytes: int
    """CUDA graphs for decoding."""
    prefill_bytes: int
    """CUDA graphs for prefill, outside of PyTorch."""
    workspace_bytes: int
    """Workspace of the attention kernels."""
    images_bytes: int
    """Cache of embeddings of images."""
    libraries_bytes: int = LIBRARIES_BYTES

    @property
    def after_bytes(self) -> int:
        """Bytes held besides those before, once the server is up."""
        certain = self.workspace_bytes + self.images_bytes
        return self.decode_bytes + self.prefill_bytes + certain + self.libraries_bytes

    @property
    def low_bytes(self) -> int:
        """Lower bound of all."""
        low = self.before_bytes * BEFORE_LOW + self.decode_bytes * DECODE_LOW
        return round(low + self.libraries_bytes * LIBRARIES_LOW)

    @property
    def high_bytes(self) -> int:
        """Upper bound of all."""
        high = self.before_bytes * BEFORE_HIGH + self.decode_bytes * DECODE_HIGH + self.prefill_bytes * PREFILL_HIGH
        certain = self.workspace_bytes + self.images_bytes
        return round(high + self.libraries_bytes * LIBRARIES_HIGH) + certain


def overhead(
    world: int, layers: int, prefill_steps: int, *, link: str, flashinfer: bool, decodes_captured: bool, sees: bool
) -> Overhead:
    """Overhead of one of ``world`` ranks with ``layers`` layers.

    ``link`` is ``nvlink``, ``rocm`` or ``pcie``, which the ranks speak over. ``prefill_steps`` is the number of captured
    prefill sizes.
    """
    return Overhead(
        before_bytes(world, link),
        DECODE_BYTES_PER_LAYER * layers if decodes_captured else 0,
        PREFILL_GRAPH_BYTES * prefill_steps,
        FLASHINFER_BYTES if flashinfer else 0,
        IMAGE_CACHE_BYTES if sees else 0,
    )


def before_bytes(world: int, link: str) -> int:
    """Bytes that one of ``world`` ranks holds before it loads weights, without its CUDA context."""
    if world == 1:
        return ALONE_BYTES
    if link == "rocm":
        return ROCM_BYTES
    if link == "nvlink":
        return NVLINK_BYTES + NVLINK_BYTES_EACH * world
    return PEER_BYTES + PEER_BYTES_EACH * world


def workspace_bytes(model: Model, context: int, ranks: int, requests: int | None) -> int:
    """Bytes of AITER's workspace for decoding on AMD cards, which is taken after the pool; 0 with latent attention.

    With 262,144 tokens and 3,261 requests Qwen3-30B takes 51.75 GiB (sgl-project/sglang PR 18263).
    """
    if model.has_latent_attention:
        return 0
    heads = width = 0
    for group in model.layers:
        for mixer in group.mixers:
            own = mixer.widths
            if own.kv_heads and own.heads >= heads:
                heads, width = own.heads, own.output // own.heads
    rows = (requests or LEAST_REQUESTS) * max(1, heads // ranks) * -(-context // PARTITION_TOKENS)
    return rows * (width * PARTITION_BYTES + 2 * PARTITION_BYTES)
