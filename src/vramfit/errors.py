"""Errors of the program, each kind with its exit code and the word that scripts read.

Rooms raise these; only ``cli`` prints them, as one ``error:`` line and a ``hint:`` line (or, under ``--json``, as
the contract's error object).
"""

from __future__ import annotations


class VramfitError(Exception):
    """Root of every error that a user can cause or must learn of.

    ``code`` is the kebab-case word of the JSON error object, ``exit_code`` the process's exit code.
    """

    code = "error"
    exit_code = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """One line saying what is wrong, naming the value that was given."""
        self.hint = hint
        """Next step for the user, such as what to type instead; None where there is none."""


class UsageError(VramfitError):
    """An unknown flag, key or value: exit 2."""

    code = "usage"
    exit_code = 2


class UnknownGpu(UsageError):
    """A GPU name that no catalogue entry has as its id or alias."""

    code = "unknown-gpu"


class UnknownModel(UsageError):
    """A model name that no catalogue entry has as its id or alias."""

    code = "unknown-model"


class AmbiguousName(UsageError):
    """A name that several catalogue entries have; the hint lists them and none is chosen."""

    code = "ambiguous-name"


class UnsupportedScheme(UsageError):
    """A quantization that the requested engine does not load."""

    code = "unsupported-quant"


class UnknownProgram(UsageError):
    """A command that starts no program of an engine; its word is that of ``UsageError``."""


class CannotTell(VramfitError):
    """A question without an answer, since the entry lacks a fact or the engine or architecture is not modelled yet:
    exit 3."""

    code = "cannot-tell"
    exit_code = 3


class UnknownMemory(CannotTell):
    """A GPU without memory of its own, of a machine whose memory is not known; its word is that of ``CannotTell``."""


class InputError(VramfitError):
    """A file that cannot be read or lacks something it must have: exit 4."""

    code = "input"
    exit_code = 4


class NoGpu(InputError):
    """A machine without a GPU that can be found, asked for its GPUs: exit 4."""

    code = "no-gpu"


class MissingModel(InputError):
    """A repository or tag that its host does not have, or does not show: exit 4."""

    code = "missing-model"


class CatalogueError(InputError):
    """A catalogue file with a fault; the message names file and line."""

    code = "catalogue"
