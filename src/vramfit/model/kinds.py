"""Types of the fields of a model's specification, with constraints beyond the Python type.

Type checkers read them, and ``curation`` turns them into the schema that catalogue files are checked against. In a
normal run the annotations of ``spec`` and ``traits`` stay strings, and this module is not loaded.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from vramfit._record import Record


class AtLeast(Record):
    """Lower bound of a number: the value is at least ``least``."""

    least: int


class Form(Record):
    """Form of a text: the whole value matches the regular expression ``pattern``."""

    pattern: str


Count: TypeAlias = Annotated[int, AtLeast(1)]
"""Number of layers, heads, rows, …, or a width in elements."""
Key: TypeAlias = Annotated[str, Form(r"^[a-z0-9][a-z0-9.+-]*$")]
"""Identifier in lower case, like it is typed on the command line."""
Month: TypeAlias = Annotated[str, Form(r"^\d{4}-\d{2}$")]
"""Year and month, ``2026-01``."""
Repository: TypeAlias = Annotated[str, Form(r"^[\w.-]+/[\w.-]+$")]
"""``organisation/name`` on the Hugging Face Hub."""

ElementType: TypeAlias = Literal["fp32", "fp16", "bf16", "fp8", "mxfp4", "int4", "ternary"]
"""Element types that checkpoints are published in."""
Normalised: TypeAlias = Literal["head", "projection"]
"""Extent over which queries and keys are normalised: each head, or the whole projection."""
Width: TypeAlias = Count | Literal["tower", "merged", "ffn", "text"]
"""Width in a projector: a number of elements, or the name of a width that the model defines (see ``encoder.Step``)."""
