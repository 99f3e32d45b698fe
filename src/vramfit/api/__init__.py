"""Functions for programs that import ``vramfit``; docs/python.md shows them at work.

``check`` and ``estimate`` take the deployment keys of the command line by the same names, with values as Python has
them: integers, lists of GPUs, bytes for sizes, pairs of pixels. Each raises ``VramfitError`` for what cannot be answered
and prints nothing.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.api.reports import Estimate, Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.engines.commands import Command
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.workload.keys import Key

    Files = Sequence[str | os.PathLike[str]]

TIMEOUT_SECONDS = 10.0
"""Time that a server may be silent."""

AUTO = "auto"
"""Word for this machine's GPUs, its RAM, and what others hold of its GPUs."""

_catalogues: dict[tuple[object, ...], Catalogue] = {}
"""Catalogues opened so far, by what they were opened with."""


def check(
    gpu: str | Sequence[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    *,
    all_remedies: bool = False,
    explain: bool = False,
    catalogue: Files = (),
    offline: bool = False,
    timeout: float = TIMEOUT_SECONDS,
    **keys: object,
) -> Report:
    """Report of ``vramfit check`` on one deployment: its estimates, their verdicts, and what would make it fit.

    ``gpu`` and ``model`` are names or references like on the command line; without a GPU this machine's are meant.
    ``command`` among the keys is a launch command to read the others from. ``explain`` adds the terms of each estimate.
    Models that are neither in the catalogue nor on this disk are read over the network, unless ``offline``.
    """
    from vramfit.checks import Unanswered, answers
    from vramfit.engines.keys import parse_request
    from vramfit.report import document, estimate_object
    from vramfit.report.unknown import unknown_object

    asked = _asked(gpu, model, keys, _catalogue(catalogue, offline, timeout))
    found = []
    for checked in answers(parse_request(asked.keys), asked.catalogue, all_remedies=all_remedies):
        if isinstance(checked, Unanswered):
            one = unknown_object(checked)
        else:
            asked.check_spread(len(checked.answer.deployment.gpus))
            one = estimate_object(checked)
            if explain:
                from vramfit.api.terms import term_objects

                one["terms"] = term_objects(checked.answer.deployment)
        found.append(asked.shown(one, checked))
    return Report(document(found))


def estimate(
    gpu: str | Sequence[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    *,
    catalogue: Files = (),
    offline: bool = False,
    timeout: float = TIMEOUT_SECONDS,
    **keys: object,
) -> Estimate:
    """Estimate one deployment, without remedies: the requested quantization, or the first one that ``check`` reports.

    Arguments are those of ``check``. Raises ``CannotTell`` where the memory is not known.
    """
    from vramfit.checks import Unanswered, answers
    from vramfit.engines.keys import parse_request
    from vramfit.report import estimate_object

    asked = _asked(gpu, model, keys, _catalogue(catalogue, offline, timeout))
    found = next(answers(parse_request(asked.keys), asked.catalogue, remedied=False))
    if isinstance(found, Unanswered):
        raise found.error
    asked.check_spread(len(found.answer.deployment.gpus))
    return Estimate(asked.shown(estimate_object(found), found))


def load_model(
    ref: str | os.PathLike[str],
    *,
    catalogue: Files = (),
    offline: bool = False,
    timeout: float = TIMEOUT_SECONDS,
) -> Model:
    """Model that a name or reference means: an entry of the catalogue, a file, a folder, a repository, a tag.

    Raises ``UnknownModel`` or ``AmbiguousName``, and for a reference ``InputError`` or ``CannotTell``.
    """
    return _catalogue(catalogue, offline, timeout).model(str(ref))


def find_gpu(name: str, *, catalogue: Files = ()) -> Gpu:
    """GPU that a name means: an id, an alias, or ``custom:24GiB@1008GB/s``; it has no count.

    Raises ``UnknownGpu``, ``AmbiguousName``, or ``UnknownMemory`` for a GPU that has no memory of its own.
    """
    return _catalogue(catalogue, True, TIMEOUT_SECONDS).gpu(name)


def _catalogue(files: Files, offline: bool, timeout: float) -> Catalogue:
    """Catalogue with the user's files over it, opened once; faults of files that were left out are warned about."""
    named = (files,) if isinstance(files, str) else files
    key = (*[str(path) for path in named], offline, timeout)
    found = _catalogues.get(key)
    if found is None:
        from vramfit.importers.client import Network
        from vramfit.importers.load import Importer
        from vramfit.sources import open_catalogue

        found = open_catalogue(tuple([str(path) for path in named]), lambda: Importer(Network(offline, timeout)))
        _catalogues[key] = found
        if found.warnings:
            import warnings

            for text in found.warnings:
                warnings.warn(text, stacklevel=3)
    return found


class _Asked(Record):
    """Deployment that is asked about, in raw keys, and what its report says beside the estimate."""

    keys: Mapping[str, Any]
    catalogue: Catalogue
    """The catalogue, with this machine's GPUs where they are meant."""
    notes: tuple[str, ...] = ()
    command: Command | None = None
    show: Callable[[dict[str, Any], object], dict[str, Any]] | None = None

    def check_spread(self, gpus: int) -> None:
        """Raise ``UsageError`` where a command leaves all but one of ``gpus`` GPUs unused."""
        if self.command is not None:
            from vramfit.engines.commands import check_spread

            check_spread(self.command, self.keys, gpus)

    def shown(self, one: dict[str, Any], checked: object) -> dict[str, Any]:
        """Object of the report with the command as the user wrote it, and with the notes on this machine."""
        found = one if self.show is None else self.show(one, checked)
        return {**found, "assumptions": [*self.notes, *found["assumptions"]]} if self.notes else found


def _asked(
    gpu: str | Sequence[str] | None, model: str | os.PathLike[str] | None, keys: Mapping[str, object], known: Catalogue
) -> _Asked:
    """Read what is asked: the launch command under ``command``, and this machine where it is meant."""
    from vramfit.engines.keys import every_key

    declared = every_key()
    given = {name: value for name, value in {**keys, "gpu": gpu, "model": model}.items() if value is not None}
    raw: Mapping[str, Any] = {name: _written(declared.get(name), value) for name, value in given.items()}
    command = show = None
    if raw.get("command") is not None:
        from vramfit.api.launched import command_files
        from vramfit.api.restated import shown_of
        from vramfit.engines.commands import with_command

        own = raw
        raw, command = with_command(raw, command_files())
        show = shown_of(command, True, own, known)
    if not _means_machine(raw):
        return _Asked(raw, known, (), command, show)
    from vramfit.importers.machine.chosen import on_this_machine
    from vramfit.importers.machine.find import ThisMachine

    found = on_this_machine(raw, known, ThisMachine())
    return _Asked(found.keys, found.catalogue, found.notes, command, show)


def _means_machine(raw: Mapping[str, Any]) -> bool:
    """Tell whether a deployment means this machine: by no GPU beside a model, or by the word for it."""
    gpu = raw.get("gpu")
    if gpu is None:
        return "model" in raw
    words = [gpu] if isinstance(gpu, str) else gpu if isinstance(gpu, list) else []
    return AUTO in [str(word).lower() for word in (*words, raw.get("ram"), raw.get("reserve"))]


OF_MACHINES = ("ram", "reserve", "usable")
"""Sizes that a machine has or gives: a number of bytes below one MiB is one of GiB that lost its unit."""


def _written(key: Key | None, value: object) -> object:
    """Value of a key as a deployments file has it: sizes, rates and pixels as texts, sets and paths as lists and texts."""
    kind = "" if key is None else key.kind
    if isinstance(value, bool) or value is None or (key is not None and key.read is not None):
        # A key that reads bare numbers itself does so here too: llama.cpp has ``cache_ram`` in MiB.
        return value
    if kind == "size" and isinstance(value, int):
        from vramfit.errors import UsageError
        from vramfit.units import MIB, size_text

        if key is not None and key.name in OF_MACHINES and 0 < value < MIB:
            raise UsageError(
                f"{key.name}: {value:,} is bytes, less than any machine has", f'write "{value}GiB", or {value} * 2**30'
            )
        return size_text(value)
    if kind == "rate" and isinstance(value, int):
        from vramfit.units import rate_text

        return rate_text(value)
    if kind == "pixels" and isinstance(value, list | tuple):
        return "x".join(map(str, value))
    if hasattr(value, "__fspath__"):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value
