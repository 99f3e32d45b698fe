"""Fit the constants of the engines' profiles of speed on the measured rows.

    .venv/bin/python -m tests.speed.fit            # figures of the constants as they stand
    .venv/bin/python -m tests.speed.fit write    # fit, show, and write them
    .venv/bin/python -m tests.speed.fit cross    # fit without each card, model and source in turn; errors on those

It changes the very profiles the program reads and asks the program for the speed of every row, so what is fitted is
what is answered. One constant after another is moved by a factor that shrinks, as long as the weighted sum of
|log(expected / measured)| falls; of an error beyond a half only a tenth counts, since the rows hold outliers. Constants
for a kind of card are drawn towards the usual value, which tells the more the fewer rows there are. Rows that repeat one
deployment weigh less; hosts that are no PC weigh nothing. Every fit starts from the same round numbers.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.speed.literals import rewritten
from tests.speed.rows import Row, deployed, rows
from vramfit import engines
from vramfit.engines import profile, servers
from vramfit.engines.exllamav3 import speed as exllamav3
from vramfit.engines.llamacpp import speed as llamacpp
from vramfit.engines.mlx import speed as mlx
from vramfit.engines.profile import SpeedProfile, card_kind
from vramfit.engines.sglang import speed as sglang
from vramfit.engines.tensorrtllm import speed as tensorrtllm
from vramfit.engines.transformers import speed as transformers
from vramfit.engines.vllm import speed as vllm
from vramfit.speed import decode, prefill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

MODULES: tuple[ModuleType, ...] = (
    profile, servers, llamacpp, mlx, transformers, exllamav3, vllm, sglang, tensorrtllm
)  # fmt: skip
"""Where constants are written."""
CPP = llamacpp.PROFILE
ROUNDS = 18
BEYOND = 0.5


@dataclass
class Case:
    """A row with its deployment."""

    row: Row
    deployment: Any
    estimate: Any
    before: tuple[Any, Any] | None
    """For a prompt after others: the deployment with those alone."""
    weight: float
    kind: str


@dataclass(frozen=True)
class Constant:
    """One number of the profiles."""

    owner: Any
    """The table, or the object, that has it. Tables may be shared by profiles, and defaults are those of the class."""
    key: str
    start: float
    """Where every fit begins, whatever the profiles hold, so that no row left out is remembered from an earlier fit."""
    usual: str | None = None
    """The key it is drawn towards, in the same table."""
    pull: float = 0.0
    highest: float = math.inf
    also: tuple[tuple[dict[str, float], str], ...] = ()
    """Other tables that hold the same number."""

    @property
    def value(self) -> float:
        """The number as it stands."""
        found: float = self.owner[self.key] if isinstance(self.owner, dict) else getattr(self.owner, self.key)
        return found

    def put(self, value: float) -> None:
        """Change the number wherever it stands."""
        for owner, key in ((self.owner, self.key), *self.also):
            if isinstance(owner, dict):
                owner[key] = value
            elif isinstance(owner, type):
                setattr(owner, key, value)
            else:
                vars(owner)[key] = value


def cases(chosen: Iterable[Row]) -> list[Case]:
    """Rows with deployments and weights."""
    found = list(chosen)
    same = Counter((row.engine, row.keys, row.phase) for row in found)
    result = []
    for row in found:
        deployment, estimate = deployed(row, row.prompt)
        before = deployed(row, row.depth) if row.phase == "prefill" and row.depth else None
        kind = card_kind(deployment.gpus[0])
        weight = 0.0 if row.host else 1 / math.sqrt(same[row.engine, row.keys, row.phase])
        result.append(Case(row, deployment, estimate, before, weight, kind))
    return result


def expected(case: Case) -> float:
    """Tokens per second as the program expects them."""
    if case.row.phase == "decode":
        terms = decode.step(case.deployment, case.estimate)
        assert terms is not None
        return 1 / sum(terms)
    whole = prefill.seconds(case.deployment, case.estimate, case.row.prompt)
    assert whole is not None, case.row
    taken = sum(whole)
    if case.before is not None:
        first = prefill.seconds(*case.before, case.row.depth)
        assert first is not None
        taken -= sum(first)
    return case.row.tokens / taken


def error(case: Case) -> float:
    """Logarithm of expected over measured."""
    return math.log(expected(case) / case.row.measured)


def damped(size: float) -> float:
    """An error as the fit counts it: in full up to ``BEYOND``, a tenth of what is above."""
    return size if size < BEYOND else BEYOND + (size - BEYOND) / 10


def descend(constants: list[Constant], chosen: list[Case]) -> None:
    """Move the constants to where the loss is least, one at a time."""

    def loss() -> float:
        decode.forget()
        total = sum(case.weight * damped(abs(error(case))) for case in chosen)
        for constant in constants:
            if constant.usual is not None:
                total += constant.pull * math.log(constant.value / constant.owner[constant.usual]) ** 2
        return total

    best = loss()
    steps = [0.25] * len(constants)
    for _ in range(ROUNDS):
        for number, constant in enumerate(constants):
            before = constant.value
            for factor in (1 + steps[number], 1 / (1 + steps[number])):
                constant.put(min(before * factor, constant.highest))
                found = loss()
                if found < best - 1e-9:
                    best = found
                    break
            else:
                constant.put(before)
                steps[number] *= 0.55
    decode.forget()
    for constant in constants:
        constant.put(float(f"{constant.value:.3g}"))


def by_kind(name: str, start: float, chosen: list[Case], pull: float, highest: float = math.inf) -> list[Constant]:
    """The usual constant of a table of llama.cpp, one for every kind of card with enough rows, and those set by hand."""
    table: dict[str, float] = getattr(CPP, name)  # type: ignore[assignment,unused-ignore]
    counted = Counter(case.kind for case in chosen if case.weight)
    kinds = sorted(kind for kind, number in counted.items() if number >= FEWEST_OF_A_KIND)
    table.clear()
    table |= {"": start, **dict.fromkeys(kinds, start)}
    table |= {kind: value for kind, value in BY_HAND.get(name, {}).items() if kind not in kinds}
    usual = Constant(table, "", start, highest=highest)
    return [usual, *[Constant(table, kind, start, "", pull, highest) for kind in kinds]]


FEWEST_OF_A_KIND = 4
FEWEST_OF_AN_INTERVAL = 6
BY_HAND: dict[str, dict[str, float]] = {
    # Three records of RDNA 2 (median 0.62 of the bus), one of Vega 20, one of Polaris on a single-board computer.
    "bus_share": {
        "GCN 4 (Polaris)": 0.4, "GCN 5.0 (Vega)": 0.4, "GCN 5.1 (Vega 20)": 0.4, "RDNA": 0.62, "RDNA 2": 0.62,
    },
    # One or two records each of RDNA 2, RDNA 3, Xe2 and Pascal; Turing and Volta by their matrix units, Blackwell as Ada.
    "matrix_share": {
        "RDNA 2": 1.1, "RDNA 3": 0.9, "RDNA 4": 1.2, "Pascal": 1.05, "Turing": 2.0, "Volta": 2.0, "Blackwell": 1.4,
        "Xe-HPG": 2.2, "Xe2-HPG": 2.2,
    },
}  # fmt: skip
"""Kinds of cards with too few rows for a fit."""


def entries(table: Any, start: float) -> list[Constant]:
    """Every number of a table."""
    return [Constant(table, key, start) for key in table]


def of_llamacpp(generated: list[Case]) -> list[Constant]:
    """The constants of decoding in llama.cpp, those that all engines take from its rows among them."""
    assert CPP.unfused is not None
    return [
        *by_kind("bus_share", 0.87, generated, 30.0, 0.94),
        *by_kind("layer_microseconds", 70.0, generated, 0.3),
        Constant(CPP.bytes_per_clock, "", 8.0),
        Constant(CPP.operations_per_weight["K"], "Apple 7-8", 30.0),
        Constant(SpeedProfile, "cache_share", 0.5, highest=0.9),
        *entries(CPP.unfused.cache_share, 0.5),
        Constant(CPP.unfused, "layer_microseconds", 30.0),
        Constant(CPP, "several_cards_microseconds", 30.0),
        *[Constant(SpeedProfile.recurrent_microseconds, vendor, 30.0) for vendor in ("nvidia", "amd", "apple")],
        *[Constant(SpeedProfile.expert_microseconds, vendor, 30.0) for vendor in ("nvidia", "amd", "apple")],
    ]


def of_servers() -> list[Constant]:
    """The constants of decoding in servers: those they share, and those of each one's kernels."""
    tables: list[Any] = [vllm.PROFILE.bytes_per_clock, sglang.PROFILE.bytes_per_clock]
    own: Any = tensorrtllm.PROFILE.bytes_per_clock
    return [
        *entries(servers.LAYER_MICROSECONDS, 70.0),
        Constant(servers, "BYTES_PER_CLOCK", 8.0, also=tuple((table, "") for table in tables)),
        Constant(own, "", 8.0),
        *[Constant(table, "grouped", 8.0) for table in (*tables, own)],
        *entries(SpeedProfile.reduce_microseconds, 50.0),
    ]


