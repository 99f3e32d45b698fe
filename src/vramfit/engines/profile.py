"""What an engine knows of its speed: the constants that ``vramfit.speed`` puts into its roofline.

A profile holds numbers alone, each for a physical cause; ``speed`` does the arithmetic and knows no engine. Where a
number depends on the card, the vendor or the scheme, it is a table, whose entry ``""`` stands for whatever has none of
its own. The defaults are those of an engine that nobody measured.

Numbers "fitted" follow from the rows of ``tests/speed/measured.yaml``, which names their sources: ``python -m
tests.speed.fit write`` works them out and puts them in, here and into each engine's ``speed.py``.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.hardware import Gpu
    from vramfit.quantization import Scheme

UNKNOWN_SPREAD = {"decode": (0.5, 1.6), "prefill": (0.4, 1.8)}
"""Low and high as factors of an expected rate that rests on no row, by phase; set by hand."""


class Unfused(Record):
    """The cost of attention that falls apart into several kernels, as it does without flash attention."""

    cache_share: Mapping[str, float]
    """Rate of reading the cache, as a share of that of reading weights, by vendor."""
    attention_share: float
    """Rate of attention's arithmetic in a prompt, as a share of that of the matrices."""
    layer_microseconds: float
    """Time that each layer takes more while decoding."""


class SpeedProfile(Record):
    """The constants of an engine; see the module."""

    bus_share: Mapping[str, float] = {"": 0.85}
    """Share of peak memory bandwidth reached while reading weights, by kind of card (``card_kind``); set by hand."""
    bytes_per_clock: Mapping[str, float] = {"": 0.0}
    """Bytes of weights that a multiprocessor of an NVIDIA card takes in per clock, by how they are taken in (``intake``),
    where that binds before the bus does; 0 is no limit."""
    operations_per_weight: Mapping[str, Mapping[str, float]] = {}
    """FP32 operations to unpack a weight, by how it is taken in, then by kind of card; 0 or no entry is no limit."""
    cache_share: float = 0.872
    """Rate of reading the cache in fused attention, as a share of that of reading weights: fitted on llama.cpp's rows."""
    unfused: Unfused | None = None
    """Attention where flash attention is off; None for an engine that fuses it anyhow."""

    layer_microseconds: Mapping[str, float] = {"": 70.0}
    """Time that a layer takes beside its bytes, by what ``latency_by`` says; set by hand."""
    latency_by: str = "card"
    """``card`` for ``layer_microseconds`` by kind of card, ``scheme`` for how a scheme's matrices are called (``call``)."""
    several_cards_microseconds: float = 0.0
    """Time that a layer takes more where the layers are spread over several cards."""
    recurrent_microseconds: float = 130.0
    """Time that a recurrent layer takes more; fitted on llama.cpp's rows."""
    expert_microseconds: Mapping[str, float] = {"": 35.0, "nvidia": 0.54, "amd": 30.6, "apple": 88.7}
    """Time that a layer with experts takes more, for their routing and gathering, by vendor: fitted on llama.cpp's rows,
    but for other vendors, which are set by hand."""
    reduce_microseconds: Mapping[str, float] = {"NVLink": 57.1, "PCIe": 222.0}
    """Time of one sum over ranks that share a layer, of which each layer has two, by link: fitted on vLLM of 2023 on two
    A100 (NVLink), and on two and four A10G without peer access."""

    host_share: float = 0.452
    """Share of the RAM's peak bandwidth that the CPU reaches while reading weights: fitted on llama.cpp with an RTX 2080
    beside four channels of DDR4 that their owner measured, and with an RTX 3070 and a 4060 Ti."""
    host_expert_microseconds: float = 164.0
    """Time that a layer takes more whose experts the CPU computes; fitted on the same rows."""
    least_copied_tokens: int = 1
    """Tokens of a prompt from which a layer in RAM is copied to the GPU rather than computed by the CPU."""

    matrix_rate: str = "fp16"
    """Peak rate of the card (a key of ``Gpu.tflops``) that ``matrix_share`` is a multiple of."""
    matrix_share: Mapping[str, float] = {"": 0.4}
    """Operations per second in large matrices of quantized weights, as a multiple of the card's ``matrix_rate``, by kind
    of card; set by hand."""
    gain_16_bit: Mapping[str, float] = {"": 1.25}
    """How many times faster 16-bit weights are multiplied than quantized ones, by kind of card; set by hand."""
    attention_share: Mapping[str, float] = {"": 1.16, "apple": 0.913}
    """Rate of fused attention's arithmetic in a prompt, as a share of that of the matrices, by vendor; a vendor with an
    entry of its own has that without fused attention, too. Fitted on llama.cpp's rows."""
    chunk_tokens: int | None = None
    """Tokens of a prompt in one pass over the weights; None for all of them."""
    pipeline_exponent: float = 0.0
    """Power of the ideal gain of a pipeline of cards, through which the passes of a prompt follow each other, that is
    reached; 0 where one card works at a time."""
    pipeline_cost: float = 0.0
    """Fixed cost of that pipeline, as a share of the time."""

    spread: Mapping[str, tuple[float, float]] = UNKNOWN_SPREAD
    """Low and high as factors of the expected rate, which hold nine rows of ten, by phase (``decode``, ``prefill``); a
    phase without an entry has ``UNKNOWN_SPREAD``."""
    offloaded_spread: Mapping[str, tuple[float, float]] = {"decode": (0.57, 1.49)}
    """Likewise where a part of the weights is in RAM; fitted on llama.cpp's rows."""
    measured: Mapping[str, tuple[str, ...]] = {}
    """Kinds of cards with rows, by phase: others have ``UNKNOWN_SPREAD``. A phase without an entry tells no cards apart."""


USUAL = SpeedProfile()
"""The profile of an engine that states none."""


def pick(table: Mapping[str, float], key: str) -> float:
    """The entry of a table, or that of everything without one of its own."""
    value = table.get(key)
    return table[""] if value is None else value


def card_kind(gpu: Gpu) -> str:
    """The group of cards that behave alike: the architecture, parted where its memories or generations differ."""
    architecture = gpu.architecture or ""
    if architecture == "Apple Silicon":
        return "Apple 7-8" if gpu.compute_target in ("apple7", "apple8") else "Apple 9"
    if architecture == "Ampere" and gpu.memory_type is not None and gpu.memory_type.startswith("HBM"):
        return "Ampere HBM"
    if gpu.vendor == "nvidia" and gpu.unified:
        return "NVIDIA unified"
    return architecture


GROUPED = ("awq", "gptq", "compressed_tensors", "torchao", "hqq")
"""Families whose weights a kernel unpacks group by group; fp8 and 16-bit go to the matrix units as they are."""


def intake(scheme: Scheme) -> str:
    """How weights are taken in: ``K`` and I quants of GGUF, ``low`` ones below 4 bits, ``grouped`` ones, or ``""``."""
    if scheme.family != "gguf":
        return "grouped" if scheme.family in GROUPED else ""
    name = scheme.id.removeprefix("i1-")
    if name.startswith(("IQ1", "IQ2", "IQ3", "Q2_K", "Q3_K", "TQ")):
        return "low"
    return "K" if "_K" in name or name.startswith("IQ") else ""


def call(scheme: Scheme) -> str:
    """How a matrix of a scheme is called from Python: ``int8`` (LLM.int8), or as its family is."""
    return "int8" if scheme.settings.get("type") == "int8" else scheme.family
