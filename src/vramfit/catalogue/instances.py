"""GPUs of a cloud's type of machine by its name: ``g5.12xlarge`` has four A10G. Loaded for a name that no GPU has.

Cards and counts are those of the providers' own tables: docs.aws.amazon.com/ec2/latest/instancetypes/ac.html (accelerated
computing), cloud.google.com/compute/docs/gpus, learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated; the names of
Lambda and Oracle state card and count themselves (lambda.ai ``gpu_8x_h100_sxm5``, Oracle ``BM.GPU.H100.8``). The counts of
g4dn, g5 and g5g were compared with kubernetes/autoscaler 01c0d41 ``cluster-autoscaler/cloudprovider/aws/ec2_instance_types.go``,
those of p3, p3dn, p4d, p4de and p5 with aws/sagemaker-python-sdk's table of the memory of its instances, and all families of
Amazon's with tsaol/aws-gpu 77fcd9fe ``data`` (instances.vantage.sh, 2026-01-21); Azure's with gpuhunt 0.1.34 ``azure.py``
where it has them; the rest were written down from memory of these tables in November 2026.
"""

from __future__ import annotations

from vramfit.errors import UnknownGpu

PROVIDERS = ("aws ", "amazon ", "ec2 ", "sagemaker ", "azure ", "gcp ", "google cloud ", "lambda ", "oci ", "oracle ")
PREFIXES = ("ml.", "standard_")
"""Beginnings that SageMaker and Azure put before every type."""

