"""Fit the constants of ``src/vramfit/speed/fitted.py`` on the measured rows.

    .venv/bin/python -m tests.speed.fit            # figures of the constants as they stand
    .venv/bin/python -m tests.speed.fit write    # fit, show, and write them
    .venv/bin/python -m tests.speed.fit cross    # fit without each card, model and source in turn; errors on those

It changes the very tables the program reads and asks the program for the speed of every row, so what is fitted is what
is answered. One constant after another is moved by a factor that shrinks, as long as the weighted sum of |log(expected /
measured)| falls; of an error beyond a half only a tenth counts, since the rows hold outliers. Constants for a kind of
card are drawn towards the usual value, which tells the more the fewer rows there are. Rows that repeat one deployment
weigh less; hosts that are no PC weigh nothing. Every fit starts from the same round numbers.
"""

from __future__ import annotations

import ast
import math
import statistics
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.speed.rows import Row, deployed, rows
from vramfit.speed import decode, fitted, prefill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    """One number of the tables."""

    table: dict[str, Any]
    key: str
    usual: str | None = None
    """The key it is drawn towards, in the same table."""
    pull: float = 0.0
    highest: float = math.inf


def cases(chosen: Iterable[Row]) -> list[Case]:
    """Rows with deployments and weights."""
    found = list(chosen)
    same = Counter((row.engine, row.keys, row.phase) for row in found)
    result = []
    for row in found:
        deployment, estimate = deployed(row, row.prompt)
        before = deployed(row, row.depth) if row.phase == "prefill" and row.depth else None
        kind = decode.kin(deployment.gpus[0])
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
                total += constant.pull * math.log(constant.table[constant.key] / constant.table[constant.usual]) ** 2
        return total

    best = loss()
    steps = [0.25] * len(constants)
    for _ in range(ROUNDS):
        for number, constant in enumerate(constants):
            before = constant.table[constant.key]
            for factor in (1 + steps[number], 1 / (1 + steps[number])):
                constant.table[constant.key] = min(before * factor, constant.highest)
                found = loss()
                if found < best - 1e-9:
                    best = found
                    break
            else:
                constant.table[constant.key] = before
                steps[number] *= 0.55
    decode.forget()
    for constant in constants:
        constant.table[constant.key] = float(f"{constant.table[constant.key]:.3g}")


def by_kind(name: str, engine: str, chosen: list[Case], pull: float, highest: float = math.inf) -> list[Constant]:
    """The usual constant of a table, one for every kind of card with enough rows, and what was set by hand for others."""
    table = getattr(fitted, name)[engine]
    counted = Counter(case.kind for case in chosen if case.weight)
    kinds = sorted(kind for kind, number in counted.items() if number >= FEWEST_OF_A_KIND)
    table.clear()
    table |= {"": NEUTRAL[name], **dict.fromkeys(kinds, NEUTRAL[name])}
    table |= {kind: value for kind, value in BY_HAND.get(name, {}).items() if kind not in kinds}
    return [Constant(table, "", highest=highest), *[Constant(table, kind, "", pull, highest) for kind in kinds]]


FEWEST_OF_A_KIND = 4
BY_HAND: dict[str, dict[str, float]] = {
    # Three records of RDNA 2 (median 0.62 of the bus), one of Vega 20, one of Polaris on a single-board computer.
    "BUS_SHARE": {
        "GCN 4 (Polaris)": 0.4, "GCN 5.0 (Vega)": 0.4, "GCN 5.1 (Vega 20)": 0.4, "RDNA": 0.62, "RDNA 2": 0.62,
    },
    # One or two records each of RDNA 2, RDNA 3, Xe2 and Pascal; Turing and Volta by their matrix units, Blackwell as Ada.
    "MATRIX_SHARE": {
        "RDNA 2": 1.1, "RDNA 3": 0.9, "RDNA 4": 1.2, "Pascal": 1.05, "Turing": 2.0, "Volta": 2.0, "Blackwell": 1.4,
        "Xe-HPG": 2.2, "Xe2-HPG": 2.2,
    },
}  # fmt: skip
"""Kinds of cards with too few rows for a fit."""
NEUTRAL: dict[str, float] = {
    "BUS_SHARE": 0.87, "SM_CLOCK_BYTES": 8.0, "LAYER_MICROSECONDS": 70.0, "OPERATIONS_PER_WEIGHT": 30.0, "CACHE_SHARE": 0.5,
    "LAYER_EXTRA_MICROSECONDS": 30.0, "EXPERTS_MICROSECONDS": 30.0, "REDUCE_MICROSECONDS": 50.0, "MATRIX_SHARE": 1.2,
    "MATRIX_GAIN_16_BIT": 1.3, "ATTENTION_SHARE": 0.5,
}  # fmt: skip
"""Where every fit starts, whatever the tables hold, so that one left-out row cannot be remembered from an earlier fit."""
SET_BY_HAND = {
    ("LAYER_MICROSECONDS", "", ""), ("BUS_SHARE", "", ""), ("SM_CLOCK_BYTES", "", ""), ("OPERATIONS_PER_WEIGHT", "K", ""),
    ("OPERATIONS_PER_WEIGHT", "low", ""), ("EXPERTS_MICROSECONDS", "", ""), ("MATRIX_SHARE", "", ""),
    ("MATRIX_SHARE", "", "16-bit"),
}  # fmt: skip
"""What no row speaks for: engines without any, and the floors of ``OPERATIONS_PER_WEIGHT``."""


