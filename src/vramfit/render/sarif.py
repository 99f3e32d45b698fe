"""Report in SARIF 2.1.0 (OASIS Standard, *Static Analysis Results Interchange Format*), for code scanning.

What is as it should be is no result: services that show them would show an alert for it.
"""

from __future__ import annotations

from vramfit.render.findings import ERROR, NOTICE, RULES, WARNING, message, rule, title
from vramfit.render.json import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from vramfit.render.fields import Object

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PREFIX = "vramfit/"
"""Beginning of the ids of rules."""
LEVELS = {ERROR: "error", WARNING: "warning"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")


def lines(rows: Sequence[Object], version: str) -> Iterator[str]:
    """Text of the document."""
    yield dumps(document(rows, version), 2)


def document(rows: Sequence[Object], version: str) -> dict[str, Any]:
    """Log of one run by the program of a version."""
    found = [row for row in rows if row["severity"] != NOTICE]
    used = [name for name in RULES if any(rule(row) == name for row in found)]
    driver = {"name": "vramfit", "version": version, "rules": [_rule(name) for name in used]}
    run = {
        "tool": {"driver": driver},
        "results": [_result(row, used) for row in found],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    level = WARNING if name == "tight" else ERROR
    return {
        "id": PREFIX + name,
        "shortDescription": {"text": RULES[name]},
        "fullDescription": {"text": f"{RULES[name]}."},
        "defaultConfiguration": {"level": level},
    }


def _result(row: Object, used: list[str]) -> dict[str, Any]:
    name = rule(row)
    result: dict[str, Any] = {
        "ruleId": PREFIX + name,
        "ruleIndex": used.index(name),
        "level": LEVELS[row["severity"]],
        "message": {"text": f"{title(row)}: {message(row)}"},
        "partialFingerprints": {"deployment/v1": title(row)},
    }
    if row["file"] is not None:
        region = {"startLine": max(1, row["line"])}
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": uri(row["file"])}, "region": region}}]
    return result


def uri(path: str) -> str:
    """Reference of a path, relative ones as they are: what is no plain character is written in hexadecimal."""
    text = path.replace("\\", "/")
    drive = text[1:2] == ":"
    quoted = "".join(
        [c if c in _PLAIN else "".join([f"%{byte:02X}" for byte in c.encode("utf-8", "replace")]) for c in text]
    )
    if drive:
        return "file:///" + quoted.replace("%3A", ":", 1)
    return f"file://{quoted}" if quoted.startswith("/") else quoted.removeprefix("./")
