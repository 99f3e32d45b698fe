"""Machines and processors by their own names: the cards of each, and those whose graphics their name does not tell."""

from __future__ import annotations

import pytest

from vramfit.catalogue.machines import built, refuse
from vramfit.errors import UnknownGpu

BUILT = {
    # systems of several cards
    "DGX H100": (8, "h100 sxm"),
    "DGX H100 x2": (16, "h100 sxm"),
    "DGX Spark (x2)": (2, "gb10"),
    "NVIDIA DGX A100 80GB": (8, "a100 sxm4 80gb"),
    "HGX H100 8x80GB": (8, "h100 sxm 80gb"),
    "HGX B200 8-GPU": (8, "b200"),
    "DGX-2": (16, "v100 sxm3"),
    "DGX Station A100": (4, "a100 sxm4"),
    "GB200 NVL72": (72, "gb200"),
    "Maxsun Arc Pro B60 Dual 48GB": (2, "arc pro b60"),
    "8卡A100 80G": (8, "A100 80G"),
    "4张4090": (4, "4090"),
    "双卡3090": (2, "3090"),
    "4090 双卡": (2, "4090"),
    # services
    "Kaggle P100": (1, "p100-pcie-16gb"),
    "Kaggle T4 x2": (2, "t4"),
    "Colab Pro A100 80GB": (1, "a100 80gb"),
    # machines of one processor
    "GMKtec Evo X2 with 128GB Shared RAM": (1, "radeon 8060s 128gb"),
    "Framework Desktop (Ryzen AI Max+ 395, 128GB)": (1, "radeon 8060s 128gb"),
    "Framework Desktop 32GB": (1, "radeon 8050s 32gb"),
    "HP ZBook Ultra G1a 14 (Ryzen AI Max+ PRO 395, 128 GB)": (1, "radeon 8060s 128gb"),
    "Beelink GTR9 Pro": (1, "radeon 8060s"),
    "Lenovo ThinkStation PGX": (1, "gb10"),
    "ROG Xbox Ally X": (1, "z2 extreme"),
    "MSI Claw 8 AI+": (1, "arc 140v"),
    "Beelink SER8": (1, "radeon 780m"),
    "Jetson AGX Orin 64GB module": (1, "jetson agx orin 64gb"),
    # processors
    "AMD Ryzen 7 7840HS": (1, "radeon 780m"),
    "AMD Ryzen AI 9 HX 370": (1, "radeon 890m"),
    "Ryzen AI Max 385 64GB": (1, "radeon 8050s 64gb"),
    "Intel(R) Core(TM) Ultra 7 258V": (1, "arc 140v"),
    "Core Ultra 9 185H": (1, "arc graphics 128eu"),
    "i9-14900K": (1, "uhd 770"),
    # Macs
    'Apple M3 Max (Mac15,8) - MacBook Pro 14" 16CPU/40GPU/64GB RAM/1TB SSD': (1, "m3 max 64gb"),
    "Mac Studio M4 Max 16 cores 40 GPU cores 128 GB RAM 512GB SSD": (1, "m4 max 128gb"),
    "MacBook Pro M4 Max 40-core": (1, "m4 max"),
    # a card beside a processor, what Metal prints, names of neither
    "Ryzen 7 5800H RTX 3060": None,
    "Metal: Apple M2 Ultra (147456 MiB free)": None,
    "RTX 4090": None,
    "DGX X9": None,
    # a question of which a machine is a part
    "gpt-oss 20b GMKtec EVO-X2 128GB": None,
    "mistral 7b m2 16gb mlx": None,
    "": None,
}
REFUSED = {
    "Ryzen 9 9950X3D": "does not tell which graphics it has",
    "Intel N100": "does not tell which graphics it has",
    "Legion Go S": "comes with several graphics",
    "NVL72": "comes with several cards",
}


@pytest.mark.parametrize("name", BUILT)
def test_cards_of_a_machine(name: str) -> None:
    found = built(name)

    assert (None if found is None else found[:2]) == BUILT[name]


def test_the_sentence_says_how_the_name_was_read() -> None:
    assert built("DGX H100") == (8, "h100 sxm", "gpu: DGX H100 is a machine with 8xh100 sxm")
    assert built("Ryzen 7 7840HS") == (1, "radeon 780m", "gpu: Ryzen 7 7840HS is read as radeon 780m")


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_does_not_tell_the_graphics_is_refused(name: str) -> None:
    with pytest.raises(UnknownGpu, match=REFUSED[name]):
        refuse(name)


def test_several_machines_are_refused_with_the_next_step() -> None:
    with pytest.raises(UnknownGpu, match="are several machines") as raised:
        built("2 nodes of 8xH100")

    assert raised.value.hint == "give all their cards and the count: -g 16xh100-sxm --nodes 2"


def test_another_name_is_not_refused() -> None:
    refuse("RTX 4090")