def neutral(name: str, table: dict[str, Any], row: str = "") -> None:
    """Put the start into every place of a table that is fitted."""
    for key, value in table.items():
        if isinstance(value, dict):
            neutral(name, value, key)
        elif (name, row, key) not in SET_BY_HAND:
            table[key] = NEUTRAL[name]


def fit(found: list[Case]) -> None:
    """Fit everything on the given rows, in the order in which constants build on one another."""
    for name in NEUTRAL:
        neutral(name, getattr(fitted, name))
    fitted.HOST |= {"share": 0.5, "experts": 200.0}
    fitted.PIPELINE |= {"exponent": 0.8, "cost": 0.05}
    whole = [case for case in found if not case.row.offloaded]
    cpp = [case for case in whole if case.row.engine in ("llama.cpp", "ollama")]
    generated = [case for case in cpp if case.row.phase == "decode"]
    descend(
        [
            *by_kind("BUS_SHARE", "llama.cpp", generated, 30.0, 0.94),
            *by_kind("LAYER_MICROSECONDS", "llama.cpp", generated, 0.3),
            Constant(fitted.SM_CLOCK_BYTES["llama.cpp"], ""),
            Constant(fitted.OPERATIONS_PER_WEIGHT["K"], "Apple 7-8"),
            Constant(fitted.CACHE_SHARE, "on", highest=0.9),
            Constant(fitted.CACHE_SHARE, "off"),
            Constant(fitted.CACHE_SHARE, "off, apple"),
            Constant(fitted.LAYER_EXTRA_MICROSECONDS, "no flash attention"),
            Constant(fitted.LAYER_EXTRA_MICROSECONDS, "several cards"),
            Constant(fitted.LAYER_EXTRA_MICROSECONDS, "recurrent"),
            *[Constant(fitted.EXPERTS_MICROSECONDS, vendor) for vendor in ("nvidia", "amd", "apple")],
        ],
        generated,
    )
    for row, engines in (
        ("mlx", ("mlx",)),
        ("transformers", ("transformers",)),
        ("exllamav3", ("exllamav3",)),
        ("servers", decode.SERVERS),
    ):
        mine = [case for case in whole if case.row.engine in engines and case.row.phase == "decode"]
        if not mine:
            continue
        chosen = [Constant(fitted.LAYER_MICROSECONDS[row], key) for key in fitted.LAYER_MICROSECONDS[row]]
        if row in ("mlx", "exllamav3"):
            chosen.append(Constant(fitted.BUS_SHARE[row], "", highest=0.94))
        chosen += [Constant(fitted.SM_CLOCK_BYTES[row], key) for key in fitted.SM_CLOCK_BYTES.get(row, {})]
        if row == "servers":
            chosen += [Constant(fitted.REDUCE_MICROSECONDS, key) for key in fitted.REDUCE_MICROSECONDS]
        descend(chosen, mine)
    stated = [
        case
        for case in found
        if case.row.offloaded and case.row.phase == "decode" and "ram_bandwidth" in dict(case.row.keys)
    ]
    if stated:
        descend([Constant(fitted.HOST, "share"), Constant(fitted.HOST, "experts")], stated)
    prompts = [case for case in cpp if case.row.phase == "prefill"]
    plain = [case for case in prompts if prefill.plain(case.deployment)]
    descend(
        [
            *by_kind("MATRIX_SHARE", "llama.cpp", prompts, 0.1),
            *by_kind("MATRIX_GAIN_16_BIT", "llama.cpp", plain, 1.0),
            *[Constant(fitted.ATTENTION_SHARE, key) for key in fitted.ATTENTION_SHARE],
            Constant(fitted.PIPELINE, "exponent", highest=1.0),
            Constant(fitted.PIPELINE, "cost"),
        ],
        prompts,
    )
    mlx = [case for case in whole if case.row.engine == "mlx" and case.row.phase == "prefill"]
    if mlx:
        descend([Constant(fitted.MATRIX_SHARE["mlx"], "")], mlx)


