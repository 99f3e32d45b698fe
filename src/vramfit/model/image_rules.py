"""Rules by which an image becomes tokens: one record a kind of rule, which answers for itself.

A rule is the ``image_tokens`` of a vision tower: ``tokens_of`` an image, ``most_tokens`` of any, the ``grid`` an image is
cut into, and how many ``patches`` the tower then reads. The sources are the processors in transformers, read at 5.23.
Sizes are pixels, width first.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.model.vision import canvas, nearest_shape, pinpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, TypeAlias

    from vramfit.model.encoder import VisionTower
    from vramfit.model.kinds import Count


class _Rule:
    """Answers of a rule to which an image's size means nothing."""

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows an image of this size is cut into: merged patches at native resolution, else tiles.

        The view of the whole image that some rules add is not among them; (1, 1) for rules to which size means nothing.
        """
        return 1, 1

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of the largest image over all its tiles, class tokens included where a tile has one."""
        return tile_patches(tower, None)

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of an image of this size, counted as ``most_patches`` counts them."""
        return self.most_patches(tower)


class _Tiled(_Rule):
    """Answers of a rule that cuts images into tiles, each of which the tower reads as an image of its own."""

    tile: int

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of all tiles and of the view of the whole."""
        columns, rows = self.grid(width, height)
        return tile_patches(tower, self) * (columns * rows + self.views(columns * rows))

    def views(self, tiles: int) -> int:
        """Views of the whole image that stand beside that many tiles."""
        return 1


