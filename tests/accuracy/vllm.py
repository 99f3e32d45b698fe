"""vLLM's start-up logs against its estimate: errors and spreads of each term, and of the room that is left for the cache.

``python -m tests.accuracy.vllm`` prints for each kind of term the factors that contain nine tenths of the logs of one half
of the models, and the share of the other half's logs that they contain. ``SPREAD`` in ``vramfit.engines.vllm.parts`` has
them rounded outwards.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from zlib import crc32

import yaml

from vramfit.engines import engine
from vramfit.engines.interface import Job
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.vllm.parts import ESTIMATED_SHARE, SPREAD, captured_kind, parts
from vramfit.engines.vllm.release import release
from vramfit.sources import open_catalogue
from vramfit.units import GIB

LOGS = Path(__file__).parent.parent / "engines" / "vllm" / "logged.yaml"
TITLES = {
    "weights": "weights",
    "peak": "peak of the profile run",
    "libraries": "libraries within the share",
    "context": "context and NCCL outside",
    "graphs": "CUDA graphs as captured",
    "graphs_estimated": "vLLM's estimate of them",
    "room": "room for the cache",
}
"""Terms and their names in the table."""
FEWEST = 6
"""Logs of a kind with fewer of which halves say nothing of each other."""
OUTSIDE = 0.05
"""Share of the fitted logs below the lowest factor, and above the highest."""


class Figure(NamedTuple):
    """Term of one log: what the estimate says and what was logged, in bytes."""

    term: str
    kind: str
    """Key of ``SPREAD``, or the term itself if it has no spread of its own."""
    model: str
    several: bool
    """True if the log is of more than one GPU."""
    version: tuple[int, ...]
    low: float
    expected: float
    high: float
    logged: float

    @property
    def error(self) -> float:
        """Relative error of the expected bytes."""
        return self.expected / self.logged - 1

    @property
    def inside(self) -> bool:
        """True if the logged bytes are between the bounds, but for the two decimals that logs have."""
        return self.low - 0.005 * GIB <= self.logged <= self.high + 0.005 * GIB


@cache
def figures() -> tuple[Figure, ...]:
    """Every term of every log."""
    rows: list[dict[str, Any]] = yaml.safe_load(LOGS.read_text("utf-8"))
    return tuple(figure for row in rows for figure in _of_row(row))


def _of_row(row: dict[str, Any]) -> list[Figure]:
    runtime = engine("vllm")
    (deployment, *_) = resolve(parse_request({**row["deployment"], "engine": "vllm"}), open_catalogue())
    work = deployment.workload
    view = runtime.view(deployment.gpus, work)
    job: Job[Any, Any] = Job(deployment.checkpoint, work, view.traits, len(deployment.gpus))
    estimate, facts = runtime.estimate(job), release(job.keys)
    own, logged = parts(job, facts, 0), row["logged"]
    peak_kind, library_kind, graph_kind = own.kinds
    captured = own.graphs_bytes / (ESTIMATED_SHARE if facts.graphs_in_share else 1)
    context = view.shares[0]
    inner, outer = own.libraries.inside_bytes, own.libraries.outside_bytes
    ours = {
        "weights": ("weights", estimate.gpus[0].weights_bytes, (1, 1)),
        "peak": (peak_kind, own.peak.total_bytes, SPREAD[peak_kind]),
        "libraries": (library_kind, inner, SPREAD[library_kind]),
        "graphs": (captured_kind(facts), captured, SPREAD[captured_kind(facts)]),
        "graphs_estimated": ("graphs, estimated", captured * ESTIMATED_SHARE, SPREAD["graphs, estimated"]),
        "context": ("context", outer + context.expected, (1, 1)),
    }
    found = []
    for term, (kind, size, spread) in ours.items():
        if term in logged:
            bounds = (size * spread[0], size, size * spread[1])
            found.append(_figure(term, kind, deployment.model.id, job.gpu_count, facts.numbers, bounds, logged[term]))
    if "room" in logged:
        total = logged.get("total", runtime.offered_bytes(deployment.gpus[0], work) / GIB) * GIB
        share = estimate.settings["gpu_memory_utilization"]
        assert isinstance(share, float)
        left = share * total - logged.get("weights", estimate.gpus[0].weights_bytes / GIB) * GIB
        uncounted = 0 if facts.counts_everything else own.peak.counts_bytes
        taken = [(own.peak.total_bytes - uncounted, peak_kind), (inner, library_kind)]
        taken += [(own.graphs_bytes, graph_kind)] if facts.graphs_in_share else []
        most, least = (sum(size * SPREAD[kind][side] for size, kind in taken) for side in (1, 0))
        bounds = (left - most, left - sum(size for size, _ in taken), left - least)
        found.append(_figure("room", "room", deployment.model.id, job.gpu_count, facts.numbers, bounds, logged["room"]))
    return found


def _figure(
    term: str,
    kind: str,
    model: str,
    gpus: int,
    version: tuple[int, ...],
    bounds: tuple[float, float, float],
    logged_gib: float,
) -> Figure:
    return Figure(term, kind, model, gpus > 1, version, *bounds, logged_gib * GIB)


def half(figure: Figure) -> bool:
    """Half of the models that a log belongs to, by a checksum of the model's name."""
    return bool(crc32(figure.model.encode()) % 2)