def of_prompts(prompts: list[Case]) -> list[Constant]:
    """The constants of prompts in llama.cpp, those that all engines take from its rows among them."""
    assert CPP.unfused is not None
    plain = [case for case in prompts if decode.plain(case.deployment.scheme)]
    return [
        *by_kind("matrix_share", 1.2, prompts, 0.1),
        *by_kind("gain_16_bit", 1.3, plain, 1.0),
        Constant(SpeedProfile.attention_share, "", 0.5),
        Constant(CPP.unfused, "attention_share", 0.5),
        Constant(SpeedProfile.attention_share, "apple", 0.5),
        Constant(CPP, "pipeline_exponent", 0.8, highest=1.0),
        Constant(CPP, "pipeline_cost", 0.05),
    ]


def stages(found: list[Case]) -> list[tuple[list[Constant], list[Case]]]:
    """Constants with the rows they are fitted on, in the order in which they build on one another.

    What no row speaks for is in none: defaults of engines without any, and the floors of ``operations_per_weight``.
    """
    whole = [case for case in found if not case.row.offloaded]
    cpp = [case for case in whole if case.row.engine in ("llama.cpp", "ollama")]

    def generated(cases: list[Case], *names: str) -> list[Case]:
        return [case for case in cases if case.row.phase == "decode" and (not names or case.row.engine in names)]

    stated = [case for case in generated(found) if case.row.offloaded and "ram_bandwidth" in dict(case.row.keys)]
    prompts = [case for case in cpp if case.row.phase == "prefill"]
    exllama = exllamav3.PROFILE
    return [
        (of_llamacpp(generated(cpp)), generated(cpp)),
        (
            [
                *entries(mlx.PROFILE.layer_microseconds, 70.0),
                *entries(mlx.PROFILE.recurrent_microseconds, 30.0),
                *entries(mlx.PROFILE.expert_microseconds, 30.0),
                Constant(mlx.PROFILE.bus_share, "", 0.87, highest=0.94),
            ],
            generated(whole, "mlx"),
        ),
        (entries(transformers.PROFILE.layer_microseconds, 70.0), generated(whole, "transformers")),
        (
            [
                *entries(exllama.layer_microseconds, 70.0),
                Constant(exllama.bus_share, "", 0.87, highest=0.94),
                *entries(exllama.bytes_per_clock, 8.0),
            ],
            generated(whole, "exllamav3"),
        ),
        (of_servers(), generated(whole, "vllm", "sglang", "tensorrt-llm")),
        (
            [Constant(SpeedProfile, "host_share", 0.5), Constant(SpeedProfile, "host_expert_microseconds", 200.0)],
            stated,
        ),
        (of_prompts(prompts), prompts),
        (
            entries(mlx.PROFILE.matrix_share, 1.2),
            [case for case in whole if case.row.engine == "mlx" and case.row.phase == "prefill"],
        ),
    ]


