"""Services of Compose files (compose-spec).

All services run on one machine and share its GPUs. Of a file the machine's cards are never known, so that their kind comes
from the user; which of them a service has does stand there.
"""

from __future__ import annotations

import os
import shlex

from vramfit._record import replace
from vramfit.bounded import read_bytes
from vramfit.catalogue.names import MAX_GPUS as MOST_GPUS
from vramfit.errors import InputError, UsageError
from vramfit.manifests import Ask, Broken, Container, Passed
from vramfit.manifests.documents import MAX_BYTES, Items, Table, at, documents, items, table, text
from vramfit.manifests.sizes import docker_bytes
from vramfit.manifests.variables import interpolated, read_env_file, reference, references
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.manifests.documents import Document

HOST = "this host"
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
"""Variable that NVIDIA's runtime reads (NVIDIA/nvidia-container-toolkit, ``README.md``)."""
SELECTING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""Variables by which a program has a part of the GPUs of its container."""
AMD = "/dev/kfd"
CDI = "nvidia.com/gpu="
ENV_FILE = ".env"
PROFILES = "COMPOSE_PROFILES"
"""Variable that names the profiles whose services start (compose-spec ``15-profiles.md``); ``*`` stands for all."""
LISTS = ("env_file", "volumes")
"""Keys whose lists follow one another, that of the extended service first (compose-go at 00be3c8 ``override/merge.go``)."""
DEEPEST = 8
"""Number of files that include, and of services that extend, one another."""


def is_compose(data: Any) -> bool:
    """True for a Compose file: services, each a mapping with an image or a build."""
    services = at(data, "services")
    if services is None and isinstance(at(data, "include"), Items):
        return True
    return isinstance(services, Table) and any(
        isinstance(one, Table) and any(key in one for key in ("image", "build", "command", "extends"))
        for one in services.values()
    )


def read(
    document: Document, data: Table, folder: str, environment: Mapping[str, str], depth: int = DEEPEST
) -> Iterator[Container | Broken | Passed]:
    """Containers of the services; ``folder`` is where relative paths and ``.env`` are looked for.

    As Compose has it, ``environment`` counts for more than ``.env``. Files that the file includes come first. Where profiles
    are named, services of others are passed over; where none is, each service is of interest, though Compose would start
    none that has a profile.
    """
    for line, path in _included(data):
        if depth == 0:
            raise InputError(
                f"{document.file}:{line}: more than {DEEPEST} files include one another", "give the last one"
            )
        other, inside, place = _other(path, folder, f"{document.file}:{line}")
        yield from read(other, inside, place, environment, depth - 1)
    variables = {**(read_env_file(os.path.join(folder, ENV_FILE), environment) or {}), **environment}
    started = {name.strip() for name in variables.get(PROFILES, "").split(",")}
    services = table(data.get("services"))
    for name, service in services.items():
        if isinstance(service, Table):
            line = services.lines[name]
            profiles = [text(one) for one in items(service.get("profiles"))]
            if profiles and PROFILES in variables and not started & {*profiles, "*"}:
                reason = f"it starts with {PROFILES}={profiles[0]}"
                yield Passed(document.file, line, f'service "{name}" of the profile {profiles[0]}', reason)
                continue
            try:
                whole = _extended(services, service, folder, f"{document.file}:{line}")
                yield _service(document.file, line, name, whole, folder, variables)
            except UsageError as error:
                yield Broken(document.file, line, name, error)


def _included(data: Table) -> Iterator[tuple[int, str]]:
    """Files that a file includes, each with a line of the file."""
    for one in items(data.get("include")):
        paths = one.get("path") if isinstance(one, Table) else one
        for path in paths if isinstance(paths, Items) else [paths]:
            if text(path):
                yield data.lines["include"], text(path)


def _other(path: str, folder: str, place: str) -> tuple[Document, Table, str]:
    """First document of another Compose file, its data, and its folder; raises ``InputError`` for one that is not there."""
    whole = os.path.join(folder, os.path.expanduser(path))
    try:
        written = read_bytes(whole, MAX_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{place}: cannot read {path}: {problem}", "give the file in which it stands on this machine"
        ) from None
    document = next(iter(documents(written, whole)), None)
    data = None if document is None else document.data()
    if document is None or not isinstance(data, Table):
        raise InputError(f"{place}: {path} is no Compose file", "it has services: …")
    return document, data, os.path.dirname(whole)


def _extended(services: Table, service: Table, folder: str, place: str, depth: int = DEEPEST) -> Table:
    """Service over the one that it extends, of the same file or another."""
    base = service.get("extends")
    name, path = text(base) or text(at(base, "service")), text(at(base, "file"))
    if not name:
        return service
    if depth == 0:
        raise UsageError(f"more than {DEEPEST} services extend one another", "give the last one's settings")
    outer = folder
    if path:
        _, data, folder = _other(path, folder, place)
        services = table(data.get("services"))
    if name not in services:
        raise UsageError(f'there is no service "{name}" to extend', "write the name of a service of that file")
    merged = Table(service.line)
    under = _extended(services, table(services[name]), folder, place, depth - 1)
    if path:
        under = _placed(under, os.path.relpath(folder, outer or "."))
    for one in (under, service):
        merged.update(one)
        merged.lines.update(one.lines)
    both = [dict(_pairs(one.get("environment"))) for one in (under, service)]
    joined = Table(service.line)
    joined.update({**both[0], **both[1]})
    merged["environment"] = joined
    for key in LISTS:
        lists = [one.get(key) for one in (under, service) if one.get(key) is not None]
        if len(lists) > 1:
            merged[key] = _items([part for one in lists for part in (one if isinstance(one, Items) else [one])])
    return merged


def _placed(service: Table, folder: str) -> Table:
    """Service of another file with its files of variables and its folders named from the folder of the extending file.

    compose-spec/compose-go at 01608cf ``loader/extends.go`` (``getExtendsBaseFromFile``) resolves the paths of a base
    against the folder of its own file before it is merged.
    """
    found = Table(service.line)
    found.update(service)
    found.lines.update(service.lines)
    for key, name in (("env_file", "path"), ("volumes", "source")):
        value = service.get(key)
        parts = value if isinstance(value, Items) else [] if value is None else [value]
        if parts:
            found[key] = _items([_moved(one, name, folder, every=key == "env_file") for one in parts])
    return found


def _items(values: list[Any]) -> Items:
    """Sequence of values, which need no lines of their own any more."""
    found = Items()
    found.extend(values)
    found.lines = [0] * len(values)
    return found


def _moved(value: Any, name: str, folder: str, *, every: bool) -> Any:
    """Path, or mapping with one under a name, from another folder; a volume's only where it begins like a path."""
    if isinstance(value, Table):
        found = Table(value.line)
        found.update(value)
        found.lines.update(value.lines)
        if name in value:
            found[name] = _moved(value[name], name, folder, every=every)
        return found
    path = text(value)
    relative = path.startswith(".") or (every and path and not path.startswith(("/", "~", "$")))
    return f"./{folder}/{path}" if relative else value


