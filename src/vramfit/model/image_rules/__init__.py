"""Rules that turn an image into tokens, one record class for each kind of rule.

A rule is the ``image_tokens`` of a vision tower. It computes the tokens of an image (``tokens_of``) and of the largest
one (``most_tokens``), the ``grid`` that an image is divided into, and the number of ``patches`` that the tower reads.
``whole`` contains the rules without tiles, ``anyres`` and ``tiles`` those that divide images. The module of a rule is
loaded when a model uses it. The rules follow the processors of transformers 5.23. Sizes are in pixels, width first.
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
"""Module and class of each rule, by the rule's name in catalogue files."""


def rule_class(name: str) -> type[ImageRule]:
    """Class of the rule with that name; raises ``KeyError`` if there is none."""
    module, kind = RULES[name]
    found: type[ImageRule] = getattr(__import__(f"{__name__}.{module}", fromlist=[kind]), kind)
    return found


class Rule(Record):
    """Base of the rules, with the results for images of a fixed size."""

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows that an image of this size is divided into: merged patches at native resolution, else tiles.

        The view of the whole image that some rules add is not counted. The result is (1, 1) for rules that do not depend
        on the size.
        """
        return 1, 1

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of the largest image over all its tiles, class tokens included if a tile has one."""
        return image_patches(tower)

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Number of patches of an image of this size over all its tiles, class tokens included."""
        return self.most_patches(tower)


def image_patches(tower: VisionTower) -> int:
    """Number of patches of an image of the size a tower was trained on, and one class token; 0 if it is not modelled."""
    return ((tower.image_size or 0) // tower.patch) ** 2 + 1 if tower.patch else 0


class Tiled(Rule):
    """Base of the rules that divide an image into square tiles."""

    tile: Count
    """Side of a tile in pixels."""
    patch = 0
    """Side of a patch in pixels; 0 if the rule does not state it."""

    def tile_patches(self, tower: VisionTower) -> int:
        """Number of patches of one tile and its class token; 0 if the tower is not modelled."""
        patch: int = tower.patch or self.patch
        return (self.tile // patch) ** 2 + 1 if patch else 0

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Number of patches of all tiles and of the view of the whole image."""
        columns, rows = self.grid(width, height)
        return self.tile_patches(tower) * (columns * rows + self.views(columns * rows))

    def views(self, tiles: int) -> int:
        """Number of views of the whole image that are added to that many tiles."""
        return 1


def pinpoint(pinpoints: Sequence[Sequence[int]], width: int, height: int) -> tuple[int, int]:
    """Width and height of the grid that keeps most pixels of the image; of several, the one with least padding."""
    best, most, least = (0, 0), -1, 0
    for grid_width, grid_height in pinpoints:
        scale = min(grid_width / width, grid_height / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = grid_width * grid_height - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (grid_width, grid_height), kept, wasted
    return best
