"""Memory of vLLM's CUDA graphs: the sizes that are captured, and what a graph takes for each layer.

For each of a list of batch sizes the layers are captured one by one, because attention runs outside (``PIECEWISE``); for
those up to the largest number of sequences the whole step is captured too (``FULL``). Read in vLLM 0.11.0, 0.19.0 and
0.33.0 ``config/vllm.py`` ``_set_cudagraph_sizes`` and ``v1/cudagraph_dispatcher.py``.

The bytes of a graph are the driver's, so they were measured. 37 start-up logs of vLLM 0.19.0 on H100 with 102 graphs
(jgchn/llm-d-planner, branch accuracy) give 15.9 MiB for each dense layer, and 160 MiB that do not depend on the layers.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.vllm.release import ATTENTION
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LatentAttention
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.release import Release
    from vramfit.model import Model

BASE_BYTES = 160 * MIB
"""Bytes of the graphs' pool that do not depend on the layers."""
PIECE_BYTES = round(0.20 * MIB)
"""Bytes of the graph of one dense layer for one size: with 67 sizes 28 layers took 0.50 GiB in vLLM 0.10.1 on an A100."""
FULL_BYTES = round(0.11 * MIB)
"""Bytes of one dense layer in the graph of a whole step: the rest of the 15.9 MiB of a layer with 51 sizes of each."""
EXPERTS_FACTOR = 2.0
"""Bytes of a layer with experts as a multiple of a dense one's: 32 MiB in the logs of DeepSeek-V2-Lite and Kimi-VL."""
EXPERTS_FACTOR_EARLIER = 6.5
"""Bytes of a layer with experts before 0.11, as such a multiple: Qwen3-235B took 8.68 GiB on each of eight A100 with 67
sizes in 0.8.5 (vllm-project/vllm issue 18446)."""
MXFP4_FACTOR = 3.4
"""Bytes of a layer whose experts the Triton kernels for MXFP4 run, as such a multiple: 54 MiB in the log of gpt-oss-20b on
two H100."""
STATE_FACTOR = 3.0
"""Bytes of a layer with a recurrent state, as such a multiple: 32 layers of Qwen3.5-9B, three quarters of them gated delta
nets, took 1.29 GiB with 51 and 35 sizes in vLLM 0.18.0 on an L40S."""
COMPRESSED_FACTOR = 6.0
"""Bytes of one of DeepSeek-V4's layers, which compress, index and mix streams, as such a multiple: 43 of them took 1.73 GiB
with 64 sequences in vLLM 0.25.0 on two RTX PRO 6000."""
EIGHT_BIT_FACTOR = 1.18
"""Bytes of layers that quantize their inputs to 8 bits, as a multiple of those of others: 3 MiB more in the logs of W8A8
models."""
SPLITS = 32
"""Largest number of parts that FlashAttention 3 divides a sequence into inside of a graph; each has float32 outputs of its
own (``flash_attn_max_num_splits_for_cuda_graph``, ``config/attention.py``). A fit to the logs finds 0.98 of these bytes."""
UNSPLIT = ("gemma3_text", "gemma4_text", "gemma4_unified_text", "molmo2_text", "gemma")
"""Models by ``model_type`` that read images with attention in both directions, which FlashAttention does not offer
(``config/model.py`` ``is_mm_prefix_lm``); their Triton kernels need no such outputs."""
LARGEST_SIZE, LARGEST_SIZE_BLACKWELL = 512, 1024
"""Largest size that is captured, and that of data-centre cards of Blackwell."""
SIZED_BY_ROWS_SINCE = (0, 10)
"""Release from which on the largest size is twice the number of sequences at most (vllm-project/vllm PR 20628 of 8 July
2025). V1 captured 67 sizes up to 512 before, whatever the sequences, and V0 those up to the number of sequences."""
PROFILED_SINCE = (0, 18)
"""First release that estimates its graphs by capturing some (a start-up log of 0.18.0; none in the source of 0.17.0)."""
EARLIER_FACTOR = 0.25
"""Measured bytes before 0.13 as a share of the formula's: 0.10 and 0.39 GiB for Qwen3-0.6B and gpt-oss-20b in vLLM 0.11.0,
whose measure contains no memory that PyTorch had kept from the profile run (llm-d results page)."""


