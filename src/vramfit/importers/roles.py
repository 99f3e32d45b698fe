"""A header as rows of stored tensors: the form in which engines place what they load.

Tensors alike in name, shape, type and bytes make one row (``quantization.Stored``), their layers side by side; the
experts of a layer, one tensor each in Hugging Face files, make one fused tensor as GGUF has it. No architecture need be
known: a tensor stands in its layer, before the first (the embedding), behind the last (norm and head), or in a tower.
"""

from __future__ import annotations

from vramfit.importers.gguf_set import layer_number
from vramfit.importers.tensor_names import gguf_name, place
from vramfit.model.architecture import Tensor
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.header import FileTensor, Header

    Row = tuple[str, tuple[int, ...], str, bool, bool, str, int]
    """Name, shape, part, linear, buffer, type and bytes of one tensor."""
    ExpertKey = tuple[int, str, tuple[int, ...], str]
    """Layer, name, shape and type of experts that are fused into one tensor."""

TOWER_PREFIX = {"vision": "v.", "audio": "a."}
"""Beginnings of the names of towers' tensors, as GGUF writes them."""

NOT_LINEAR = (
    "token_embd", "position_embd", "token_types", "per_layer_token_embd", "ffn_gate_inp.", "_norm.", "ssm_conv1d", "conv1d",
    "shortconv.conv.", "altup_", "patch_embd", "patch_embed", "rope_", "_base.", "_scale.", "embed", "norm",
)  # fmt: skip
"""Parts of names of matrices that are no ``nn.Linear``: tables, routers, convolutions and norms."""


FUSED = {f"ffn_{part}.weight": f"ffn_{part}_exps.weight" for part in ("gate", "up", "down")}
"""Names of networks' matrices, and what they are called where a third extent counts experts."""


def stored_rows(header: Header) -> tuple[Stored, ...]:
    """Every tensor of a header in rows, in order of first appearance; bytes and elements are those of the header."""
    placed = _gguf(header) if header.format == "gguf" else _hugging_face(header)
    rows: dict[Row, dict[int, int]] = {}
    for row, layer in placed:
        counts = rows.setdefault(row, {})
        counts[layer] = counts.get(layer, 0) + 1
    result = []
    for (name, shape, part, linear, buffer, kind, stored), counts in rows.items():
        # Layers that hold as many of the tensor each make one row; -1 stands for none.
        for count in sorted(set(counts.values())):
            layers = tuple(sorted([layer for layer, here in counts.items() if here == count]))
            inside = tuple([layer for layer in layers if layer >= 0])
            if inside:
                result.append(Stored(Tensor(name, shape, inside, part, linear, buffer, count), kind, stored, inside))
            if layers[0] < 0:
                result.append(Stored(Tensor(name, shape, (), part, linear, buffer, count), kind, stored, ()))
    return tuple(result)


def layer_count(rows: tuple[Stored, ...]) -> int:
    """Layers of the language model that the rows reach."""
    return 1 + max([max(row.layers) for row in rows if row.layers], default=-1)


def _gguf(header: Header) -> list[tuple[Row, int]]:
    """Rows of a GGUF file with their layers; encoder layers of an encoder-decoder come before its decoder's."""
    encoders = _blocks(header, "enc.")
    placed: list[tuple[Row, int]] = []
    experts: dict[ExpertKey, list[FileTensor]] = {}
    for tensor in header.tensors:
        name, layer = tensor.name, -1
        for start, offset in (("blk.", 0), ("enc.blk.", 0), ("dec.blk.", encoders)):
            if name.startswith(start):
                number = layer_number(name[len(start) - 4 :])
                if number >= 0:
                    name, layer = name[len(start) :].partition(".")[2], number + offset
        if tensor.part in ("vision", "audio", "projector") and ".blk." in name:
            start, _, rest = name.partition(".blk.")
            name = f"{start}.{rest.partition('.')[2]}"
        words = name.split(".")
        if len(words) == 3 and words[1].isdecimal() and f"{words[0]}.weight" in FUSED and words[2] == "weight":
            # Mixtral files from before experts were fused: ``ffn_up.7.weight``.
            experts.setdefault((layer, FUSED[f"{words[0]}.weight"], tensor.shape, tensor.type), []).append(tensor)
        else:
            placed.append(_row(tensor, name, tensor.shape, layer, tensor.stored_bytes))
    return placed + _fused(experts)


