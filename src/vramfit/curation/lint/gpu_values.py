"""Rules on a GPU's figures, which catch impossible values and name the likely slip."""

from __future__ import annotations

from vramfit.curation.derive import MIB_PER_GB
from vramfit.curation.lint.registry import rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.curation.lint.gpus import GpuSubject
    from vramfit.curation.strict_yaml import Fault

BANDWIDTH_TOLERANCE = 0.01
"""Vendors round; a decimal point or a bus of the wrong width is further off."""

READING_SHARES = {"nvidia-smi": (0.90, 1.0), "cuda": (0.80, 1.0), "torch": (0.80, 1.0), "rocm": (0.25, 1.01),
                  "metal": (0.5, 1.0), "level-zero": (0.80, 1.0)}  # fmt: skip
"""Shares of the marketed size that each program has been seen to print; an APU's under ROCm is set in the BIOS."""

RANGES: tuple[tuple[str, float, float, str], ...] = (
    ("vram_gb", 0.5, 1024, "GB of one device, not of the board or the system"),
    ("price_usd", 30, 100_000, "US dollars at launch"),
    ("memory.bus_bits", 32, 16384, "bits: eight times the bytes"),
    ("memory.data_rate_gbps", 0.5, 64, "Gbit/s per pin, not MHz"),
    ("memory.bandwidth_gb_s", 10, 40_000, "10^9 bytes per second, not bits and not TB/s"),
    ("chip.cores", 1, 200_000, "shader cores"),
    ("chip.sms", 1, 2048, "SMs, compute units or Xe cores"),
    ("chip.boost_mhz", 200, 5000, "MHz, not GHz"),
    ("chip.tdp_w", 2, 5000, "watts"),
    ("chip.tdp_max_w", 2, 5000, "watts"),
    ("link.nvlink_gb_s", 20, 10_000, "GB/s, both directions summed"),
    ("tflops.fp32", 0.05, 2000, "TFLOPS, not GFLOPS"),
    ("tflops.fp16", 0.05, 50_000, "TFLOPS, dense"),
    ("tflops.int8", 0.05, 100_000, "TOPS, dense"),
    ("tflops.fp8", 0.05, 100_000, "TFLOPS, dense"),
    ("tflops.fp4", 0.05, 200_000, "TFLOPS, dense"),
)
"""Field, least, most, and what it counts: from half of the smallest known to several times the largest."""

RENT_USD_PER_HOUR = (0.02, 30.0)
"""Least and most per GPU; the catalogue has 0.15 to 10.57."""

FIRST_TARGET = {"bf16": 80, "fp8": 89, "fp4": 100}
"""First CUDA compute capability whose tensor cores take the type (CUDA programming guide, compute capabilities)."""

CORES_PER_UNIT = {"nvidia": (64, 128, 192), "amd": (64,)}
"""Shader cores in an SM or compute unit, as the vendors count them."""

SPARSITY = 1.9
"""Ratio to what its units can do from which a rate is the one with structured sparsity, which vendors print first."""


@rule("gpus")
def implausible_value(subject: GpuSubject) -> Iterator[Fault]:
    """A figure no such device has."""
    for number, gpu in subject.entries:
        for field, least, most, meaning in RANGES:
            value = _value(gpu, field)
            if value is not None and not least <= value <= most and (value or field not in ("chip.sms", "chip.cores")):
                yield subject.fault(number, field, f"{value:g} is not plausible", f"it counts {meaning}")


@rule("gpus")
def bandwidth(subject: GpuSubject) -> Iterator[Fault]:
    """A bandwidth that is not bus width times data rate."""
    for number, gpu in subject.entries:
        bus, rate, stated = (_value(gpu, f"memory.{key}") for key in ("bus_bits", "data_rate_gbps", "bandwidth_gb_s"))
        if not (bus and rate and stated):
            continue
        computed = bus / 8 * rate
        if abs(stated / computed - 1) > BANDWIDTH_TOLERANCE:
            problem = f"{stated:g} GB/s is not {bus:g} bits / 8 × {rate:g} Gbit/s = {computed:.1f} GB/s"
            yield subject.fault(number, "memory.bandwidth_gb_s", problem, _bandwidth_hint(stated / computed))


