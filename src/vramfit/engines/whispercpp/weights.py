"""ggml files of Whisper: matrices in the file's type, convolutions in 16 bits, everything else in 32.

Read at ggml-org/whisper.cpp 233fe1fc9: ``src/whisper.cpp`` ``whisper_model_load`` creates every tensor in these types;
``examples/common-ggml.cpp`` ``ggml_common_quantize_0`` quantizes all matrices but the tables of positions.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.errors import UnsupportedScheme
from vramfit.quantization.checkpoint import Checkpoint, Stored
from vramfit.quantization.gguf_layout import BLOCKS, tensor_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

TYPES = {
    "Q2_K": "Q2_K", "Q3_K": "Q3_K", "Q4_K": "Q4_K", "Q5_K": "Q5_K", "Q6_K": "Q6_K", "Q3_K_M": "Q3_K", "Q4_K_M": "Q4_K",
    "Q5_K_M": "Q5_K", "F32": "F32", "F16": "F16", "Q4_0": "Q4_0", "Q4_1": "Q4_1", "Q5_0": "Q5_0", "Q5_1": "Q5_1",
    "Q8_0": "Q8_0",
}  # fmt: skip
"""Type of a file's matrices by the scheme; ``quantize`` has no mixes (``GGML_FTYPE_MAP``)."""


@per_model
def checkpoint(model: Model, scheme: Scheme) -> Checkpoint:
    """The model as a ggml file of the scheme's type; raises ``UnsupportedScheme`` for a type without such files."""
    from vramfit.model import tensors

    kind = TYPES.get(scheme.id)
    if kind is None:
        raise UnsupportedScheme(
            f"whisper.cpp has no files in {scheme.id}", "use F16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0 or a K-quant"
        )
    found = tensors(model)
    wrong = [one for one in found if _is_matrix(one) and one.shape[0] % BLOCKS[kind][0]]
    if wrong:
        raise UnsupportedScheme(
            f"rows of {wrong[0].shape[0]} of {model.name} are no multiple of {kind}'s blocks", "use Q5_0 or Q8_0"
        )
    return Checkpoint(model, scheme, tuple([_stored(tensor, kind) for tensor in found]))


def _is_matrix(tensor: Tensor) -> bool:
    return len(tensor.shape) == 2 and tensor.name.endswith("weight") and "position_embd" not in tensor.name


def _stored(tensor: Tensor, kind: str) -> Stored:
    own = kind if _is_matrix(tensor) else "F32"
    if len(tensor.shape) == 3 and kind != "F32":
        own = "F16"
    return Stored(tensor, own, tensor_bytes(own, tensor.elements), tensor.layers)
