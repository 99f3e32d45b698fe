"""8-bit floats (E4M3): one byte per weight and 32-bit scales of some granularity.

- ``tensor``: one scale per matrix; what vLLM makes of a 16-bit checkpoint on load (vLLM 0.33.0
  ``model_executor/layers/quantization/fp8.py``) and ModelOpt's FP8.
- ``channel``: one per output row (compressed-tensors ``float-quantized``, strategy ``channel``).
- ``block``: one per 128 x 128 weights, ``weight_scale_inv`` of DeepSeek-V3 and Qwen3-FP8 (transformers 5.23.0
  ``integrations/finegrained_fp8.py``).

A model whose own checkpoint is FP8 has block scales: all that were published so use them. ``ffn`` restricts the scheme
to feed-forward networks but for the first and the last layer, as ``fbgemm_fp8`` does in Llama 3.1 405B FP8
(transformers ``quantizers/quantizer_fbgemm_fp8.py``; ``modules_to_not_convert`` of that checkpoint).
"""

from __future__ import annotations

from vramfit.quantization import Stored
from vramfit.quantization.linears import block_linear, experts, half, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

BLOCK = 128
"""``weight_block_size`` of every block-scaled checkpoint, both ways (config.json of DeepSeek-V3 and Qwen3-8B-FP8)."""
SCALE_BYTES = 4


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks in 8-bit floats with scales as ``settings["scale"]`` says."""
    scale = "block" if model.dtype == "fp8" else scheme.settings["scale"]

    def size(tensor: Tensor) -> int:
        return tensor.elements + SCALE_BYTES * _scales(tensor, scale)

    if not scheme.settings.get("ffn"):
        return store_linears(model, "FP8", size)
    last = model.layer_count - 1
    stored: list[Stored] = []
    for row in store_linears(model, "FP8", size, lambda t: block_linear(t) and t.name.startswith("ffn_")):
        inner = tuple([layer for layer in row.layers if 0 < layer < last])
        outer = tuple([layer for layer in row.layers if not 0 < layer < last])
        if row.type != "FP8" or not outer:
            stored.append(row)
            continue
        if inner:
            stored.append(Stored(row.tensor, row.type, row.bytes_each, inner))
        stored.append(Stored(row.tensor, half(row.tensor).type, half(row.tensor).bytes_each, outer))
    return tuple(stored)


def head_copy_bytes(model: Model) -> int:
    """What transformers holds besides where the head is tied: a 16-bit copy of the embedding; 0 in untied models.

    Seen in each FP8 row of the tied Qwen3 models (0.6B, 1.7B, 4B) of QwenLM/Qwen3 ``docs/source/getting_started/
    speed_benchmark.md`` at 7a2f61f, transformers 4.51.3, and in none of their bf16, GPTQ and AWQ rows.
    """
    return 2 * model.vocab * model.hidden if model.tied else 0


def _scales(tensor: Tensor, scale: str) -> int:
    if scale == "tensor":
        return experts(tensor)
    if scale == "channel":
        return rows(tensor)
    return -(-tensor.shape[0] // BLOCK) * -(-tensor.shape[1] // BLOCK) * experts(tensor)
