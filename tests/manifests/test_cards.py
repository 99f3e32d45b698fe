"""GPUs by labels of nodes, slices, claims and types of machines."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.manifests import Ask
from vramfit.manifests.cards import SHARES, asked, slice_of
from vramfit.manifests.claims import claimed
from vramfit.manifests.documents import documents
from vramfit.manifests.instances import machine_gpus
from vramfit.manifests.pods import node_labels
from vramfit.sources import open_catalogue

GKE = "cloud.google.com/gke-accelerator"


@pytest.mark.parametrize(
    ("kinds", "labels"),
    [
        (("NVIDIA-A100-SXM4-80GB",), {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}),
        (("Tesla-T4",), {"nvidia.com/gpu.product": "Tesla-T4-SHARED"}),
        (("custom:9059MiB",), {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"}),
        (("custom:4529MiB",), {GKE: "nvidia-tesla-a100", "cloud.google.com/gke-gpu-partition-size": "1g.5gb"}),
        (("nvidia-l4",), {GKE: "nvidia-l4"}),
        (("h100-sxm",), {GKE: "nvidia-h100-mega-80gb"}),
        (("a100-sxm4-40gb", "a100-sxm4-80gb"), {"karpenter.k8s.aws/instance-gpu-name": "a100"}),
        (("a100-sxm4-80gb",), {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "81920"}),
        (("l40s",), {"eks.amazonaws.com/instance-gpu-name": "l40s"}),
        (("H100 SXM",), {"gpu.nvidia.com/class": "H100_NVLINK_80GB"}),
        (("custom:81559MiB",), {"nvidia.com/gpu.memory": "81559"}),
        ((), {"kubernetes.io/arch": "amd64"}),
    ],
)  # fmt: skip
def test_kinds(kinds: tuple[str, ...], labels: dict[str, str]) -> None:
    assert kinds == asked({name: (value,) for name, value in labels.items()}, 1).kinds


def test_shared_cards_are_noted_and_machines_kept() -> None:
    assert (SHARES,) == asked({"nvidia.com/gpu.product": ("Tesla-T4-SHARED",)}, 1).notes
    assert Ask(2, None, (), "node.kubernetes.io/instance-type: p5.48xlarge", "p5.48xlarge") == asked(
        {"node.kubernetes.io/instance-type": ("p5.48xlarge",)}, 2
    )


def test_slices() -> None:
    """Less than the 4.75 GiB and 16.0 GiB that NVIDIA's guide shows for these."""
    assert ("custom:4529MiB", "custom:16307MiB", None) == (
        slice_of("1g.5gb"),
        slice_of("mig-1g.18gb"),
        slice_of("whole"),
    )


@pytest.mark.parametrize(
    ("expected", "machine"),
    [
        ([("h100-sxm", 8)], "p5.48xlarge"), ([("a10g", 4)], "g5.12xlarge"), ([("l40s", 1)], "g6e.xlarge"),
        ([("a100-pcie-80gb", None)], "Standard_NC24ads_A100_v4"), ([("h200", 8)], "p5en.48xlarge"),
        ([("h100-sxm", None)], "a3-highgpu-8g"), ([], "m5.large"), ([], "Standard_NV6ads_A10_v5"),
    ],
)  # fmt: skip
def test_machines(expected: list[tuple[str, int | None]], machine: str) -> None:
    """A fraction of a card is no card."""
    assert expected == machine_gpus(machine, open_catalogue().gpu_entries())


def _value(text: str) -> Any:
    return documents(text, "f")[0].data()


def test_required_affinity_counts_and_a_preference_does_not() -> None:
    spec = _value(
        "nodeSelector: {a: x}\n"
        "affinity:\n  nodeAffinity:\n"
        "    preferredDuringSchedulingIgnoredDuringExecution:\n"
        "    - {preference: {matchExpressions: [{key: p, operator: In, values: [q]}]}}\n"
        "    requiredDuringSchedulingIgnoredDuringExecution:\n      nodeSelectorTerms:\n"
        "      - matchExpressions: [{key: k, operator: In, values: [v, w]}, {key: only, operator: In, values: [z]}]\n"
        "      - matchExpressions: [{key: k, operator: In, values: [u]}, {key: e, operator: Exists}]\n"
    )
    assert {"a": ("x",), "k": ("v", "w", "u")} == node_labels(spec)


REQUEST = """\
devices:
  requests:
  - name: gpus
    exactly:
      deviceClassName: gpu.nvidia.com
      count: 2
      selectors: [{cel: {expression: "device.attributes['gpu.nvidia.com'].productName == 'NVIDIA L4'"}}]
  - {name: other, deviceClassName: nic.example.com}
"""


@pytest.mark.parametrize(
    ("expected", "claim"),
    [
        (Ask(2, None, ("NVIDIA L4",), "resourceClaims"), REQUEST),
        (Ask(1, None, ("custom:40960MiB",), "resourceClaims"),
         "devices: {requests: [{name: g, deviceClassName: gpu.nvidia.com, selectors: [{cel: {expression: "
         "\"device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('40Gi')) >= 0\"}}]}]}"),
        (Ask(1, None, ("custom:9059MiB",), "resourceClaims"),
         "devices: {requests: [{name: g, deviceClassName: mig.nvidia.com, selectors: [{cel: {expression: "
         "\"device.attributes['gpu.nvidia.com'].profile == '1g.10gb'\"}}]}]}"),
        (Ask(1), "devices: {requests: [{name: g, deviceClassName: gpu.nvidia.com}]}"),
    ],
)  # fmt: skip
def test_claims(expected: Ask, claim: str) -> None:
    spec = _value("resourceClaims: [{name: c, resourceClaimTemplateName: t}]")
    container = _value("resources: {claims: [{name: c}]}")
    assert expected == claimed({"t": _value(claim)}, spec, container, {})


def test_a_claim_that_the_file_lacks_is_named() -> None:
    spec, container = (
        _value("resourceClaims: [{name: c, resourceClaimName: t}]"),
        _value("resources: {claims: [{name: c}]}"),
    )
    assert claimed({}, spec, container, {}).label == 'ResourceClaim "t", which the file does not have'
