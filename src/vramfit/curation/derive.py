"""Derivation of the facts the program computes with from an entry as people write it, above all of its memory size.

The shares below are what many readings of a class have in common. Each is the driver's total divided by the marketed
size; the readings stand in ``data/gpus.yaml`` with their sources.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RECALLED = "recalled"
"""Key of the source that is memory alone."""

MIB_PER_GB = 1024
"""A marketed "GB" of a graphics card is 2^30 bytes."""

ECC_SHARE = 0.9375
"""GDDR with ECC on keeps a sixteenth for check bits (CUDA best practices guide): T4, A10, L4, A40, L40S."""
BLACKWELL_SHARE = 0.995
"""RTX 5060 to 5090 and RTX PRO: 0.9950 to 0.9956."""
BLACKWELL_HBM_SHARE = 0.9326
"""B200 183,359 MiB of 192 GB, B300 275,040 MiB of 288 GB."""
HOPPER_SHARE = 0.9955
"""H100, H100 NVL, H200, H20, GH200."""
ADA_SHARE = 0.9995
"""Ada GeForce, and Ampere and Ada workstation cards with ECC off: RTX 4090 24,564 MiB, RTX A6000 49,140 MiB."""
RDNA4_SHARE = 0.995
"""RX 9070 XT 16,304 MiB, R9700 32,624 MiB."""
AMD_RESERVED_MIB = 16
"""Earlier AMD cards: RX 7900 XTX 24,560 MiB, MI210 65,520 MiB."""
ARC_SHARE = 0.944
"""Arc A770 15,473 MiB (llama.cpp, docs/backend/SYCL.md), Arc Pro B60 23,256 MiB."""

JETSON_SHARE = 0.93
"""CUDA total of Orin Nano, AGX Orin, Thor and GB10: 0.93 to 0.97 of the module's memory."""
GTT_SHARE = 0.5
"""Linux maps half of the RAM for an AMD APU unless told otherwise (amdgpu's default GTT size)."""
METAL_SHARES = ((16, 2 / 3), (24, 2 / 3), (32, 2 / 3))
METAL_SHARE = 0.75
"""Older macOS: two thirds up to 32 GB, three quarters above."""

_PLAIN = (
    "id", "name", "vendor", "segment", "architecture", "compute_target", "released", "price_usd", "vram_gb",
)  # fmt: skip
_CHIP = ("cores", "core_unit", "sms", "tensor_cores", "boost_mhz", "tdp_w", "tdp_max_w")
_DRIVER_REPORTERS = ("nvidia-smi", "rocm", "level-zero")
_PROGRAM_REPORTERS = ("cuda", "rocm", "level-zero")


def facts(entry: Mapping[str, Any], sources: Mapping[str, Any], field_sources: Mapping[str, Any]) -> dict[str, Any]:
    """Compile the facts of one merged entry: flat, in MiB and GB/s; sources are keys."""
    memory, chip, link = (entry.get(group) or {} for group in ("memory", "chip", "link"))
    flat: dict[str, Any] = {key: entry.get(key) for key in _PLAIN}
    flat |= {
        "memory_type": memory.get("type"),
        "ecc": memory.get("ecc"),
        "unified": bool(memory.get("unified")),
        **{key: memory.get(key) for key in ("bus_bits", "data_rate_gbps", "bandwidth_gb_s")},
        **{key: chip.get(key) for key in _CHIP},
        **{key: link.get(key) for key in ("pcie", "nvlink_gb_s")},
    }
    tflops = dict(entry.get("tflops") or {})
    tflops_source = tflops.pop("source", None)
    flat["tflops"] = {kind: value for kind, value in tflops.items() if value is not None}
    flat["precisions"] = {kind: value for kind, value in (entry.get("precisions") or {}).items() if value is not None}
    flat["memory_mib"], flat["memory_measured"] = memory_mib(entry)
    flat["usable_mib"] = usable_mib(entry)
    for key in ("reported", "pci", "driver_names", "aliases", "clouds", "instances"):
        flat[key] = entry.get(key) or []
    flat["rents"] = [_rent(rent, sources) for rent in entry.get("rents") or []]
    for key in ("family", "devices_per_board", "note", "usable"):
        if entry.get(key) is not None:
            flat[key] = entry[key]
    flat["confidence"] = entry.get("confidence") or _confidence(entry.get("verified") or {})
    flat["verified"] = {field: refs for field, refs in (entry.get("verified") or {}).items() if refs}
    flat["sources"] = entry.get("sources") or []
    by_field = {field: refs for field, refs in field_sources.items() if flat.get(field) not in (None, [], {})}
    if flat["bus_bits"] is None or flat["data_rate_gbps"] is None:
        by_field.pop("bandwidth_gb_s", None)  # nothing it could be computed from: it is the entry's sources'
    if tflops_source and flat["tflops"]:
        by_field["tflops"] = [tflops_source]
    flat["field_sources"] = by_field
    if any(source.split("/")[0] == RECALLED for source in [*flat["sources"], *by_field.get("tflops", [])]):
        flat["recalled"] = True
    return flat


