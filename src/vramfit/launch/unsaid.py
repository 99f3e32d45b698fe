"""Lines around a command: comments for settings that its program has no words for, which are read back, and further commands."""

from __future__ import annotations

BEGIN = "# not in this command: "


def line(key: str, value: object, why: str) -> str:
    """Comment that states a deployment key, and why the command does not."""
    return f"{BEGIN}{key} {value} ({why})"


def in_front(text: str, lines: list[str]) -> str:
    """Text with lines in front, behind a comment that it begins with: a script's interpreter, or what launches it."""
    first, end, rest = text.partition("\n")
    before, behind = (f"{first}{end}", rest) if first.startswith("#") and end else ("", text)
    return "".join([before, *[f"{one}\n" for one in lines], behind])


def behind(text: str, lines: list[str]) -> str:
    """Text with lines behind."""
    return "\n".join([text.rstrip("\n"), *lines]) if lines else text


def read(text: str) -> dict[str, str]:
    """Deployment keys that such comments of a text state."""
    found = {}
    for one in text.splitlines():
        if one.strip().startswith(BEGIN):
            key, _, rest = one.strip().removeprefix(BEGIN).partition(" ")
            found[key] = rest.partition(" (")[0]
    return found
