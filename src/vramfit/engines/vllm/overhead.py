"""Memory of a vLLM or SGLang process in addition to weights, cache and activations, with its spread in logs."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.units import MIB

ALONE_BYTES = 80 * MIB
"""Bytes of ``non_torch_memory`` on one GPU, without the CUDA context: 0.02-0.36 GiB, median 0.08, in 37 start-up logs
(among them vllm-project/vllm issues 10517, 12330 and huggingface/cookbook ``fine_tune_chatbot_docs_synthetic``)."""
PEER_BYTES = 225 * MIB
"""Additional bytes for each further rank (NCCL and the custom all-reduce): two ranks 0.25-0.74 GiB, four 0.34-1.39 (issues
15815, 13061, 16570), eight about 1.8 (sgl-project/sglang issue 11716: NCCL takes 1.77-2.01 GB of each of eight)."""
LIBRARIES_LOW, LIBRARIES_HIGH = 0.3, 3.0
"""Lowest and highest factor of the two constants in those logs; eight H200 with a mixture of experts reached 7.16 GiB."""
GRAPH_BYTES_PER_LAYER = 18 * MIB
"""Bytes of the CUDA graphs of all batch sizes, per layer. Logs show 0.17-0.38 GiB for 28 layers, 0.56 (28), 0.59 (32),
0.64 (40), 0.72 (36) and 2.41 for 60 layers on four GPUs (vllm-project/vllm issue 7553 and start-up logs of 0.7.3 to 0.10)."""
GRAPH_LOW, GRAPH_HIGH = 0.3, 2.3
"""Lowest and highest factor of that constant in those logs."""


class Overhead(Record):
    """Overhead of one rank in bytes, without the CUDA context: lower bound, expected value and upper bound."""

    low_bytes: int
    expected_bytes: int
    high_bytes: int


def overhead(ranks: int, layers: int, *, eager: bool) -> Overhead:
    """Overhead of one of ``ranks`` tensor-parallel ranks with ``layers`` layers; ``eager`` means without CUDA graphs."""
    libraries, graphs = libraries_bytes(ranks), graph_bytes(layers, eager=eager)
    return Overhead(
        round(libraries * LIBRARIES_LOW + graphs * GRAPH_LOW),
        libraries + graphs,
        round(libraries * LIBRARIES_HIGH + graphs * GRAPH_HIGH),
    )


def libraries_bytes(ranks: int) -> int:
    """Bytes of libraries outside of PyTorch, such as those for communication between the ranks."""
    return ALONE_BYTES + PEER_BYTES * (ranks - 1)


def graph_bytes(layers: int, *, eager: bool) -> int:
    """Bytes of the CUDA graphs of all batch sizes; 0 if ``eager``, without CUDA graphs."""
    return 0 if eager else GRAPH_BYTES_PER_LAYER * layers
