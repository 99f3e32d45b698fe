"""The peak of vLLM's profile run, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit._record import replace
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.profile_run import Peak, Rank, Step, experts_bytes, peak
from vramfit.engines.vllm.release import release
from vramfit.quantization import find_scheme
from vramfit.units import MIB

STEP = Step(8192, 1024, 0, None, 8192)
ALONE = Rank(1, 1, True, True, False, "", 132, 32 * MIB)


def run(
    sample: str,
    version: str | None = "0.19.0",
    step: Step = STEP,
    rank: Rank = ALONE,
    scheme: str = "bf16",
    **changes: Any,
) -> Peak:
    """The peak of a sample model, on an H100 with the default step unless stated."""
    facts = release(ServerKeys(engine_version=version))
    return peak(model(sample, **changes), find_scheme(scheme), step, rank, facts)


STATES = 2 * 8192 * 4096
"""Bytes of the hidden states of a step of Llama 3.1 8B."""


@pytest.mark.parametrize(
    ("version", "size"),
    [
        # 1.89 GiB of a start-up log, with 132 rows of candidates; 4.76 of 0.11 with a sampler that sorts.
        ("0.19.0", 1024 * 128_256 * 14 + 132 * 128_256 * 4),
        ("0.11.0", 1024 * 128_256 * 38),
        ("0.21.0", 1024 * 128_256 * 14),
        ("0.25.0", 1024 * 128_256 * 6),
        (None, 1024 * 128_256 * 14),
    ],
)
def test_sampler_by_release(version: str | None, size: int) -> None:
    """Logits, the hidden states of all tokens, and two copies of those that are sampled from."""
    assert run("llama-3.1-8b", version).sampler_bytes == size + STATES + 2 * 2 * 1024 * 4096


@pytest.mark.parametrize(("version", "bytes_each"), [("0.24", 0.0), ("0.25", 4.125), (None, 4.125)])
def test_counts_of_the_v2_runner(version: str, bytes_each: float) -> None:
    """Four bytes and a bit for each sequence and entry."""
    assert run("llama-3.1-8b", version).counts_bytes == 1024 * 128_256 * bytes_each


def test_few_rows_have_few_candidates() -> None:
    """No more than sequences."""
    few = run("llama-3.1-8b", step=replace(STEP, rows=8)).sampler_bytes
    assert few == 8 * 128_256 * (14 + 4) + STATES + 2 * 2 * 8 * 4096


def test_forward_pass() -> None:
    """Three hidden states, gate, up and their product; a compiled pass takes 46 MiB more."""
    layer = 2 * 8192 * (3 * 4096 + 3 * 14336)
    assert run("llama-3.1-8b", "0.7.3").forward_bytes == layer
    assert run("llama-3.1-8b").forward_bytes == layer + 46 * MIB


def test_eight_bit_activations() -> None:
    """Copies of the inputs in one byte; none of weights in 8 bits alone."""
    plain, both = run("llama-3.1-8b").forward_bytes, run("llama-3.1-8b", scheme="w8a8").forward_bytes
    assert both - plain == 8192 * (14336 + 4096)
    assert run("llama-3.1-8b", scheme="gptq-int8").forward_bytes == plain


@pytest.mark.parametrize(
    ("first", "last", "sampled", "sent"),
    [(True, False, False, True), (False, True, True, True), (True, True, True, False)],
)
def test_stages(first: bool, last: bool, sampled: bool, sent: bool) -> None:
    """Only the last has a sampler; with several, hidden states and the residual stream go between them."""
    found = run("llama-3.1-8b", rank=replace(ALONE, first=first, last=last, stages=2 if sent else 1))
    assert bool(found.sampler_bytes) is sampled
    assert found.forward_bytes - run("llama-3.1-8b").forward_bytes == (2 * STATES if sent else 0)


@pytest.mark.parametrize(
    ("ranks", "expert_parallel", "elements"),
    [
        # Mixtral: two of eight experts, 14,336 wide on 4,096: gate and up, and their product.
        (1, False, 2 * (14336 + 2 * 14336)),
        (4, False, 2 * (4096 + 2 * 3584)),
        (8, False, 2 * (4096 + 4096)),
        (4, True, 2 * (14336 + 2 * 14336)),
    ],
)
def test_buffers_of_experts(ranks: int, expert_parallel: bool, elements: int) -> None:
    """A row of each buffer for each expert of a token; the input's width where it is the wider."""
    rank = replace(ALONE, ranks=ranks, expert_parallel=expert_parallel)
    assert experts_bytes(model("mixtral-8x7b"), 8192, rank) == 2 * 8192 * elements


@pytest.mark.parametrize(
    ("version", "kernel", "kept"), [("0.19.0", "", True), ("0.19.0", "triton", False), ("0.11.0", "", False)]
)
def test_buffers_of_experts_stay(version: str, kernel: str, kept: bool) -> None:
    """From 0.13 on, except of kernels that make their own; else the forward pass has them."""
    found = run("mixtral-8x7b", version, rank=replace(ALONE, experts_kernel=kernel))
    buffers = 2 * 8192 * 2 * 3 * 14336
    assert found.kept_bytes == 32 * MIB + (buffers if kept else 0)
    assert (found.forward_bytes >= buffers) is not kept


def test_images_stay_while_the_model_runs() -> None:
    """Fourteen images of 576 tokens: outputs, and the pixels of 577 patches each, which the V2 runner frees."""
    shown = replace(STEP, images=1)
    plain = run("llava-1.5-7b").kept_bytes
    outputs, pixels = 14 * 576 * 2 * 4096, 14 * 577 * 2 * 3 * 14**2
    assert run("llava-1.5-7b", step=shown).kept_bytes - plain == outputs + pixels
    assert run("llava-1.5-7b", "0.30", step=shown).kept_bytes - plain == outputs
    assert run("llava-1.5-7b", step=shown, rank=replace(ALONE, first=False)).kept_bytes == plain


def test_the_encoder_has_its_own_peak() -> None:
    """Without the language model's buffers: the larger of both counts."""
    small: dict[str, Any] = {"hidden": 64, "ffn": 64, "heads": 1, "vocab": 64}
    found = run("llava-1.5-7b", step=replace(STEP, images=1), **small)
    activations = 14 * 577 * 2 * (4 * 1024 + 2 * 4096)
    assert found.encoder_bytes == activations + 14 * (576 * 2 * 64 + 577 * 2 * 3 * 14**2)
    assert found.total_bytes == found.encoder_bytes
    assert found.encoder_bytes > found.kept_bytes + max(found.forward_bytes, found.sampler_bytes)


def test_no_layers_no_peak() -> None:
    """Nothing for a model whose layers are not known."""
    assert peak(
        replace(model("llama-3.1-8b"), layers=()), find_scheme("bf16"), STEP, ALONE, release(ServerKeys())
    ) == Peak(0, 0, 0, 0, 0)
