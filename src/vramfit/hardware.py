"""GPUs, with what the data sheet says, what the driver reports and what a program can really allocate.

Three sizes that are often confused: the *marketed* GB on the box, the memory the driver *reports*
(``nvidia-smi``, ``rocm-smi``), and the *usable* memory a CUDA, ROCm or Metal program can allocate before its own
context. A "24 GB" RTX 4090 reports 24,564 MiB and offers 24,080.
"""

from __future__ import annotations

from vramfit._record import Record, once
from vramfit.units import GB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeVar

    V = TypeVar("V")

CUDA_RESERVED_BYTES = 400 * MIB
"""Fixed part of what CUDA keeps back of the reported total on Linux; see ``usable_bytes``."""

CUDA_RESERVED_SHARE = 0.002
"""Proportional part of what CUDA keeps back: page tables and the like."""

WINDOWS_SHARE = 0.938
"""Share of the reported total that WDDM lets a program have without a desktop's own use: an RTX 4090 had 23,040 of
24,563 MiB free (ggml-org/llama.cpp issue 27680)."""

PCIE_BYTES_PER_SECOND_PER_LANE = {
    "2.0": 0.5 * GB,
    "3.0": 0.985 * GB,
    "4.0": 1.969 * GB,
    "5.0": 3.938 * GB,
    "6.0": 7.563 * GB,
}
"""Bandwidth in one direction, after line coding (PCI-SIG generations 2 to 6)."""


class Gpu(Record):
    """One device as software sees it; multi-die boards that appear as several devices are several ``Gpu``."""

    id: str
    """Catalogue id, ``rtx4090``."""
    name: str
    """Name as the driver prints it, ``NVIDIA GeForce RTX 4090``."""
    vendor: str
    """``nvidia``, ``amd``, ``intel``, ``apple``, ``google``, ``custom``."""
    segment: str
    """``consumer``, ``workstation``, ``datacenter``, ``laptop``, ``embedded``, ``apu``, ``apple``."""
    architecture: str | None
    """``Ada Lovelace``, ``RDNA 3``; None when unknown."""
    marketed_gb: float
    """Size on the box, in marketing's GB."""
    memory_bytes: int
    """Total that the driver reports in its usual state (data-centre GDDR cards: ECC on)."""
    memory_measured: bool
    """False when ``memory_bytes`` comes from the class rule, not from a reading of this device."""
    usable_readings: Mapping[str, int]
    """Bytes a program could allocate, by platform, where someone has read it: ``{"linux": …}``."""
    memory_type: str | None
    """``GDDR6X``, ``HBM3``, ``LPDDR5X``."""
    unified: bool
    """True if CPU and GPU share the memory (Apple, Jetson, APUs)."""
    bandwidth_bytes_per_second: int | None
    """Theoretical peak of the memory bus."""
    cores: int | None
    """Shader cores (CUDA cores, stream processors); Apple: GPU cores."""
    core_unit: str | None
    """Vendor's word for what ``cores`` counts."""
    tensor_cores: int | None
    """Matrix units, where the vendor counts them."""
    compute_target: str | None
    """``sm_89``, ``gfx1100``, ``apple9``; ``compute_capability`` is what rules of CUDA read."""
    tflops: Mapping[str, float]
    """Dense TFLOPS by operand type: ``fp32``, ``fp16`` (fp32 accumulate), ``bf16``, ``fp8``, ``int8``, ``fp4``."""
    pcie: str | None
    """Generation and width, ``4.0 x16``; None for soldered or unknown."""
    nvlink_bytes_per_second: int | None
    """Bandwidth per GPU, both directions summed."""
    price_usd: int | None
    """Launch list price."""
    released: str | None
    """ISO date."""
    rents: tuple[Rent, ...]
    """Dated cloud offers of this very device."""
    recalled: bool = False
    """True if its entry rests on memory in part: no copy of a data sheet was compared with some of its figures."""

    @once
    def compute_capability(self) -> tuple[int, int] | None:
        """Major and minor number of a CUDA card, ``(8, 9)`` of ``sm_89`` and ``(12, 1)`` of ``sm_121a``; None of others."""
        target = self.compute_target or ""
        digits = target[3:].rstrip("af")
        if not target.startswith("sm_") or not digits.isdecimal():
            return None
        number = int(digits)
        return number // 10, number % 10

    @property
    def host_link_bytes_per_second(self) -> int | None:
        """PCIe bandwidth in one direction, None when unknown."""
        if not self.pcie:
            return None
        generation, _, width = self.pcie.partition(" x")
        lane = PCIE_BYTES_PER_SECOND_PER_LANE.get(generation)
        return None if lane is None or not width.isdecimal() else round(lane * int(width))


