"""Types of machines of clouds: which cards a type has, and how many."""

from __future__ import annotations

import pytest

from vramfit.catalogue.instances import AWS, AZURE, GOOGLE, GOOGLE_BY_CPUS, LAMBDA, ORACLE, machine
from vramfit.errors import UnknownGpu
from vramfit.sources import open_catalogue

MACHINES = {
    "g5.xlarge": (1, "a10g"),
    "g5.16xlarge": (1, "a10g"),
    "g5.12xlarge": (4, "a10g"),
    "ml.g5.48xlarge": (8, "a10g"),
    "aws p4d.24xlarge": (8, "a100-sxm4-40gb"),
    "p5.4xlarge": (1, "h100-sxm"),
    "g4dn.metal": (8, "t4"),
    "a2-highgpu-4g": (4, "a100-sxm4-40gb"),
    "a2-megagpu-16g": (16, "a100-sxm4-40gb"),
    "g2-standard-32": (1, "l4"),
    "g2-standard-24": (2, "l4"),
    "Standard_NC80adis_H100_v5": (2, "h100-nvl"),
    "NC64as_T4_v3": (4, "t4"),
    "gpu_8x_h100_sxm5": (8, "h100 sxm5"),
    "gpu_1x_a10": (1, "a10"),
    "BM.GPU.H100.8": (8, "h100"),
    "VM.GPU.A10.2": (2, "a10"),
    "BM.GPU4.8": (8, "a100-sxm4-40gb"),
    "g7e.48xlarge": (8, "rtxpro6000server"),
    "p6e-gb200.36xlarge": (4, "gb200"),
    "g4ad.8xlarge": (2, "v520"),
    "Standard_ND_MI300X_v5": (8, "mi300x"),
    "Standard_NV24ads_V710_v5": (1, "v710"),
    "gpu_1x_gh200": (1, "gh200-96gb"),
    "gpu_8x_b200_sxm6": (8, "b200"),
    "BM.GPU.RTXPRO.8": (8, "rtxpro6000server"),
    "H100-SXM-8-80G": (8, "h100 sxm 80gb"),
    # names of no machine that is known, and of cards
    "g5.7xlarge": None,
    "m5.xlarge": None,
    "g2-standard-5": None,
    "a2-highgpu-g": None,
    "a2-highgpu-0g": None,
    "gpu_x_a10": None,
    "BM.GPU.H100": None,
    "BM.Standard3.64": None,
    "rtx4090": None,
    "": None,
}


@pytest.mark.parametrize("name", MACHINES)
def test_cards_of_a_machine(name: str) -> None:
    assert MACHINES[name] == machine(name)


def test_every_card_of_the_tables_is_in_the_catalogue() -> None:
    cards = {card for card, _ in (*AWS.values(), *GOOGLE_BY_CPUS.values())}
    cards |= {*GOOGLE.values(), *LAMBDA.values(), *ORACLE.values(), *(card for _, card in AZURE.values())}

    assert cards <= {row.id for row in open_catalogue().gpu_rows()}


@pytest.mark.parametrize(
    ("name", "size"), [("Standard_NV6ads_A10_v5", "4"), ("nv12ads_a10_v5", "8"), ("NV18ads_A10_v5", "12")]
)
def test_a_machine_with_a_part_of_a_card_is_refused_with_its_size(name: str, size: str) -> None:
    with pytest.raises(UnknownGpu, match=f"{size} of 24 GB") as caught:
        machine(name)

    assert f"custom:{size}GB" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("g6f.xlarge", "an L4: 3 of 24 GB"),
        ("gr6f.4xlarge", "an L4: 12 of 24 GB"),
        ("Standard_NV8ads_V710_v5", "a Radeon Pro V710: 8 of 24 GB"),
    ],
)
def test_a_machine_with_a_part_of_another_card_is_refused(name: str, part: str) -> None:
    with pytest.raises(UnknownGpu, match=f"has a part of {part}"):
        machine(name)