@rule("gpus")
def implausible_reading(subject: GpuSubject) -> Iterator[Fault]:
    """A memory reading that cannot be of a card of this size."""
    for number, gpu in subject.entries:
        size = gpu.get("vram_gb")
        for at, reading in enumerate(gpu.get("reported") or ()):
            field = f"reported.{at}.mib"
            if size is None:
                yield subject.fault(number, field, "is a reading of a GPU without memory of its own")
                continue
            share = reading["mib"] / (size * MIB_PER_GB)
            least, most = READING_SHARES[reading["by"]]
            if not least <= share <= most:
                problem = f"{reading['mib']:,} MiB is {share:.0%} of {size:g} GB"
                yield subject.fault(number, field, problem, "MB instead of MiB, or another card's?")


@rule("gpus")
def usable_beyond_memory(subject: GpuSubject) -> Iterator[Fault]:
    """Usable memory that exceeds what is there."""
    for number, gpu in subject.entries:
        for key in ("macos_mib", "macos_older_mib"):
            value = _value(gpu, f"usable.{key}")
            if value is not None and value > (gpu.get("vram_gb") or 0) * MIB_PER_GB:
                problem = f"{value:,} MiB is more than the {gpu.get('vram_gb')} GB there are"
                yield subject.fault(number, f"usable.{key}", problem, "ggml prints MB of 10^6 bytes: convert to MiB")


@rule("gpus")
def power_range(subject: GpuSubject) -> Iterator[Fault]:
    """A highest power below the usual one."""
    for number, gpu in subject.entries:
        usual, most = _value(gpu, "chip.tdp_w"), _value(gpu, "chip.tdp_max_w")
        if usual and most and most < usual:
            yield subject.fault(number, "chip.tdp_max_w", f"{most:g} W is below tdp_w, {usual:g} W", "exchanged?")


@rule("gpus")
def cores_per_unit(subject: GpuSubject) -> Iterator[Fault]:
    """Cores that do not divide into the units as the vendor builds them."""
    for number, gpu in subject.entries:
        cores, units, known = _value(gpu, "chip.cores"), _value(gpu, "chip.sms"), CORES_PER_UNIT.get(gpu["vendor"])
        if cores and units and known and cores / units not in known:
            built = " or ".join(map(str, known))
            problem = f"{cores:,} cores in {units} units are {cores / units:g} each; {gpu['vendor']} builds {built}"
            yield subject.fault(number, "chip.cores", problem, "a figure of a sibling?")


@rule("gpus")
def sparse_rate(subject: GpuSubject) -> Iterator[Fault]:
    """A rate with structured sparsity where the dense one belongs: 8-bit above twice, 4-bit above four times fp16."""
    for number, gpu in subject.entries:
        half = _value(gpu, "tflops.fp16_acc16") or _value(gpu, "tflops.fp16")
        if not half or (gpu.get("precisions") or {}).get("fp16") != "fast":
            continue
        for kind, times in (("bf16", 1), ("fp8", 2), ("int8", 2), ("fp4", 6)):
            rate = _value(gpu, f"tflops.{kind}")
            if rate and rate > SPARSITY * times * half and _has_matrix_units(gpu):
                problem = f"{rate:g} is {rate / half:.1f} times the rate of fp16"
                yield subject.fault(number, f"tflops.{kind}", problem, "with sparsity? the dense rate is half of that")


@rule("gpus")
def types_of_target(subject: GpuSubject) -> Iterator[Fault]:
    """A type that NVIDIA's compute capability does not have, or does have and is denied."""
    for number, gpu in subject.entries:
        target = (gpu.get("compute_target") or "").removeprefix("sm_")
        if gpu["vendor"] != "nvidia" or not target.isdecimal():
            continue
        for kind, first in FIRST_TARGET.items():
            stated = (gpu.get("precisions") or {}).get(kind)
            if stated is not None and stated != (int(target) >= first):
                word = "has" if stated else "lacks"
                problem = f"says that sm_{target} {word} {kind}, which came with sm_{first}"
                yield subject.fault(number, f"precisions.{kind}", problem, "the family of another generation?")