class Rent(Record):
    """One cloud offer: prices move weekly, so each is shown with its date."""

    provider: str
    """``runpod``, ``lambda``, ``aws``."""
    instance: str | None
    """Provider's name of the machine, ``p5.48xlarge``; None where it has none or it is not known."""
    gpus: int
    """Devices per instance."""
    usd_per_hour: float
    """Price of the whole instance on demand."""
    as_of: str
    """Date on which the price was read, as precisely as the source says."""


def usable_bytes(gpu: Gpu, platform: str) -> int:
    """Bytes a program can allocate on an otherwise idle ``gpu``, before its own context.

    A reading for the platform wins. Otherwise, for CUDA on Linux: reported total less 400 MiB and 0.2 %, a line
    through the pairs (``nvidia-smi`` total, CUDA total) of RTX 3060 12288/11906, T4 15360/14912, A10G 23028/22587,
    RTX 3090 24576/24126, H100 81559/81100 and B200 183359/182642 MiB: within 150 MiB of each. ROCm and Level Zero
    report what they offer, and a share of the host's memory is offered whole.
    """
    reading = gpu.usable_readings.get(platform)
    if reading is not None:
        return reading
    if platform == "windows" and gpu.vendor in ("nvidia", "amd", "intel") and not gpu.unified:
        return round(gpu.memory_bytes * WINDOWS_SHARE)
    if gpu.vendor == "nvidia" and not gpu.unified:
        return round(gpu.memory_bytes * (1 - CUDA_RESERVED_SHARE)) - CUDA_RESERVED_BYTES
    return gpu.memory_bytes


def gpu_from_facts(facts: Mapping[str, Any]) -> Gpu:
    """Make the ``Gpu`` of one compiled catalogue entry (see ``catalogue``), whose sizes are MiB and decimal GB/s."""
    bandwidth = facts.get("bandwidth_gb_s")
    nvlink = facts.get("nvlink_gb_s")
    return Gpu(
        id=facts["id"],
        name=facts["name"],
        vendor=facts["vendor"],
        segment=facts["segment"],
        architecture=facts.get("architecture"),
        marketed_gb=facts["vram_gb"],
        memory_bytes=facts["memory_mib"] * MIB,
        memory_measured=facts["memory_measured"],
        usable_readings={platform: mib * MIB for platform, mib in facts.get("usable_mib", {}).items()},
        memory_type=facts.get("memory_type"),
        unified=facts.get("unified", False),
        bandwidth_bytes_per_second=None if bandwidth is None else round(bandwidth * GB),
        cores=facts.get("cores"),
        core_unit=facts.get("core_unit"),
        tensor_cores=facts.get("tensor_cores"),
        compute_target=facts.get("compute_target"),
        tflops=facts.get("tflops", {}),
        pcie=facts.get("pcie"),
        nvlink_bytes_per_second=None if nvlink is None else round(nvlink * GB),
        price_usd=facts.get("price_usd"),
        released=facts.get("released"),
        rents=tuple(
            Rent(r["provider"], r.get("instance"), r.get("gpus", 1), r["usd_per_hour"], r["as_of"])
            for r in facts.get("rents", ())
        ),
        recalled=facts.get("recalled", False),
    )


def kinds(gpus: Sequence[Gpu]) -> Sequence[Gpu]:
    """The different ones of some GPUs: equal cards of a deployment are one object."""
    return gpus if len(gpus) == 1 else tuple({id(gpu): gpu for gpu in gpus}.values())


def each(value_of: Callable[[Gpu], V], gpus: Sequence[Gpu]) -> tuple[V, ...]:
    """Value of a function for each GPU, which is worked out once for equal cards."""
    if len(gpus) == 1:
        return (value_of(gpus[0]),)
    known = {id(gpu): value_of(gpu) for gpu in kinds(gpus)}
    return tuple([known[id(gpu)] for gpu in gpus])