def spreads(found: list[Case]) -> None:
    """Set the intervals: what holds nine rows of ten, and a little more on either side."""
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for case in found:
        row = case.row
        if row.host or (row.offloaded and row.phase == "prefill"):
            continue
        engine = decode.runtime(row.engine)
        ratios[row.phase, "offloaded" if row.offloaded else engine].append(math.exp(-error(case)))
        if engine == "llama.cpp" and not row.offloaded:
            kinds[row.phase][case.kind] += 1
    for (phase, engine), measured in ratios.items():
        if (phase, engine) in SPREADS:
            measured.sort()
            low, high = measured[round(0.05 * (len(measured) - 1))], measured[round(0.95 * (len(measured) - 1))]
            fitted.SPREAD[phase][engine] = (round(min(low * 0.93, 0.85), 2), round(max(high * 1.07, 1.18), 2))
    for phase, counted in kinds.items():
        fitted.MEASURED[phase] = frozenset(kind for kind, number in counted.items() if number >= FEWEST_OF_A_KIND)


SPREADS = (("decode", "llama.cpp"), ("decode", "offloaded"), ("prefill", "llama.cpp"))
"""Intervals that follow from the rows. The other engines were measured on a card or two, in one version: theirs are set
by hand, wider."""


def told(errors: list[float]) -> str:
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
        print(f"{name:58} {told(groups[name])}")


def cross(found: list[Case]) -> None:
    """Errors on rows left out of the fit: one card, one model, one source at a time."""
    ways: dict[str, Callable[[Case], str]] = {
        "card": lambda case: case.deployment.gpus[0].id,
        "model": lambda case: case.deployment.model.id,
        "source": lambda case: case.row.source,
    }
    kept = snapshot()
    for name, way in ways.items():
        errors: dict[int, float] = {}
        for value in dict.fromkeys(map(way, found)):
            restore(kept)
            fit([case for case in found if way(case) != value])
            errors |= {number: error(case) for number, case in enumerate(found) if way(case) == value}
        print(f"left out by {name}:")
        for phase in ("decode", "prefill"):
            chosen = [
                errors[number]
                for number, case in enumerate(found)
                if case.row.phase == phase and not case.row.host and not case.row.offloaded
            ]
            print(f"  {phase:8} {told(chosen)}")
    restore(kept)


def snapshot() -> dict[str, Any]:
    """A copy of the tables."""
    return {name: _copy(value) for name, value in vars(fitted).items() if isinstance(value, dict) and name.isupper()}


def restore(kept: dict[str, Any]) -> None:
    """Put a snapshot back into the tables, in place."""
    for name, value in kept.items():
        _refill(getattr(fitted, name), value)


def _copy(value: Any) -> Any:
    return {key: _copy(each) for key, each in value.items()} if isinstance(value, dict) else value


def _refill(table: dict[str, Any], value: dict[str, Any]) -> None:
    for key in [key for key in table if key not in value]:
        del table[key]
    for key, each in value.items():
        if isinstance(each, dict):
            _refill(table.setdefault(key, {}), each)
        else:
            table[key] = each


def write() -> None:
    """Put the tables into ``fitted.py`` in place of those it holds; its words stay."""
    path = Path(fitted.__file__)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    tables = snapshot()
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in tables:
            name = node.targets[0].id
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = _table(name, tables[name])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(name: str, value: dict[str, Any]) -> list[str]:
    """The lines of a table, rows wrapped between entries."""
    if not any(isinstance(each, dict | frozenset) for each in value.values()):
        return [f"{name} = {{", *_wrapped([f'"{key}": {each!r},' for key, each in value.items()], 4), "}  # fmt: skip"]
    result = [f"{name} = {{"]
    for key, each in value.items():
        if isinstance(each, frozenset):
            result += [f'    "{key}": frozenset((', *_wrapped([f'"{word}",' for word in sorted(each)], 8), "    )),"]
            continue
        row = _wrapped([f'"{inner}": {number!r},' for inner, number in each.items()], 8)
        short = f'    "{key}": {{{row[0].strip().rstrip(",")}}},'
        result += [short] if len(row) == 1 and len(short) <= WIDTH else [f'    "{key}": {{', *row, "    },"]
    return [*result, "}  # fmt: skip"]


def _wrapped(words: list[str], indent: int) -> list[str]:
    lines = [" " * (indent - 1)]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append(" " * (indent - 1))
        lines[-1] += f" {word}"
    return lines


WIDTH = 118


def main(arguments: list[str]) -> None:
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
