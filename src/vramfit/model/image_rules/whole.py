"""Rules without tiles: an image is read whole, at a fixed size, at its native size, or scaled to a longest side.

``image_rules`` describes the methods of a rule. Sizes are in pixels, width first.
"""

from __future__ import annotations

from vramfit.model.image_rules import Rule, image_patches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.encoder import VisionTower
    from vramfit.model.kinds import Count


class Fixed(Rule):
    """Fixed number of tokens for every image."""

    rule = "fixed"

    tokens: Count
    """Number of tokens of an image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        return self.tokens

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image."""
        return self.tokens


class Native(Rule):
    """Qwen-VL: both sides rounded to whole merged patches, the area between a least and a most (smart_resize)."""

    rule = "native"

    patch: Count
    """Side of a patch in pixels."""
    merge: Count
    """Number of patches along one side of the square that becomes one token."""
    max_pixels: Count
    """Largest number of pixels of an image; a larger image is scaled down."""
    min_pixels: int = 0
    """Smallest number of pixels of an image; a smaller image is scaled up."""
    released_pixels: Count | None = None
    """Largest number of pixels in the processor's file beside the released weights, if it is more than ``max_pixels``, which
    is then what the model's makers recommend."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return rows * columns

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image, taken by one of ``max_pixels``: 12 megapixels in some models."""
        side = self.patch * self.merge
        return self.max_pixels // (side * side)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Numbers of columns and rows of merged patches."""
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
        """Number of patches of an image of ``max_pixels``."""
        patch: int = tower.patch or self.patch
        return self.max_pixels // patch**2

    def released_patches(self, tower: VisionTower) -> int:
        """Number of patches of the largest image that the released processor lets through."""
        patch: int = tower.patch or self.patch
        return (self.released_pixels or self.max_pixels) // patch**2

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Number of patches of an image of this size."""
        return self.tokens_of(width, height) * self.merge**2


class LongestSide(Rule):
    """Pixtral: an image scaled down to a longest side, as whole merged patches with a break or end token after each row."""

    rule = "longest_side"

    patch: Count
    """Side of a patch in pixels."""
    merge: Count
    """Number of patches along one side of the square that becomes one token."""
    longest: Count
    """Longest side of an image in pixels; a larger image is scaled down."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of this size."""
        columns, rows = self.grid(width, height)
        return rows * columns + rows

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image, which a square one takes."""
        return self.tokens_of(self.longest, self.longest)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Numbers of columns and rows of merged patches."""
        ratio = max(width / self.longest, height / self.longest)
        if ratio > 1:
            width, height = int(width / ratio), int(height / ratio)
        side = self.patch * self.merge
        return -(-width // side), -(-height // side)

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of a square image with the longest side."""
        patch: int = tower.patch or self.patch
        return (self.longest // patch) ** 2

    def patches(self, tower: VisionTower, width: int, height: int) -> int:
        """Number of patches of an image of this size."""
        columns, rows = self.grid(width, height)
        return columns * rows * self.merge**2


class Cross(Rule):
    """Llama 3.2 Vision: images are read by cross-attention and take one token of the prompt.

    Every image is padded to ``max_tiles`` (transformers 5.23.0 ``image_processing_mllama.py`` ``pack_images``), so the
    tower does the same work for every size.
    """

    rule = "cross"

    per_tile: Count
    """Number of tokens of a tile that cross-attention layers keep."""
    max_tiles: Count
    """Number of tiles of every image."""

    def tokens_of(self, width: int, height: int) -> int:
        """Number of prompt tokens of an image of any size, which is one: its placeholder."""
        return 1

    def most_tokens(self) -> int:
        """Largest number of prompt tokens of any image, which is one: its placeholder."""
        return 1

    def most_patches(self, tower: VisionTower) -> int:
        """Number of patches of all tiles."""
        return image_patches(tower) * self.max_tiles
