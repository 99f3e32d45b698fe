"""Properties of whatever pipeline is drawn: more pixels need no less, offloading and tiles need no more, components add up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.properties.asked import rows
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UnsupportedScheme, UsageError
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate

MODES = ("model", "group", "sequential")
MODELS = tuple([row["id"] for row in rows().models if row["modality"].endswith("-generation")])
SCHEMES = (
    "bf16", "fp16", "fp32", "fp8", "int8", "nf4", "nf4-single", "torchao-int8", "torchao-int4", "quanto-int8", "quanto-int4",
    "Q8_0", "Q4_K_M", "Q4_K_S", "Q2_K", "nvfp4", "svdq-int4", "svdq-fp4",
)  # fmt: skip
SIDES = st.integers(2, 40).map(lambda sixths: 64 * sixths)
REQUESTS = st.fixed_dictionaries(
    {
        "engine": st.sampled_from(("diffusers", "comfyui")),
        "model": st.sampled_from(MODELS),
        "quant": st.sampled_from(SCHEMES),
        "gpu": st.sampled_from(("rtx4090", "t4", "h100-sxm", "rtx3060", "rtx5090", "rx7900xtx", "v100-sxm2-16gb")),
    },
    optional={
        "parallel": st.integers(1, 8),
        "text_encoder": st.sampled_from(("ram", "int8", "nf4", "fp8")),
        "component_offload": st.sampled_from(("none", *MODES)),
        "vae_tiling": st.booleans(),
    },
)
SLACK = 2**20
"""Bytes that rounding may make of what is summed."""


@cache
def of(items: tuple[tuple[str, Any], ...]) -> Estimate | None:
    """The estimate of a request, and None for one that is refused."""
    try:
        return estimate(resolve(parse_request(dict(items)), open_catalogue())[0])
    except (CannotTell, UnsupportedScheme, UsageError):
        return None


def needed(request: dict[str, Any], **more: Any) -> tuple[int, int, int]:
    """Low, expected and high bytes of the GPU of a request, which the test leaves out where it is refused."""
    found = of(tuple({**request, **more}.items()))
    assume(found is not None and found.refusal is None)
    assert found is not None
    gpu = found.gpus[0]
    return gpu.low_bytes, gpu.total_bytes, gpu.high_bytes


def no_more(less: tuple[int, int, int], than: tuple[int, int, int]) -> bool:
    """True if no figure is above the one of the other."""
    return all(one <= other + SLACK for one, other in zip(less, than, strict=True))


@settings(max_examples=300, deadline=None)
@given(REQUESTS, SIDES, SIDES, SIDES)
def test_more_pixels_need_no_less(request: dict[str, Any], width: int, height: int, more: int) -> None:
    request.setdefault("component_offload", "none")  # ComfyUI's own mode keeps fewer weights where more is made.
    base = needed(request, output_size=f"{width}x{height}")

    assert no_more(base, needed(request, output_size=f"{width + more}x{height}"))
    assert no_more(base, needed(request, output_size=f"{width}x{height + more}"))


@settings(max_examples=200, deadline=None)
@given(REQUESTS, st.integers(1, 4))
def test_more_at_once_needs_no_less(request: dict[str, Any], more: int) -> None:
    request.setdefault("component_offload", "none")
    parallel = request.get("parallel", 1)

    assert no_more(needed(request), needed(request, parallel=parallel + more))
    assert no_more(needed(request, images=more), needed(request, images=more + 1))


@settings(max_examples=300, deadline=None)
@given(REQUESTS, SIDES, st.sampled_from(MODES))
def test_no_mode_of_offloading_needs_more_than_none(request: dict[str, Any], side: int, mode: str) -> None:
    request["output_size"] = f"{side}x{side}"

    assert no_more(needed(request, component_offload=mode), needed(request, component_offload="none"))


@settings(max_examples=200, deadline=None)
@given(REQUESTS, SIDES)
def test_tiles_need_no_more(request: dict[str, Any], side: int) -> None:
    request["output_size"] = f"{side}x{side}"

    assert no_more(needed(request, vae_tiling=True), needed(request, vae_tiling=False))


@settings(max_examples=300, deadline=None)
@given(REQUESTS)
def test_components_are_on_the_gpu_or_in_ram(request: dict[str, Any]) -> None:
    low, total, high = needed(request)
    found = of(tuple(request.items()))
    whole = of(tuple({**request, "component_offload": "none"}.items()))
    assert found is not None
    assume(whole is not None)
    assert whole is not None
    gpu = found.gpus[0]

    assert 0 < low <= total <= high
    assert total >= gpu.weights_bytes + gpu.compute_bytes + gpu.overhead_bytes
    assert gpu.weights_bytes + found.host.weights_bytes == pytest.approx(
        whole.gpus[0].weights_bytes + whole.host.weights_bytes, abs=SLACK
    )