def fitted(found: list[Figure]) -> tuple[float, float]:
    """Lowest and highest factor of the expected bytes that contain nine tenths of the logs."""
    factors = sorted(one.logged / one.expected for one in found)
    rest = int(OUTSIDE * len(factors))
    return factors[rest], factors[-1 - rest]


def left_out(kind: str) -> tuple[tuple[float, float], int, int] | None:
    """Factors fitted on one half of the models, and how many logs of the other half they contain, of how many.

    Each half has its turn, and the factors are those of both. The result is None with logs of one half only, and with
    fewer than six.
    """
    halves = [[one for one in figures() if one.kind == kind and half(one) is side] for side in (False, True)]
    if not all(halves) or sum(map(len, halves)) < FEWEST:
        return None
    inside = 0
    bounds = []
    for fit, check in (halves, halves[::-1]):
        low, high = fitted(fit)
        bounds += [low, high]
        # A factor of half the logs is widened as far as two decimals of a log reach.
        inside += sum(
            low * one.expected - 0.05 * one.expected <= one.logged <= high * one.expected + 0.05 * one.expected
            for one in check
        )
    return (min(bounds), max(bounds)), inside, sum(map(len, halves))


def table() -> list[str]:
    """Table of the terms in Markdown: number of logs, median and largest errors, and logs between the bounds."""
    lines = [
        "| term | cards | logs | median error | 95 % below | between low and high |",
        "|---|---|---|---|---|---|",
    ]
    for term, title in TITLES.items():
        for several, cards in ((False, "one"), (True, "several")):
            found = [one for one in figures() if one.term == term and one.several is several]
            if not found:
                continue
            errors = sorted(abs(one.error) for one in found)
            inside = sum(one.inside for one in found)
            bounded = "–" if term in ("weights", "context") else f"{inside} of {len(found)}"
            most = errors[min(len(errors) - 1, int(0.95 * len(errors)))]
            lines.append(f"| {title} | {cards} | {len(found)} | {median(errors):.1%} | {most:.1%} | {bounded} |")
    return lines


def spreads() -> list[str]:
    """Table of the spreads in Markdown: the factors stated, those that fit, and what they contain of logs left out."""
    lines = ["| kind of term | stated | fits the logs | of logs of other models inside |", "|---|---|---|---|"]
    for kind, (low, high) in SPREAD.items():
        found = left_out(kind)
        if found is None:
            lines.append(f"| {kind} | {low}–{high} | too few logs | – |")
        else:
            (least, most), inside, total = found
            lines.append(f"| {kind} | {low}–{high} | {least:.2f}–{most:.2f} | {inside} of {total} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join([*table(), "", *spreads(), ""]))
