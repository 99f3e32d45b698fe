"""CTranslate2 models in 8 bits: matrices and embeddings as integers with a scale for each row, the rest as floats.

Quantized are the variables whose names end in ``weight``, convolutions excepted on GPUs (OpenNMT/CTranslate2 0d8bcd36
``src/models/model.cc`` ``set_compute_type``); scales are 32-bit floats (``python/ctranslate2/specs/model_spec.py``).
"""

from __future__ import annotations

from vramfit.model import tensors
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

SCALE_BYTES = 4
FLOATS = {2: "F16", 4: "F32"}
FLOAT_PARTS = ("norm", "position_embd", "conv")
"""Parts of the names of weights that are not quantized."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Store every tensor of ``model`` as CTranslate2 holds it in 8 bits."""
    width = scheme.settings["bytes"]
    return tuple([_stored(tensor, width) for tensor in tensors(model)])


def _stored(tensor: Tensor, width: int) -> Stored:
    matrix = len(tensor.shape) > 1 and tensor.name.endswith("weight")
    if not matrix or any(part in tensor.name for part in FLOAT_PARTS):
        return Stored(tensor, FLOATS[width], tensor.elements * width, tensor.layers)
    rows = tensor.elements // tensor.shape[0]
    return Stored(tensor, "int8", tensor.elements + SCALE_BYTES * rows, tensor.layers)
