"""Rules that divide an image into square tiles, each of which the tower reads like a separate image.

``image_rules`` describes the methods of a rule. Sizes are in pixels, width first.
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
    """InternVL, Llama 4 and others: a grid of square tiles, and a view of the whole image if there are several tiles."""

    rule = "tiles"

    per_tile: Count
    """Number of tokens of a tile."""
    max_tiles: Count
    """Largest number of tiles of an image."""
    fit: Literal["canvas"] | None = None
    """Choice of the grid: ``canvas`` takes the one that enlarges the image least (Llama 4); if not stated, the one with
    the most similar aspect ratio is taken (InternVL)."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return self.per_tile * (columns * rows + self.views(columns * rows))

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image."""
        return self.per_tile * (self.max_tiles + self.views(self.max_tiles))

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Numbers of columns and rows of tiles."""
        most = self.max_tiles
        grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
        grids.sort(key=lambda grid: grid[0] * grid[1])
        choose = canvas if self.fit == "canvas" else nearest_shape
        return choose(grids, self.tile, width, height)

    def views(self, tiles: int) -> int:
        """Number of views of the whole image: none if there is a single tile."""
        return 1 if tiles > 1 else 0

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of the largest number of tiles and of the view of the whole image."""
        return self.tile_patches(tower) * (self.max_tiles + 1)


class Split(Tiled):
    """Idefics3: an image scaled to a longest side, divided into tiles, and a view of the whole image.

    The text markers around each tile are not counted.
    """

    rule = "split"

    per_tile: Count
    """Number of tokens of a tile."""
    longest: Count
    """Longest side of an image in pixels, which images are scaled to."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return self.per_tile * (columns * rows + 1)

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image, which a square one takes."""
        return self.tokens_of(self.longest, self.longest)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Numbers of columns and rows of tiles."""
        unit = max(width, height) * self.tile
        return -(-width * self.longest // unit), -(-height * self.longest // unit)

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of a square image with the longest side, and of the view of the whole image."""
        return self.tile_patches(tower) * ((self.longest // self.tile) ** 2 + 1)


class TileRows(Tiled):
    """DeepSeek-VL2: a grid of tiles and a view of the whole image, both with a newline after each row of patches.

    A separator stands between the two (deepseek-ai/DeepSeek-VL2 ``processing_deepseek_vl_v2.py``
    ``tokenize_with_images``). If a prompt has more than two images, each is read only by its view of the whole.
    """

    rule = "tile_rows"

    side: Count
    """Number of tokens along one side of a tile."""
    max_tiles: Count
    """Largest number of tiles of an image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        return self._tokens(*self.grid(width, height))

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image, which a column of tiles takes because it has most rows."""
        return self._tokens(1, self.max_tiles)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Numbers of columns and rows of the grid that keeps most of the image (``select_best_resolution``)."""
        tile, most = self.tile, self.max_tiles
        grids = [
            (columns * tile, rows * tile) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)
        ]
        best_width, best_height = pinpoint(grids, width, height)
        return best_width // tile, best_height // tile

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of the largest number of tiles and of the view of the whole image."""
        return self.tile_patches(tower) * (self.max_tiles + 1)

    def _tokens(self, columns: int, rows: int) -> int:
        side: int = self.side
        return side * (side + 1) + 1 + rows * side * (columns * side + 1)


def nearest_shape(grids: Sequence[tuple[int, int]], tile: int, width: int, height: int) -> tuple[int, int]:
    """Grid whose aspect ratio is nearest to the image's (get_optimal_tiled_canvas of the InternVL processor).

    If several grids are equally near, a later one is preferred if the image has more than half of its pixels.
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
    """Grid that enlarges the image least, or if every grid shrinks it, the one that shrinks it least (Llama 4).

    If several grids scale it alike, the one with the fewest tiles is taken.
    """
    scales = [(min(columns * tile / width, rows * tile / height), columns, rows) for columns, rows in grids]
    enlarging = [scale for scale, _, _ in scales if scale >= 1]
    chosen = min(enlarging) if enlarging else max([scale for scale, _, _ in scales])
    return min([(columns * rows, columns, rows) for scale, columns, rows in scales if scale == chosen])[1:]
