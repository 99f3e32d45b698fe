"""Rules without tiles: an image is read whole, at a fixed size, at its own, or scaled to a longest side.

``image_rules`` says what a rule answers. Sizes are pixels, width first.
"""

from __future__ import annotations

from vramfit.model.image_rules import Rule, image_patches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.encoder import VisionTower
    from vramfit.model.kinds import Count


class Fixed(Rule):
    """Every image takes as many tokens."""

    rule = "fixed"

    tokens: Count
    """Tokens of an image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Prompt tokens of an image of this size."""
        return self.tokens

    def most_tokens(self) -> int:
        """Most prompt tokens of any image."""
        return self.tokens


class Native(Rule):
    """Qwen-VL: both sides rounded to whole merged patches, the area kept between two pixel counts (smart_resize)."""

    rule = "native"

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


class LongestSide(Rule):
    """Pixtral: scaled down to a longest side, then whole merged patches, and a break or end token behind each row."""

    rule = "longest_side"

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


class Cross(Rule):
    """Llama 3.2 Vision: images are read by cross-attention and take one token of the prompt.

    Every image is padded to all its tiles (transformers 5.23.0 ``image_processing_mllama.py`` ``pack_images``), so size
    makes no difference to the tower.
    """

    rule = "cross"

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
        return image_patches(tower) * self.max_tiles
