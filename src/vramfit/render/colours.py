"""Colours of the terminal report, which can be read on a light background as well as on a dark one.

They are of the 256 that every terminal draws alike. The sixteen of a terminal's own palette are not used: xterm's yellow
(#cdcd00) on white has a contrast of 1.7 to 1, and its blue (#0000ee) on black 2.2. These have 3 to 1 at least, which WCAG
2.2 asks of bold text and of graphics (success criteria 1.4.3 and 1.4.11), on white, on black and on what lies near them.
"""

from __future__ import annotations

GREEN, ORANGE, RED = "color(29)", "color(166)", "color(196)"
BLUE, TEAL, PURPLE, GREY = "color(32)", "color(30)", "color(133)", "color(244)"

VERDICTS = {"fits": GREEN, "tight": ORANGE, "exceeds": RED, "unsupported": RED, "unknown": PURPLE}
PARTS = (BLUE, TEAL, PURPLE, GREY)
"""Colours of weights, cache, compute and overhead."""
BEYOND = RED
"""Colour of what lies beyond the usable memory."""
COMMAND = "color(31)"
