"""Weights by where an engine may put them: input, each layer, output, vision."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Stored


@record
class Slices:
    """A stored checkpoint cut where engines cut it; every tensor is in exactly one slice. Bytes throughout."""

    input_bytes: int
    """Token (and position) embeddings: looked up, never multiplied, so not read in full per token."""
    layer_bytes: tuple[int, ...]
    """Each layer of the language model, all its experts included."""
    layer_read_bytes: tuple[int, ...]
    """What of each layer is read for one token: everything but the experts the router leaves out."""
    output_bytes: int
    """Final norm and output head; for a tied model the norm alone."""
    output_read_bytes: int
    """What of the head is read per token: the embedding itself when tied."""
    other_bytes: int
    """Vision and audio towers, projectors, pipeline components."""
    largest_linear_elements: int
    """Weights of the largest quantizable matrix (one expert of a fused one), for engines that unpack one at a time."""

    @property
    def total_bytes(self) -> int:
        """The whole checkpoint."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes + self.other_bytes


@per_model
def slices(checkpoint: Checkpoint) -> Slices:
    """The slices of a checkpoint."""
    return _cut(checkpoint.model, checkpoint.stored)


def _cut(model: Model, stored: tuple[Stored, ...]) -> Slices:
    layer = [0] * model.layer_count
    read = [0] * model.layer_count
    active = model.active_shares
    before = output = head = other = largest = embedding = 0
    for row in stored:
        tensor = row.tensor
        if row.layers:
            each = row.bytes_each * tensor.copies
            is_expert = "_exps." in tensor.name
            for index in row.layers:
                layer[index] += each
                read[index] += round(each * active[index]) if is_expert else each
        elif tensor.part != "text":
            other += row.total_bytes
        elif tensor.name.startswith("output"):
            output += row.total_bytes
            if tensor.name == "output.weight":
                head = row.total_bytes
        else:
            before += row.total_bytes
            if tensor.name == "token_embd.weight":
                embedding = row.total_bytes
        if tensor.linear and tensor.name != "output.weight" and len(tensor.shape) > 1:
            largest = max(largest, tensor.shape[0] * tensor.shape[1])
    return Slices(before, tuple(layer), tuple(read), output, head or embedding, other, largest)
