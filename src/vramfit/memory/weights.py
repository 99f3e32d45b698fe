"""Weights divided into the slices that an engine places separately: input, each layer, output, vision."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Stored


class Slices(Record):
    """Bytes of a checkpoint, divided where engines divide it; every tensor is in exactly one slice."""

    input_bytes: int
    """Bytes of token and position embeddings. A token looks up single rows, so they are never read in full."""
    layer_bytes: tuple[int, ...]
    """Bytes of each layer of the language model, all its experts included."""
    layer_read_bytes: tuple[int, ...]
    """Bytes of each layer that are read for one token: its weights without the experts the router leaves out."""
    output_bytes: int
    """Bytes of the final norm and the output head; of the norm alone if the head is tied to the embedding."""
    output_read_bytes: int
    """Bytes of the output head that are read for one token; those of the embedding if the head is tied to it."""
    other_bytes: int
    """Bytes of vision and audio towers, projectors and pipeline components."""
    largest_linear_elements: int
    """Elements of the largest quantizable matrix, or of one expert's share of a fused one, for engines that unpack one
    matrix at a time."""

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole checkpoint."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes + self.other_bytes


@per_model
def slices(checkpoint: Checkpoint) -> Slices:
    """Divide a checkpoint into slices."""
    return _cut(checkpoint.model, checkpoint.stored)


def _cut(model: Model, stored: tuple[Stored, ...]) -> Slices:
    # Most tensors share their set of layers, so sizes are summed per set first and then added to each layer once.
    common: dict[tuple[int, ...], int] = {}
    layer = [0] * model.layer_count
    read = [0] * model.layer_count
    active = model.active_shares
    before = output = head = other = largest = embedding = 0
    for row in stored:
        tensor = row.tensor
        name = tensor.name
        if row.layers:
            each = row.bytes_each * tensor.copies
            if "_exps." in name:
                for index in row.layers:
                    layer[index] += each
                    read[index] += round(each * active[index])
            else:
                common[row.layers] = common.get(row.layers, 0) + each
        elif tensor.part != "text":
            other += row.total_bytes
        elif name.startswith("output"):
            output += row.total_bytes
            if name == "output.weight":
                head = row.total_bytes
        else:
            before += row.total_bytes
            if name == "token_embd.weight":
                embedding = row.total_bytes
        if tensor.linear and name != "output.weight" and len(tensor.shape) > 1:
            largest = max(largest, tensor.shape[0] * tensor.shape[1])
    for layers, each in common.items():
        for index in layers:
            layer[index] += each
            read[index] += each
    return Slices(before, tuple(layer), tuple(read), output, head or embedding, other, largest)
