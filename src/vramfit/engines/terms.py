"""Terms: the summands of an estimate, each with its formula, its inputs and its source.

They are made only on request, by the functions that the estimate calls too. For every device and part of the memory,
the bytes of the terms add up to those in ``DeviceMemory`` (tests/engines/test_terms.py).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine
from vramfit.engines.interface import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.engines.interface import Deployment
    from vramfit.memory.kv_cache import Cache
    from vramfit.quantization import Checkpoint

PARTS = ("weights", "kv_cache", "compute", "overhead")
"""Parts of a device's memory, in the order of the report's breakdown."""

STORED = "sum over the tensors of elements x stored bits / 8"
"""Formula for the bytes of tensors that are loaded like the checkpoint stores them."""


class Term(Record):
    """Summand of a device's memory."""

    name: str
    """Name of the thing that takes the memory: ``layers 0-39``, ``KV cache, full attention``."""
    part: str
    """Part of the breakdown that the term belongs to: one of ``PARTS``."""
    device: str
    """``gpu0``, ``gpu1``, …, ``host``."""
    formula: str
    """Formula of the bytes, in words and mathematical signs."""
    inputs: Mapping[str, object]
    """Numbers that the formula uses, by name."""
    bytes: int
    source: str
    """Source of the formula or the constant: where it was read or measured."""


class Ledger:
    """Collector of the terms of one estimate; terms of 0 bytes are left out."""

    def __init__(self) -> None:
        self.terms: list[Term] = []

    def add(self, part: str, device: str, name: str, formula: str, size: int, source: str, **inputs: object) -> None:
        """Add a term of ``size`` bytes."""
        if size:
            self.terms.append(Term(name, part, device, formula, inputs, size, source))


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
            gpu = deployment.gpus[number]
            known: dict[str, object] = {"gpu": gpu.id, "low": share.low, "high": share.high}
            ledger.add(
                "overhead",
                f"gpu{number}",
                "runtime",
                asked.runtime_formula,
                share.expected,
                asked.runtime_source,
                **known,
            )
    devices = [f"gpu{number}" for number in range(len(deployment.gpus))] + ["host"]
    return tuple(sorted(ledger.terms, key=lambda term: (devices.index(term.device), PARTS.index(term.part))))


def stored_inputs(checkpoint: Checkpoint, layers: Iterable[int] = (), names: Iterable[str] = ()) -> dict[str, object]:
    """Numbers of tensors and elements, and element types, of some layers and of some tensors outside the layers.

    ``names`` selects tensors outside the layers by part of the checkpoint (``vision``) or by the beginning of their name
    (``output``).
    """
    wanted, beginnings = set(layers), tuple(names)
    count = elements = 0
    types: dict[str, int] = {}
    for row in checkpoint.stored:
        tensor = row.tensor
        if row.layers:
            copies = tensor.copies * len([layer for layer in row.layers if layer in wanted])
        elif tensor.part in beginnings or (tensor.part == "text" and tensor.name.startswith(beginnings or "\0")):
            copies = tensor.copies
        else:
            copies = 0
        if copies:
            count += copies
            elements += tensor.elements * copies
            types[row.type] = types.get(row.type, 0) + tensor.elements * copies
    return {"tensors": count, "elements": elements, "types": types, "scheme": checkpoint.scheme.id}


def span(start: int, stop: int) -> str:
    """Write a range of layers: ``layers 0-39`` for those from ``start`` to before ``stop``, ``layer 5`` for one."""
    return f"layer {start}" if stop - start == 1 else f"layers {start}-{stop - 1}"


def cache_name(cache: Cache) -> str:
    """Name of a cache's term: ``KV cache, sliding window``."""
    kinds = {
        "full": "full attention", "sliding": "sliding window", "chunked": "attention in chunks", "cross": "cross attention",
        "latent": "latent attention", "compressed": "compressed attention", "state": "recurrent states",
    }  # fmt: skip
    return f"KV cache, {kinds.get(cache.kind, cache.kind)}"


def cache_inputs(cache: Cache) -> dict[str, object]:
    """Widths, window and compression ratio of a cache, for its term; those that are 0 or None are left out."""
    named = {
        "key_width": cache.key_width, "value_width": cache.value_width, "index_width": cache.index_width,
        "window": cache.window, "ratio": cache.ratio, "convolution_elements": cache.convolution_elements,
        "recurrent_elements": cache.recurrent_elements,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value}
