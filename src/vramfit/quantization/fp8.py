"""8-bit floats (E4M3): one byte per weight and 32-bit scales of some granularity.

- ``tensor``: one scale per matrix; what vLLM makes of a 16-bit checkpoint on load (vLLM 0.33.0
  ``model_executor/layers/quantization/fp8.py``) and ModelOpt's FP8.
- ``channel``: one per output row (compressed-tensors ``float-quantized``, strategy ``channel``).
- ``block``: one per 128 x 128 weights, ``weight_scale_inv`` of DeepSeek-V3 and Qwen3-FP8 (transformers 5.23.0
  ``integrations/finegrained_fp8.py``).

A model whose own checkpoint is FP8 has block scales: all that were published so use them. Where its experts are
published in MXFP4 besides (``expert_dtype: fp4`` of DeepSeek-V4's config.json), that is what they stay in, since no
other checkpoint of the model is FP8 either (vLLM 0.33.0 ``models/deepseek_v4/quant_config.py``). ``ffn`` restricts the
scheme to feed-forward networks but for the first and the last layer, as ``fbgemm_fp8`` does in Llama 3.1 405B FP8
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
"""Side of a square of weights with one scale (``weight_block_size`` in config.json of DeepSeek-V3 and Qwen3-8B-FP8)."""
SCALE_BYTES = 4
HALF = ("compressor.", "indexer.compressor.", "indexer.proj.")
"""Beginnings of the names of linear layers that stay 16-bit: those that compress tokens, and the indexer's weights of
its heads (vLLM 0.33.0 ``models/deepseek_v4/compressor.py`` and ``attention.py``, ``quant_config=None``)."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers of the blocks in 8-bit floats with scales as ``settings["scale"]`` says."""
    scale = "block" if model.dtype == "fp8" else scheme.settings["scale"]

    def size(tensor: Tensor) -> int:
        return tensor.elements + SCALE_BYTES * _scales(tensor, scale, model.traits.weight_block or BLOCK)

    if not scheme.settings.get("ffn"):
        stored = store_linears(model, "FP8", size, lambda t: block_linear(t) and not t.name.startswith(HALF))
        return _with_mxfp4_experts(stored) if model.traits.expert_dtype == "mxfp4" else stored
    last = model.layer_count - 1
    found: list[Stored] = []
    for row in store_linears(model, "FP8", size, lambda t: block_linear(t) and t.name.startswith("ffn_")):
        inner = tuple([layer for layer in row.layers if 0 < layer < last])
        outer = tuple([layer for layer in row.layers if not 0 < layer < last])
        if row.type != "FP8" or not outer:
            found.append(row)
            continue
        if inner:
            found.append(Stored(row.tensor, row.type, row.bytes_each, inner))
        found.append(Stored(row.tensor, half(row.tensor).type, half(row.tensor).bytes_each, outer))
    return tuple(found)


def _with_mxfp4_experts(stored: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """Stored tensors with the experts in MXFP4 instead."""
    from vramfit.quantization.microscaling import matrix_bytes

    return tuple(
        [
            Stored(row.tensor, "MXFP4", matrix_bytes(row.tensor.shape[0], rows(row.tensor)), row.layers)
            if row.type == "FP8" and experts(row.tensor) > 1
            else row
            for row in stored
        ]
    )


def head_copy_bytes(model: Model) -> int:
    """Bytes of the 16-bit copy of the embedding that transformers keeps where the head is tied; 0 in untied models.

    Seen in each FP8 row of the tied Qwen3 models (0.6B, 1.7B, 4B) of QwenLM/Qwen3 ``docs/source/getting_started/
    speed_benchmark.md`` at 7a2f61f, transformers 4.51.3, and in none of their bf16, GPTQ and AWQ rows.
    """
    return 2 * model.vocab * model.hidden if model.tied else 0


def _scales(tensor: Tensor, scale: str, side: int) -> int:
    if scale == "tensor":
        return experts(tensor)
    if scale == "channel":
        return rows(tensor)
    return -(-tensor.shape[0] // side) * -(-tensor.shape[1] // side) * experts(tensor)
