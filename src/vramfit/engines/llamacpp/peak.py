"""Compute buffer of llama.cpp taken apart: the tensors that exist when it is fullest.

The allocator places and frees tensors in the order of the graph (``schedule.high_water``). At the event that reaches the
highest end, some tensors exist, with gaps between them that none of those to come has filled.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.schedule import aligned, high_water

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.graph import Run
    from vramfit.engines.llamacpp.placement import Parts
    from vramfit.engines.llamacpp.schedule import Program
    from vramfit.engines.terms import Ledger
    from vramfit.model import Model

SMALL_SHARE = 0.02
"""Share of the buffer below which tensors of a size are not told apart."""
FLOAT_BYTES = 4


def live(program: Program, full: int, sliding: int) -> tuple[int, dict[int, int], int]:
    """Bytes of permanent tensors, numbers of the others that exist at the peak by their bytes, and bytes of the gaps."""

    def bytes_of(size: tuple[int, int, int]) -> int:
        return aligned(size[0] + size[1] * full + size[2] * sliding)

    base = sum([bytes_of(size) for size in program.permanent])
    sizes = [bytes_of(size) for size in program.sizes]
    peak = high_water(program.events, sizes, base)
    low, high = 0, len(program.events)
    while low < high:
        middle = (low + high) // 2
        if high_water(program.events[:middle], sizes, base) == peak:
            high = middle
        else:
            low = middle + 1
    there = dict.fromkeys([event >> 1 for event in program.events[:high] if not event & 1])
    for event in program.events[:high]:
        if event & 1:
            there.pop(event >> 1, None)
    counts: dict[int, int] = {}
    for number in there:
        if sizes[number]:
            counts[sizes[number]] = counts.get(sizes[number], 0) + 1
    return base, counts, peak - base - sum([size * count for size, count in counts.items()])


def add_buffer(
    ledger: Ledger,
    device: str,
    parts: Parts,
    model: Model,
    run: Run,
    program: Program,
    cells: tuple[int, int],
    source: str,
) -> None:
    """Add the terms of a device's buffer: its largest tensors by their widths, and the others together."""
    weights = {aligned(size): name for layer in parts.layer_tensors for name, size in layer.items()}
    base, counts, gaps = live(program, *cells)
    least = SMALL_SHARE * (base + gaps + sum([size * count for size, count in counts.items()]))
    names, others = _names(model, cells), 0
    for size, count in sorted(counts.items(), reverse=True):
        width, rest = divmod(size, FLOAT_BYTES * run.tokens)
        whole = size * count
        if model.vocab and size == aligned(FLOAT_BYTES * run.outputs * model.vocab):
            _sized(ledger, device, f"logits of {run.outputs:,} tokens", count, size, source)
        elif whole < least:
            others += whole
        elif rest or width not in names:
            copied = f"{weights[size]}, copied from RAM" if size in weights else f"tensors of {size:,} B"
            _sized(ledger, device, copied, count, size, source)
        else:
            ledger.add(
                "compute", device, names[width], "tensors × tokens × width × 4", whole, source, PEAK, tensors=count,
                tokens=run.tokens, width=width,
            )  # fmt: skip
    ledger.add_sum(
        "compute", device, "small tensors, inputs and gaps", others + base + gaps, source,
        f"{PEAK}; inputs that are kept throughout, and places between tensors that none fills", tensor_bytes=others,
        kept_bytes=base, gap_bytes=gaps,
    )  # fmt: skip


PEAK = "that exist when the buffer is fullest, in 32 bits"


def _sized(ledger: Ledger, device: str, name: str, count: int, size: int, source: str) -> None:
    ledger.add(
        "compute", device, name, "tensors × tensor_bytes", count * size, source, "that exist when the buffer is fullest",
        tensors=count, tensor_bytes=size,
    )  # fmt: skip


def _names(model: Model, cells: tuple[int, int]) -> dict[int, str]:
    """Names of tensors by their width: elements for each token of a batch."""
    found: dict[int, str] = {}
    for group in model.layers:
        network, experts = group.feed_forward, group.experts
        if experts is not None:
            found.setdefault(experts.active * model.hidden, "results of a token's experts")
            found.setdefault(experts.active * experts.width, "inner results of a token's experts")
        for width in () if network is None else network.inner_widths:
            found.setdefault(width, "feed-forward results")
        for mixer in group.mixers:
            own = mixer.widths
            for count in cells if own.heads else ():
                found.setdefault(own.heads * count, "attention scores")
            for width, name in ((own.query, "queries"), (own.key, "keys or values"), (own.output, "attention results")):
                found.setdefault(width, name)
    masks = {count // 2: "attention mask in 16 bits" for count in cells}
    return {**masks, **found, model.hidden: "hidden states"}
