"""GPTQ checkpoints, as AutoGPTQ and GPTQModel write and transformers, vLLM, SGLang and ExLlama read them.

Each linear layer becomes four tensors (GPTQModel ``nn_modules/qlinear/__init__.py`` ``BaseQuantLinear``, buffers, at
f4c327a1): ``qweight``, the weights packed into int32 along the inputs; ``scales``, one 16-bit float for each output and
group of inputs; ``qzeros``, one packed zero point for the same; and ``g_idx``, the int32 group of each input, stored
even where the order is trivial (``desc_act=false``).

Engines may keep less: vLLM's Marlin kernels drop zero points of symmetric checkpoints and trivial group indices.
"""

from __future__ import annotations

from vramfit.quantization.linears import experts, groups, packed_bytes, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

SCALE_BYTES = 2
INDEX_BYTES = 4


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks at ``settings["bits"]`` with groups of ``settings["group"]`` inputs."""
    bits, group = scheme.settings["bits"], scheme.settings["group"]

    def size(tensor: Tensor) -> int:
        scales = rows(tensor) * groups(tensor, group)
        index = INDEX_BYTES * tensor.shape[0] * experts(tensor)
        return packed_bytes(tensor.elements, bits) + scales * SCALE_BYTES + packed_bytes(scales, bits) + index

    return store_linears(model, f"gptq{bits}", size)
