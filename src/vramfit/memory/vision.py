"""Activation memory of a vision tower while it encodes the images of one sequence."""

from __future__ import annotations

from vramfit._memo import per_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower
    from vramfit.workload.common import Workload

ACTIVATION_BYTES = 2
"""Bytes of an activation in fp16 or bf16."""
SCORE_BYTES = 2 + 4
"""Bytes per head and pair of patches of eager attention: 16-bit scores and their fp32 softmax (transformers 5.24.0
``modeling_qwen2_5_vl.py`` ``eager_attention_forward``)."""


def encoder_bytes(
    model: Model, images: int, size: tuple[int, int] | None = None, *, flash_attention: bool = True
) -> int:
    """Peak bytes of the tower's 16-bit activations for a batch of ``images`` equal images with all their tiles.

    ``size`` is width and height in pixels, or None for the largest image the model accepts. The result is 0 without
    images or without a tower.

    Each patch takes ``4 w + 2 f`` elements: residual, norm, input and output of attention, and both sides of the
    feed-forward network (transformers 5.23.0 ``modeling_clip.py`` under SDPA, which keeps no scores). Without
    ``flash_attention`` every pair of patches of a tile has a score in each head.
    """
    tower = model.vision if images else None
    if tower is None:
        return 0
    patches = image_patches(tower, size)
    if not patches:
        patches = tokens_of_image(model, size)
    scores = 0
    if not flash_attention:
        if size is None:
            patches = _released_patches(tower, patches)
        scores = tower.heads * _attended(tower, patches) * SCORE_BYTES
    return images * patches * (ACTIVATION_BYTES * (4 * tower.hidden + 2 * tower.ffn) + scores)


def _released_patches(tower: VisionTower, usual: int) -> int:
    """Patches of the largest image that the released processor lets through, which is what eager attention fails at.

    It is the recommended largest (``usual``) for most towers: 5,120 patches of Qwen2.5-VL, whose processor lets 65,536
    through (``preprocessor_config.json`` of Qwen/Qwen2.5-VL-7B-Instruct; open-compass/VLMEvalKit issue 1021).
    """
    released = getattr(tower.image_tokens, "released_patches", None)
    return usual if released is None else max(usual, released(tower))


def _attended(tower: VisionTower, patches: int) -> int:
    """Patches that a patch attends to: those of its tile, or of the whole image in a tower of native resolution."""
    if not tower.image_size or not tower.patch:
        return patches
    return min(patches, (tower.image_size // tower.patch) ** 2 + (1 if tower.class_token else 0))


def tokens_of_image(model: Model, size: tuple[int, int] | None) -> int:
    """Prompt tokens of one image of ``size``, width and height in pixels; 0 without a vision tower.

    None stands for the largest image the model accepts.
    """
    if size is None:
        from vramfit.model import max_image_tokens

        return max_image_tokens(model)
    from vramfit.model.vision import image_tokens

    return image_tokens(model, *size)


@per_model
def image_patches(tower: VisionTower, size: tuple[int, int] | None) -> int:
    """Patches of one image over all its tiles, class tokens included.

    ``size`` is width and height in pixels, or None for the largest image. The result is 0 for a tower of which only the
    number of parameters is known.
    """
    rule = tower.image_tokens
    if rule is None:
        return 0
    return rule.most_patches(tower) if size is None else rule.patches(tower, *size)


def crossed_tokens(model: Model, stated: int | None, work: Workload) -> int:
    """Number of an encoder's outputs whose K and V one sequence keeps in a ``cross`` cache.

    ``stated`` is the ``encoder_tokens`` of the cache. Where nothing states them, the outputs are the patches of the
    sequence's images.
    """
    if stated is not None:
        return stated
    return 0 if model.vision is None else work.images * image_patches(model.vision, work.image_size)
