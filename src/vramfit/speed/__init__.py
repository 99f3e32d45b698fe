"""Tokens per second: a roofline over what each device reads and multiplies, plus a fixed time per layer.

Decoding one token for each of ``B`` sequences takes

``t = sum over devices of weights / min(bus, cores) + B x cache / (bus x share) + layers x latency + links``

where *bus* is the share of the memory's peak bandwidth a runtime reaches, *cores* what the processors can take in
(which binds on cards with much bandwidth for their size, and on old ones), *latency* the fixed time of a layer's
kernels, and *links* what crosses PCIe, comes from host memory, or is summed between cards. Devices that hold different
layers work one after another, so their times add; ranks of a tensor-parallel group work at the same time.

``decode`` holds these terms and what a model moves, ``prefill`` the other half. The constants are those of the engine's own
profile (``vramfit.engines.profile``), fitted on measured runs by ``tests/speed/fit.py``.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine
from vramfit.engines.profile import UNKNOWN_SPREAD, card_kind
from vramfit.speed.decode import DISK_BYTES_PER_SECOND, LINK_SHARE, depth_tokens, host_bandwidth, step
from vramfit.speed.prefill import seconds

__all__ = [
    "BOTTLENECKS", "Rate", "Throughput", "decode_rate", "depth_tokens", "host_bandwidth", "prefill_rate",
    "spill_rate", "throughput",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate


class Rate(Record):
    """Tokens per second, as an interval."""

    low: float
    expected: float
    high: float


class Throughput(Record):
    """Speeds of a deployment and what limits them."""

    decode: Rate | None
    """Speed of one sequence while all ``parallel`` ones generate; None for models that generate nothing."""
    prefill: Rate | None
    """Speed at which one prompt of ``prompt_tokens`` is taken in; None where the card's arithmetic rate is unknown."""
    total_decode_tokens_per_second: float | None
    """Speed of all sequences together."""
    time_to_first_token_seconds: float | None
    """Time for the prompt and one step of decoding."""
    bottleneck: str | None
    """Resource that most of a decoding step waits for: one of ``BOTTLENECKS``."""
    prompt_tokens: int
    """Length of the prompt that the figures are for."""


POWER_BY_MAKER = ("laptop", "embedded")
"""Segments whose cards run at the power that a machine's maker sets: an RTX 3080 Ti of a laptop reached half of what its
memory allows (sudoingX/qwen38-mtp pull request 56)."""

BOTTLENECKS = ("memory bandwidth", "compute", "kernel launches", "interconnect", "RAM", "PCIe", "disk")
"""Resources a step waits for, in the order of the terms of ``decode.step``."""


def decode_rate(deployment: Deployment, estimate: Estimate) -> Rate | None:
    """Decode speed of one sequence just after its prompt; None where a bandwidth is unknown or nothing decodes."""
    terms = step(deployment, estimate)
    return None if terms is None else _decoding(deployment, estimate, terms)


def prefill_rate(deployment: Deployment, estimate: Estimate) -> Rate | None:
    """Tokens per second at which a prompt is taken in; None where a card's arithmetic or memory rate is unknown."""
    tokens = depth_tokens(deployment)
    terms = seconds(deployment, estimate, tokens)
    return None if terms is None else _interval(tokens / sum(terms), _spread(deployment, estimate, "prefill"))


def throughput(deployment: Deployment, estimate: Estimate) -> Throughput | None:
    """Every figure of the speed at once; None where neither prompts nor tokens can be timed."""
    terms, prefill = step(deployment, estimate), prefill_rate(deployment, estimate)
    decode = None if terms is None else _decoding(deployment, estimate, terms)
    if decode is None and prefill is None:
        return None
    tokens = depth_tokens(deployment)
    first = None
    if decode is not None and prefill is not None:
        first = _round(tokens / prefill.expected + 1 / decode.expected)
    total = None if decode is None else _round(decode.expected * deployment.workload.parallel)
    return Throughput(decode, prefill, total, first, None if terms is None else _largest(terms), tokens)


def spill_rate(deployment: Deployment, estimate: Estimate, missing_bytes: int) -> float | None:
    """Tokens per second when ``missing_bytes`` that the GPUs should hold come in from elsewhere for every token.

    The missing bytes lie in system RAM and cross PCIe, as the Windows driver pages them out, or come from the disk as
    far as the stated RAM cannot hold them. None where the link or the resident speed is unknown.
    """
    terms = step(deployment, estimate)
    link = deployment.gpus[0].host_link_bytes_per_second
    if terms is None or link is None:
        return None
    ram = deployment.workload.ram_bytes
    on_disk = 0 if ram is None else min(missing_bytes, max(0, estimate.host.total_bytes + missing_bytes - ram))
    spilled = missing_bytes / (link * LINK_SHARE) + on_disk / DISK_BYTES_PER_SECOND
    return _round(1 / (sum(terms) + spilled))


def _decoding(deployment: Deployment, estimate: Estimate, terms: tuple[float, ...]) -> Rate:
    """Decode speed of one sequence, from the seconds of a pass of the model for one token."""
    spread = _spread(deployment, estimate, "decode")
    if deployment.workload.draft is None:
        return _interval(1 / sum(terms), spread)
    from vramfit.speed.speculative import with_drafts

    return _interval(*with_drafts(deployment, estimate, terms, spread))


def _spread(deployment: Deployment, estimate: Estimate, phase: str) -> tuple[float, float]:
    """Low and high bound as factors of the expected rate, from measurements of similar deployments."""
    profile, unknown = engine(deployment.engine).speed(), UNKNOWN_SPREAD[phase]
    if estimate.host.read_bytes or estimate.streamed_bytes:
        return profile.offloaded_spread.get(phase, unknown)
    kinds = profile.measured.get(phase)
    if kinds is not None and any(
        card_kind(gpu) not in kinds or gpu.segment in POWER_BY_MAKER for gpu in deployment.gpus
    ):
        return unknown
    return profile.spread.get(phase, unknown)


def _largest(terms: tuple[float, ...]) -> str:
    return BOTTLENECKS[max(range(len(terms)), key=terms.__getitem__)]


def _interval(rate: float, spread: tuple[float, float]) -> Rate:
    return Rate(_round(rate * spread[0]), _round(rate), _round(rate * spread[1]))


def _round(rate: float) -> float:
    """Rate rounded to three significant digits: no estimate here is better."""
    return float(f"{rate:.3g}")
