"""Terms of weights: a checkpoint's tensors on one device, by what they do in the model and the type they are stored in.

A term is elements times bits per element. Where a scheme stores more than its nominal bits (scales, zero points, group
indices, a last block that is not full), the rest is an input of its own, so that nothing is rounded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vramfit.engines.terms import Ledger
    from vramfit.quantization import Checkpoint, Stored

EXPERTS = "_exps."
FINE_BITS = 32
"""Smallest part of a bit that the types of a block have whole numbers of: Q4_K has 4.5 bits, IQ2_XS 2.3125."""
GROUPS = (
    ("experts", ("_exps.",)), ("shared experts", ("_shexp.",)), ("router", ("ffn_gate_inp", "exp_probs_b")),
    ("recurrent mixers", ("ssm_", "time_mix", "shortconv", "kda_")), ("norms", ("norm",)),
    ("attention", ("attn", "indexer", "sinks")), ("MLP", ("ffn_", "channel_mix")),
)  # fmt: skip
"""Groups of a layer's tensors, each with parts of their names (llama.cpp's); the first that matches counts."""
TOWERS = {"vision": "vision tower", "projector": "projector", "audio": "audio tower", "component": "components"}
"""Names of tensors outside of the language model, by their part of the checkpoint."""


def group_of(name: str, part: str = "text", in_layer: bool = True) -> str:
    """Name of the group that a tensor belongs to."""
    if part != "text":
        return TOWERS.get(part, part)
    if not in_layer:
        if name.startswith("output"):
            return "final norm" if "norm" in name else "output head"
        return "embeddings"
    return next((group for group, words in GROUPS if any(word in name for word in words)), "other tensors")


def rows_of(
    checkpoint: Checkpoint, layers: Iterable[int] = (), outside: Callable[[Stored], bool] | None = None
) -> list[tuple[Stored, int]]:
    """Rows of a checkpoint with the number of their tensors in some layers, and of those outside of layers that are wanted."""
    wanted = set(layers)
    found = []
    for row in checkpoint.stored:
        if row.layers:
            count = row.tensor.copies * len([layer for layer in row.layers if layer in wanted])
        else:
            count = row.tensor.copies if outside is not None and outside(row) else 0
        if count:
            found.append((row, count))
    return found


def is_head(row: Stored) -> bool:
    """Tell whether a row outside of the layers is the final norm or the output head."""
    return row.tensor.part == "text" and row.tensor.name.startswith("output")


def is_tower(row: Stored) -> bool:
    """Tell whether a row belongs to a tower, a projector or a component."""
    return row.tensor.part != "text"


def is_input(row: Stored) -> bool:
    """Tell whether a row outside of the layers comes before them: an embedding, or its norm."""
    return row.tensor.part == "text" and not row.tensor.name.startswith("output")


class Group:
    """Tensors that have the same role in a model and are stored in the same type."""

    def __init__(self) -> None:
        self.count = self.elements = self.stored_bytes = 0

    def add(self, row: Stored, count: int) -> None:
        """Add ``count`` tensors of a row."""
        self.count += count
        self.elements += row.tensor.elements * count
        self.stored_bytes += row.bytes_each * count


def add_tensors(
    ledger: Ledger, device: str, where: str, rows: Iterable[tuple[Stored, int]], size: int, source: str, why: str = ""
) -> None:
    """Add terms of tensors, each row with the number of its copies on the device, that together take ``size`` bytes.

    ``where`` follows the group's name (``layers 0-39``). What the engine's copy takes more or less than the checkpoint's
    tensors is a term of its own, whose note is ``why``.
    """
    groups: dict[tuple[str, str], Group] = {}
    for row, count in rows:
        name = group_of(row.tensor.name, row.tensor.part, bool(row.layers))
        groups.setdefault((name, row.type), Group()).add(row, count)
    stored = 0
    for (name, kind), group in groups.items():
        words = [name, "" if name in OUTSIDE else where, kind]
        stored += add_stored(ledger, device, ", ".join([word for word in words if word]), group, source)
    if size != stored:
        ledger.add(
            "weights", device, f"layout of the weights{f', {where}' if where else ''}", "loaded_bytes - stored_bytes",
            size - stored, source, why, loaded_bytes=size, stored_bytes=stored,
        )  # fmt: skip


OUTSIDE = ("final norm", "output head", "embeddings", *TOWERS.values())
"""Groups whose tensors are in no layer."""


def add_stored(
    ledger: Ledger, device: str, name: str, group: Group, source: str, share: tuple[int, int] = (1, 1)
) -> int:
    """Add the term of a group: elements x bits / 8, and what is stored beside the values; returns its bytes.

    ``share`` is the part of each tensor that the device has, as a fraction, which padding can make larger than 1.
    """
    part, of = share
    elements, stored = group.elements, group.stored_bytes
    size = -(-stored * part // of)
    note = f"{group.count:,} tensor{'' if group.count == 1 else 's'}"
    if not elements:
        ledger.add_sum("weights", device, name, size, source, note, stored_bytes=size)
        return size
    fine, rest = divmod(stored * 8 * FINE_BITS, elements)
    inputs: dict[str, float] = {"elements": elements}
    if not rest:
        inputs["bits"] = fine // FINE_BITS if fine % FINE_BITS == 0 else fine / FINE_BITS
        formula = "elements × bits / 8"
    else:
        bits = stored * 8 // elements
        inputs |= {"bits": bits, "scales_bytes": stored - -(-elements * bits // 8)}
        values = "elements × bits / 8" if elements * bits % 8 == 0 else "ceil(elements × bits / 8)"
        formula = f"{values} + scales_bytes"
        note += "; beside the values scales, zero points and what fills blocks"
    if share != (1, 1):
        inputs |= {"part": part, "of": of}
        whole = f"({formula})" if "+" in formula else formula
        formula = f"{whole} × part / of" if stored * part % of == 0 else f"ceil({whole} × part / of)"
        note += f"; each GPU has {part} of {of} parts"
    ledger.add("weights", device, name, formula, size, source, note, **inputs)
    return size
