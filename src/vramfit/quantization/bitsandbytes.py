"""bitsandbytes on load, as transformers applies it: LLM.int8, NF4 and FP4.

Every ``nn.Linear`` becomes 8- or 4-bit, vision tower and projector included; the output head, embeddings, norms, biases
and convolutions stay 16-bit (transformers 5.23.0 ``quantizers/base.py`` ``get_keys_to_not_convert``: the tied or last
module is kept).

- LLM.int8: 1 byte per weight and one float32 scale per output row (bitsandbytes ``nn/modules.py`` ``Int8Params.SCB``).
- 4-bit: half a byte per weight and one float32 scale per 64 weights; double quantization makes that scale 1 byte, with
  a float32 scale per 256 of them, and a 256-entry code book per tensor (``functional.quantize_4bit``).

Experts count as linear layers here: they were up to transformers 4, and Mixtral so takes the 22.97 GiB that
foundation-model-stack/fms-acceleration ``scripts/benchmarks/refs/a100_80gb.csv`` shows. transformers 5 fuses them into
bare parameters, which bitsandbytes passes over unless something patches it (bitsandbytes issue 1849).
"""

from __future__ import annotations

from vramfit.quantization.linears import HEADS, rows, store_linears

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme, Stored

BLOCK = 64
NESTED_BLOCK = 256
CODE_BOOK_BYTES = 4 * 256


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear weights quantized, the rest 16-bit."""
    return store_linears(
        model,
        scheme.settings["type"],
        lambda tensor: _quantized_bytes(tensor, scheme),
        lambda tensor: tensor.linear and tensor.name not in HEADS,
    )


def _quantized_bytes(tensor: Tensor, scheme: Scheme) -> int:
    weights = tensor.elements
    if scheme.settings["type"] == "int8":
        return weights + 4 * rows(tensor)
    scales = -(-weights // BLOCK)
    if not scheme.settings["double"]:
        return -(-weights // 2) + 4 * scales
    return -(-weights // 2) + scales + 4 * -(-scales // NESTED_BLOCK) + CODE_BOOK_BYTES
