"""Colours of the report, against the backgrounds of terminals."""

from __future__ import annotations

import pytest
from rich.color import Color

from vramfit.render import colours

BACKGROUNDS = {
    "white": (255, 255, 255), "Solarized light": (253, 246, 227), "black": (0, 0, 0), "VS Code dark": (30, 30, 30),
    "Solarized dark": (0, 43, 54),
}  # fmt: skip
ALL = sorted({*colours.VERDICTS.values(), *colours.PARTS, colours.BEYOND, colours.COMMAND})


def luminance(rgb: tuple[int, int, int]) -> float:
    """Relative luminance of a colour (WCAG 2.2)."""
    parts = [one / 255 for one in rgb]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """Contrast ratio of two colours (WCAG 2.2): 21 for black on white."""
    dark, bright = sorted((luminance(a), luminance(b)))
    return (bright + 0.05) / (dark + 0.05)


def test_the_ratio() -> None:
    """The ratio itself: black on white, and the yellow and the blue that are not used."""
    assert round(contrast((0, 0, 0), (255, 255, 255)), 1) == 21.0
    assert round(contrast((0xCD, 0xCD, 0), (255, 255, 255)), 1) == 1.7
    assert round(contrast((0, 0, 0xEE), (0, 0, 0)), 1) == 2.2


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("colour", ALL)
def test_every_colour_can_be_read(colour: str, background: str) -> None:
    """3 to 1 is what bold text and graphics need."""
    assert contrast(Color.parse(colour).get_truecolor(), BACKGROUNDS[background]) >= 3


def test_none_is_of_the_terminals_own_palette() -> None:
    """A terminal's user chooses the first sixteen."""
    numbers = [int(one.removeprefix("color(").removesuffix(")")) for one in ALL]

    assert len(numbers) >= 7
    assert min(numbers) >= 16