_ONE_EACH = {f"{size}xlarge": 1 for size in ("", "2", "4", "8", "16")}
_SIZES = {**_ONE_EACH, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8}
_WHOLE = {"48xlarge": 8}
AWS = {
    "p3": ("v100-sxm2-16gb", {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}),
    "p3dn": ("v100-sxm2-32gb", {"24xlarge": 8}),
    "p4d": ("a100-sxm4-40gb", {"24xlarge": 8}),
    "p4de": ("a100-sxm4-80gb", {"24xlarge": 8}),
    "p5": ("h100-sxm", {"4xlarge": 1, **_WHOLE}),
    "p5e": ("h200", _WHOLE),
    "p5en": ("h200", _WHOLE),
    "p6-b200": ("b200", _WHOLE),
    "p6-b300": ("b300", _WHOLE),
    "p6e-gb200": ("gb200", {"36xlarge": 4}),
    "p2": ("k80", {"xlarge": 1, "8xlarge": 8, "16xlarge": 16}),
    "g3": ("m60", {"4xlarge": 1, "8xlarge": 2, "16xlarge": 4}),
    "g3s": ("m60", {"xlarge": 1}),
    "g4ad": ("v520", {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 2, "16xlarge": 4}),
    "dl1": ("gaudi1", {"24xlarge": 8}),
    "g4dn": ("t4", {**_ONE_EACH, "12xlarge": 4, "metal": 8}),
    "g5": ("a10g", _SIZES),
    "g5g": ("t4g", {**_ONE_EACH, "16xlarge": 2, "metal": 2}),
    "g6": ("l4", _SIZES),
    "gr6": ("l4", {"4xlarge": 1, "8xlarge": 1}),
    "g6e": ("l40s", _SIZES),
    "g7e": (
        "rtxpro6000server",
        {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    ),
}
"""Card of a family of Amazon's, and the number of cards by size."""
AWS_PARTS = {
    "g6f": {"large": 3, "xlarge": 3, "2xlarge": 6, "4xlarge": 12},
    "gr6f": {"4xlarge": 12},
}
"""Types of Amazon's that have a part of an L4, and its share in GiB of 24 (an eighth, a quarter, a half)."""

GOOGLE = {
    "a2-highgpu": "a100-sxm4-40gb",
    "a2-megagpu": "a100-sxm4-40gb",
    "a2-ultragpu": "a100-sxm4-80gb",
    "a3-highgpu": "h100-sxm",
    "a3-megagpu": "h100-sxm",
    "a3-edgegpu": "h100-sxm",
    "a3-ultragpu": "h200",
    "a4-highgpu": "b200",
    "a4x-highgpu": "gb200",
}
"""Card of a family of Google's whose types end in the number of cards: ``a2-highgpu-4g``."""
GOOGLE_BY_CPUS = {
    "g2-standard": ("l4", {"4": 1, "8": 1, "12": 1, "16": 1, "32": 1, "24": 2, "48": 4, "96": 8}),
    "g4-standard": ("rtxpro6000server", {"48": 1, "96": 2, "192": 4, "384": 8}),
}
"""Card of a family of Google's, and the number of cards by that of processors, with which its types end."""

AZURE = {
    "nc4as_t4_v3": (1, "t4"), "nc8as_t4_v3": (1, "t4"), "nc16as_t4_v3": (1, "t4"), "nc64as_t4_v3": (4, "t4"),
    "nc6s_v3": (1, "v100-pcie-16gb"), "nc12s_v3": (2, "v100-pcie-16gb"), "nc24s_v3": (4, "v100-pcie-16gb"),
    "nc24rs_v3": (4, "v100-pcie-16gb"), "nd40rs_v2": (8, "v100-sxm2-32gb"),
    "nv36ads_a10_v5": (1, "a10"), "nv36adms_a10_v5": (1, "a10"), "nv72ads_a10_v5": (2, "a10"),
    "nc24ads_a100_v4": (1, "a100-pcie-80gb"), "nc48ads_a100_v4": (2, "a100-pcie-80gb"),
    "nc96ads_a100_v4": (4, "a100-pcie-80gb"),
    "nd96asr_v4": (8, "a100-sxm4-40gb"), "nd96amsr_a100_v4": (8, "a100-sxm4-80gb"),
    "nc40ads_h100_v5": (1, "h100-nvl"), "nc80adis_h100_v5": (2, "h100-nvl"), "nd96isr_h100_v5": (8, "h100-sxm"),
    "nd96isr_h200_v5": (8, "h200"), "nd96isr_mi300x_v5": (8, "mi300x"),
    "nd_mi300x_v5": (8, "mi300x"), "nd_h100_v5": (8, "h100-sxm"), "nd_h200_v5": (8, "h200"),
    "nd128isr_ndr_gb200_v6": (4, "gb200"), "nd128isr_gb300_v6": (4, "gb300"),
    "nc8ads_a10_v4": (1, "a10"), "nc16ads_a10_v4": (1, "a10"), "nc32ads_a10_v4": (2, "a10"),
    "ng32ads_v620_v1": (1, "v620"), "ng32adms_v620_v1": (1, "v620"),
    "nv24ads_v710_v5": (1, "v710"), "nv28adms_v710_v5": (1, "v710"),
}  # fmt: skip
"""Number of cards, and the card, of Azure's types."""
PARTS_OF_A10 = {"nv6ads_a10_v5": 4, "nv12ads_a10_v5": 8, "nv18ads_a10_v5": 12}
"""Types of Azure's that have a part of an A10, and its share in GiB of 24 (a sixth, a third, a half)."""
PARTS_OF_V710 = {"nv4ads_v710_v5": 4, "nv8ads_v710_v5": 8, "nv12ads_v710_v5": 12}
"""Types of Azure's that have a part of a Radeon Pro V710, and its share in GiB of 24 that the series offers."""

PARTED_GIB = 24
"""Memory of each of the cards that clouds divide."""

LAMBDA = {
    "gh200": "gh200-96gb", "rtx6000": "quadrortx6000", "a100_sxm4": "a100-sxm4-40gb", "a100": "a100-pcie-40gb",
    "b200_sxm6": "b200", "v100": "v100-sxm2-16gb", "a100_80gb_sxm4": "a100-sxm4-80gb",
}  # fmt: skip
"""Card of Lambda's types that do not state it in full (gpuhunt 0.1.34 ``lambdalabs.py``; lambda.ai instances)."""
ORACLE = {
    "rtxpro": "rtxpro6000server",
    "gpu2": "p100-sxm2-16gb", "gpu3": "v100-sxm2-16gb", "gpu4": "a100-sxm4-40gb", "a100-v2": "a100-sxm4-80gb",
}  # fmt: skip
"""Card of Oracle's series that are not called like their card, or not in full."""


def machine(name: str) -> tuple[int, str] | None:
    """Number and name of the cards in a machine of the type ``name``; None for a name that is no type known here.

    Raises ``UnknownGpu`` for a machine that has a part of a card.
    """
    text = name.strip().lower()
    for word in (*PROVIDERS, *PREFIXES):
        text = text.removeprefix(word)
    family, _, size = text.partition(".")
    for card, part, whole in (
        ("an A10", PARTS_OF_A10.get(text), "a machine with a whole card: Standard_NV36ads_A10_v5"),
        ("an L4", AWS_PARTS.get(family, {}).get(size), "a type with a whole card"),
        ("a Radeon Pro V710", PARTS_OF_V710.get(text), "a type with a whole card"),
    ):
        if part is not None:
            raise UnknownGpu(
                f"{name} has a part of {card}: {part} of {PARTED_GIB} GB",
                f"ask for that part: custom:{part}GB, or for {whole}",
            )
    found = AZURE.get(text) or _amazon(text) or _google(text) or _counted(text)
    if found is not None or text.count(" ") > 1:
        return found
    from vramfit.catalogue.instance_forms import of_form

    return next(of_form(text), None)


def _amazon(text: str) -> tuple[int, str] | None:
    family, _, size = text.partition(".")
    card, counts = AWS.get(family, ("", {}))
    return (counts[size], card) if size in counts else None


def _google(text: str) -> tuple[int, str] | None:
    family, _, last = text.rpartition("-")
    if family in GOOGLE_BY_CPUS:
        card, counts = GOOGLE_BY_CPUS[family]
        return (counts[last], card) if last in counts else None
    count = last.removesuffix("g")
    return (int(count), GOOGLE[family]) if family in GOOGLE and last != count and _is_count(count) else None


def _counted(text: str) -> tuple[int, str] | None:
    """Count and card of a type that states both: ``gpu_8x_h100_sxm5`` of Lambda's, ``bm.gpu.h100.8`` of Oracle's."""
    count, times, card = text.removeprefix("gpu_").partition("x_")
    if text.startswith("gpu_") and times and _is_count(count):
        return int(count), LAMBDA.get(card, card.replace("_", " "))
    kind, dot, rest = text.partition(".")
    series, _, count = rest.rpartition(".")
    if kind not in ("bm", "vm") or not dot or not series.startswith("gpu") or not _is_count(count):
        return None
    card = series.removeprefix("gpu.")
    return int(count), ORACLE.get(card, card)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text[:3]) > 0 and len(text) < 3