def fit(found: list[Case]) -> None:
    """Fit everything on the given rows."""
    fitted = stages(found)
    for constants, _ in fitted:
        for constant in constants:
            constant.put(constant.start)
    for constants, chosen in fitted:
        if chosen:
            descend(constants, chosen)


def spreads(found: list[Case]) -> None:
    """Set the intervals: what holds nine rows of ten, and a little more on either side.

    What is asked next is of none of these sources, so a source with many rows, all of one owner's cards, counts less.
    """
    ratios: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for case in found:
        row = case.row
        if row.host or (row.offloaded and row.phase == "prefill"):
            continue
        cpp = engines.engine(row.engine).speed() is CPP
        if row.offloaded or cpp:
            ratios[row.phase, "offloaded" if row.offloaded else ""].append((math.exp(-error(case)), row.source))
        if cpp and not row.offloaded:
            kinds[row.phase][case.kind] += 1
    for (phase, where), measured in ratios.items():
        table: Any = SpeedProfile.offloaded_spread if where else CPP.spread
        low, high = quantile(measured, 0.05), quantile(measured, 0.95)
        table[phase] = (round(min(low * 0.93, 0.85), 2), round(max(high * 1.07, 1.18), 2))
    known: Any = CPP.measured
    for phase, counted in kinds.items():
        known[phase] = tuple(sorted(kind for kind, number in counted.items() if number >= FEWEST_OF_AN_INTERVAL))