def sizes(rows: int, tokens: int, query: int, release: Release, blackwell: bool) -> tuple[int, ...]:
    """Batch sizes that are captured, for ``rows`` sequences of ``query`` tokens each and steps of ``tokens`` tokens."""
    largest = LARGEST_SIZE_BLACKWELL if blackwell and release.numbers >= (0, 28) else LARGEST_SIZE
    if not release.compiled:
        largest = -(-rows // 8) * 8 if rows > 4 else rows
    elif release.numbers >= SIZED_BY_ROWS_SINCE:
        largest = min(2 * rows * query, largest)
    largest = min(largest, tokens)
    step = 8 if release.numbers < (0, 12) else 16
    found = [size for size in (1, 2, 4) if size <= largest]
    found += range(8, min(largest + 1, 256), 8)
    found += range(256, largest + 1, step)
    return tuple(found)


def profiled_blocks(captured: tuple[int, ...], rows: int, release: Release) -> int:
    """Number of blocks of the cache that vLLM makes to capture graphs with before it sizes the real one; 0 if it does not.

    It has a block for each sequence of the largest size that is captured, and from 0.26 on for no more than ``rows``
    sequences (0.19.0, 0.25.0 and 0.26.0 ``v1/worker/gpu_model_runner.py`` ``_init_minimal_kv_cache_for_profiling``). In models
    with recurrent states a block is so large that this cache may not fit: 256 blocks ask 784 MiB for each of 16 tensors of
    Qwen3.8-27B (vllm-project/recipes models/Qwen/Qwen3.8-27B.yaml), 512 blocks 1.03 GiB of Qwen3.5-9B's in 0.18.0.
    """
    if not captured or release.numbers < PROFILED_SINCE:
        return 0
    return captured[-1] if release.numbers < (0, 26) else min(rows, captured[-1])


class Graphs(Record):
    """CUDA graphs of one rank, by what their bytes are computed from."""

    sizes: int = 0
    """Number of sizes, in tokens of a step, that are captured layer by layer."""
    whole: int = 0
    """Number of sizes of which the whole step is captured too."""
    layers: float = 0.0
    """Number of layers, each taken as often as its graph is larger than a dense layer's."""
    width: float = 1.0
    """Factor of layers that quantize their inputs."""
    outputs_bytes: int = 0
    """Bytes of float32 outputs of the parts that FlashAttention divides a sequence into."""
    share: float = 1.0
    """Measured or estimated bytes as a share of the formula's."""

    @property
    def bytes(self) -> int:
        """Bytes of all of them; 0 where nothing is captured."""
        if not self.sizes:
            return 0
        each = self.sizes * PIECE_BYTES + self.whole * FULL_BYTES
        size = BASE_BYTES + round(each * self.layers * self.width) + self.outputs_bytes
        return size if self.share == 1 else round(size * self.share)


def graphs(
    model: Model,
    ranks: int,
    span: tuple[int, int],
    captured: tuple[int, ...],
    rows: int,
    release: Release,
    mxfp4: bool,
    eight_bit: bool,
    splits: bool,
) -> Graphs:
    """Graphs of the layers from ``span[0]`` to before ``span[1]``, as measured after their capture.

    ``captured`` has the sizes, of which those up to ``rows`` are captured whole too. ``mxfp4`` states that Triton kernels
    run MXFP4 experts, ``eight_bit`` that activations are quantized, and ``splits`` that FlashAttention 3 is used.
    """
    if not captured:
        return Graphs()
    full = [size for size in captured if size <= rows] if release.full_graphs else []
    outputs = 0
    if splits and full and not (model.vision is not None and model.architecture.model_type in UNSPLIT):
        outputs = SPLITS * max(full) * 4 * _outputs(model) // ranks
    return Graphs(
        len(captured),
        len(full),
        sum(_weights(model, mxfp4, release.full_graphs)[span[0] : span[1]]),
        EIGHT_BIT_FACTOR if eight_bit else 1.0,
        outputs,
        EARLIER_FACTOR if (0, 11) <= release.numbers < (0, 13) else 1.0,
    )


@per_model
def _weights(model: Model, mxfp4: bool, recent: bool) -> tuple[float, ...]:
    """Bytes of each layer's graph as multiples of those of a dense layer."""
    found = [1.0] * model.layer_count
    for group in model.layers:
        factor = 1.0
        if any(mixer.kind == "compressed" for mixer in group.mixers):
            factor = COMPRESSED_FACTOR
        elif any(mixer.kind not in ATTENTION for mixer in group.mixers):
            factor = STATE_FACTOR
        if group.experts is not None:
            experts = MXFP4_FACTOR if mxfp4 else EXPERTS_FACTOR if recent else EXPERTS_FACTOR_EARLIER
            factor = max(factor, experts)
        for index in group.indices:
            found[index] = factor
    return tuple(found)


@per_model
def _outputs(model: Model) -> int:
    """Elements of one token's attention outputs in the widest layer that FlashAttention computes, over all ranks."""
    most = 0
    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, LatentAttention):
                most = max(most, mixer.heads * mixer.kv_rank)
            elif isinstance(mixer, Attention):
                most = max(most, mixer.widths.output)
    return most
