"""Cards by the names that people call them, the figures that were corrected, and accelerators that are refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vramfit.errors import AmbiguousName, UnknownGpu, UnknownMemory
from vramfit.units import GIB

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

KNOWN = {
    "RTX PRO 5000 Blackwell Laptop": ("rtxpro5000-laptop", 24),
    "RTX PRO 4000 Blackwell Laptop": ("rtxpro4000-laptop", 16),
    "RTX PRO 3000 Blackwell Laptop": ("rtxpro3000-laptop", 12),
    "RTX PRO 2000 Blackwell Laptop": ("rtxpro2000-laptop", 8),
    "RTX PRO 1000 Blackwell Laptop": ("rtxpro1000-laptop", 8),
    "RTX PRO 500 Blackwell Laptop": ("rtxpro500-laptop", 6),
    "RTX 4000 Ada Laptop": ("rtx4000ada-laptop", 12),
    "RTX 3000 Ada Laptop": ("rtx3000ada-laptop", 8),
    "RTX 1000 Ada Laptop": ("rtx1000ada-laptop", 6),
    "RTX 500 Ada Laptop": ("rtx500ada-laptop", 4),
    "RTX A2000 Laptop 8GB": ("rtxa2000-laptop-8gb", 8),
    "RTX A3000 12GB Laptop": ("rtxa3000-laptop-12gb", 12),
    "GTX 980 Ti": ("gtx980ti", 6),
    "GTX 970": ("gtx970", 4),
    "GTX 960 4GB": ("gtx960-4gb", 4),
    "GTX TITAN X": ("gtxtitanx", 12),
    "Radeon 8050S 64GB": ("radeon-8050s-64gb", 64),
    "RX 5500 XT 8GB": ("rx5500xt-8gb", 8),
    "RX 5600 XT": ("rx5600xt", 6),
    "H20 141GB": ("h20-141gb", 141),
    "A800 40GB": ("a800-pcie-40gb", 40),
    "L2": ("l2", 24),
    "4090 48GB": ("rtx4090-48gb", 48),
    "2080 Ti 22GB": ("rtx2080ti-22gb", 22),
    "P102-100": ("p102-100", 5),
    "P102-100 10GB": ("p102-100-10gb", 10),
    "P106-100": ("p106-100", 6),
    "MI350P": ("mi350p", 144),
    "MI430X": ("mi430x", 432),
    "MI455X": ("mi455x", 432),
    "Rubin": ("rubin", 288),
    "TPU v7": ("tpu-v7x", 192),
    "Tesla V100-DGXS-32GB": ("v100-dgxs-32gb", 32),
    "Tesla V100-FHHL-16GB": ("v100-fhhl-16gb", 16),
    "Tesla V100-SXM2-32GB-LS": ("v100-sxm2-32gb", 32),
    "RX 6800S": ("rx6800s", 8),
    "Radeon RX 7700S": ("rx7700s", 8),
    "Ironwood": ("tpu-v7x", 192),
}
SHARED = (
    "Radeon 860M", "Radeon 840M", "Radeon 890M", "Radeon 680M", "Arc 140V", "Arc 130V", "Arc 140T", "Arc B390", "UHD 620",
    "UHD 600", "UHD 730", "HD 620", "HD 530", "Iris Xe",
)  # fmt: skip
SEVERAL = {
    "P106": ["p106-90", "p106-100"],
    "RTX A2000 Laptop": ["rtxa2000-laptop-4gb", "rtxa2000-laptop-8gb"],
    "Radeon 8050S": ["radeon-8050s-32gb", "radeon-8050s-64gb", "radeon-8050s-128gb"],
}
REFUSED = {
    "Ascend 910B": ("Huawei Ascend 910B", "vLLM Ascend", "custom:64GB"),
    "Atlas 300I Duo": ("Huawei Ascend 310P", "vLLM Ascend", None),
    "Trainium2": ("AWS Trainium2", "vLLM Neuron", "custom:96GiB"),
    "trn1": ("AWS Trainium", "vLLM Neuron", "custom:32GiB"),
    "Trainium3": ("AWS Trainium", "vLLM Neuron", None),
    "Inferentia2": ("AWS Inferentia", "vLLM Neuron", "custom:32GiB"),
    "n150": ("Tenstorrent Wormhole n150", "tt-inference-server", "custom:12GB"),
    "Tenstorrent n300": ("Tenstorrent Wormhole n300", "tt-inference-server", "2xcustom:12GB"),
    "Blackhole p150a": ("Tenstorrent Blackhole", "tt-inference-server", None),
    "MTT S80": ("Moore Threads card", "MUSA", None),
    "TPU v3-8": ("Google TPU of an older version", "JAX", None),
    "寒武纪 MLU370": ("Cambricon card", "vllm-mlu", None),
    "RBLN-CA25": ("Rebellions ATOM or REBEL", "vllm-rbln", None),
    "Qualcomm Cloud AI 100 Ultra": ("Qualcomm Cloud AI 100", "Cloud AI SDK", None),
    "Intel(R) AI Boost": ("NPU of a processor", "OpenVINO", None),
    "Hailo-10H": ("Hailo chip", "Hailo-10H", None),
    "RK3588": ("Rockchip NPU", "RKLLM", None),
    "EPYC 9654": ("processor alone", "llama.cpp on the processor", None),
}


@pytest.mark.parametrize(("name", "found"), KNOWN.items())
def test_a_card_is_found_by_the_name_that_people_call_it(
    catalogue: Catalogue, name: str, found: tuple[str, int]
) -> None:
    gpu = catalogue.gpu(name)

    assert (gpu.id, round(gpu.marketed_gb or 0)) == found


@pytest.mark.parametrize("name", SHARED)
def test_an_integrated_gpu_has_the_memory_that_it_is_given(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnknownMemory):
        catalogue.gpu(name)

    assert catalogue.gpu(name, 16 * GIB).memory_bytes == 16 * GIB


@pytest.mark.parametrize(("name", "ids"), SEVERAL.items())
def test_a_name_of_cards_with_different_memory_is_not_one(catalogue: Catalogue, name: str, ids: list[str]) -> None:
    with pytest.raises(AmbiguousName) as raised:
        catalogue.gpu(name)

    listed = f"{', '.join(ids[:-1])} and {ids[-1]}"
    assert raised.value.message == f'"{name}" is not one GPU: {listed}'


@pytest.mark.parametrize(("name", "words"), REFUSED.items())
def test_an_accelerator_is_refused_by_name_with_the_program_that_serves_it(
    catalogue: Catalogue, name: str, words: tuple[str, str, str | None]
) -> None:
    title, server, custom = words

    with pytest.raises(UnknownGpu) as raised:
        catalogue.gpu(name)

    assert raised.value.message == f"{title} is no GPU that the engines here run on"
    assert raised.value.hint is not None
    assert server in raised.value.hint
    assert raised.value.hint.endswith(f"ask with -g {custom}" if custom else "is not modelled")


@pytest.mark.parametrize("name", ["rtxa4500", "rtxa5000", "rtxa5500", "rtxa6000", "rtx3090"])
def test_boards_of_the_ga102_have_four_links(catalogue: Catalogue, name: str) -> None:
    # NVIDIA Ampere GA102 white paper: four links of 14.0625 GB/s in each direction
    assert catalogue.gpu_facts(name)["nvlink_gb_s"] == 4 * 2 * 14.0625


@pytest.mark.parametrize(
    ("name", "kind", "tops"),
    [
        # 4,096 INT8 operations of an Xe core and clock, at the listed boost clock (197 TOPS of the B60 are Intel's)
        ("arca770-16gb", "int8", 32 * 4096 * 2.4 / 1000),
        ("arcprob60", "int8", 20 * 4096 * 2.4 / 1000),
        ("arcproa60", "int8", 16 * 4096 * 2.05 / 1000),
        # 512 WMMA operations of a compute unit and clock on RDNA 3; packed FP16 alone on RDNA 2
        ("v710", "fp16", 54 * 512 * 2.0 / 1000),
        ("w6600", "fp16", 28 * 256 * 2.58 / 1000),
        # 1,024 operations of a compute unit and clock on CDNA 2
        ("mi250", "bf16", 104 * 1024 * 1.7 / 1000),
    ],
)
def test_rates_follow_from_units_and_clock(catalogue: Catalogue, name: str, kind: str, tops: float) -> None:
    assert catalogue.gpu_facts(name)["tflops"][kind] == pytest.approx(tops, rel=0.003)


def test_a_mi250_is_one_of_the_two_devices_of_its_board(catalogue: Catalogue) -> None:
    # ROCm/rocm_smi_lib issue 160: 104 compute units and 65,520 MiB for each device
    gpu = catalogue.gpu("mi250")

    assert (gpu.memory_bytes, catalogue.gpu_facts("mi250")["devices_per_board"]) == (65520 * 2**20, 2)


def test_gb10_has_what_programs_of_2026_print(catalogue: Catalogue) -> None:
    # MiaAI-Lab/DeepSeek-v4-Flash-One-DGX-Spark issue 4: 121.63 GiB
    assert catalogue.gpu("gb10").usable_readings["linux"] / GIB == pytest.approx(121.63, abs=0.01)


@pytest.mark.parametrize("name", ["RTX 5080 Super", "5070 Ti Super 24GB", "M5 Ultra 512GB", "Arc B770"])
def test_a_gpu_that_no_page_announces_is_refused(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnknownGpu, match="was announced on no page that was found"):
        catalogue.gpu(name)


@pytest.mark.parametrize("name", ["MI440X", "Rubin CPX", "Arc B370", "Intel Arc Pro B65"])
def test_a_gpu_that_no_page_describes_is_refused_with_the_reason(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnknownGpu, match="no page was found that states the memory of the") as refused:
        catalogue.gpu(name)

    assert refused.value.hint == "ask with its size and bandwidth, as -g custom:24GiB@1008GB/s"


def test_a_machine_without_memory_of_its_own_has_what_it_is_given(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownMemory):
        catalogue.gpus("Ryzen 7 7840HS")

    assert [gpu.memory_bytes for gpu in catalogue.gpus("2x Ryzen 7 7840HS", 16 * GIB)] == [16 * GIB] * 2


def test_rx_9060_has_the_rate_of_its_maker(catalogue: Catalogue) -> None:
    # hwlegend.tech and techydb.com: 18 Gbit/s on 128 bits; TechPowerUp's clock makes 20.1 of it
    assert catalogue.gpu("RX 9060").bandwidth_bytes_per_second == 128 // 8 * 18 * 10**9
