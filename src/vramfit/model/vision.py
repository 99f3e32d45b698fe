"""How many tokens an image becomes, and how rules choose the grid that an image is cut into.

A tower's rule answers itself (``image_rules``); here are the questions asked of a model, and the three ways of choosing
a grid that the rules share. Sizes are pixels, width first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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


def pinpoint(pinpoints: Sequence[Sequence[int]], width: int, height: int) -> tuple[int, int]:
    """The grid that keeps most pixels of the image, and among those the one that wastes least."""
    best, most, least = (0, 0), -1, 0
    for grid_width, grid_height in pinpoints:
        scale = min(grid_width / width, grid_height / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = grid_width * grid_height - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (grid_width, grid_height), kept, wasted
    return best


def nearest_shape(grids: Sequence[tuple[int, int]], tile: int, width: int, height: int) -> tuple[int, int]:
    """The grid nearest in shape to the image (get_optimal_tiled_canvas of the InternVL processor).

    Of grids equally near the larger wins where the image has more than half its pixels.
    """
    target, best, nearest = width / height, (1, 1), float("inf")
    for columns, rows in grids:
        difference = abs(target - columns / rows)
        if difference < nearest:
            best, nearest = (columns, rows), difference
        elif difference == nearest and width * height > 0.5 * tile * tile * columns * rows:
            best = (columns, rows)
    return best


def canvas(grids: Sequence[tuple[int, int]], tile: int, width: int, height: int) -> tuple[int, int]:
    """The grid that enlarges the image least, or failing that shrinks it least; of several the smallest (Llama 4)."""
    scales = [(min(columns * tile / width, rows * tile / height), columns, rows) for columns, rows in grids]
    enlarging = [scale for scale, _, _ in scales if scale >= 1]
    chosen = min(enlarging) if enlarging else max([scale for scale, _, _ in scales])
    return min([(columns * rows, columns, rows) for scale, columns, rows in scales if scale == chosen])[1:]
