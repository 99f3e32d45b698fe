"""Will this model fit this GPU, by how much, and if not, what would make it fit?

What a program needs is here, and loaded when it is first used: ``check``, ``estimate``, ``load_model``, ``find_gpu``, the
objects that they return, and ``VramfitError`` with its kinds. docs/python.md shows them at work.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
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
