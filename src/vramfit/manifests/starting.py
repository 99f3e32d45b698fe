"""Deployments of containers: the engines read the words, and the rest of the file gives GPUs, memory and machines."""

from __future__ import annotations

import os

from vramfit._record import Record, replace
from vramfit.catalogue.names import parse_gpu
from vramfit.engines.commands import read_processes
from vramfit.engines.keys import common_keys
from vramfit.errors import AmbiguousName, UnknownGpu, UsageError
from vramfit.launch.shell import process
from vramfit.launch.words import Word
from vramfit.manifests.instances import machine_gpus
from vramfit.manifests.sizes import spelled
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Protocol

    from vramfit.engines.commands import Command
    from vramfit.hardware import Gpu
    from vramfit.launch.files import Files
    from vramfit.launch.words import Process
    from vramfit.manifests import Container

    class Catalogue(Protocol):
        """Part of the catalogue that this module asks."""

        def gpu(self, name: str) -> Gpu:
            """GPU of a name."""

        def gpu_entries(self) -> Iterable[dict[str, Any]]:
            """Compiled entries of all GPUs."""


AUTO = "auto"
"""Name that means the GPUs of this machine."""


class Started(Record):
    """Deployment that a container is."""

    keys: dict[str, Any]
    """Raw deployment keys."""
    notes: tuple[str, ...]
    """Assumptions that the file makes necessary."""
    cards: tuple[int, ...] | None
    """Numbers of the host's GPUs that it has; None on a machine of its own."""
    command: Command


def asks(given: Container) -> bool:
    """True if a container asks for GPUs."""
    return given.ask.count != 0 or bool(given.ask.kinds)


def deployment(given: Container, flags: Mapping[str, Any], catalogue: Catalogue, files: Files) -> Started:
    """Deployment of a container, over which ``flags`` of the command line count.

    Raises ``UnknownProgram`` where it starts nothing that is known, and ``UsageError`` where the file lacks what the
    answer needs.
    """
    begun, text = _process(given)
    try:
        command = replace(read_processes([begun], files), text=text)
    except UsageError as error:
        origin = next(
            (f"{name} comes from {origin}" for name, origin in given.origins.items() if name in error.message), ""
        )
        if origin:
            error.hint = f"{origin}; {error.hint}" if error.hint else origin
        raise
    asked = flags.get("engine")
    if asked is not None and parse_value(common_keys()["engine"], asked) != command.engine:
        raise UsageError(f"the file starts {command.engine}, and engine asks for {asked}", "leave --engine out")
    keys: dict[str, Any] = {**given.keys, **command.keys}
    machines = _machines(given, keys)
    if machines > 1:
        keys["nodes"] = str(machines)
    names, notes, cards = _gpus(given, machines, flags, catalogue)
    keys["gpu"] = names
    ram = spelled(given.ram_bytes)
    if ram is not None:
        keys.setdefault("ram", ram)
    if isinstance(keys.get("model"), str):
        keys["model"] = model_here(str(keys["model"]), given.mounts)
    rest = {name: value for name, value in flags.items() if name != "gpu"}
    raw = {"engine": command.engine, **keys, **rest}
    raw.setdefault("name", given.name)
    return Started(raw, (*notes, *given.ask.notes, *given.notes), cards, command)


def _process(given: Container) -> tuple[Process, str | None]:
    """Process of a container, and its words as a line where they start with the program.

    A variable of unknown value is one that is not set.
    """
    words = (*(given.entrypoint or ()), *given.arguments)
    known = {
        name: Word.at("", None, 0, 0, (name,)) if name in given.origins else Word(value)
        for name, value in given.variables.items()
    }
    image = given.image if given.entrypoint is None else None
    mounts = tuple([(outside, inside) for inside, outside in given.mounts if outside is not None])
    begun = process(words)
    source = getattr(begun.begin, "source", None)
    whole = replace(begun, variables={**known, **begun.variables}, image=image or None, mounts=mounts)
    return whole, None if image or source is None else source.text


def _machines(given: Container, keys: Mapping[str, Any]) -> int:
    """Number of machines that run the container together: the file's, or the command's."""
    stated = str(keys.get("nodes", ""))
    return max(given.machines, int(stated) if stated.isdecimal() and len(stated) < 5 else 1)


