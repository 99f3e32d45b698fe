"""Prompt tokens of an image, computed by the rule of the model's vision tower (``image_rules``).

Sizes are in pixels, width first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower
    from vramfit.model.image_rules import ImageRule

USUAL_IMAGE = (1344, 896)
"""Width and height assumed if the user states no size: 1.2 megapixels, the usual size of a photo sent in a chat."""


def image_tokens(model: Model, width: int, height: int) -> int:
    """Number of prompt tokens that an image of ``width`` by ``height`` pixels takes; 0 without a vision tower.

    Models that read images by cross-attention take only a placeholder token. Raises ``ValueError`` for a tower whose
    rule is not known.
    """
    return 0 if model.vision is None else _rule(model, model.vision).tokens_of(width, height)


def max_image_tokens(model: Model) -> int:
    """Largest number of prompt tokens that one image can take; 0 without a vision tower.

    This is an upper bound to warn of; ``image_tokens`` of ``USUAL_IMAGE`` is the number to expect. Raises ``ValueError``
    for a tower whose rule is not known.
    """
    return 0 if model.vision is None else _rule(model, model.vision).most_tokens()


def _rule(model: Model, tower: VisionTower) -> ImageRule:
    if tower.image_tokens is None:
        raise ValueError(f"no rule for image tokens ({model.id})")
    return tower.image_tokens
