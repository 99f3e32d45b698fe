"""Activations of the largest step of TensorRT-LLM, and what its process takes beside weights and cache.

The activations follow NVIDIA's own planner (ai-dynamo/aiconfigurator ``sdk/backends/trtllm_backend.py``
``_get_memory_usage`` at 00ae653): so many 16-bit activations per token and width, by number of ranks, twice as many in
mixtures of experts, whose workspace grows with the experts of a token.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.vllm.activations import vision_bytes
from vramfit.model.architecture import Attention, Experts
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.model.mixers import Mixer

ACTIVATION_BYTES = 2
PER_TOKEN = ((8, 5.0), (4, 5.0), (2, 6.5), (1, 11.0))
"""Number of activations per token and element of the width, by the least number of ranks."""
MIXTURE_FACTOR = 2
"""Factor of these for mixtures of experts."""
LEAST_BYTES = 70 * MIB
COMPUTE_LOW, COMPUTE_HIGH = 0.4, 2.0
"""Lowest and highest factor of the expected activations. gpt-oss-120b took 0.85 GiB for 8,192 tokens where 1.38 are
expected (start-up log of 1.2 on a DGX Spark, 2025-12-20); the workspace of many small experts is not in them."""
BLOCK_SCALE_BYTES = 4 / 128
"""Bytes of scales per element in the workspace of experts."""

LIBRARIES_BYTES = GIB
LIBRARIES_LOW_BYTES, LIBRARIES_HIGH_BYTES = 300 * MIB, 3584 * MIB
"""Bytes of workspaces of attention and matrix multiplication, of the sampler and of libraries, without the CUDA context.
The planner first counted 551 MB and then 3.5 GB "for safer deployment" (its ``systems/*.yaml`` ``other_mem``). Qwen2.5-1.5B
on an L4 left 16.25 GiB free of 22.0 after 2.9 of weights."""
PEER_BYTES = ((4, 392 * MIB), (2, 342 * MIB), (1, 0))
"""Bytes of NCCL, by the least number of ranks (its ``nccl_mem``)."""
PEER_HIGH = 3.0
"""Highest factor of that number, from vLLM's start-up logs on Hopper."""
GRAPH_BYTES = 512 * 1024
"""Bytes of the CUDA graph of one batch size, per layer: Qwen3-235B-A22B (94 layers, 34 batch sizes) took 1.84 GiB for
these and the workspaces of a step (NVIDIA/TensorRT-LLM issue 5872)."""
GRAPH_LOW, GRAPH_HIGH = 0.2, 4.0
"""Lowest and highest factor of that constant, those of vLLM's graphs."""
LARGEST_GRAPH = 128
"""Largest batch size with a graph (``llmapi/llm_args.py`` ``CudaGraphConfig``)."""


class Overhead(Record):
    """Bytes of one rank without the CUDA context: lower bound, expected value and upper bound."""

    low_bytes: int
    expected_bytes: int
    high_bytes: int


def step_bytes(model: Model, tokens: int, ranks: int, images: int, size: tuple[int, int] | None) -> tuple[int, int]:
    """Bytes of one rank's activations in a step of so many tokens, expected and at most.

    Images are encoded before, as many as a step's tokens hold.
    """
    if not model.layers:
        return 0, 0
    width, each = step_widths(model, ranks)
    text = max(LEAST_BYTES, round(ACTIVATION_BYTES * tokens * width * each))
    high = round(text * COMPUTE_HIGH) + _workspace_bytes(model, tokens, ranks)
    sight = vision_bytes(model, tokens, images, size)
    return max(text, sight), max(high, sight)


def step_widths(model: Model, ranks: int) -> tuple[int, float]:
    """Width of the model's widest queries or hidden state, and the activations for each of its elements and token."""
    width = max([model.hidden, *[_width(mixer) for group in model.layers for mixer in group.mixers]])
    each = next(count for least, count in PER_TOKEN if ranks >= least) * (MIXTURE_FACTOR if model.has_experts else 1)
    return width, each


def _width(mixer: Mixer) -> int:
    """Elements of the queries of all heads; 0 for a mixer without heads of its own keys."""
    return mixer.heads * mixer.head_dim if isinstance(mixer, Attention) else 0


def _workspace_bytes(model: Model, tokens: int, ranks: int) -> int:
    """Bytes of the workspace of a mixture's scales on one of the ranks that share its experts."""
    found = [group.feed_forward for group in model.layers if isinstance(group.feed_forward, Experts)]
    most = max([network.count * network.active for network in found], default=0)
    return round(tokens * model.hidden * most / ranks * BLOCK_SCALE_BYTES)


def overhead(ranks: int, layers: int, sequences: int, *, eager: bool) -> Overhead:
    """Overhead of one rank with ``layers`` layers; ``eager`` means without CUDA graphs."""
    peers, graphs = peer_bytes(ranks), graph_bytes(layers, sequences, eager=eager)
    return Overhead(
        LIBRARIES_LOW_BYTES + round(graphs * GRAPH_LOW),
        LIBRARIES_BYTES + peers + graphs,
        LIBRARIES_HIGH_BYTES + round(peers * PEER_HIGH + graphs * GRAPH_HIGH),
    )


def peer_bytes(ranks: int) -> int:
    """Bytes of NCCL on one of so many ranks."""
    return next(size for least, size in PEER_BYTES if ranks >= least)


def graph_bytes(layers: int, sequences: int, *, eager: bool) -> int:
    """Bytes of the CUDA graphs of all batch sizes up to ``sequences``; 0 if ``eager``."""
    return 0 if eager else GRAPH_BYTES * layers * graph_count(sequences)


def graph_count(sequences: int) -> int:
    """Number of batch sizes with a graph: all up to 32, then 64 and 128.

    Source: ``llmapi/llm_args.py`` ``_generate_cuda_graph_batch_sizes``, without padding.
    """
    most = min(sequences, LARGEST_GRAPH)
    sizes = {size for size in (*range(1, 33), 64, LARGEST_GRAPH) if size <= most}
    return len(sizes | {most})
