"""Attention scores that MLX writes to memory, where none of its fused kernels computes the attention.

Read at ml-explore/mlx 846d17622 (``mlx/fast.cpp`` ``scaled_dot_product_attention``,
``mlx/backend/metal/scaled_dot_product_attention.cpp`` ``has_fused_kernel`` and ``use_fallback``), ml-explore/mlx-lm
d78bf58e and Blaizzy/mlx-vlm 9b13f522.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.memory.vision import image_patches
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

FUSED = (64, 72, 80, 96, 128)
"""Widths of heads whose scores stay in registers while a prompt is processed, if keys and values have one width."""
SPLIT = 256
"""Width of heads that the newest versions compute in parts on an M5 (``is_nax_available``), and no others."""
SCORE_BYTES = 2
"""Bytes of a score: the queries' 16 bits. The softmax replaces the scores in place."""
LATENT_COPIES = 2
"""Copies of the scores of latent attention: those of the rotary keys before they are masked, and after, as the mask of
the others (``mlx_lm/models/deepseek_v3.py`` ``pe_scores``)."""
MASKED_TOWERS = {"pixtral": True, "mistral3": True, "mllama": False}
"""Kinds of towers that attend to all patches of an image at once, under a mask, and whether all images of a prompt are
one sequence to them (mlx-vlm ``models/pixtral/vision.py`` ``generate_block_attention_mask``, ``models/mllama/vision.py``)."""
TOWER_SCORE_BYTES = 4
"""Bytes of a score in those towers, whose rotary tables and masks make them 32-bit: an image of 9,200 patches took 5.5
GB beside the weights of Ministral 3 3B, 14B and Devstral Small 2 (jrp2014/check_models d9538f8 ``results.jsonl``)."""
TOWER_MASK_BYTES = 4 + 2
"""Bytes of the mask for each pair of patches: as it is made, and in the tower's element type."""


class Scores(Record):
    """Bytes of scores at the peak of a prompt."""

    expected: int
    low: int
    """Bytes in the newest versions, on the chips that they have more kernels for."""


def prompt_scores(model: Model, work: Workload, chunk: int, quantized: bool) -> Scores:
    """Scores of the layer that has most, for the last ``chunk`` tokens of a full context.

    Caches of quantized K and V have no fused kernel (``quantized_scaled_dot_product_attention``).
    """
    expected = low = 0
    for group in model.layers:
        for mixer in group.mixers:
            size, split = _layer_scores(mixer, work.context, chunk, quantized)
            expected = max(expected, size)
            low = max(low, 0 if split else size)
    return Scores(expected * work.parallel, low * work.parallel)


def _layer_scores(mixer: Mixer, context: int, chunk: int, quantized: bool) -> tuple[int, bool]:
    """Bytes of scores of one layer and sequence, and whether the newest versions compute them in parts."""
    if not isinstance(mixer, Attention):
        return _latent_scores(mixer, context, chunk), False
    if mixer.kind not in ("full", "sliding", "chunked"):
        return 0, False
    keys = context if mixer.window is None else min(context, mixer.window - 1 + chunk)
    plain = not quantized or mixer.window is not None
    if plain and mixer.head_dim == mixer.value_dim and mixer.head_dim in FUSED:
        return 0, False
    split = plain and mixer.window is None and mixer.head_dim == mixer.value_dim == SPLIT
    return SCORE_BYTES * mixer.heads * chunk * keys, split


def tower_scores(model: Model, work: Workload) -> int:
    """Bytes of scores and masks in a vision tower that attends to all patches of an image under a mask; else 0."""
    tower = model.vision if work.images else None
    if tower is None or tower.kind not in MASKED_TOWERS:
        return 0
    joined = work.images if MASKED_TOWERS[tower.kind] else 1
    pairs = work.images // joined * (joined * image_patches(tower, work.image_size)) ** 2
    return pairs * (TOWER_SCORE_BYTES * tower.heads + TOWER_MASK_BYTES)


def _latent_scores(mixer: Mixer, context: int, chunk: int) -> int:
    """Bytes of scores and of the expanded latent of one layer and sequence; 0 for a mixer without a latent."""
    from vramfit.model.mixers import LatentAttention

    if not isinstance(mixer, LatentAttention):
        return 0
    expanded = context * mixer.heads * (mixer.nope_dim + mixer.value_dim)
    return SCORE_BYTES * (LATENT_COPIES * mixer.heads * chunk * context + expanded)