@rule("gpus")
def rate_of_absent_type(subject: GpuSubject) -> Iterator[Fault]:
    """A rate for a type the hardware is said not to compute in."""
    for number, gpu in subject.entries:
        for kind in ("bf16", "fp8", "int8", "fp4"):
            if _value(gpu, f"tflops.{kind}") and (gpu.get("precisions") or {}).get(kind) is False:
                yield subject.fault(number, f"tflops.{kind}", f"is given, but precisions.{kind} is false")


@rule("gpus")
def ecc_of_memory(subject: GpuSubject) -> Iterator[Fault]:
    """ECC that costs capacity on HBM, or costs none on GDDR."""
    for number, gpu in subject.entries:
        memory = gpu.get("memory") or {}
        kind, ecc = memory.get("type") or "", memory.get("ecc")
        if kind.startswith("HBM") and ecc == "inline":
            yield subject.fault(number, "memory.ecc", "HBM keeps its check bits apart", "write native")
        if kind.startswith("GDDR") and ecc == "native":
            yield subject.fault(number, "memory.ecc", "GDDR keeps check bits in its own sixteenth", "write inline")


@rule("gpus")
def impossible_date(subject: GpuSubject) -> Iterator[Fault]:
    """A date the calendar does not have."""
    from datetime import date

    for number, gpu in subject.entries:
        released = gpu.get("released")
        if released is None:
            continue
        year, month, day = ([int(part) for part in released.split("-")] + [1, 1])[:3]
        try:
            date(year, month, day)
        except ValueError:
            yield subject.fault(number, "released", f"there is no {released}", "write year-month-day")


@rule("gpus")
def implausible_rent(subject: GpuSubject) -> Iterator[Fault]:
    """A price per GPU and hour that nobody asks."""
    least, most = RENT_USD_PER_HOUR
    for number, gpu in subject.entries:
        for at, rent in enumerate(gpu.get("rents") or ()):
            each = rent["usd_per_hour"] / rent.get("gpus", 1)
            if not least <= each <= most:
                problem = f"{each:.4g} dollars per GPU and hour is not plausible"
                hint = "the price is of the whole instance: is the count of its GPUs right?"
                yield subject.fault(number, f"rents.{at}.usd_per_hour", problem, hint)


@rule("gpus")
def rent_by_count(subject: GpuSubject) -> Iterator[Fault]:
    """An instance that occurs twice, or one with more GPUs that a provider asks less for."""
    from itertools import pairwise

    for number, gpu in subject.entries:
        seen: dict[tuple[Any, ...], int] = {}
        by_count: dict[tuple[Any, ...], list[tuple[int, float, int]]] = {}
        for at, rent in enumerate(gpu.get("rents") or ()):
            count, field = rent.get("gpus", 1), f"rents.{at}"
            if seen.setdefault((rent["provider"], rent.get("instance"), count), at) != at:
                yield subject.fault(number, field, "is the same offer as one above", "keep the newer one")
            by_count.setdefault((rent["provider"], rent["source"]), []).append((count, rent["usd_per_hour"], at))
        for offers in by_count.values():
            offers.sort()
            for (fewer, less, _), (more, price, at) in pairwise(offers):
                if more > fewer and price < less:
                    problem = f"{more} GPUs for ${price:g}, where {fewer} cost ${less:g}"
                    yield subject.fault(number, f"rents.{at}", problem, "the price is of the whole instance")


def _has_matrix_units(gpu: dict[str, Any]) -> bool:
    """True if the GPU has matrix units; without them int8 and fp16 are vector rates, in other proportions."""
    return (_value(gpu, "chip.tensor_cores") or 0) > 0


def _value(gpu: dict[str, Any], field: str) -> Any:
    group, _, key = field.rpartition(".")
    return ((gpu.get(group) or {}) if group else gpu).get(key)


def _bandwidth_hint(ratio: float) -> str:
    for factor, hint in ((8, "bits instead of bytes?"), (2, "the double data rate counted twice?"), (1000, "TB/s?")):
        if abs(ratio / factor - 1) < BANDWIDTH_TOLERANCE or abs(ratio * factor - 1) < BANDWIDTH_TOLERANCE:
            return hint
    return "one of the three is another card's"
