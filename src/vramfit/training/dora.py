"""Memory of DoRA: adapters with a trained magnitude of every output of a matrix.

A forward pass computes the norms of the adapted matrix anew: it multiplies the adapter out, makes a copy of the matrix in
the adapter's type, and adds both (peft 0.21.2 ``tuners/lora/dora.py`` ``DoraLinearLayer.forward``, torchtune 0.6.1
``modules/peft/dora.py``, which computes in the type of its adapters). Of one matrix with ``in`` inputs and ``out`` outputs,
and adapters of ``a`` bytes an element, there exist for that moment an identity of ``in x in``, the product, the copy, its
scaled addend and the sum. What is saved for the backward pass is the output of the matrix and that of the adapter. With
dropout the output is computed again from the copy, which is then saved. Bytes saved were counted on PEFT's own layers with
``torch.autograd.graph.saved_tensors_hooks``: 6 for each output in 16 bits, 8 with dropout.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.model import tensors
from vramfit.training.network import is_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.training.profile import Trainer
    from vramfit.workload.common import Workload

COPIES = 4
"""Matrices of the adapted one's size at the moment of its norms: the product, the copy, the scaled product, the sum."""


class Magnitudes(Record):
    """Adapted matrices as DoRA needs them, in elements."""

    parameters: int
    """Number of magnitudes: the outputs of all adapted matrices."""
    outputs: int
    """Outputs of the adapted matrices of the layer that has most."""
    elements: int
    """Elements of the adapted matrices of the layer that has most."""
    widest: int
    """Elements that exist while the norms of one matrix are computed, of the matrix that needs most."""


@per_model
def magnitudes(model: Model, targets: str) -> Magnitudes:
    """Magnitudes of the matrices that get adapters under a value of the key ``lora_targets``."""
    outputs: dict[int, int] = {}
    elements: dict[int, int] = {}
    parameters = widest = 0
    for tensor in tensors(model):
        if not is_target(tensor, targets):
            continue
        inside, outside = tensor.shape[0], tensor.shape[1]
        parameters += outside * tensor.count
        widest = max(widest, inside * inside + COPIES * inside * outside)
        for layer in tensor.layers:
            outputs[layer] = outputs.get(layer, 0) + outside * tensor.copies
            elements[layer] = elements.get(layer, 0) + inside * outside * tensor.copies
    return Magnitudes(parameters, max(outputs.values(), default=0), max(elements.values(), default=0), widest)


def output_bytes(model: Model, work: Workload, trainer: Trainer, width: int) -> int:
    """Bytes per token that a layer saves beside what plain adapters save; ``width`` is the bytes of an activation."""
    train = work.training
    base = trainer.adapter_bytes if train.lora_dropout else width
    return (base + trainer.adapter_bytes) * magnitudes(model, train.lora_targets).outputs


def norm_bytes(model: Model, work: Workload, trainer: Trainer) -> int:
    """Bytes that exist while the norms of one matrix are computed, whatever the number of tokens."""
    return trainer.adapter_bytes * magnitudes(model, work.training.lora_targets).widest


def copied_bytes(model: Model, work: Workload, trainer: Trainer) -> int:
    """Bytes of the copies of its matrices that a layer saves for the backward pass; 0 without dropout."""
    train = work.training
    return trainer.adapter_bytes * magnitudes(model, train.lora_targets).elements if train.lora_dropout else 0
