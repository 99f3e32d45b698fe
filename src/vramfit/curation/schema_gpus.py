"""The shape of ``data/gpus.yaml``, for validation and for the JSON Schema that editors use.

A GPU entry names a family and gives what differs from it; groups (``memory``, ``chip``, …) are merged key by key, and
an explicit ``null`` clears what the family says. ``validate_gpus`` returns the merged entries.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

GROUPS = ("memory", "chip", "tflops", "precisions", "link", "usable", "verified")
"""Fields that are mappings and are merged with the family's key by key."""

Text = Annotated[str, Field(min_length=1, max_length=400)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Date = Annotated[str, Field(pattern=r"^20[0-9]{2}(-[0-1][0-9](-[0-3][0-9])?)?$")]
SourceRef = Annotated[str, Field(pattern=r"^[a-z0-9-]+(/.+)?$", max_length=300)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Mib = Annotated[int, Field(gt=0)]
PciId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Reporter = Literal["nvidia-smi", "cuda", "torch", "rocm", "metal", "level-zero"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, protected_namespaces=())


class Source(_Strict):
    """Source of facts; entries refer to it by key, or by ``key/detail`` for a place within it."""

    name: Text
    """Title of the source, with version or commit and date."""
    url: Annotated[str, Field(pattern=r"^https://")] | None = None
    """Address of the source; a detail is appended to one that ends in a slash."""
    licence: Text | None = None
    """Licence of the source as seen, where one was stated."""
    as_of: Text | None = None
    """Date at which prices in it held, as precisely as it says."""


class Memory(_Strict):
    """The memory and the bus to it."""

    type: Text | None = None
    """GDDR6X, HBM3, LPDDR5X, …"""
    bus_bits: Annotated[int, Field(gt=0)] | None = None
    """Width of the bus, bits."""
    data_rate_gbps: Positive | None = None
    """Transfers per pin, Gbit/s."""
    bandwidth_gb_s: Positive | None = None
    """Theoretical peak, 10^9 bytes per second: bus_bits / 8 × data_rate_gbps unless the vendor says otherwise."""
    ecc: Literal["none", "optional", "inline", "native", "varies", "unknown"] | None = None
    """Error correction: none; optional (off by default); inline (on, costs a sixteenth of GDDR); native (HBM, costs
    nothing); varies (on or off, by system); unknown."""
    unified: bool | None = None
    """True where the CPU uses the same memory."""


class Chip(_Strict):
    """The processor."""

    cores: Count | None = None
    """Shader cores, counted as core_unit says."""
    core_unit: Text | None = None
    """CUDA cores, stream processors, …"""
    sms: Count | None = None
    """SMs (NVIDIA), compute units (AMD), Xe cores (Intel), GPU cores of the largest option (Apple)."""
    tensor_cores: Count | None = None
    """Matrix units, where the vendor counts them."""
    boost_mhz: Count | None = None
    """Listed boost clock."""
    tdp_w: Count | None = None
    """Board power, W; for laptops that of the lowest configuration listed."""
    tdp_max_w: Count | None = None
    """Highest power a laptop maker may set, W."""


class Tflops(_Strict):
    """Dense (never sparse) TFLOPS or TOPS by operand type."""

    fp32: Positive | None = None
    """Vector units."""
    fp16: Positive | None = None
    """Matrix units with FP32 accumulation; packed vector rate where there are none."""
    fp16_acc16: Positive | None = None
    """Matrix units with FP16 accumulation, where it differs."""
    bf16: Positive | None = None
    fp8: Positive | None = None
    int8: Positive | None = None
    fp4: Positive | None = None
    source: SourceRef | None = None


class Precisions(_Strict):
    """Types that the hardware computes in; a type that is left out is unknown."""

    fp16: Literal["fast", "slow"] | None = None
    """slow: below the FP32 rate."""
    bf16: bool | None = None
    int8: bool | None = None
    fp8: bool | None = None
    fp4: bool | None = None


class Link(_Strict):
    """Connections."""

    pcie: Annotated[str, Field(pattern=r"^[1-7]\.0( x(1|2|4|8|16))?$")] | None = None
    """Generation and width, ``4.0 x16``."""
    nvlink_gb_s: Positive | None = None
    """Bandwidth per GPU, both directions summed."""


class Reading(_Strict):
    """A memory size that a program printed."""

    mib: Mib
    by: Reporter
    """nvidia-smi; cuda (the CUDA total that llama.cpp prints); torch (total_memory); rocm; metal; level-zero."""
    platform: Literal["linux", "windows"] | None = None
    """Operating system, where known or inferred (``state`` says so)."""
    state: Text | None = None
    """ECC state, driver age, what was inferred."""
    source: SourceRef


class Usable(_Strict):
    """Memory that a program can use where it is shared with the CPU."""

    macos_mib: Mib | None = None
    """Metal's recommendedMaxWorkingSetSize on recent macOS."""
    macos_older_mib: Mib | None = None
    """Metal's recommendedMaxWorkingSetSize on older macOS."""
    linux_mib: Mib | None = None
    """Memory left beside Linux and its desktop, where a reading states the whole pool."""
    source: SourceRef | None = None


class Rent(_Strict):
    """A cloud offer of this very GPU."""

    provider: Text
    instance: Text | None = None
    """The provider's name of the machine."""
    gpus: Annotated[int, Field(ge=1, le=64)] = 1
    """GPUs in the instance."""
    usd_per_hour: Positive
    """On-demand price of the whole instance."""
    as_of: Text | None = None
    """Date at which the price held; the source's ``as_of`` when left out."""
    source: SourceRef


class Verified(_Strict):
    """Sources beside the entry's own that state the same value."""

    vram: list[SourceRef] | None = None
    bandwidth: list[SourceRef] | None = None


class Family(_Strict):
    """Facts that the members of a family have in common."""

    vendor: Literal["nvidia", "amd", "intel", "apple", "google"] | None = None
    segment: Literal["consumer", "workstation", "datacenter", "laptop", "embedded", "apu", "apple"] | None = None
    architecture: Text | None = None
    compute_target: Text | None = None
    """sm_89, gfx1100, apple9, …"""
    released: Date | None = None
    """Shelf date where known, else announcement."""
    price_usd: Annotated[int, Field(gt=0)] | None = None
    """Launch list price in the USA."""
    memory: Memory | None = None
    usable: Usable | None = None
    chip: Chip | None = None
    tflops: Tflops | None = None
    precisions: Precisions | None = None
    link: Link | None = None
    driver_names: list[Text] | None = None
    """Names that the driver prints, where they are not the name; several cards may share one."""
    verified: Verified | None = None
    sources: list[SourceRef] | None = None
    """Sources of everything that names none of its own."""
    note: Text | None = None


class GpuEntry(Family):
    """One device as software sees it: a board with two GPUs is two devices."""

    id: Id
    """Lower case; never reused for another device."""
    name: Text
    """Name as the driver prints it, or vendor and product name."""
    family: Id | None = None
    vram_gb: Positive | None
    """The marketed size of one device; null for an integrated GPU that borrows the host's memory."""
    reported: list[Reading] | None = None
    devices_per_board: Annotated[int, Field(ge=2, le=8)] | None = None
    """Number of devices on a board with several GPUs."""
    pci: list[PciId] | None = None
    aliases: list[Text] | None = None
    """Irregular names only: regular spellings and short forms are derived."""
    clouds: list[Text] | None = None
    """Providers that list it, without a price."""
    instances: list[Text] | None = None
    """Cloud instance types."""
    rents: list[Rent] | None = None
    confidence: Literal["high", "medium", "low"] | None = None
    """Overrides what follows from ``verified``."""


class GpuFile(_Strict):
    """The GPU catalogue, or a user's overlay of it."""

    sources: dict[Id, Source] = Field(default_factory=dict)
    field_sources: dict[Text, list[SourceRef]] = Field(default_factory=dict)
    """Sources of fields throughout the file, unless an entry says otherwise."""
    families: dict[Id, Family] = Field(default_factory=dict)
    gpus: list[GpuEntry]


def validate_gpus(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The merged entries of a parsed GPU file, in its order; raises ``pydantic.ValidationError``.

    Only the shape is checked here; ``lint`` has the rules about what the values mean.
    """
    GpuFile.model_validate(document)
    families = document.get("families", {})
    return [merge(families.get(entry.get("family"), {}), entry) for entry in document["gpus"]]


def merge(family: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """An entry over its family: groups key by key, everything else whole; ``null`` clears."""
    merged = family | entry
    for group in GROUPS:
        if isinstance(entry.get(group), dict) and isinstance(family.get(group), dict):
            merged[group] = family[group] | entry[group]
    if _are_texts(entry.get("sources")) and _are_texts(family.get("sources")):
        merged["sources"] = list(dict.fromkeys([*entry["sources"], *family["sources"]]))
    return merged


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
