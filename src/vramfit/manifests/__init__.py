"""Models that files of other programs start: Compose files, manifests of Kubernetes, values of charts, systemd's units.

A module for each kind of file turns it into containers (``Container``): an image, words, variables, what is asked of the
GPUs. ``starting`` makes processes of those and has the engines read them, and ``read`` tells the kinds apart by what is in
them. No engine is named here: each knows its own images and commands.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.errors import VramfitError


class Ask(Record):
    """GPUs that a container asks for."""

    count: int | None = 0
    """Number of GPUs on each machine; 0 if it asks for none, None for all of its host."""
    indices: tuple[int, ...] | None = None
    """Numbers of the host's GPUs that it has; None if the file does not say which."""
    kinds: tuple[str, ...] = ()
    """Names of GPUs for the catalogue, of which the machine has one kind; empty if the file names none."""
    label: str = ""
    """Part of the file that names them, for messages: ``nvidia.com/gpu.product: Tesla-T4``."""
    machine: str = ""
    """Type of machine of a cloud, ``p5.48xlarge``, whose GPUs the catalogue's offers name; empty for none."""
    notes: tuple[str, ...] = ()


class Container(Record):
    """Program as a file starts it, before its words are read."""

    file: str
    line: int
    """Line of the file where it stands."""
    name: str
    image: str
    """Image without which the words say little; empty for a program of the machine itself."""
    entrypoint: tuple[str, ...] | None = None
    """Words in place of the image's entry point; None for the image's own."""
    arguments: tuple[str, ...] = ()
    """Words behind the entry point."""
    variables: Mapping[str, str] = {}
    origins: Mapping[str, str] = {}
    """Origin of each variable whose value is not in the file: ``Secret "hf"``."""
    mounts: tuple[tuple[str, str | None], ...] = ()
    """Folders of the container, and what stands for each on this machine; None where nothing does."""
    ask: Ask = Ask()
    ram_bytes: int | None = None
    """Limit of memory on one machine; None for none."""
    machines: int = 1
    """Number of machines that run it together."""
    host: str = ""
    """Name of the machine whose GPUs containers share; empty for machines of its own."""
    keys: Mapping[str, str] = {}
    """Deployment keys that the file states beside the command."""
    notes: tuple[str, ...] = ()


class Broken(Record):
    """Part of a file that starts a program in a manner that cannot be read."""

    file: str
    line: int
    name: str
    error: VramfitError


class Passed(Record):
    """Part of a file that is passed over."""

    file: str
    line: int
    what: str
    """Kind and name: ``Service "llm"``."""
    reason: str = ""
    """Reason why, where it could have started a model; empty for what starts nothing."""
