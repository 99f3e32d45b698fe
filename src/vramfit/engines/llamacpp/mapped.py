"""Weights that Metal maps with those it computes with: the file lies in memory once, and buffers are ranges of it.

A buffer of Metal reaches from the first to the last tensor of the file that the GPU uses, and holds whatever lies between
(ggml-org/llama.cpp v0.5.0 ``src/llama-model.cpp`` ``load_tensors``, ``get_mapping_range``). ``llama-quantize`` has sorted
tensors by layer and name since November 2024, those of no layer first (``src/llama-model-loader.h``,
``weight_name_comparer``): ``output.weight``, ``output_norm.weight``, ``token_embd.weight``, ``blk.0``. So a head on the GPU
and any layer there have the input embedding between them. Qwen3.8 27B UD-Q3_K_XL on an M4 so has 12,609 MiB, its whole file
(sudoingX/qwen38-mtp issue 40). Files of before begin with the embedding, which is then outside.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.llamacpp.placement import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.placement import Parts, Placement, Resident
    from vramfit.quantization import Checkpoint

SORTED_SINCE = "2024-12"
"""Month since which models' files were written so."""
UNQUANTIZED = ("F32", "F16", "BF16")
"""File types that the converter writes, which leaves tensors in the order of the checkpoint."""


def embedding_bytes(checkpoint: Checkpoint, parts: Parts, placement: Placement) -> int:
    """Bytes of the input embedding that a buffer of Metal holds for lying between tensors of the GPU; else 0."""
    model, kind = checkpoint.model, checkpoint.scheme.settings.get("type", checkpoint.scheme.id)
    if model.tied or kind in UNQUANTIZED or (model.released or "") < SORTED_SINCE or placement.moved is not None:
        return 0
    on_gpu = placement.output_device != HOST and set(placement.layer_device) != {HOST}
    return parts.input_bytes if on_gpu else 0


def with_embedding(contents: dict[int, Resident], device: int, size: int) -> dict[int, Resident]:
    """Return the contents of the devices with the mapped embedding on the GPU ``device``."""
    here = contents[device]
    return {**contents, device: replace(here, weights_bytes=here.weights_bytes + size)}
