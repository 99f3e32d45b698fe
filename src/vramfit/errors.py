"""What can go wrong, each kind with its exit code and the word scripts read.

Rooms raise these; only ``cli`` prints them, as one ``error:`` line and a ``hint:`` line (or, under ``--json``, as
the contract's error object).
"""

from __future__ import annotations


class VramfitError(Exception):
    """Root of every error a user can cause or must be told of.

    ``code`` is the kebab-case word of the JSON error object, ``exit_code`` the process's exit code.
    """

    code = "error"
    exit_code = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """One line: what is wrong, naming the value that was given."""
        self.hint = hint
        """What to type instead, or None."""


class UsageError(VramfitError):
    """An unknown flag, key or value: exit 2."""

    code = "usage"
    exit_code = 2


class UnknownGpu(UsageError):
    """No GPU of the catalogue has this id or alias."""

    code = "unknown-gpu"


class UnknownModel(UsageError):
    """No model of the catalogue has this id or alias."""

    code = "unknown-model"


class AmbiguousName(UsageError):
    """A name that several catalogue entries answer to; the hint lists them, none is chosen."""

    code = "ambiguous-name"


class UnsupportedScheme(UsageError):
    """A quantization the asked engine does not know."""

    code = "unsupported-quant"


class CannotTell(VramfitError):
    """The entry lacks what the estimate needs, or the engine or architecture is not modelled yet: exit 3."""

    code = "cannot-tell"
    exit_code = 3


class InputError(VramfitError):
    """A file that cannot be read or does not say what it must: exit 4."""

    code = "input"
    exit_code = 4


class CatalogueError(InputError):
    """A catalogue file with a fault; the message names file and line."""

    code = "catalogue"
