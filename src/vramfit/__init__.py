"""Will this model fit this GPU, by how much, and if not, what would make it fit?

What a program needs is here, and loaded when it is first used: ``check``, ``estimate``, ``load_model``, ``find_gpu``, the
objects that they return, and ``VramfitError`` with its kinds. docs/python.md shows them at work.

``main`` is the entry point of the command. It is here because each module that Python itself must find takes a hundredth of
a check.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.api import check, estimate, find_gpu, load_model
    from vramfit.api.reports import Device, Estimate, Parts, Remedy, Report, Term
    from vramfit.errors import (
        AmbiguousName,
        CannotTell,
        CatalogueError,
        InputError,
        MissingModel,
        NoGpu,
        UnknownGpu,
        UnknownMemory,
        UnknownModel,
        UnknownProgram,
        UnsupportedScheme,
        UsageError,
        VramfitError,
    )
    from vramfit.hardware import Gpu
    from vramfit.model import Model

__all__ = [
    "AmbiguousName",
    "CannotTell",
    "CatalogueError",
    "Device",
    "Estimate",
    "Gpu",
    "InputError",
    "MissingModel",
    "Model",
    "NoGpu",
    "Parts",
    "Remedy",
    "Report",
    "Term",
    "UnknownGpu",
    "UnknownMemory",
    "UnknownModel",
    "UnknownProgram",
    "UnsupportedScheme",
    "UsageError",
    "VramfitError",
    "__version__",
    "check",
    "estimate",
    "find_gpu",
    "load_model",
]

_HOMES = {
    "check": "api",
    "estimate": "api",
    "find_gpu": "api",
    "load_model": "api",
    "Device": "api.reports",
    "Estimate": "api.reports",
    "Parts": "api.reports",
    "Remedy": "api.reports",
    "Report": "api.reports",
    "Term": "api.reports",
    "Gpu": "hardware",
    "Model": "model",
}
"""Modules that have the names above; the errors are in ``errors``."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load what is asked for by its name."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = __import__(f"vramfit.{_HOMES.get(name, 'errors')}", fromlist=[name])
        found = globals()[name] = getattr(home, name)
        return found


def __dir__() -> list[str]:
    """Names of the module, those that are not loaded yet included."""
    return sorted({*globals(), *__all__})


GC_THRESHOLD = 100_000
"""Allocations before a collection, instead of 700: bounds memory in a long file of deployments, never runs in one."""
INTERRUPTED = 130
"""Exit code of a command that a user ends."""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command and return its exit code: that of ``sys.argv``, as all that the process does, or another.

    The finder of the package's modules comes first, then the command line as a process.
    """
    if argv is not None:
        from vramfit.cli.process import run

        return run(list(argv))
    import gc
    import sys

    # A check makes some ten thousand objects and no cycles worth finding; looking for them takes a thirtieth of its time.
    gc.set_threshold(GC_THRESHOLD)
    try:
        return _run_all(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_all(arguments: list[str]) -> int:
    from vramfit._boot import start

    groups, finder = start(), None
    if groups is not None:
        from vramfit._finder import put_first

        finder = put_first(groups)
    if finder is not None:
        finder.load_ahead(arguments)
    from vramfit.cli.process import run_once

    return run_once(arguments, finder)
