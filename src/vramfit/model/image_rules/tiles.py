"""Rules that cut an image into square tiles, each of which the tower reads as an image of its own.

``image_rules`` says what a rule answers. Sizes are pixels, width first.
"""

from __future__ import annotations

from vramfit.model.image_rules import Tiled, pinpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from vramfit.model.encoder import VisionTower
    from vramfit.model.kinds import Count


class Tiles(Tiled):
    """InternVL, Llama 4 and others: a grid of square tiles, and a view of the whole if there are several."""

    rule = "tiles"

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
        return self.tile_patches(tower) * (self.max_tiles + 1)


class Split(Tiled):
    """Idefics3: scaled so that the longest side has its full length, cut into tiles, and a view of the whole.

    The text markers around each tile are not counted.
    """

    rule = "split"

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
        return self.tile_patches(tower) * ((self.longest // self.tile) ** 2 + 1)


class TileRows(Tiled):
    """DeepSeek-VL2: each row of patches ends with a newline, in the grid of tiles and in the view of the whole.

    Between the two stands a separator (deepseek-ai/DeepSeek-VL2 ``processing_deepseek_vl_v2.py`` ``tokenize_with_images``;
    of more than two images only the view of the whole is taken).
    """

    rule = "tile_rows"

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
        return self.tile_patches(tower) * (self.max_tiles + 1)

    def _tokens(self, columns: int, rows: int) -> int:
        side: int = self.side
        return side * (side + 1) + 1 + rows * side * (columns * side + 1)


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
