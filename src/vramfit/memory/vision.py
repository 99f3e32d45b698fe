"""Activations of a vision tower while it reads one sequence's images."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model, VisionTower

ACTIVATION_BYTES = 2


def encoder_bytes(model: Model, images: int, size: tuple[int, int] | None = None) -> int:
    """Peak 16-bit activations of the tower over all tiles of ``images`` of one size, in one batch.

    ``size`` is width and height in pixels, or None for the largest the model takes.

    ``4 w + 2 f`` elements per patch: residual, norm, attention input and output, and both sides of the feed-forward
    network (transformers 5.23.0 ``modeling_clip.py`` under SDPA, which keeps no scores).
    """
    tower = model.vision
    if tower is None or not images:
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
    """Patches of one image of that size over all its tiles, as ``max_patches`` counts them; None is the largest size.

    Models that read images by cross-attention pad every image to all its tiles (transformers 5.23.0
    ``image_processing_mllama.py`` ``pack_images``), so size makes no difference to them.
    """
    most = max_patches(tower)
    rule = tower.image_tokens
    kind = rule["rule"]
    if size is None or not most or kind not in ("native", "longest_side", "anyres", "tiles", "split", "tile_rows"):
        return most
    from vramfit.model.vision import grid

    columns, rows = grid(rule, *size)
    cut = columns * rows
    if kind in ("native", "longest_side"):
        return cut * int(rule["merge"]) ** 2
    whole = 0 if kind == "tiles" and cut == 1 else 1
    return _tile_patches(tower) * (cut + whole)


def max_patches(tower: VisionTower) -> int:
    """Patches of one image of the largest size, over all its tiles, class tokens included where a tile has one.

    0 for a tower of which the catalogue has only the number of parameters.
    """
    rule = tower.image_tokens
    patch: int = tower.patch or rule.get("patch", 0)
    if not patch:
        return 0
    per_tile = _tile_patches(tower)
    kind: str = rule["rule"]
    if kind == "native":
        return int(rule["max_pixels"]) // patch**2
    if kind == "longest_side":
        return (int(rule["longest"]) // patch) ** 2
    if kind == "anyres":
        grids = rule.get("pinpoints") or [[rule["sides"] * rule["tile"]] * 2]
        return per_tile * (1 + max(int(width * height // rule["tile"] ** 2) for width, height in grids))
    if kind in ("tiles", "tile_rows"):
        return per_tile * (int(rule["max_tiles"]) + 1)
    if kind == "split":
        return per_tile * ((int(rule["longest"]) // int(rule["tile"])) ** 2 + 1)
    if kind == "cross":
        return per_tile * int(rule.get("max_tiles", 1))
    return per_tile


def _tile_patches(tower: VisionTower) -> int:
    """Patches of one tile and the class token."""
    rule = tower.image_tokens
    return ((rule.get("tile") or tower.image_size or 0) // (tower.patch or rule["patch"])) ** 2 + 1
