"""Constants of an engine's speed, which ``vramfit.speed`` uses in its roofline.

A profile contains only numbers, each for a physical cause; ``speed`` does the arithmetic and names no engine. A number
that depends on the card, the vendor or the scheme is a table, whose entry ``""`` applies to everything without an entry
of its own. The defaults are for an engine that was not measured.

Numbers called "fitted" are computed from the rows of ``tests/speed/measured.yaml``, which names their sources. ``python
-m tests.speed.fit write`` computes them and writes them here and into each engine's ``speed.py``.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.hardware import Gpu
    from vramfit.quantization import Scheme

UNKNOWN_SPREAD = {"decode": (0.5, 1.6), "prefill": (0.4, 1.8)}
"""Low and high as factors of an expected rate for which there are no measured rows, by phase; set by hand."""


class Unfused(Record):
    """Constants of attention without flash attention, which consists of several kernels."""

    cache_share: Mapping[str, float]
    """Rate of reading the cache, as a share of the rate of reading weights, by vendor."""
    attention_share: float
    """Rate of attention's arithmetic in a prompt, as a share of the rate in matrices."""
    layer_microseconds: float
    """Additional time of each layer while decoding."""


class SpeedProfile(Record):
    """Constants of an engine's speed; the module's docstring describes their form."""

    bus_share: Mapping[str, float] = {"": 0.85}
    """Share of peak memory bandwidth reached while reading weights, by kind of card (``card_kind``); set by hand."""
    bytes_per_clock: Mapping[str, float] = {"": 0.0}
    """Bytes of weights that a multiprocessor of an NVIDIA card processes per clock, by the form of the weights
    (``intake``). It is a limit in addition to that of the memory bus; 0 means no such limit."""
    operations_per_weight: Mapping[str, Mapping[str, float]] = {}
    """Number of FP32 operations that unpack a weight, by the form of the weights and then by kind of card; 0 or no entry
    means no limit."""
    cache_share: float = 0.876
    """Rate of reading the cache in fused attention, as a share of the rate of reading weights: fitted on llama.cpp's
    rows."""
    unfused: Unfused | None = None
    """Constants of attention without flash attention; None for an engine that always fuses attention."""

    layer_microseconds: Mapping[str, float] = {"": 70.0}
    """Time of a layer that does not depend on its bytes, by what ``latency_by`` states; set by hand."""
    latency_by: str = "card"
    """Key of ``layer_microseconds``: ``card`` for the kind of card, ``scheme`` for the kind of call that multiplies with
    a scheme's matrices (``call``)."""
    several_cards_microseconds: float = 0.0
    """Additional time of a layer if the layers are spread over several cards."""
    recurrent_microseconds: Mapping[str, float] = {"": 130.0, "nvidia": 0.54, "amd": 84.8, "apple": 187.0}
    """Additional time of a recurrent layer, by vendor: fitted on llama.cpp's rows; that of other vendors is set by hand."""
    expert_microseconds: Mapping[str, float] = {"": 35.0, "nvidia": 0.54, "amd": 29.3, "apple": 74.1}
    """Additional time of a layer with experts, for routing and gathering, by vendor: fitted on llama.cpp's rows; that of
    other vendors is set by hand."""
    reduce_microseconds: Mapping[str, float] = {"NVLink": 57.1, "PCIe": 222.0}
    """Time of one sum over the ranks that share a layer, of which each layer has two, by link: fitted on vLLM of 2023 on
    two A100 (NVLink), and on two and four A10G without peer access."""

    host_share: float = 0.453
    """Share of the RAM's peak bandwidth that the CPU reaches while reading weights: fitted on llama.cpp with an RTX 2080
    and four channels of DDR4 that their owner measured, and with an RTX 3070 and a 4060 Ti."""
    host_expert_microseconds: float = 165.0
    """Additional time of a layer whose experts the CPU computes; fitted on the rows of ``host_share``."""
    least_copied_tokens: int = 1
    """Smallest number of prompt tokens for which a layer in RAM is copied to the GPU instead of computed by the CPU."""

    matrix_rate: str = "fp16"
    """Peak rate of the card (a key of ``Gpu.tflops``) that ``matrix_share`` is a multiple of."""
    matrix_share: Mapping[str, float] = {"": 0.4}
    """Operations per second in large matrices of quantized weights, as a multiple of the card's ``matrix_rate``, by kind
    of card; set by hand."""
    gain_16_bit: Mapping[str, float] = {"": 1.25}
    """Rate of multiplying with 16-bit weights, as a multiple of the rate with quantized ones, by kind of card; set by
    hand."""
    attention_share: Mapping[str, float] = {"": 1.16, "apple": 0.913}
    """Rate of fused attention's arithmetic in a prompt, as a share of the rate in matrices, by vendor. An entry for a
    vendor applies without fused attention too. Fitted on llama.cpp's rows."""
    chunk_tokens: int | None = None
    """Number of prompt tokens processed in one pass over the weights; None for the whole prompt."""
    pipeline_exponent: float = 0.0
    """Exponent that turns the ideal speed-up of a pipeline of cards, each working on another part of a prompt, into the
    speed-up that is reached; 0 if only one card works at a time."""
    pipeline_cost: float = 0.0
    """Fixed cost of that pipeline, as a share of the time."""

    spread: Mapping[str, tuple[float, float]] = UNKNOWN_SPREAD
    """Low and high as factors of the expected rate, which contain nine rows of ten, by phase (``decode``, ``prefill``); a
    phase without an entry has ``UNKNOWN_SPREAD``."""
    offloaded_spread: Mapping[str, tuple[float, float]] = {"decode": (0.56, 1.98)}
    """Low and high as factors of the expected rate if a part of the weights is in RAM, by phase; fitted on llama.cpp's
    rows."""
    measured: Mapping[str, tuple[str, ...]] = {}
    """Kinds of cards with measured rows, by phase; others have ``UNKNOWN_SPREAD``. A phase without an entry has the same
    spread on all cards."""