def memory_mib(entry: Mapping[str, Any]) -> tuple[int | None, bool]:
    """Total that the driver reports, and whether that was read from this very device.

    The reading in the card's usual state counts: with ECC where a data-centre card has it on. Without a reading the
    class's share of the marketed size is used. None for a GPU without memory of its own.
    """
    size = entry.get("vram_gb")
    if size is None:
        return None, False
    whole = size * MIB_PER_GB
    if entry["vendor"] == "apple":
        return round(whole), (entry.get("usable") or {}).get("macos_mib") is not None
    if (entry.get("memory") or {}).get("unified"):
        return round(whole), any(reading["by"] in _PROGRAM_REPORTERS for reading in entry.get("reported") or [])
    readings = [reading for reading in entry.get("reported") or [] if reading["by"] in _DRIVER_REPORTERS]
    unusual = "ecc off" if entry["segment"] == "datacenter" else "ecc on"
    readings = [reading for reading in readings if unusual not in reading.get("state", "")]
    if readings:
        recent = [reading for reading in readings if "older driver" not in reading.get("state", "")]
        return min(reading["mib"] for reading in recent or readings), True
    return round(_class_mib(entry, whole)), False


def _class_mib(entry: Mapping[str, Any], whole: float) -> float:
    """Reported total that cards of this class have, MiB."""
    vendor, architecture, segment = entry["vendor"], entry.get("architecture") or "", entry["segment"]
    memory = entry.get("memory") or {}
    if memory.get("ecc") == "inline":
        return whole * ECC_SHARE
    if vendor == "nvidia":
        if (memory.get("type") or "").startswith("HBM"):
            shares = (("Hopper", HOPPER_SHARE), ("Blackwell", BLACKWELL_HBM_SHARE))
            return whole * next((share for name, share in shares if architecture.startswith(name)), 1.0)
        if architecture.startswith("Blackwell"):
            return whole * BLACKWELL_SHARE
        if architecture.startswith("Ada") or (architecture == "Ampere" and segment == "workstation"):
            return whole * ADA_SHARE
    if vendor == "amd":
        return whole * RDNA4_SHARE if architecture == "RDNA 4" else whole - AMD_RESERVED_MIB
    if vendor == "intel" and not (memory.get("type") or "").startswith("HBM"):
        return whole * ARC_SHARE
    return whole


def usable_mib(entry: Mapping[str, Any]) -> dict[str, int]:
    """MiB a program can have, by platform: the smallest reading, or for shared memory the platform's usual share."""
    size = entry.get("vram_gb")
    if size is None:
        return {}
    whole = size * MIB_PER_GB
    if entry["vendor"] == "apple":
        usable = entry.get("usable") or {}
        reading = usable.get("macos_mib") or usable.get("macos_older_mib")
        return {"macos": reading or round(whole * dict(METAL_SHARES).get(size, METAL_SHARE))}
    stated = (entry.get("usable") or {}).get("linux_mib")
    if stated is not None:
        return {"linux": stated}
    # Windows, too, lets an APU have half of the RAM beside what the driver's panel (VGM) sets aside.
    windows = {"windows": round(whole * GTT_SHARE)} if entry["segment"] == "apu" else {}
    readings = entry.get("reported") or []
    linux = [reading for reading in readings if reading.get("platform") == "linux"]
    exact = [reading["mib"] for reading in linux if reading["by"] in _PROGRAM_REPORTERS]
    found = exact or [reading["mib"] for reading in linux if reading["by"] == "torch"]
    if found:
        return {"linux": min(found), **windows}
    if (entry.get("memory") or {}).get("unified"):
        if entry["vendor"] == "nvidia":
            return {"linux": round(whole * JETSON_SHARE)}
        if entry["segment"] == "apu":
            return {"linux": round(whole * GTT_SHARE), **windows}
    return {}


def _rent(rent: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    source = sources.get(rent["source"].partition("/")[0], {})
    return {"instance": None, "gpus": 1, **rent, "as_of": rent.get("as_of") or source.get("as_of") or "undated"}


def _confidence(verified: Mapping[str, Any]) -> str:
    """Confidence in an entry: high if memory and bandwidth each have a second source, medium if one has, else low."""
    return ("low", "medium", "high")[sum(bool(verified.get(field)) for field in ("vram", "bandwidth"))]