def tile_patches(tower: VisionTower, rule: _Tiled | None) -> int:
    """Patches of one tile of the rule, or of the image a tower without tiles was trained on, and its class token.

    0 for a tower of which only the number of parameters is known.
    """
    patch = tower.patch or (rule.patch if isinstance(rule, Anyres) else 0)
    side = (rule.tile if rule is not None else 0) or tower.image_size or 0
    return (side // patch) ** 2 + 1 if patch else 0


@record
class Fixed(_Rule):
    """Every image takes as many tokens."""

    name = "fixed"

    tokens: Count
    """Tokens of an image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        return self.tokens

    def most_tokens(self) -> int:
        """Most prompt tokens of any image."""
        return self.tokens


@record
class Anyres(_Tiled):
    """LLaVA-1.6 and LLaVA-OneVision: a small view of the whole image, and the image itself on the best grid of tiles.

    The image is scaled into the pinpoint that keeps most of it; the padding rows or columns this leaves are cut from
    the grid, and each row of what remains ends with a newline token (LlavaNextProcessor._get_number_of_features).
    """

    name = "anyres"

    tile: Count
    """Side of a tile, pixels."""
    patch: Count
    """Side of a patch, pixels."""
    pinpoints: tuple[tuple[Count, ...], ...] | None = None
    """Grids an image may be scaled into, as width and height; listed (LLaVA-1.6), or else given by ``sides``."""
    sides: Count | None = None
    """Most tiles a side, every grid up to that being allowed (LLaVA-OneVision)."""
    max_tiles: Count | None = None
    """Tiles beyond whose number of patches the grid is scaled down (LLaVA-OneVision)."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        patches = self.tile // self.patch
        best_width, best_height = pinpoint(self._pinpoints(), width, height)
        rows, columns = best_height // self.tile * patches, best_width // self.tile * patches
        if width * rows > height * columns:
            new_rows = int(round(height * (columns / width), 7))
            rows -= (rows - new_rows) // 2 * 2
        else:
            new_columns = int(round(width * (rows / height), 7))
            columns -= (columns - new_columns) // 2 * 2
        return self._tokens(rows, columns)

    def most_tokens(self) -> int:
        """Most prompt tokens over every grid and padding: with less than all of a grid it may be within the bound.

        Padding is less than a tile, since a grid without that tile would waste less.
        """
        patches = self.tile // self.patch
        most = 0
        for width, height in self._pinpoints():
            rows, columns = height // self.tile * patches, width // self.tile * patches
            for cut in range(0, patches, 2):
                cuts = ((rows - cut, columns), (rows, columns - cut))
                most = max(most, *[self._tokens(*left) for left in cuts])
        return most

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of tiles."""
        best_width, best_height = pinpoint(self._pinpoints(), width, height)
        return best_width // self.tile, best_height // self.tile

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of all tiles of the largest grid and of the view of the whole."""
        grids = self.pinpoints or [[(self.sides or 0) * self.tile] * 2]
        most = max([width * height // self.tile**2 for width, height in grids])
        return tile_patches(tower, self) * (1 + most)

    def _tokens(self, rows: int, columns: int) -> int:
        """Tokens of that many rows and columns of patches without padding."""
        whole = (self.tile // self.patch) ** 2
        if self.max_tiles:
            ratio = (rows * columns / (self.max_tiles * whole)) ** 0.5
            if ratio > 1.1:
                rows, columns = int(rows // ratio), int(columns // ratio)
        return rows * columns + rows + whole

    def _pinpoints(self) -> Sequence[Sequence[int]]:
        """The allowed grids in an order that matters: of grids equally good the first is taken."""
        if self.pinpoints is not None:
            return self.pinpoints
        sides = range(self.tile, ((self.sides or 0) + 1) * self.tile, self.tile)
        return [[width, height] for height in sides for width in sides]


@record
class Native(_Rule):
    """Qwen-VL: both sides rounded to whole merged patches, the area kept between two pixel counts (smart_resize)."""

    name = "native"

    patch: Count
    """Side of a patch, pixels."""
    merge: Count
    """Patches a side that become one token."""
    max_pixels: Count
    """Most pixels of an image; a larger one is scaled down."""
    min_pixels: int = 0
    """Fewest pixels of an image; a smaller one is scaled up."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return rows * columns

    def most_tokens(self) -> int:
        """Most prompt tokens of any image: of one with ``max_pixels``, 12 megapixels and more in some models."""
        side = self.patch * self.merge
        return self.max_pixels // (side * side)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of merged patches."""
        side = self.patch * self.merge
        lowest, highest = self.min_pixels, self.max_pixels
        rows, columns = max(1, round(height / side)), max(1, round(width / side))
        if rows * columns * side * side > highest:
            scale = (height * width / highest) ** 0.5
            rows, columns = max(1, int(height / scale / side)), max(1, int(width / scale / side))
        elif rows * columns * side * side < lowest:
            scale = (lowest / (height * width)) ** 0.5
            rows, columns = -int(-height * scale // side), -int(-width * scale // side)
        return columns, rows

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of an image of the most pixels."""
        patch: int = tower.patch or self.patch
        return self.max_pixels // patch**2

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of an image of this size."""
        return self.tokens_of(width, height) * self.merge**2


@record
class LongestSide(_Rule):
    """Pixtral: scaled down to a longest side, then whole merged patches, and a break or end token behind each row."""

    name = "longest_side"

    patch: Count
    """Side of a patch, pixels."""
    merge: Count
    """Patches a side that become one token."""
    longest: Count
    """Longest side of an image, pixels."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return rows * columns + rows

    def most_tokens(self) -> int:
        """Most prompt tokens of any image: of a square one."""
        return self.tokens_of(self.longest, self.longest)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of merged patches."""
        ratio = max(width / self.longest, height / self.longest)
        if ratio > 1:
            width, height = int(width / ratio), int(height / ratio)
        side = self.patch * self.merge
        return -(-width // side), -(-height // side)

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of a square image with the longest side."""
        patch: int = tower.patch or self.patch
        return (self.longest // patch) ** 2

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Patches of an image of this size."""
        columns, rows = self.grid(width, height)
        return columns * rows * self.merge**2


@record
class Tiles(_Tiled):
    """InternVL, Llama 4 and others: a grid of square tiles, and a view of the whole if there are several."""

    name = "tiles"

    tile: Count
    """Side of a tile, pixels."""
    per_tile: Count
    """Tokens of a tile."""
    max_tiles: Count
    """Most tiles of an image."""
    fit: Literal["canvas"] | None = None
    """How the grid is chosen: ``canvas`` enlarges the image least (Llama 4); else the nearest in shape (InternVL)."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return self.per_tile * (columns * rows + self.views(columns * rows))

    def most_tokens(self) -> int:
        """Most prompt tokens of any image."""
        return self.per_tile * (self.max_tiles + self.views(self.max_tiles))

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of tiles."""
        most = self.max_tiles
        grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
        grids.sort(key=lambda grid: grid[0] * grid[1])
        choose = canvas if self.fit == "canvas" else nearest_shape
        return choose(grids, self.tile, width, height)

    def views(self, tiles: int) -> int:
        """Views of the whole image: none beside a single tile."""
        return 1 if tiles > 1 else 0

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of the most tiles and of the view of the whole."""
        return tile_patches(tower, self) * (self.max_tiles + 1)


@record
class Split(_Tiled):
    """Idefics3: scaled so that the longest side has its full length, cut into tiles, and a view of the whole.

    The text markers around each tile are not counted.
    """

    name = "split"

    tile: Count
    """Side of a tile, pixels."""
    per_tile: Count
    """Tokens of a tile."""
    longest: Count
    """Longest side of an image, pixels."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return self.per_tile * (columns * rows + 1)

    def most_tokens(self) -> int:
        """Most prompt tokens of any image: of a square one."""
        return self.tokens_of(self.longest, self.longest)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of tiles."""
        unit = max(width, height) * self.tile
        return -(-width * self.longest // unit), -(-height * self.longest // unit)

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of a square image with the longest side, and of the view of the whole."""
        return tile_patches(tower, self) * ((self.longest // self.tile) ** 2 + 1)


@record
class TileRows(_Tiled):
    """DeepSeek-VL2: each row of patches ends with a newline, in the grid of tiles and in the view of the whole.

    Between the two stands a separator (deepseek-ai/DeepSeek-VL2 ``processing_deepseek_vl_v2.py`` ``tokenize_with_images``;
    of more than two images only the view of the whole is taken).
    """

    name = "tile_rows"

    tile: Count
    """Side of a tile, pixels."""
    side: Count
    """Tokens along a side of a tile."""
    max_tiles: Count
    """Most tiles of an image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        return self._tokens(*self.grid(width, height))

    def most_tokens(self) -> int:
        """Most prompt tokens of any image: of a column of tiles, which has most rows."""
        return self._tokens(1, self.max_tiles)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of the grid that keeps most of the image (``select_best_resolution``)."""
        tile, most = self.tile, self.max_tiles
        grids = [
            (columns * tile, rows * tile) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)
        ]
        best_width, best_height = pinpoint(grids, width, height)
        return best_width // tile, best_height // tile

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of the most tiles and of the view of the whole."""
        return tile_patches(tower, self) * (self.max_tiles + 1)

    def _tokens(self, columns: int, rows: int) -> int:
        side: int = self.side
        return side * (side + 1) + 1 + rows * side * (columns * side + 1)


@record
class Cross(_Rule):
    """Llama 3.2 Vision: images are read by cross-attention and take one token of the prompt.

    Every image is padded to all its tiles (transformers 5.23.0 ``image_processing_mllama.py`` ``pack_images``), so size
    makes no difference to the tower.
    """

    name = "cross"

    per_tile: Count
    """Tokens of a tile that cross-attention layers keep."""
    max_tiles: Count
    """Tiles of every image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size: its placeholder."""
        return 1

    def most_tokens(self) -> int:
        """Most prompt tokens of any image."""
        return 1

    def most_patches(self, tower: VisionTower) -> int:
        """Patches of all tiles."""
        return tile_patches(tower, None) * self.max_tiles


if TYPE_CHECKING:
    ImageRule: TypeAlias = Fixed | Anyres | Native | LongestSide | Tiles | Split | TileRows | Cross

RULES: dict[str, type[ImageRule]] = {
    rule.name: rule for rule in (Fixed, Anyres, Native, LongestSide, Tiles, Split, TileRows, Cross)
}
"""Rules by the name that catalogue files give them."""
