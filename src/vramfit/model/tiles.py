"""Rules that cut an image into square tiles, each of which the tower reads as an image of its own.

``image_rules`` says what a rule answers. Sizes are pixels, width first.
"""

from __future__ import annotations

from vramfit.model.image_rules import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from vramfit.model.encoder import VisionTower
    from vramfit.model.image_rules import ImageRule
    from vramfit.model.kinds import Count


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


class Anyres(Tiled):
    """LLaVA-1.6 and LLaVA-OneVision: a small view of the whole image, and the image itself on the best grid of tiles.

    The image is scaled into the pinpoint that keeps most of it; the padding rows or columns this leaves are cut from
    the grid, and each row of what remains ends with a newline token (LlavaNextProcessor._get_number_of_features).
    """

    rule = "anyres"

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
        return self.tile_patches(tower) * (1 + most)

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


TILE_RULES: dict[str, type[ImageRule]] = {kind.rule: kind for kind in (Anyres, Tiles, Split, TileRows)}
"""Rules with tiles by their names."""
