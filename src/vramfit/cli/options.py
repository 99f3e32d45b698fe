"""Every option of ``check``: the deployment keys, and how the answer is printed.

One declaration serves the light reader (``fast``) and the Typer command (``app``).
"""

from __future__ import annotations

from vramfit.workload import KEYS, Key

FORMATS = ("table", "plain", "json", "ndjson", "csv", "markdown")

OUTPUT_OPTIONS: tuple[Key, ...] = (
    Key("file", "text", "read deployments from a YAML file; - is stdin", flags=("-f",)),
    Key("json", "switch", "the whole report as JSON; the same as --format json"),
    Key("format", "choice", "how to print", choices=FORMATS, default="table on a terminal, plain in a pipe"),
    Key("catalogue", "texts", "a file of your own GPUs or models to lay over the catalogue; may be repeated"),
    Key("all_remedies", "switch", "every remedy that was found, not the best few alone"),
    Key("any", "switch", "exit 0 if any row reaches the level, not the first alone"),
    Key("no_header", "switch", "plain and csv: leave out the header line"),
    Key("color", "choice", "colour", choices=("auto", "always", "never"), default="auto"),
)
"""Options that are no deployment keys; a ``switch`` takes no value."""

CHECK_OPTIONS: tuple[Key, ...] = KEYS + OUTPUT_OPTIONS


def long_flag(key: Key) -> str:
    """``--kv-cache-type`` for ``kv_cache_type``."""
    return "--" + key.name.replace("_", "-")


def spellings(key: Key) -> tuple[str, ...]:
    """Every flag that sets ``key``, the long one first."""
    return (long_flag(key), *key.flags)
