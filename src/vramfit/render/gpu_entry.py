"""Paragraphs of a GPU's page."""

from __future__ import annotations

from vramfit.units import GIB, gib, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object


_ECC = {
    "none": "no ECC",
    "optional": "ECC off unless switched on",
    "inline": "ECC on, which takes a sixteenth",
    "native": "ECC at no cost",
    "varies": "ECC on or off by system",
}
_PLATFORMS = {"linux": "Linux", "windows": "Windows", "macos": "macOS"}
_SEGMENTS = {"datacenter": "data centre", "apu": "APU"}
_UNITS = {"nvidia": "SMs", "amd": "compute units", "intel": "Xe cores"}
_TYPES = ("bf16", "int8", "fp8", "fp4")


def subtitle(gpu: Object) -> str:
    """Id, segment, architecture and date in one line."""
    target = f" ({gpu['compute_target']})" if gpu["compute_target"] else ""
    architecture = f"{gpu['architecture']}{target}" if gpu["architecture"] else None
    released = gpu["released"] and f"released {gpu['released']}"
    segment = None if gpu["segment"] == "apple" else _SEGMENTS.get(gpu["segment"], gpu["segment"])
    parts = (gpu["id"], segment, architecture, released)
    return ", ".join(part for part in parts if part)


def paragraphs(gpu: Object) -> Iterator[tuple[str, list[str]]]:
    """Label and lines of each paragraph; one of which nothing is known has no lines."""
    yield "Memory", list(_memory(gpu))
    yield "Bandwidth", [_bandwidth(gpu)]
    yield "Processor", [_processor(gpu)]
    yield "TFLOPS", [_rates(gpu)]
    yield "Types", [_types(gpu)]
    yield "Links", [_links(gpu)]
    yield "Price", [f"launched at ${gpu['price_usd']:,}" if gpu["price_usd"] else ""]
    yield "Rent", _rents(gpu["rents"])
    yield "Clouds", [", ".join(gpu["clouds"]), ", ".join(gpu["instances"])]
    yield "Names", list(_names(gpu))
    yield "Readings", [_reading(reading) for reading in gpu["readings"]]
    yield "Confidence", [_confidence(gpu)]


def _memory(gpu: Object) -> Iterator[str]:
    kind, ecc = gpu["memory_type"] or "memory", _ECC.get(gpu["ecc"] or "")
    if gpu["marketed_gb"] is None:
        yield f"none of its own: it uses the host's ({kind})"
        return
    board = f", one of {gpu['devices_per_board']} such GPUs on the board" if gpu["devices_per_board"] > 1 else ""
    shared = ", shared with the CPU" if gpu["unified"] else ""
    yield f"{gpu['marketed_gb']:g} GB on the box, {kind}{f', {ecc}' if ecc else ''}{shared}{board}"
    if not gpu["unified"]:
        how = "as read from this device" if gpu["memory_measured"] else "by the rule for its class, nobody has read it"
        yield f"{gib(gpu['memory_bytes'])} reported by the driver, {how}"
    for platform, usable in gpu["usable"].items():
        how = "as read" if usable["basis"] == "reading" else "by rule"
        yield f"{gib(usable['bytes'])} usable by a program on {_PLATFORMS[platform]}, {how}"


def _bandwidth(gpu: Object) -> str:
    speed = gpu["bandwidth_bytes_per_second"]
    if speed is None:
        return ""
    bus, data_rate = gpu["bus_bits"], gpu["data_rate_gbps"]
    return f"{rate(speed)}{f', {bus:,} bits at {data_rate:g} Gbit/s' if bus and data_rate else ''}"


def _processor(gpu: Object) -> str:
    power = gpu["tdp_w"] and (f"{gpu['tdp_w']}–{gpu['tdp_max_w']} W" if gpu["tdp_max_w"] else f"{gpu['tdp_w']:,} W")
    parts = (
        gpu["cores"] and f"{gpu['cores']:,} {gpu['core_unit'] or 'cores'}",
        gpu["sms"] and f"{gpu['sms']} {_UNITS.get(gpu['vendor'], 'units')}",
        gpu["tensor_cores"] and f"{gpu['tensor_cores']} matrix units",
        gpu["boost_mhz"] and f"up to {gpu['boost_mhz']:,} MHz",
        power,
    )
    return ", ".join(part for part in parts if part)


def _rates(gpu: Object) -> str:
    rates = ", ".join(f"{kind} {value:,.4g}" for kind, value in gpu["tflops"].items())
    return f"{rates} (dense)" if rates else ""


def _types(gpu: Object) -> str:
    known = gpu["precisions"]
    words = [f"fp16 {known['fp16']}"] if "fp16" in known else []
    words += [kind if known[kind] else f"no {kind}" for kind in _TYPES if kind in known]
    unknown = [kind for kind in _TYPES if kind not in known]
    return ", ".join(words + ([f"unknown: {', '.join(unknown)}"] if unknown and words else []))


def _links(gpu: Object) -> str:
    host = gpu["host_link_bytes_per_second"]
    each = f" ({host / 1e9:.3g} GB/s each way)" if host else ""
    nvlink = gpu["nvlink_bytes_per_second"]
    parts = (gpu["pcie"] and f"PCIe {gpu['pcie']}{each}", nvlink and f"NVLink {rate(nvlink)} both ways together")
    return ", ".join(part for part in parts if part)


def _rents(rents: Sequence[Object]) -> list[str]:
    """Lines with the rents, one per provider and date."""
    offers: dict[tuple[str, str], list[str]] = {}
    for rent in rents:
        each = f" for {rent['gpus']}" if rent["gpus"] > 1 else ""
        named = f" ({rent['instance']})" if rent.get("instance") else ""
        price = f"${rent['usd_per_hour']:,.2f}{each}{named}"
        offers.setdefault((rent["provider"], rent["as_of"]), []).append(price)
    return [f"{provider}: {', '.join(prices)} an hour; {as_of}" for (provider, as_of), prices in offers.items()]


def _names(gpu: Object) -> Iterator[str]:
    yield f"driver: {', '.join(gpu['driver_names'])}" if gpu["driver_names"] else ""
    yield f"PCI: {', '.join(gpu['pci_ids'])}" if gpu["pci_ids"] else ""
    yield f"also: {', '.join(gpu['aliases'])}" if gpu["aliases"] else ""


def _reading(reading: Object) -> str:
    about = [_PLATFORMS.get(reading["platform"] or ""), reading["state"]]
    where = "".join(f", {word}" for word in about if word)
    return f"{reading['bytes'] / (GIB / 1024):,.0f} MiB by {reading['by']}{where} ({reading['source']})"


def _confidence(gpu: Object) -> str:
    stated = {"vram": "memory", "bandwidth": "bandwidth"}
    by = [f"{stated[field]} also from {', '.join(refs)}" for field, refs in gpu["verified"].items()]
    return "; ".join([gpu["confidence"], *by])
