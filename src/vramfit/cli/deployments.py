"""Deployments files: a list under ``deployments:``, optional ``defaults:`` above it."""

from __future__ import annotations

import sys

from vramfit.errors import InputError, UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Fault


def read_deployments(
    text: str, label: str, flags: Mapping[str, Any]
) -> Iterator[tuple[str | None, int, dict[str, Any] | VramfitError]]:
    """Each deployment's name, line and raw keys: the file's defaults, then its own keys, then flags of the command line.

    ``label`` is what messages call the file. A deployment that is not written as one has the error in place of its keys,
    and the others are read. Raises ``InputError``, before the first, for a text of another shape.
    """
    from vramfit.curation.strict_yaml import fault_error, parse

    parsed = parse(text, label, commas=True)
    own, shared = _parted(parsed.faults)
    if shared:
        raise fault_error(shared)
    document = parsed.data
    if not isinstance(document, dict):
        raise InputError(f"{label}: not a mapping", "write a list of deployments under deployments:")
    unknown = [str(key) for key in document if key not in ("deployments", "defaults")]
    if unknown:
        raise UsageError(f'{label}: unknown key "{unknown[0]}"', "the keys are deployments and defaults")
    defaults = document.get("defaults") or {}
    entries = document.get("deployments")
    if not isinstance(defaults, dict) or not isinstance(entries, list) or not entries:
        raise InputError(f"{label}: no deployments", "write a list of mappings under deployments:")
    for number, entry in enumerate(entries, 1):
        keys = entry if isinstance(entry, dict) else {}
        merged = {**defaults, **keys, **flags}
        name = merged.get("name")
        result: dict[str, Any] | VramfitError = merged
        if number - 1 in own:
            result = fault_error(own[number - 1])
        elif not isinstance(entry, dict):
            result = InputError(f"{label}: deployment {number} is not a mapping", "write gpu:, model: and other keys")
        line, _ = parsed.marks.get(("deployments", number - 1), (1, 1))
        yield (None if name is None else str(name)), line, result


def _parted(faults: list[Fault]) -> tuple[dict[int, list[Fault]], list[Fault]]:
    """Faults inside of one deployment by its index, and those that concern the file."""
    own: dict[int, list[Fault]] = {}
    shared = []
    for fault in faults:
        index, bracket, _ = fault.field.removeprefix("deployments[").partition("]")
        if fault.field.startswith("deployments[") and bracket and index.isdecimal():
            own.setdefault(int(index), []).append(fault)
        else:
            shared.append(fault)
    return own, shared


MOST_BYTES = 10 * 2**20
"""Bytes of a file of deployments or of a manifest that are read."""
MOST_TOGETHER_BYTES = 64 * 2**20
"""Bytes of all files of one command."""
_read_bytes = [0]
"""Bytes that this command has read of files."""


def begin() -> None:
    """Count the bytes of a command's files anew."""
    _read_bytes[0] = 0


def read_text(path: str, hint: str = "give a YAML file, or - for stdin") -> str:
    """Text of a file, or of stdin for ``-``; raises ``InputError`` for one that cannot be read, or is too long."""
    from vramfit.bounded import read_bytes, read_stream, too_long

    try:
        most = min(MOST_BYTES, MOST_TOGETHER_BYTES - _read_bytes[0])
        # As bytes, because the locale decides how text is decoded, and YAML is UTF-8.
        stream = getattr(sys.stdin, "buffer", None) if path == "-" else None
        if path == "-" and stream is None:
            text = sys.stdin.read(most + 1)
            if len(text) > most:
                raise too_long(most)
            return text
        raw = read_bytes(path, most) if stream is None else read_stream(stream, most)
        _read_bytes[0] += len(raw)
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"cannot read {path}: not UTF-8 text", "save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {reason}", hint) from None