def quantile(measured: list[tuple[float, str]], share: float) -> float:
    """Value below which a share of the rows lies, if the square root of its number of rows is what a source counts."""
    rows_of = Counter(source for _, source in measured)
    ordered = sorted((value, 1 / math.sqrt(rows_of[source])) for value, source in measured)
    left = share * sum(weight for _, weight in ordered)
    for value, weight in ordered:
        left -= weight
        if left <= 0:
            return value
    return ordered[-1][0]


def figures(errors: list[float]) -> str:
    """Number, median, 90th percentile and bias of errors, in percent of the measured figure."""
    if not errors:
        return "no rows"
    sizes = sorted(abs(math.exp(each) - 1) for each in errors)
    ninety = sizes[min(len(sizes) - 1, math.ceil(0.9 * len(sizes)) - 1)]
    bias = math.exp(statistics.median(errors)) - 1
    return f"n {len(sizes):4}  median {statistics.median(sizes):6.1%}  p90 {ninety:6.1%}  bias {bias:+6.1%}"


def group_of(case: Case) -> str:
    """The name under which a row is reported."""
    row = case.row
    if row.host:
        return f"{row.phase}: on a single-board computer"
    if row.offloaded:
        stated = "stated" if "ram_bandwidth" in dict(row.keys) else "not stated"
        return f"{row.phase}: offloaded in part, RAM bandwidth {stated}"
    cards = "" if row.cards == 1 else ", several cards"
    return f"{row.phase}: {row.engine}{f', {case.kind}' if row.engine == 'llama.cpp' else ''}{cards}"


def show(found: list[Case], errors: dict[int, float]) -> None:
    """Print the figures of every group."""
    groups: dict[str, list[float]] = defaultdict(list)
    for number, case in enumerate(found):
        if number in errors:
            groups[group_of(case)].append(errors[number])
            if not case.row.host and not case.row.offloaded:
                groups[f"{case.row.phase}: ALL on cards"].append(errors[number])
            groups[f"{case.row.phase}: ALL"].append(errors[number])
    for name in sorted(groups):
        print(f"{name:58} {figures(groups[name])}")


def cross(found: list[Case]) -> None:
    """Errors on rows left out of the fit: one card, one model, one source at a time."""
    left_out_by: dict[str, Callable[[Case], str]] = {
        "card": lambda case: case.deployment.gpus[0].id,
        "model": lambda case: case.deployment.model.id,
        "source": lambda case: case.row.source,
    }
    for name, of in left_out_by.items():
        errors: dict[int, float] = {}
        for value in dict.fromkeys(map(of, found)):
            fit([case for case in found if of(case) != value])
            errors |= {number: error(case) for number, case in enumerate(found) if of(case) == value}
        print(f"left out by {name}:")
        for phase in ("decode", "prefill"):
            chosen = [
                errors[number]
                for number, case in enumerate(found)
                if case.row.phase == phase and not case.row.host and not case.row.offloaded
            ]
            print(f"  {phase:8} {figures(chosen)}")


def write() -> None:
    """Put the constants into the modules that hold them, in place of those that have changed; their words stay."""
    for module in MODULES:
        path = Path(str(module.__file__))
        path.write_text(rewritten(path.read_text(encoding="utf-8"), module), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Run the command."""
    found = cases(rows())
    if "write" in arguments:
        fit(found)
        spreads(found)
        write()
    show(found, {number: error(case) for number, case in enumerate(found)})
    if "cross" in arguments:
        cross(found)


if __name__ == "__main__":
    main(sys.argv[1:])
