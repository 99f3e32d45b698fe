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
    "Device 0: AMD Radeon RX 7900 XTX, gfx1100 (0x1100), VMM: no, Wave Size: 32": "rx7900xtx",
    "AMD Instinct MI100 (gfx908:sramecc+:xnack-)": "mi100",
    "ggml_vulkan: 0 = Intel(R) Arc(tm) B580 Graphics (BMG G21) (Intel open-source Mesa driver) | warp size: 32": "arcb580",
    "[level_zero:gpu:0] Intel(R) oneAPI Unified Runtime over Level-Zero, Intel(R) Arc(TM) B580 Graphics 20.1.0": "arcb580",
    "SYCL0: Intel(R) Arc(TM) Pro B60 Graphics (23256 MiB, 22000 MiB free)": "arcprob60",
    "Device: cuda:0 NVIDIA GeForce RTX 4090 : native": "rtx4090",
    "nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3": "h100-sxm",
    # memory that a program printed tells cards of one name apart
    "NVIDIA GeForce RTX 4060 Ti (16379 MiB, 15221 MiB free)": "rtx4060ti-16gb",
    "NVIDIA GeForce RTX 3080, 10240 MiB": "rtx3080-10gb",
    "NVIDIA T4 (15360 MiB)": "t4",
    "NVIDIA GeForce GTX 1060 6GB (6063 MiB)": "gtx1060-6gb",
    "Metal: Apple M2 Ultra (147456 MiB, 147455 MiB free)": "m2-ultra-192gb",
    "Apple M3 Max (98304 MiB)": "m3-max-128gb",
    # profiles and slices of a whole card, and cards that NVIDIA marks in profiles
    "GRID A100D-80C": "a100-pcie-80gb",
    "A30 MIG 4g.24gb": "a30",
    "MIG 7g.80gb on H100": "h100-sxm",
    "NVIDIA RTX 5000 Ada Generation Embedded GPU": "rtx5000ada-laptop",
    "NVIDIA A800 40GB Active": "a800-pcie-40gb",
    # words in another order
    "RTX 4000 Ada SFF": "rtx4000sffada",
    "RTX 6000 Pro Max-Q": "rtxpro6000maxq",
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
    "AMD Instinct MI250X / MI250": ["mi250", "mi250x"],
    "Krackan [Radeon 840M / 860M Graphics]": ["radeon-840m", "radeon-860m"],
    "Lunar Lake [Intel Arc Graphics 130V / 140V]": ["arc130v", "arc140v"],
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
    "NVIDIA A100-SXM4-40GB MIG 3g.20gb": "is a part of a card, with 20 GB",
    "MIG 1g.24gb+me": "is a part of a card, with 24 GB",
    "half an A100": "is a part of a card",
    "1/7 of an H100": "is a part of a card",
    "Vulkan1: AMD Radeon(TM) Graphics (16180 MiB, 15371 MiB free)": "is what a driver calls the graphics of many processors",
    "Cezanne [Radeon Vega Series / Radeon Vega Mobile Series]": "is what a driver calls the graphics of many processors",
    "NVIDIA GeForce RTX 4060 Ti (12288 MiB)": "has 8 or 16 GB",
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
