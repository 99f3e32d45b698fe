"""Activations of a vision tower while it reads one sequence's images."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model, VisionTower

ACTIVATION_BYTES = 2


def encoder_bytes(model: Model, images: int) -> int:
    """Peak 16-bit activations of the tower over all tiles of ``images`` of the largest size, in one batch.

    ``4 w + 2 f`` elements per patch: residual, norm, attention input and output, and both sides of the feed-forward
    network (transformers 5.23.0 ``modeling_clip.py`` under SDPA, which keeps no scores).
    """
    tower = model.vision
    if tower is None or not images:
        return 0
    patches = max_patches(tower)
    if not patches:
        from vramfit.model.vision import max_image_tokens

        patches = max_image_tokens(model)
    return images * patches * ACTIVATION_BYTES * (4 * tower.hidden + 2 * tower.ffn)


def max_patches(tower: VisionTower) -> int:
    """Patches of one image of the largest size, over all its tiles, class tokens included where a tile has one.

    0 for a tower of which the catalogue has only the number of parameters.
    """
    rule = tower.image_tokens
    patch: int = tower.patch or rule.get("patch", 0)
    if not patch:
        return 0
    per_tile = ((tower.image_size or 0) // patch) ** 2 + 1
    kind: str = rule["rule"]
    if kind == "native":
        return int(rule["max_pixels"]) // patch**2
    if kind == "longest_side":
        return (int(rule["longest"]) // patch) ** 2
    if kind == "anyres":
        grids = rule.get("pinpoints") or [[rule["sides"] * rule["tile"]] * 2]
        return per_tile * (1 + max(int(width * height // rule["tile"] ** 2) for width, height in grids))
    if kind == "tiles":
        return per_tile * (int(rule["max_tiles"]) + 1)
    if kind == "split":
        return per_tile * ((int(rule["longest"]) // int(rule["tile"])) ** 2 + 1)
    if kind == "cross":
        return per_tile * int(rule.get("max_tiles", 1))
    return per_tile
