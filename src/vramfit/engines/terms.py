"""Terms: the summands of an estimate, each with its formula, its inputs and its source.

They are made only on request, by the functions that the estimate calls too. For every device and part of the memory,
the bytes of the terms add up to those in ``DeviceMemory``, and the formula of each gives its bytes when the inputs stand
in the place of their names (tests/engines/test_terms.py). A formula is arithmetic: names of inputs, numbers, ``+ - × /``,
brackets, and ``max``, ``min``, ``ceil``, ``round``. What arithmetic cannot say is the note.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine
from vramfit.engines.interface import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.interface import Deployment

PARTS = ("weights", "kv_cache", "compute", "overhead")
"""Parts of a device's memory, in the order of the report's breakdown."""


class Term(Record):
    """Summand of a device's memory."""

    name: str
    """Name of the thing that takes the memory: ``attention, layers 0-39, F16``, ``KV cache, full attention``."""
    part: str
    """Part of the breakdown that the term belongs to: one of ``PARTS``."""
    device: str
    """``gpu0``, ``gpu1``, …, ``host``."""
    formula: str
    """Arithmetic that gives the bytes, in the names of the inputs."""
    inputs: Mapping[str, float]
    """Numbers that the formula uses, by name."""
    bytes: int
    source: str
    """Source of the formula or the constant: where it was read or measured."""
    note: str = ""
    """Words on what the formula does not say; empty where it says everything."""


class Ledger:
    """Collector of the terms of one estimate; terms of 0 bytes are left out."""

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self._names: dict[tuple[str, str, str], int] = {}

    def add(
        self,
        part: str,
        device: str,
        name: str,
        formula: str,
        size: int,
        source: str,
        note: str = "",
        /,
        **inputs: float,
    ) -> None:
        """Add a term of ``size`` bytes; a further one of a name on the device gets a number behind it."""
        if not size:
            return
        key = (part, device, name)
        self._names[key] = number = self._names.get(key, 0) + 1
        title = name if number == 1 else f"{name} ({number})"
        self.terms.append(Term(title, part, device, formula, inputs, size, source, note))

    def add_sum(
        self, part: str, device: str, name: str, size: int, source: str, note: str = "", /, **inputs: int
    ) -> None:
        """Add a term that is the sum of its inputs in bytes; those of 0 bytes are left out."""
        present = {name: value for name, value in inputs.items() if value}
        self.add(part, device, name, " + ".join(present), size, source, note, **present)

    def add_product(
        self,
        part: str,
        device: str,
        name: str,
        formula: str,
        size: int,
        source: str,
        note: str = "",
        /,
        *,
        factor: int = 1,
        alone: str,
        **inputs: int | None,
    ) -> None:
        """Add a term that is the product of its inputs and of ``factor``, a number that the formula has.

        The input that is None is what the others leave of the bytes. Where that is no whole number, the term has its bytes
        alone, by the name ``alone``, and no note.
        """
        known = factor
        for value in inputs.values():
            known *= 1 if value is None else value
        left, rest = divmod(size, known) if known else (0, 1)
        if rest:
            self.add_sum(part, device, name, size, source, **{alone: size})
            return
        filled = {name: left if value is None else value for name, value in inputs.items()}
        self.add(part, device, name, formula, size, source, note, **filled)


def terms(deployment: Deployment) -> tuple[Term, ...]:
    """Terms of a deployment's estimate, ordered by device; raises ``UsageError`` and ``CannotTell`` like the estimate."""
    asked = engine(deployment.engine)
    asked.check(deployment.checkpoint, deployment.workload)
    view = asked.view(deployment.gpus, deployment.workload)
    job: Job[object, object] = Job(deployment.checkpoint, deployment.workload, view.traits, len(deployment.gpus))
    found = asked.estimate(job)
    ledger = Ledger()
    asked.account(job, found, ledger)
    for number, share in enumerate(view.shares):
        if number not in found.idle:
            ledger.add(
                "overhead", f"gpu{number}", "runtime", "runtime_bytes", share.expected, asked.runtime_source,
                f"{asked.runtime_formula}; between {share.low:,} and {share.high:,} B on this card",
                runtime_bytes=share.expected,
            )  # fmt: skip
    devices = [f"gpu{number}" for number in range(len(deployment.gpus))] + ["host"]
    return tuple(sorted(ledger.terms, key=lambda term: (devices.index(term.device), PARTS.index(term.part))))


def span(start: int, stop: int) -> str:
    """Write a range of layers: ``layers 0-39`` for those from ``start`` to before ``stop``, ``layer 5`` for one."""
    return f"layer {start}" if stop - start == 1 else f"layers {start}-{stop - 1}"
