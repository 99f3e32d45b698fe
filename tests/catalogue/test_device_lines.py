"""Lines that programs and shops print: the card each means, the cards it may mean, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vramfit.catalogue.device_lines import alternatives, readings
from vramfit.errors import AmbiguousName, UnknownGpu, UnknownMemory

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

MEANT = {
    # lspci and the PCI register
    "NVIDIA Corporation AD106M [GeForce RTX 4070 Max-Q / Mobile] (rev a1)": "rtx4070-laptop",
    "NVIDIA Corporation AD107M [GeForce RTX 4060 Max-Q / Mobile] [10de:28a0] (rev a1)": "rtx4060-laptop",
    "NVIDIA Corporation GA104 [GeForce RTX 3060 Ti Lite Hash Rate] (rev a1)": "rtx3060ti",
    "GB202GL [RTX PRO 6000 Blackwell Workstation Edition]": "rtxpro6000",
    "TU117M [GeForce GTX 1650 Ti Mobile]": "gtx1650ti-laptop",
    "Advanced Micro Devices, Inc. [AMD/ATI] Navi 21 [Radeon Pro V620 MxGPU]": "v620",
    "Arcturus GL-XL [Instinct MI100]": "mi100",
    # Vulkan, ROCm, llama.cpp, nvidia-smi -L, ComfyUI, Direct3D
    "AMD Radeon AI PRO R9700 (RADV GFX1201)": "r9700",
    "ggml_vulkan: 0 = AMD Radeon RX 5700 XT (RADV NAVI10) (radv) | uma: 0 | fp16: 1": "rx5700xt",
    "Device 0: NVIDIA T1200 Laptop GPU, compute capability 7.5, VMM: yes": "t1200-laptop",
    "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-19dc3bb6)": "rtx3090",
    "cuda:0 NVIDIA GeForce RTX 4090 D : cudaMallocAsync": "rtx4090d",
    "Microsoft Direct3D12 (NVIDIA GeForce RTX 4070)": "rtx4070",
    "AMD Instinct MI300X VF": "mi300x",
    "AMD Instinct MI300X OAM": "mi300x",
    "NVIDIA-A10G-SHARED": "a10g",
    "NVIDIA A40-48Q": "a40",
    "GRID T4-16Q": "t4",
    # Max-Q with figures of its own, and without
    "NVIDIA GeForce RTX 2070 with Max-Q Design": "rtx2070maxq",
    "GTX 1070 with Max-Q Design": "gtx1070maxq",
    "RTX 3080 Ti Max-Q": "rtx3080ti-laptop",
    # shops, slips of the keyboard, signs of other alphabets
    "MSI GeForce RTX 4060 Ti Ventus 2X 16GB": "rtx4060ti-16gb",
    "PowerColor Hellhound RX 7800XT": "rx7800xt",
    "XFX Speedster MERC 310 7900XT": "rx7900xt",
    "ASRock Intel Arc A770 Challenger 16GB": "arca770-16gb",
    "Nvdia RTX 3070": "rtx3070",
    "Nvidia GeFoce GTX 1060 with Max-Q Design（6GB）": "gtx1060maxq",
    "2080Ti魔改22G": "rtx2080ti-22gb",
}
SEVERAL = {
    "Navi 22 [Radeon RX 6700/6700 XT/6750 XT / 6800M]": ["rx6700", "rx6700xt", "rx6750xt", "rx6800m"],
    "AMD Instinct MI50/MI60 (RADV VEGA20)": ["mi50-16gb", "mi50-32gb", "mi60"],
    "GeForec RTX 3060": ["rtx3060-8gb", "rtx3060-12gb"],
    "AMD Radeon Graphics (RADV GFX1151)": ["strix-halo-32gb", "strix-halo-64gb", "strix-halo-96gb", "strix-halo-128gb"],
    "AMD RYZEN AI MAX+ PRO 395 w/ Radeon 8060S": [
        "strix-halo-32gb", "strix-halo-64gb", "strix-halo-96gb", "strix-halo-128gb",
    ],
}  # fmt: skip
SHARED = (
    "AMD Ryzen 7 7840HS with Radeon 780M Graphics", "AMD RYZEN AI 9 HX 370 w/ Radeon 890M",
    "AMD Radeon 780M Graphics (RADV PHOENIX)", "Rembrandt [Radeon 680M]", "Intel(R) Arc(TM) 140V GPU (16GB)",
    "AMD Custom GPU 0405", "ROG Ally X", "AMD Radeon Vega 8 Graphics",
)  # fmt: skip
REFUSED = {
    "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb": "is a part of a card, with 40 GB",
    "NVIDIA RTX A4000-8Q": "is a part of a card, with 8 GB",
    "AMD Radeon Graphics (RADV PHOENIX)": "is what a driver calls the graphics of many processors",
    "Intel(R) Graphics [0x7d45]": "is what a driver calls the graphics of many processors",
    "llvmpipe (LLVM 15.0.7, 256 bits)": "software renderer is no GPU",
    "NVIDIA GeForce RTX 3080 20GB": "has 10 or 12 GB",
}


@pytest.mark.parametrize(("line", "entry"), MEANT.items())
def test_a_line_means_the_card_that_it_names(catalogue: Catalogue, line: str, entry: str) -> None:
    assert [gpu.id for gpu in catalogue.gpus(line)] == [entry]


@pytest.mark.parametrize(("line", "ids"), SEVERAL.items())
def test_a_line_of_several_cards_lists_them(catalogue: Catalogue, line: str, ids: list[str]) -> None:
    with pytest.raises(AmbiguousName) as raised:
        catalogue.gpus(line)

    assert raised.value.message.partition(": ")[2].replace(" and ", ", ").split(", ") == ids


@pytest.mark.parametrize("line", SHARED)
def test_graphics_of_a_processor_have_the_memory_of_their_host(catalogue: Catalogue, line: str) -> None:
    with pytest.raises(UnknownMemory):
        catalogue.gpus(line)


@pytest.mark.parametrize(("line", "reason"), REFUSED.items())
def test_parts_of_cards_and_names_of_no_card_are_refused(catalogue: Catalogue, line: str, reason: str) -> None:
    with pytest.raises(UnknownGpu) as raised:
        catalogue.gpus(line)

    assert reason in raised.value.message


def test_an_unknown_name_is_repeated_as_it_was_given(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownGpu) as raised:
        catalogue.gpus("AMD Radeon Graphics 12.7")

    assert raised.value.message == 'no GPU is called "AMD Radeon Graphics 12.7"'


def test_counts_beside_a_name_are_kept(catalogue: Catalogue) -> None:
    assert [gpu.id for gpu in catalogue.gpus("RTX 3090 (x2)")] == ["rtx3090", "rtx3090"]
    assert [gpu.id for gpu in catalogue.gpus("2x GA102 [GeForce RTX 3090] (rev a1)")] == ["rtx3090", "rtx3090"]


def test_a_plain_name_has_no_other_reading() -> None:
    assert list(readings("RTX 4O90")) == ["RTX 4O90"]
    assert alternatives("RTX 4090") == ()
    assert alternatives("RTX 4070 Max-Q / Mobile") == ()
