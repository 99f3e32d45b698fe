"""Rule that scales an image into the best of several grids of square tiles.

``image_rules`` describes the methods of a rule. Sizes are in pixels, width first.
"""

from __future__ import annotations

from vramfit.model.image_rules import Tiled, pinpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.model.encoder import VisionTower
    from vramfit.model.kinds import Count


class Anyres(Tiled):
    """LLaVA-1.6 and LLaVA-OneVision: a small view of the whole image, and the image itself on the best grid of tiles.

    The image is scaled into the pinpoint that keeps most of its pixels. Rows or columns of padding are then removed from
    the grid, and each remaining row ends with a newline token (LlavaNextProcessor._get_number_of_features).
    """

    rule = "anyres"

    patch: Count
    """Side of a patch in pixels."""
    pinpoints: tuple[tuple[Count, ...], ...] | None = None
    """Widths and heights of the grids that an image can be scaled into (LLaVA-1.6); None if ``sides`` gives them."""
    sides: Count | None = None
    """Largest number of tiles along one side; every grid up to it is allowed (LLaVA-OneVision)."""
    max_tiles: Count | None = None
    """Number of tiles whose patches are the limit beyond which the grid is scaled down (LLaVA-OneVision)."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
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
        """Largest number of prompt tokens of any image, over every grid and every amount of padding.

        Padding must be tried because a full grid may exceed ``max_tiles`` and be scaled down. It is less than a tile,
        since a grid without that tile would have less padding.
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
        """Numbers of columns and rows of tiles."""
        best_width, best_height = pinpoint(self._pinpoints(), width, height)
        return best_width // self.tile, best_height // self.tile

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of all tiles of the largest grid and of the view of the whole image."""
        grids = self.pinpoints or [[(self.sides or 0) * self.tile] * 2]
        most = max([width * height // self.tile**2 for width, height in grids])
        return self.tile_patches(tower) * (1 + most)

    def _tokens(self, rows: int, columns: int) -> int:
        """Number of tokens of that many rows and columns of patches after padding is removed, newlines included."""
        whole = (self.tile // self.patch) ** 2
        if self.max_tiles:
            ratio = (rows * columns / (self.max_tiles * whole)) ** 0.5
            if ratio > 1.1:
                rows, columns = int(rows // ratio), int(columns // ratio)
        return rows * columns + rows + whole

    def _pinpoints(self) -> Sequence[Sequence[int]]:
        """Widths and heights of the allowed grids. The order matters, because the first of equally good grids is used."""
        if self.pinpoints is not None:
            return self.pinpoints
        sides = range(self.tile, ((self.sides or 0) + 1) * self.tile, self.tile)
        return [[width, height] for height in sides for width in sides]