def _fused(experts: dict[ExpertKey, list[FileTensor]]) -> list[tuple[Row, int]]:
    """One row for the experts of a layer that are alike, with the sum of their bytes."""
    placed = []
    for (layer, name, shape, _), members in experts.items():
        stored = sum([member.stored_bytes for member in members])
        placed.append(_row(members[0], name, (*shape, len(members)), layer, stored))
    return placed


def _blocks(header: Header, start: str) -> int:
    """Number of blocks that stand under a prefix."""
    numbers = [layer_number(t.name[len(start) :]) for t in header.tensors if t.name.startswith(start)]
    return 1 + max(numbers, default=-1)


def _row(tensor: FileTensor, name: str, shape: tuple[int, ...], layer: int, stored: int) -> tuple[Row, int]:
    """The row of one tensor. Prediction heads and adapters are in no layer: no engine loads them as such."""
    if tensor.part in ("mtp", "adapter"):
        layer = -1
    matrix = len(shape) > 1 and max(shape[1:]) > 1 and not name.endswith("bias")
    linear = matrix and not tensor.buffer and not any(part in name for part in NOT_LINEAR)
    return (name, shape, tensor.part, linear, tensor.buffer, tensor.type, stored), layer


def _hugging_face(header: Header) -> list[tuple[Row, int]]:
    """Rows of a Hugging Face checkpoint under GGUF's names, experts fused."""
    places = [(tensor, *place(tensor.name)) for tensor in header.tensors]
    sandwich = any(
        rest[-2:-1] in (["pre_feedforward_layernorm"], ["post_feedforward_layernorm"]) for *_, rest in places
    )
    offsets = _offsets(
        [(stem, layer) for tensor, stem, layer, _, _ in places if tensor.part == "text" and layer is not None]
    )
    placed: list[tuple[Row, int]] = []
    experts: dict[ExpertKey, list[FileTensor]] = {}
    for tensor, stem, layer, expert, rest in places:
        at = -1
        if tensor.part == "text":
            name = gguf_name(rest, layer is not None, sandwich)
            if layer is not None and stem in offsets:
                at = layer + offsets[stem]
            name = name or ".".join(rest if at >= 0 or expert is not None else tensor.name.split("."))
            if len(tensor.shape) == 3 and name in FUSED:
                name = FUSED[name]
        else:
            name = _tower_name(tensor, rest if layer is not None else tensor.name.split("."))
        if expert is None:
            placed.append(_row(tensor, name, tensor.shape, at, tensor.stored_bytes))
        else:
            experts.setdefault((at, name, tensor.shape, tensor.type), []).append(tensor)
    return placed + _fused(experts)


def _tower_name(tensor: FileTensor, words: list[str]) -> str:
    """A name for a part that looks or listens, numbers left out so that equal layers make one row."""
    plain = ".".join([word for word in words if not word.isdecimal()])
    prefix = TOWER_PREFIX.get(tensor.part, "")
    return prefix + plain if prefix else plain


def _offsets(numbered: list[tuple[str, int]]) -> dict[str, int]:
    """Number to add to a layer's, by the words before it: an encoder's layers come before its decoder's.

    Of several stacks that are no such pair the longest is the model, and the others are in no layer.
    """
    depth: dict[str, int] = {}
    for stem, layer in numbered:
        depth[stem] = max(depth.get(stem, 0), layer + 1)
    for stem in depth:
        words = stem.split(".")
        if "decoder" in words:
            other = ".".join(["encoder" if word == "decoder" else word for word in words])
            if other in depth:
                return {other: 0, stem: depth[other]}
    longest = max(depth, key=lambda stem: depth[stem], default=None)
    return {} if longest is None else {longest: 0}