def _gpus(
    given: Container, machines: int, flags: Mapping[str, Any], catalogue: Catalogue
) -> tuple[list[str], tuple[str, ...], tuple[int, ...] | None]:
    """GPUs of a container on all machines, notes on them, and their numbers on the host that it shares.

    The kind is the command line's, else the file's. The number is the file's, and of a file that asks for all of a host's
    GPUs the command line's.
    """
    ask = given.ask
    notes: list[str] = []
    asked = flags.get("gpu")
    listed = [asked] if isinstance(asked, str) else list(asked or ())
    if ask.count == 0 and not ask.kinds and not ask.machine and not ask.label:
        if not listed:
            raise UsageError(f"{_place(given)} asks for no GPU", "give -g to be answered for one, such as -g l4")
        notes.append("the file asks for no GPU; the answer is for the one that was given")
    if listed:
        if AUTO in listed:
            return listed, (), None
        host = [name for text in listed for name in _each(str(text))]
    else:
        host, remarks = _named(given, catalogue)
        notes += remarks
    count = ask.count or len(host)
    if ask.indices is not None and given.host and len(host) > 1:
        if max(ask.indices) >= len(host):
            raise UsageError(
                f"{_place(given)} has GPU {max(ask.indices)}, and the host that was given has {len(host)}",
                f"give all of the host's GPUs, as in -g {max(ask.indices) + 1}x{host[0]}",
            )
        chosen = [host[number] for number in ask.indices]
    elif len(set(host)) == 1:
        if given.host and 1 < len(host) < count:
            raise UsageError(
                f"{_place(given)} asks for {count} GPUs, and the host that was given has {len(host)}",
                "give all of them with -g",
            )
        chosen = host[:1] * count
    elif count == len(host):
        chosen = host
    else:
        raise UsageError(
            f"{_place(given)} asks for {count} GPUs, and {len(host)} different ones were given", "give one kind with -g"
        )
    cards = (ask.indices if ask.indices is not None else tuple(range(len(chosen)))) if given.host else None
    return _counted(chosen * machines), tuple(notes), cards


def _named(given: Container, catalogue: Catalogue) -> tuple[list[str], list[str]]:
    """Kind of GPU that a file names: of several the one with least memory. Raises ``UsageError`` where it names none."""
    ask = given.ask
    if ask.machine and not ask.kinds:
        found = machine_gpus(ask.machine, catalogue.gpu_entries())
        if not found:
            raise UsageError(f'{_place(given)}: no GPU is known of machines "{ask.machine}"', "name their GPU with -g")
        names = [name for name, _ in found]
        every = next((count for _, count in found if count is not None), None)
        if not ask.count and every is None:
            raise UsageError(f"{_place(given)} asks for no number of GPUs", "state it in resources.limits")
        smallest = _smallest(names, given, catalogue)
        return [smallest] * (1 if ask.count else every or 1), [f"{ask.label} has {smallest}"]
    if not ask.kinds:
        label = f" ({ask.label})" if ask.label else ""
        raise UsageError(
            f"{_place(given)} names no GPU{label}", "name the kind with -g, such as -g l4; the number is the file's"
        )
    name = _smallest(ask.kinds, given, catalogue)
    return [name], [] if len(ask.kinds) == 1 else [f"{ask.label}: answered for {name}, which has least memory"]


def _smallest(names: Sequence[str], given: Container, catalogue: Catalogue) -> str:
    """GPU with least memory among names; raises ``UsageError`` for one that the catalogue does not know."""
    sizes = {}
    for name in names:
        try:
            sizes[name] = catalogue.gpu(name).memory_bytes
        except AmbiguousName as error:
            raise UsageError(f"{_place(given)}: {given.ask.label}: {error.message}", "say which one with -g") from None
        except UnknownGpu as error:
            hint = f"name the kind with -g; {error.hint}" if error.hint else "name the kind with -g"
            raise UsageError(f"{_place(given)}: {given.ask.label}: {error.message}", hint) from None
    return min(sizes, key=lambda name: sizes[name])


def _each(text: str) -> list[str]:
    count, name = parse_gpu(text)
    return [name] * count


def _counted(names: Sequence[str]) -> list[str]:
    """Names with their counts, neighbours of one kind together."""
    found: list[tuple[int, str]] = []
    for name in names:
        if found and found[-1][1] == name:
            found[-1] = found[-1][0] + 1, name
        else:
            found.append((1, name))
    return [name if count == 1 else f"{count}x{name}" for count, name in found]


def _place(given: Container) -> str:
    return f"{given.file}:{given.line}"


def model_here(model: str, mounts: Iterable[tuple[str, str | None]]) -> str:
    """Model as this machine has it: a path of the container becomes the one that is mounted there.

    A path that this disk does not have is the name of its last part, which says what the file or folder holds.
    """
    if "://" in model:
        return _repository(model)
    if not model.startswith("/"):
        return model
    for inside, outside in sorted(mounts, key=lambda mount: -len(mount[0])):
        folder = inside.rstrip("/")
        if outside is not None and (model == folder or model.startswith(f"{folder}/")):
            if not outside.startswith(("/", ".", "~")):
                return _repository(outside)
            place = os.path.join(outside, model[len(folder) :].lstrip("/")) if model != folder else outside
            if os.path.exists(place):
                return place
    return model if os.path.exists(model) else model.rstrip("/").rsplit("/", 1)[-1]


def _repository(address: str) -> str:
    """Repository of ``hf://org/name``; of another storage's address the last part, which is its name."""
    scheme, colon, path = address.partition("://")
    if not colon or scheme in ("http", "https"):
        return address
    return path if scheme == "hf" else path.rstrip("/").rsplit("/", 1)[-1]
