"""Activations of a vision tower while it reads one sequence's images."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower

ACTIVATION_BYTES = 2


def encoder_bytes(model: Model, images: int, size: tuple[int, int] | None = None) -> int:
    """Peak 16-bit activations of the tower over all tiles of ``images`` of one size, in one batch.

    ``size`` is width and height in pixels, or None for the largest the model takes.

    ``4 w + 2 f`` elements per patch: residual, norm, attention input and output, and both sides of the feed-forward
    network (transformers 5.23.0 ``modeling_clip.py`` under SDPA, which keeps no scores).
    """
    tower = model.vision if images else None
    if tower is None:
        return 0
    patches = image_patches(tower, size)
    if not patches:
        patches = tokens_of_image(model, size)
    return images * patches * ACTIVATION_BYTES * (4 * tower.hidden + 2 * tower.ffn)


def tokens_of_image(model: Model, size: tuple[int, int] | None) -> int:
    """Prompt tokens of an image of that size, or of the largest the model takes; 0 without a vision tower."""
    if size is None:
        from vramfit.model import max_image_tokens

        return max_image_tokens(model)
    from vramfit.model.vision import image_tokens

    return image_tokens(model, *size)


def image_patches(tower: VisionTower, size: tuple[int, int] | None) -> int:
    """Patches of one image of that size over all its tiles, class tokens included; None is the largest size.

    0 for a tower of which the catalogue has only the number of parameters.
    """
    rule = tower.image_tokens
    if rule is None:
        return 0
    most = rule.most_patches(tower)
    return most if size is None or not most else rule.patches(tower, *size)
