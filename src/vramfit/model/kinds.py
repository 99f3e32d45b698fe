"""Types of the fields a model is specified by, with what a value must satisfy beyond its Python type.

Read by type checkers, and by ``curation``, which turns these into the schema that catalogue files are checked against.
At run time the annotations of ``spec`` and ``traits`` stay strings and nothing here is loaded.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from vramfit._record import Record


class AtLeast(Record):
    """A bound: the value is not below ``least``."""

    least: int


class Form(Record):
    """A shape of text: the whole value matches the regular expression ``pattern``."""

    pattern: str


Count: TypeAlias = Annotated[int, AtLeast(1)]
"""A number of layers, heads, rows, … or a width in elements."""
Key: TypeAlias = Annotated[str, Form(r"^[a-z0-9][a-z0-9.+-]*$")]
"""An identifier: lower case, as it is typed on the command line."""
Month: TypeAlias = Annotated[str, Form(r"^\d{4}-\d{2}$")]
"""Year and month, ``2026-01``."""
Repository: TypeAlias = Annotated[str, Form(r"^[\w.-]+/[\w.-]+$")]
"""``organisation/name`` on the Hugging Face Hub."""

ElementType: TypeAlias = Literal["fp32", "fp16", "bf16", "fp8", "mxfp4", "int4", "ternary"]
"""Types a checkpoint is published in."""
Normalised: TypeAlias = Literal["head", "projection"]
"""Queries and keys are normalised head by head, or over the whole projection."""
Width: TypeAlias = Count | Literal["tower", "merged", "ffn", "text"]
"""A width in a projector: a number, or the name of one the model defines (see ``encoder.Step``)."""
