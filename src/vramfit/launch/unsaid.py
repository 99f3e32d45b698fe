"""Lines of a written command for settings that its program has no words for: a comment in front, which is read back."""

from __future__ import annotations

BEGIN = "# not in this command: "


def line(key: str, value: object, why: str) -> str:
    """Comment that states a deployment key, and why the command does not."""
    return f"{BEGIN}{key} {value} ({why})"


def read(text: str) -> dict[str, str]:
    """Deployment keys that such comments of a text state."""
    found = {}
    for one in text.splitlines():
        if one.strip().startswith(BEGIN):
            key, _, rest = one.strip().removeprefix(BEGIN).partition(" ")
            found[key] = rest.partition(" (")[0]
    return found