def _service(file: str, line: int, name: str, service: Table, folder: str, variables: Mapping[str, str]) -> Container:
    set_, origins = _environment(service, folder, variables)
    entrypoint = _words(service.get("entrypoint"), variables)
    limit = text(at(service, "deploy", "resources", "limits", "memory")) or text(service.get("mem_limit"))
    return Container(
        file,
        line,
        name,
        interpolated(text(service.get("image")), variables),
        entrypoint or None,
        _words(service.get("command"), variables) or (),
        set_,
        origins,
        tuple(_mounts(service, folder, variables)),
        _selected(_ask(service, variables, set_), set_),
        docker_bytes(interpolated(limit, variables)) if limit else None,
        1,
        HOST,
    )


def _words(value: Any, variables: Mapping[str, str]) -> tuple[str, ...] | None:
    """Words of a command: a list's, or those of a string as a shell divides it, references replaced; None for none."""
    if isinstance(value, Items):
        return tuple([interpolated(text(one), variables) for one in value])
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return tuple(shlex.split(interpolated(value, variables), comments=False))
    except ValueError as error:
        raise UsageError(f"cannot read the command: {str(error).lower()}", "close every quote") from None


def _pairs(value: Any) -> Iterator[tuple[str, str | None]]:
    """Names and values of ``environment``, a mapping or a list of assignments; None for one passed on from outside."""
    if isinstance(value, Table):
        yield from value.items()
    for one in items(value):
        name, equals, assigned = text(one).partition("=")
        yield name, assigned if equals else None