USUAL = SpeedProfile()
"""Profile of an engine that defines none."""


def pick(table: Mapping[str, float], key: str) -> float:
    """Entry of a table for a key, or its entry ``""`` if there is none."""
    value = table.get(key)
    return table[""] if value is None else value


def card_kind(gpu: Gpu) -> str:
    """Kind of a card: its architecture, divided further if memory or generation make a difference in speed."""
    architecture = gpu.architecture or ""
    if architecture == "Apple Silicon":
        return "Apple 7-8" if gpu.compute_target in ("apple7", "apple8") else "Apple 9"
    if architecture == "Ampere" and gpu.memory_type is not None and gpu.memory_type.startswith("HBM"):
        return "Ampere HBM"
    if gpu.vendor == "nvidia" and gpu.unified:
        return "NVIDIA unified"
    return architecture


GROUPED = ("awq", "gptq", "compressed_tensors", "torchao", "hqq")
"""Families of schemes whose weights a kernel unpacks group by group; fp8 and 16-bit weights need no unpacking."""


def intake(scheme: Scheme) -> str:
    """Form of a scheme's weights, which determines the kernel that reads them.

    It is ``K`` for K and I quants of GGUF, ``low`` for those below 4 bits, ``grouped`` for families with groups of
    scales, and ``""`` for all others.
    """
    if scheme.family != "gguf":
        return "grouped" if scheme.family in GROUPED else ""
    name = scheme.settings["type"]
    if name.startswith(("IQ1", "IQ2", "IQ3", "Q2_K", "Q3_K", "TQ")):
        return "low"
    return "K" if "_K" in name or name.startswith("IQ") else ""


def call(scheme: Scheme) -> str:
    """Kind of call by which Python multiplies with a scheme's matrices: ``int8`` (LLM.int8), or the scheme's family."""
    return "int8" if scheme.settings.get("type") == "int8" else scheme.family
