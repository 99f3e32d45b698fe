"""Types of a reader of models that are in no catalogue, as the catalogue calls it. Nothing loads this module at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vramfit.model import Model

    Known = Callable[[str], bool]
    Base = Callable[[str], tuple[Model, Mapping[str, Any]]]
    """Function from any name to its model, with the deployment keys that the name states."""


class Imported(Protocol):
    """Model read from its files."""

    @property
    def model(self) -> Model:
        """Model of the files, with its own checkpoint where a header was read."""

    @property
    def keys(self) -> Mapping[str, Any]:
        """Deployment keys that the files state."""

    @property
    def config(self) -> Mapping[str, Any] | None:
        """Configuration among the files; None where there is none."""

    @property
    def processor(self) -> Mapping[str, Any]:
        """Settings of the processor of images; empty where there are none."""


class Importer(Protocol):
    """Reader of models that are in no catalogue; ``importers.load.Importer`` is one."""

    @property
    def remarks(self) -> Mapping[str, str]:
        """Sentences on names whose own files could not be read."""

    def means(self, name: str) -> bool:
        """True if the characters of a name say that it is a reference."""

    def is_here(self, name: str) -> bool:
        """True if this disk has a file or directory of that name."""

    def on_disk(self, name: str, base: Base | None = None) -> Imported | None:
        """Model of a name whose characters say nothing, where this disk has it; None elsewhere."""

    def load(self, name: str, known: Known | None = None, base: Base | None = None) -> Imported | str:
        """Model that a reference leads to, or the name under which the catalogue has it.

        ``base`` gives the model of the name that an adapter states for the one it was trained on.
        """

    def reading(self, name: str) -> Imported | None:
        """Files of a name that was loaded, as they were read."""
