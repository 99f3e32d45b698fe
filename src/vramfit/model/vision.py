"""How many tokens of the prompt an image takes: questions to a model, which its tower's rule answers (``image_rules``).

Sizes are pixels, width first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower
    from vramfit.model.image_rules import ImageRule

USUAL_IMAGE = (1344, 896)
"""Width and height to reckon with when nobody says: 1.2 megapixels, as a photo sent by a chat program has."""


def image_tokens(model: Model, width: int, height: int) -> int:
    """Tokens of the prompt that an image of this size takes.

    0 without a vision tower, and for models that read images by cross-attention beyond the placeholder token they need.
    Raises ``ValueError`` for a tower whose rule is not known.
    """
    return 0 if model.vision is None else _rule(model, model.vision).tokens_of(width, height)


def max_image_tokens(model: Model) -> int:
    """The most prompt tokens one image can take, 0 without a vision tower.

    An upper bound to warn of, where ``image_tokens`` of ``USUAL_IMAGE`` is what to expect. Raises ``ValueError`` for a
    tower whose rule is not known.
    """
    return 0 if model.vision is None else _rule(model, model.vision).most_tokens()


def _rule(model: Model, tower: VisionTower) -> ImageRule:
    if tower.image_tokens is None:
        raise ValueError(f"no rule for image tokens ({model.id})")
    return tower.image_tokens
