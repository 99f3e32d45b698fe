"""Reader of the tables of transformers' classes that are packaged with the program."""

from __future__ import annotations

import json
import os

import vramfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """Read a table by its file's name, beside the installed package or in the checkout's ``data/``."""
    package = os.path.dirname(os.path.abspath(vramfit.__file__))
    path = os.path.join(package, "data", name)
    if not os.path.exists(path):
        path = os.path.join(os.path.dirname(os.path.dirname(package)), "data", name)
    with open(path, encoding="utf-8") as file:
        table: dict[str, Any] = json.load(file)
    return table