def _environment(service: Table, folder: str, variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Variables of a service, and the origins of those whose value is not known."""
    found: dict[str, str] = {}
    files = service.get("env_file")
    for one in files if isinstance(files, Items) else [files]:
        path = text(at(one, "path")) or text(one)
        if path:
            found.update(read_env_file(os.path.join(folder, interpolated(path, variables)), variables) or {})
    origins: dict[str, str] = {}
    for name, value in _pairs(service.get("environment")):
        if not isinstance(value, str | None):
            raise UsageError(f"the value of {name} is no text", "write one text for each variable")
        given = variables.get(name) if value is None else interpolated(value, variables)
        found[name] = reference(name) if given is None else given
    for name, given in found.items():
        if references(given):
            origins[name] = "the environment, where it is not set"
    return found, origins


def _mounts(service: Table, folder: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Folders of a service, with the folder of this machine that each is; None for a named volume."""
    for one in items(service.get("volumes")):
        if isinstance(one, Table):
            source, target = text(one.get("source")), text(one.get("target"))
        else:
            source, _, rest = interpolated(text(one), variables).partition(":")
            target = rest.partition(":")[0]
        if target:
            source = os.path.expanduser(interpolated(source, variables))
            named = not source.startswith((".", "/"))
            yield target, None if named else os.path.normpath(os.path.join(folder, source))


def _ask(service: Table, variables: Mapping[str, str], set_: Mapping[str, str]) -> Ask:
    """GPUs that a service asks for, in any of the five ways to do so."""
    short = service.get("gpus")
    if isinstance(short, str):
        return _counted(interpolated(short, variables))
    devices = items(short) or items(at(service, "deploy", "resources", "reservations", "devices"))
    for one in devices:
        if isinstance(one, Table) and (any("gpu" in text(word) for word in items(one.get("capabilities"))) or short):
            ids = [interpolated(text(each), variables) for each in items(one.get("device_ids"))]
            if ids:
                return _listed(",".join(ids))
            return _counted(interpolated(text(one.get("count")), variables) or "all")
    for one in items(service.get("devices")):
        if text(one).startswith(AMD):
            return Ask(None)
        if text(one).startswith(CDI):
            return _listed(text(one).removeprefix(CDI))
    visible = set_.get(VISIBLE)
    if text(service.get("runtime")) == "nvidia" or (visible not in (None, "", "none", "void")):
        # CUDA's images have the variable with the value all (NVIDIA/nvidia-docker wiki, *CUDA*).
        return _listed("all" if visible is None else visible)
    return Ask(0)


def _counted(count: str) -> Ask:
    """Ask for a number of GPUs, ``all``, or -1 for all; Docker gives the first ones (moby, ``daemon/nvidia_linux.go``)."""
    if count in ("all", "-1"):
        return Ask(None)
    if not count.isdecimal():
        raise UsageError(f'the number of GPUs "{count}" is not known', "set its variable in .env, or write a number")
    number = min(whole(count) or 0, MOST_GPUS)
    return Ask(number, tuple(range(number)))


def _listed(text_: str) -> Ask:
    """Ask for GPUs by their numbers with commas between, or ``all``; of names (``GPU-…``) only the count is known."""
    ids = [one.strip() for one in text_.split(",") if one.strip()]
    if ids in (["all"], []):
        return Ask(None if ids else 0)
    if ids in (["none"], ["void"]):
        return Ask(0)
    if any(references(one) for one in ids):
        raise UsageError(f'the GPUs "{text_}" are not known', "set the variable in .env")
    return Ask(len(ids), _numbers(ids))


def _numbers(ids: list[str]) -> tuple[int, ...] | None:
    """Numbers of GPUs; None where one is no number."""
    found = [number for one in ids if (number := whole(one)) is not None]
    return tuple(found) if len(found) == len(ids) else None


def _selected(ask: Ask, variables: Mapping[str, str]) -> Ask:
    """GPUs that a program's own variable leaves of those that its container has."""
    chosen = next((variables[name] for name in SELECTING if variables.get(name)), "")
    ids = [one.strip() for one in chosen.split(",") if one.strip()]
    numbers = _numbers(ids)
    if ask.count == 0 or not numbers:
        return ask
    if ask.indices is None:
        return replace(ask, count=len(ids), indices=numbers if ask.count is None else None)
    # A number that the container does not have ends the list, as CUDA reads it.
    have = [ask.indices[number] for number in numbers if number < len(ask.indices)]
    return replace(ask, count=len(have), indices=tuple(have)) if have else ask
