"""Libraries of a vLLM process, inside and outside of its share of a card."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import gpu, model
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.budget import PEER_BYTES_PCIE, experts_kernel, generation, libraries, peer_bytes
from vramfit.engines.vllm.release import release
from vramfit.quantization import find_scheme
from vramfit.units import MIB


@pytest.mark.parametrize(
    ("ranks", "stages", "last", "kind", "version", "inside", "outside"),
    [
        (1, 1, True, "hopper", "0.19.0", 256, 82),
        (1, 1, True, "hopper", "0.17.0", 133, 82),
        (1, 1, True, "", "0.19.0", 170, 0),
        (1, 1, True, "", "0.17.0", 80, 0),
        # All-reduce and norm are joined on Hopper from 0.18 on, not with a pipeline.
        (2, 1, True, "hopper", "0.19.0", 256 + 1863, 82 + 1044),
        (4, 1, True, "hopper", "0.19.0", 256 + 1863 + 90, 82 + 1044),
        (2, 1, True, "hopper", "0.11.0", 133 + 430, 82 + 1044),
        (2, 2, True, "hopper", "0.19.0", 256 + 430, 82 + 1044),
        (2, 2, False, "hopper", "0.19.0", 72 + 430, 82 + 1044),
        (1, 4, False, "hopper", "0.19.0", 72, 82 + 1044),
        (4, 1, True, "blackwell", None, 256 + 1863 + 90, 1044),
        (4, 1, True, "blackwell-12", None, 170 + 225 + 2 * 66, 0),
        (8, 1, True, "", "0.10.0", 80 + 225 + 6 * 66, 0),
        (2, 2, True, "", None, 170 + 225, 0),
    ],
)
def test_libraries(
    ranks: int, stages: int, last: bool, kind: str, version: str | None, inside: int, outside: int
) -> None:
    """In MiB, for a dense model."""
    facts = release(ServerKeys(engine_version=version))
    found = libraries(model("llama-3.1-8b"), ranks, stages, last, kind, facts, False, PEER_BYTES_PCIE)
    assert (inside * MIB, outside * MIB) == (found.inside_bytes, found.outside_bytes)


@pytest.mark.parametrize(
    ("mebibytes", "changes"),
    [
        (66, {}),
        (66, {"nvlink_gb_s": 112.5}),
        (225, {"nvlink_gb_s": 600}),
        # Bridges join pairs of such cards.
        (66, {"nvlink_gb_s": 600, "name": "NVIDIA A100-PCIE-40GB"}),
    ],
)
def test_further_ranks_take_more_over_nvlink(mebibytes: int, changes: dict[str, Any]) -> None:
    """By the link that joins all cards of a machine."""
    assert peer_bytes(gpu("rtx4090", **changes)) == mebibytes * MIB


def test_experts_have_a_group_of_their_own() -> None:
    """490 MiB on Hopper; data parallelism leaves all-reduce and norm apart."""
    facts = release(ServerKeys())
    found = libraries(model("mixtral-8x7b"), 2, 1, True, "hopper", facts, True)
    assert ((256 + 430) * MIB, (82 + 1044 + 490) * MIB) == (found.inside_bytes, found.outside_bytes)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("", {}),
        ("hopper", {"compute_target": "sm_90"}),
        ("blackwell", {"compute_target": "sm_100"}),
        ("blackwell", {"compute_target": "sm_103"}),
        ("blackwell-12", {"compute_target": "sm_120"}),
        ("blackwell-12", {"compute_target": "sm_121"}),
        ("", {"compute_target": "gfx942", "vendor": "amd"}),
    ],
)
def test_generation(expected: str, changes: dict[str, Any]) -> None:
    """By compute capability."""
    assert generation(gpu("rtx4090", **changes)) == expected


@pytest.mark.parametrize(
    ("expected", "scheme", "kind", "kernel", "version"),
    [
        ("triton", "MXFP4", "hopper", "triton", None),
        ("", "MXFP4", "", "marlin", None),
        ("flashinfer", "MXFP4", "blackwell", "marlin", None),
        ("", "MXFP4", "blackwell-12", "marlin", None),
        ("flashinfer", "nvfp4", "blackwell-12", "marlin", "0.19.0"),
        ("flashinfer", "bf16", "blackwell", "marlin", "0.21.0"),
        ("", "bf16", "blackwell", "marlin", "0.19.0"),
        ("", "bf16", "hopper", "triton", None),
        ("", "nvfp4", "", "marlin", None),
        ("", "awq", "blackwell", "marlin", None),
    ],
)
def test_kernel_of_the_experts(expected: str, scheme: str, kind: str, kernel: str, version: str | None) -> None:
    """By scheme and generation."""
    facts = release(ServerKeys(engine_version=version))
    assert experts_kernel(find_scheme(scheme), kind, kernel, facts) == expected
