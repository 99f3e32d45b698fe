"""How many tokens an image becomes, which depends on the model's rule and, for most, on the image's size.

A rule is data, the ``image_tokens`` of a tower: ``rule`` names it, the other keys are its constants. Each is documented
where it is computed; the sources are the processors in transformers, read at 5.23. Sizes are pixels, width first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.model.architecture import Model

USUAL_IMAGE = (1344, 896)
"""Width and height to reckon with when nobody says: 1.2 megapixels, as a photo sent by a chat program has."""


def image_tokens(model: Model, width: int, height: int) -> int:
    """Tokens of the prompt that an image of this size takes.

    0 without a vision tower, and for models that read images by cross-attention beyond the placeholder token they need.
    An unknown rule raises ``ValueError``.
    """
    if model.vision is None:
        return 0
    rule = model.vision.image_tokens
    kind = rule["rule"]
    if kind == "fixed":
        return int(rule["tokens"])
    if kind == "anyres":
        return _anyres(rule, width, height)
    if kind == "native":
        return _native(rule, width, height)
    if kind == "longest_side":
        return _longest_side(rule, width, height)
    if kind == "tiles":
        return _tiles(rule, width, height)
    if kind == "split":
        return _split(rule, width, height)
    if kind == "tile_rows":
        return _tile_rows(rule, *_tile_rows_grid(rule, width, height))
    if kind == "cross":
        return 1
    raise ValueError(f"no rule for image tokens: {kind!r} ({model.id})")


def max_image_tokens(model: Model) -> int:
    """The most prompt tokens one image can take, 0 without a vision tower.

    At native resolution that is an image of the rule's pixel limit, 12 megapixels and more in some models: an upper
    bound to warn of, where ``image_tokens`` of ``USUAL_IMAGE`` is what to expect.
    """
    if model.vision is None:
        return 0
    rule = model.vision.image_tokens
    kind = rule["rule"]
    if kind == "anyres":
        return _most_anyres(rule)
    if kind == "native":
        side: int = rule["patch"] * rule["merge"]
        return int(rule["max_pixels"]) // (side * side)
    if kind == "longest_side":
        return _longest_side(rule, rule["longest"], rule["longest"])
    if kind == "split":
        return _split(rule, rule["longest"], rule["longest"])
    if kind == "tile_rows":
        return _tile_rows(rule, 1, rule["max_tiles"])
    if kind == "tiles":
        return int(rule["per_tile"] * (rule["max_tiles"] + (1 if rule["max_tiles"] > 1 else 0)))
    return image_tokens(model, *USUAL_IMAGE)


def grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    """Columns and rows an image of this size is cut into: merged patches at native resolution, else tiles.

    The view of the whole image that some rules add is not among them; (1, 1) for rules to which size means nothing.
    """
    kind = rule["rule"]
    if kind == "native":
        return _native_grid(rule, width, height)
    if kind == "longest_side":
        return _longest_side_grid(rule, width, height)
    if kind == "tiles":
        return _tile_grid(rule, width, height)
    if kind == "split":
        return _split_grid(rule, width, height)
    if kind == "tile_rows":
        return _tile_rows_grid(rule, width, height)
    if kind == "anyres":
        best_width, best_height = _pinpoint(_pinpoints(rule), width, height)
        return best_width // rule["tile"], best_height // rule["tile"]
    return 1, 1


def _anyres(rule: Mapping[str, Any], width: int, height: int) -> int:
    """LLaVA-1.6: a small view of the whole image, and the image itself on the best grid of tiles.

    The image is scaled into the pinpoint that keeps most of it; the padding rows or columns this leaves are cut from
    the grid, and each row of what remains ends with a newline token (LlavaNextProcessor._get_number_of_features).
    ``max_tiles`` is LLaVA-OneVision's bound beyond which the grid is scaled down.
    """
    patches = rule["tile"] // rule["patch"]
    best_width, best_height = _pinpoint(_pinpoints(rule), width, height)
    rows, columns = best_height // rule["tile"] * patches, best_width // rule["tile"] * patches
    if width * rows > height * columns:
        new_rows = int(round(height * (columns / width), 7))
        rows -= (rows - new_rows) // 2 * 2
    else:
        new_columns = int(round(width * (rows / height), 7))
        columns -= (columns - new_columns) // 2 * 2
    return _anyres_tokens(rule, rows, columns)


def _anyres_tokens(rule: Mapping[str, Any], rows: int, columns: int) -> int:
    """Tokens of that many rows and columns of patches without padding."""
    whole = (rule["tile"] // rule["patch"]) ** 2
    limit = rule.get("max_tiles")
    if limit:
        ratio = (rows * columns / (limit * whole)) ** 0.5
        if ratio > 1.1:
            rows, columns = int(rows // ratio), int(columns // ratio)
    return int(rows * columns + rows + whole)


def _most_anyres(rule: Mapping[str, Any]) -> int:
    """The most tokens over every grid and padding: with less than all of a grid it may be within the bound.

    Padding is less than a tile, since a grid without that tile would waste less.
    """
    patches = rule["tile"] // rule["patch"]
    most = 0
    for width, height in _pinpoints(rule):
        rows, columns = height // rule["tile"] * patches, width // rule["tile"] * patches
        for cut in range(0, patches, 2):
            cuts = ((rows - cut, columns), (rows, columns - cut))
            most = max(most, *[_anyres_tokens(rule, *left) for left in cuts])
    return most


def _pinpoints(rule: Mapping[str, Any]) -> list[list[int]]:
    """The grids a rule allows, as width and height: listed, or all up to ``sides`` tiles a side (LLaVA-OneVision).

    The order matters: of grids equally good the first is taken.
    """
    if "pinpoints" in rule:
        return list(rule["pinpoints"])
    sides = range(rule["tile"], (rule["sides"] + 1) * rule["tile"], rule["tile"])
    return [[width, height] for height in sides for width in sides]


def _pinpoint(pinpoints: Sequence[Sequence[int]], width: int, height: int) -> tuple[int, int]:
    """The grid that keeps most pixels of the image, and among those the one that wastes least."""
    best, most, least = (0, 0), -1, 0
    for grid_width, grid_height in pinpoints:
        scale = min(grid_width / width, grid_height / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = grid_width * grid_height - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (grid_width, grid_height), kept, wasted
    return best


def _native(rule: Mapping[str, Any], width: int, height: int) -> int:
    columns, rows = _native_grid(rule, width, height)
    return rows * columns


def _native_grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    """Qwen-VL: both sides rounded to whole merged patches, the area kept between two pixel counts (smart_resize)."""
    side: int = rule["patch"] * rule["merge"]
    lowest, highest = rule.get("min_pixels", 0), rule["max_pixels"]
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    if rows * columns * side * side > highest:
        scale = (height * width / highest) ** 0.5
        rows, columns = max(1, int(height / scale / side)), max(1, int(width / scale / side))
    elif rows * columns * side * side < lowest:
        scale = (lowest / (height * width)) ** 0.5
        rows, columns = -int(-height * scale // side), -int(-width * scale // side)
    return columns, rows


def _longest_side(rule: Mapping[str, Any], width: int, height: int) -> int:
    """Pixtral: merged patches, and a break or end token behind each row."""
    columns, rows = _longest_side_grid(rule, width, height)
    return rows * columns + rows


def _longest_side_grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    """Pixtral: scaled down to a longest side, then whole merged patches."""
    ratio = max(width / rule["longest"], height / rule["longest"])
    if ratio > 1:
        width, height = int(width / ratio), int(height / ratio)
    side: int = rule["patch"] * rule["merge"]
    return -(-width // side), -(-height // side)


def _tiles(rule: Mapping[str, Any], width: int, height: int) -> int:
    """InternVL, Llama 4 and others: a grid of square tiles, and a view of the whole if there are several."""
    columns, rows = _tile_grid(rule, width, height)
    return int(rule["per_tile"] * (columns * rows + (1 if columns * rows > 1 else 0)))


def _tile_grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    most = rule["max_tiles"]
    grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
    grids.sort(key=lambda grid: grid[0] * grid[1])
    choose = _canvas if rule.get("fit") == "canvas" else _nearest_shape
    return choose(grids, rule["tile"], width, height)


def _nearest_shape(grids: Sequence[tuple[int, int]], tile: int, width: int, height: int) -> tuple[int, int]:
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


def _canvas(grids: Sequence[tuple[int, int]], tile: int, width: int, height: int) -> tuple[int, int]:
    """The grid that enlarges the image least, or failing that shrinks it least; of several the smallest (Llama 4)."""
    scales = [(min(columns * tile / width, rows * tile / height), columns, rows) for columns, rows in grids]
    enlarging = [scale for scale, _, _ in scales if scale >= 1]
    chosen = min(enlarging) if enlarging else max([scale for scale, _, _ in scales])
    return min([(columns * rows, columns, rows) for scale, columns, rows in scales if scale == chosen])[1:]


def _split(rule: Mapping[str, Any], width: int, height: int) -> int:
    """Idefics3: scaled so that the longest side has its full length, cut into tiles, and a view of the whole.

    The text markers around each tile are not counted.
    """
    columns, rows = _split_grid(rule, width, height)
    return int(rule["per_tile"] * (columns * rows + 1))


def _split_grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    unit = max(width, height) * rule["tile"]
    return -(-width * rule["longest"] // unit), -(-height * rule["longest"] // unit)


def _tile_rows(rule: Mapping[str, Any], columns: int, rows: int) -> int:
    """DeepSeek-VL2: each row of patches ends with a newline, in the grid of tiles and in the view of the whole.

    Between the two stands a separator (deepseek-ai/DeepSeek-VL2 ``processing_deepseek_vl_v2.py`` ``tokenize_with_images``;
    of more than two images only the view of the whole is taken).
    """
    side: int = rule["side"]
    return side * (side + 1) + 1 + rows * side * (columns * side + 1)


def _tile_rows_grid(rule: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    """The grid of up to ``max_tiles`` tiles that keeps most of the image (``select_best_resolution``)."""
    tile, most = rule["tile"], rule["max_tiles"]
    grids = [(columns * tile, rows * tile) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
    best_width, best_height = _pinpoint(grids, width, height)
    return best_width // tile, best_height // tile
