"""Questions people ask about one or two cards, as they ask them, with the answer and why it is that.

Weights, cache and compute buffers in the reasons are llama.cpp's own accounting (no_alloc memory breakdown of release v0.5.0) in
MiB. The context takes 475 MiB on an RTX 4090, 318 on an RTX 3090 and 135 on an RTX 3060 (``overhead.py``), of which 24080,
24126 and 11906 MiB can be had.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report
from vramfit.units import MIB


def asked(gpu: str, model: str, quant: str, *more: str) -> Any:
    """The one estimate of a question."""
    estimates = report("--gpu", gpu, "--model", model, "--engine", "llama.cpp", "--quant", quant, *more).estimates
    assert 1 == len(estimates)
    return estimates[0]


def parts(estimate: Any, number: int = 0) -> tuple[int, int, int]:
    """Weights, cache and compute buffer of a device in whole MiB."""
    device = estimate["devices"][number]
    return tuple(device[f"{part}_bytes"] // MIB for part in ("weights", "kv_cache", "compute"))


def remedy(estimate: Any, kind: str) -> Any:
    """The first remedy of a kind."""
    return next(one for one in estimate["remedies"] if one["kind"] == kind)


def test_llava_1_6_13b_at_fp16_on_an_rtx_4090() -> None:
    """Whole, weights of 25129 MiB alone exceed the card; 33 of 41 layers run.

    Of 33 layers: 19674 MiB of weights and 615 of the projector, 2560 of cache, 265 of buffers (a matrix of a layer in RAM is
    staged, and the projector has a buffer), 475 of context: 490 MiB stay free. A layer is 605 MiB and 80 of cache, so 34 are
    200 MiB too many.
    """
    whole = asked("rtx4090", "llava-1.6-13b", "fp16")
    assert "exceeds" == whole["verdict"]
    assert parts(whole) == (25130, 3200, 128)
    offload = remedy(whole, "offload-layers")
    assert {"gpu_layers": 33} == {key: offload["changes"][key] for key in ("gpu_layers",)}
    assert offload["command"] == (
        "llama-server -m llava-1.6-13b-F16.gguf -c 4096 -np 1 -ngl 33 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16 "
        "--mmproj mmproj-llava-1.6-13b-F16.gguf"
    )
    fits, one_more = (asked("rtx4090", "llava-1.6-13b", "fp16", "--gpu-layers", count) for count in ("33", "34"))
    assert ("fits", "exceeds") == (fits["verdict"], one_more["verdict"])
    assert parts(fits) == (20289, 2560, 265)
    assert fits["headroom_bytes"] // MIB == pytest.approx(490, abs=5)
    # With the gibibyte that llama-server leaves free by itself it is one layer less.
    own = asked("rtx4090", "llava-1.6-13b", "fp16", "--gpu-layers", "auto")
    assert 32 == own["deployment"]["gpu_layers"]
    assert any("-ngl 32" in words for words in own["assumptions"])


@pytest.mark.parametrize(
    ("context", "verdict", "cards", "spare"),
    [
        (8192, "fits", [(20038, 1312, 296), (19940, 1248, 360)], 2161),
        (16384, "fits", [(20038, 2624, 328), (19940, 2496, 392)], 817),
        (20480, "tight", [(20038, 3280, 344), (19940, 3120, 408)], 145),
        (32768, "exceeds", [(20038, 5248, 392), (19940, 4992, 456)], -1871),
    ],
)
def test_llama_3_1_70b_q4_k_m_on_two_rtx_3090(
    context: int, verdict: str, cards: list[tuple[int, int, int]], spare: int
) -> None:
    """41 and 39 of 80 layers, the head on the second card; 8 KV heads make the cache 320 KiB a token.

    8k and 16k fit, the first card being the fuller one; from 20k on it is a matter of what the context takes.
    """
    found = asked("2xrtx3090", "llama-3.1-70b", "Q4_K_M", "--context", str(context))
    assert verdict == found["verdict"]
    assert cards == [parts(found, number) for number in (0, 1)]
    assert found["headroom_bytes"] // MIB == pytest.approx(spare, abs=2)


def test_qwen3_30b_a3b_q4_k_m_on_an_rtx_3060_with_experts_in_ram() -> None:
    """17524 MiB of weights on a card of 11906; without the experts of 25 of 48 layers 8830.

    Each layer's experts are 330 or 370 MiB, and any in RAM cost 133 MiB of staging: 1170 MiB stay free with 25 layers and
    846 with 24, less than the 1024 that ``--fit`` leaves. All 48 layers' experts are 16740 MiB, which 16 GiB of RAM do not hold.
    """
    card, model = "rtx3060-12gb", "qwen3-30b-a3b"
    assert "exceeds" == asked(card, model, "Q4_K_M", "--context", "16384")["verdict"]
    found = asked(card, model, "Q4_K_M", "--context", "16384", "--n-cpu-moe", "auto", "--ram", "32GiB")
    assert ("fits", 25) == (found["verdict"], found["deployment"]["cpu_moe_layers"])
    assert parts(found) == (8830, 1536, 233)
    assert parts(found, 1)[:2] == (8860, 0)
    assert found["devices"][1]["headroom_bytes"] > 23 * 1024 * MIB
    assert any("--n-cpu-moe 25" in words for words in found["assumptions"])
    all_in_ram = asked(card, model, "Q4_K_M", "--context", "16384", "--n-cpu-moe", "48", "--ram", "16GiB")
    assert "exceeds" == all_in_ram["verdict"]
    assert parts(all_in_ram) == (784, 1536, 233)
    assert parts(all_in_ram, 1)[0] == 16906
    assert all_in_ram["headroom_bytes"] > 0 > all_in_ram["devices"][1]["headroom_bytes"]


def test_gpt_oss_120b_on_24_gb_with_64_gb_of_ram() -> None:
    """59851 MiB of weights; with the experts of 24 of 36 layers in RAM, 21022 on the card and 39416 in RAM.

    The largest expert matrix to stage makes the buffer 608 MiB. At 131072 tokens half the layers cache only 128 tokens back,
    so the whole context costs 4635 MiB and three layers' experts more. 32 GiB of RAM are too few.
    """
    asking = ("rtx4090", "gpt-oss-120b", "MXFP4")
    whole = asked(*asking, "--ram", "64GiB")
    assert ("exceeds", (59851, 171, 91)) == (whole["verdict"], parts(whole))
    found = asked(*asking, "--n-cpu-moe", "auto", "--ram", "64GiB")
    assert ("fits", 24) == (found["verdict"], found["deployment"]["cpu_moe_layers"])
    assert parts(found) == (21022, 171, 608)
    assert parts(found, 1)[0] == 39416
    long = asked(*asking, "--n-cpu-moe", "auto", "--ram", "64GiB", "--context", "131072")
    assert ("fits", 27) == (long["verdict"], long["deployment"]["cpu_moe_layers"])
    assert 4635 == parts(long)[1]
    poor = asked(*asking, "--n-cpu-moe", "24", "--ram", "32GiB")
    assert ("exceeds", True) == (poor["verdict"], poor["headroom_bytes"] > 0)


def test_gemma_3_27b_at_128k_on_24_gb() -> None:
    """Q4_K_M has 15773 MiB on the card, its tied head included; 10 of 62 layers cache all 131072 tokens.

    F16: 10864 MiB of cache, 3.3 GiB too much. q8_0: 5771 MiB, and flash attention unpacks one layer to F16, 1024 MiB at a
    time; as text it fits with 0.8 GiB to spare, with the tower (816 MiB and its buffer) it does not. q4_0 has room for both.
    """
    asking = ("rtx4090", "gemma-3-27b", "Q4_K_M", "--context", "131072")
    plain = asked(*asking, "--images", "0")
    assert ("exceeds", (15773, 10864, 292)) == (plain["verdict"], parts(plain))
    eight = asked(*asking, "--images", "0", "--kv-cache-type", "q8_0")
    assert ("fits", (15773, 5771, 292)) == (eight["verdict"], parts(eight))
    assert eight["devices"][0]["overhead_bytes"] // MIB == pytest.approx(475 + 1024 - 121, abs=5)
    assert "exceeds" == asked(*asking, "--kv-cache-type", "q8_0")["verdict"]
    four = asked(*asking, "--kv-cache-type", "q4_0")
    assert ("fits", (16590, 3055)) == (four["verdict"], parts(four)[:2])
    assert parts(four)[2] > 292
