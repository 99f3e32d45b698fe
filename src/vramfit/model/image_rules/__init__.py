"""Rules by which an image becomes tokens: one record a kind of rule, which answers for itself.

A rule is the ``image_tokens`` of a vision tower: ``tokens_of`` an image, ``most_tokens`` of any, the ``grid`` an image is
cut into, and how many ``patches`` the tower then reads. ``whole`` has the rules without tiles, ``anyres`` and ``tiles``
those that cut images up; a rule's module is loaded when a model has it. The sources are the processors in transformers,
read at 5.23. Sizes are pixels, width first.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from vramfit.model.encoder import VisionTower
    from vramfit.model.image_rules.anyres import Anyres
    from vramfit.model.image_rules.tiles import Split, TileRows, Tiles
    from vramfit.model.image_rules.whole import Cross, Fixed, LongestSide, Native
    from vramfit.model.kinds import Count

    ImageRule: TypeAlias = "Fixed | Anyres | Native | LongestSide | Tiles | Split | TileRows | Cross"

RULES = {
    "fixed": ("whole", "Fixed"),
    "anyres": ("anyres", "Anyres"),
    "native": ("whole", "Native"),
    "longest_side": ("whole", "LongestSide"),
    "tiles": ("tiles", "Tiles"),
    "split": ("tiles", "Split"),
    "tile_rows": ("tiles", "TileRows"),
    "cross": ("whole", "Cross"),
}
"""Module and class of each rule, by the name that catalogue files give it."""


def rule_class(name: str) -> type[ImageRule]:
    """Class of the rule of that name; raises ``KeyError`` for any other."""
    module, kind = RULES[name]
    found: type[ImageRule] = getattr(__import__(f"{__name__}.{module}", fromlist=[kind]), kind)
    return found


class Rule(Record):
    """Answers of a rule to which an image's size means nothing."""

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows an image of this size is cut into: merged patches at native resolution, else tiles.

        The view of the whole image that some rules add is not among them; (1, 1) for rules to which size means nothing.
        """
        return 1, 1

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of the largest image over all its tiles, class tokens included where a tile has one."""
        return image_patches(tower)

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of an image of this size, counted as ``most_patches`` counts them."""
        return self.most_patches(tower)


def image_patches(tower: VisionTower) -> int:
    """Patches of the image a tower was trained on, and its class token; 0 where its inside is not known."""
    return ((tower.image_size or 0) // tower.patch) ** 2 + 1 if tower.patch else 0


class Tiled(Rule):
    """Answers of a rule with tiles."""

    tile: Count
    """Side of a tile, pixels."""
    patch = 0
    """Side of a patch where the rule says it, pixels."""

    def tile_patches(self, tower: VisionTower) -> int:
        """Patches of one tile and its class token; 0 where the inside of the tower is not known."""
        patch: int = tower.patch or self.patch
        return (self.tile // patch) ** 2 + 1 if patch else 0

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of all tiles and of the view of the whole."""
        columns, rows = self.grid(width, height)
        return self.tile_patches(tower) * (columns * rows + self.views(columns * rows))

    def views(self, tiles: int) -> int:
        """Views of the whole image that stand beside that many tiles."""
        return 1


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
