"""Names of GPUs in labels of nodes, for the catalogue.

A name that the catalogue knows as it stands (``NVIDIA-A100-SXM4-80GB``, ``nvidia-l4``) is passed on; a table has those
that a cloud gives to more than one card, with the card its machines have.
"""

from __future__ import annotations

import re

from vramfit.manifests import Ask
from vramfit.manifests.sizes import kubernetes_bytes
from vramfit.units import GB, MIB, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRODUCT = "nvidia.com/gpu.product"
"""Label of NVIDIA's GPU feature discovery: the driver's name, with dashes for spaces (NVIDIA/k8s-device-plugin,
``docs/gpu-feature-discovery/README.md``)."""
MEMORY = "nvidia.com/gpu.memory"
"""Memory in MiB as the driver reports it, from the same."""
GKE = "cloud.google.com/gke-accelerator"
GKE_PARTITION = "cloud.google.com/gke-gpu-partition-size"
KARPENTER_MEMORY = "karpenter.k8s.aws/instance-gpu-memory"
"""Memory of one GPU in MiB (Karpenter's documentation, *Well-known labels*)."""
NAMES = (
    PRODUCT, GKE, "karpenter.k8s.aws/instance-gpu-name", "eks.amazonaws.com/instance-gpu-name", "amd.com/gpu.product-name",
    "gpu.intel.com/product", "gpu.nvidia.com/class", "gpu.nvidia.com/model",
)  # fmt: skip
"""Labels whose value names a card, the most exact first."""
MACHINES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
"""Labels whose value is a cloud's type of machine."""
OF_GKE = {
    "nvidia-tesla-v100": "v100-sxm2-16gb",
    "nvidia-tesla-p100": "p100-pcie-16gb",
    "nvidia-tesla-a100": "a100-sxm4-40gb",
    "nvidia-a100-80gb": "a100-sxm4-80gb",
    "nvidia-h100-80gb": "h100-sxm",
    "nvidia-h100-mega-80gb": "h100-sxm",
    "nvidia-h200-141gb": "h200",
}
"""Cards of Google's machine types, where the label's value fits several (Google Cloud's documentation, *GPU machine
types* and GKE's *About GPUs*: N1 has V100 and P100 with 16 GB, A2 has the A100 SXM4, A3 the H100 and H200 SXM)."""
OF_AWS = {
    "h100": ("h100-sxm",),
    "a100": ("a100-sxm4-40gb", "a100-sxm4-80gb"),
    "v100": ("v100-sxm2-16gb", "v100-sxm2-32gb"),
}
"""Cards of Amazon's instances, where the name fits several (EC2's documentation, *Accelerated computing*: P5 has the H100
SXM5, P4d and P4de the A100 SXM4, P3 and P3dn the V100 SXM2)."""
_BY_MEMORY = {
    "a100": {40: "a100-sxm4-40gb", 80: "a100-sxm4-80gb"},
    "v100": {16: "v100-sxm2-16gb", 32: "v100-sxm2-32gb"},
}
_SHARED, _SLICE = "-SHARED", re.compile(r"-MIG-(\d+g\.\d+gb)", re.IGNORECASE)
_PROFILE = re.compile(r"(?:mig-)?\d+g\.(\d+)gb", re.IGNORECASE)
SLICE_SHARE = 0.95
"""Part of the decimal GB in a slice's name that it has at least: the names round up, most of all 1g.18gb of the H200, with
16.0 GiB (NVIDIA's *MIG User Guide*, outputs of ``nvidia-smi mig -lgip``; 1g.5gb of the A100 has 4.75 GiB)."""
SHARES = "it shares its cards in time: what others hold of their memory is not in this answer"


def asked(labels: Mapping[str, Sequence[str]], count: int | None, line_of: Mapping[str, int] | None = None) -> Ask:
    """GPUs that labels name; of several values any may be meant.

    ``count`` is the number on a machine. ``line_of`` gives the line of each label, and is not needed.
    """
    for name in NAMES:
        values = labels.get(name)
        if not values:
            continue
        kinds: list[str] = []
        notes: list[str] = []
        for value in values:
            cut = _SLICE.search(value)
            partition = labels.get(GKE_PARTITION) if name == GKE else None
            profile = cut[1].lower() if cut else partition[0] if partition else ""
            if profile:
                kinds.append(slice_of(profile) or value)
                continue
            if value.upper().endswith(_SHARED) or labels.get("cloud.google.com/gke-max-shared-clients-per-gpu"):
                notes.append(SHARES)
            kinds += _cards(name, value[: -len(_SHARED)] if value.upper().endswith(_SHARED) else value, labels)
        return Ask(
            count, None, tuple(dict.fromkeys(kinds)), f"{name}: {', '.join(values)}", "", tuple(dict.fromkeys(notes))
        )
    machine = next((labels[name][0] for name in MACHINES if labels.get(name)), "")
    if not machine and labels.get(MEMORY) and labels[MEMORY][0].isdecimal():
        size = labels[MEMORY][0]
        return Ask(count, None, (f"custom:{size}MiB",), f"{MEMORY}: {size}")
    return Ask(count, None, (), f"{MACHINES[0]}: {machine}" if machine else "", machine)


def _cards(label: str, value: str, labels: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names for the catalogue of a label's value."""
    if label == GKE:
        return (OF_GKE.get(value, value),)
    if label.endswith("instance-gpu-name"):
        memory = [whole(one) for one in labels.get(KARPENTER_MEMORY) or ()]
        by_memory = _BY_MEMORY.get(value, {})
        if memory and memory[0] is not None:
            near = [card for size, card in by_memory.items() if abs(memory[0] - size * 1024) < 1024]
            if near:
                return (near[0],)
        return OF_AWS.get(value, (value,))
    return (value.replace("_NVLINK_80GB", " SXM").replace("_", "-"),)


def slice_of(profile: str) -> str | None:
    """GPU that a slice of a card is at least, ``custom:9059MiB`` for ``1g.10gb``; None for what is no profile."""
    match = _PROFILE.match(profile)
    return None if match is None else f"custom:{round(int(match[1]) * GB * SLICE_SHARE) // MIB}MiB"


def memory_of(text: str) -> str | None:
    """GPU of which only the memory is known, from a quantity of Kubernetes."""
    size = kubernetes_bytes(text)
    return None if not size else f"custom:{size // MIB}MiB"
