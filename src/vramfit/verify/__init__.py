"""Use case of ``verify``: the figures of an engine's own log beside those of an estimate for the same deployment.

Each engine has the reader of its own log, which says too what an estimate has for the figures (``LogReader``); here it is
chosen, the deployment is put together, and figures and amounts of the same name and device are paired.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.answer import answer
from vramfit.catalogue.names import MAX_GPUS
from vramfit.engines import engine, names
from vramfit.engines.keys import parse_request
from vramfit.engines.quants import RELEASED
from vramfit.engines.resolve import resolve
from vramfit.errors import (
    AmbiguousName,
    CannotTell,
    InputError,
    MissingModel,
    UnknownGpu,
    UnknownMemory,
    UnknownModel,
    UnsupportedScheme,
)
from vramfit.units import GIB, gib
from vramfit.verify.lines import has_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.engines.interface import Deployment
    from vramfit.engines.logs import Amount, Figure, Log, LogReader

OTHER_MIX = 0.05
"""Share by which the file's size may differ from that of its type before it counts as another mix of types."""
ANY_GPU = "custom:1024GiB"
"""GPU in place of one that the log does not name, where the engine's buffers do not depend on it."""


class Pair(Record):
    """Figure of the log and what the estimate has for it."""

    figure: Figure
    amount: Amount | None
    """Value of the estimate; None if it has none for this figure."""

    @property
    def error(self) -> float | None:
        """Relative error of the expected value; None where there is none, and for a figure of 0."""
        if self.amount is None or self.figure.value <= 0:
            return None
        return self.amount.expected / self.figure.value - 1

    @property
    def inside(self) -> bool | None:
        """True if the figure is between the bounds, but for its last digit; None where the estimate states no bounds."""
        if self.amount is None or self.amount.exact:
            return None
        slack = self.figure.slack
        return self.amount.low - slack <= self.figure.value <= self.amount.high + slack


class Verified(Record):
    """Log that was compared with an estimate."""

    engine: str
    log: Log
    request: Mapping[str, object]
    """Deployment keys of the estimate, with values like a user would type them."""
    deployment: Deployment
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    @property
    def outside(self) -> int:
        """Number of figures outside of their bounds."""
        return sum([pair.inside is False for pair in self.pairs])


def marks() -> tuple[str, ...]:
    """Words of which each line has one that any engine's reader understands."""
    return tuple([mark for reader in _readers().values() for mark in reader.marks])


def _readers() -> dict[str, LogReader]:
    """Reader of each engine whose log is read, by the engine's name."""
    found = {name: engine(name).log_reader() for name in names()}
    return {name: reader for name, reader in found.items() if reader is not None}


def read(lines: Sequence[str], asked: str | None = None) -> tuple[str, Log]:
    """Read a log with the reader that understands most of it, or with that of the engine ``asked``.

    Raises ``InputError`` for a log that none does.
    """
    readers = _readers()
    found: tuple[str, Log] | None = None
    for name, reader in readers.items():
        own = [line for line in lines if has_mark(line, reader.marks)] if asked in (None, name) else []
        try:
            log = reader.read(own) if own else None
        except (ValueError, OverflowError, ZeroDivisionError):  # a figure that is none, of a damaged log
            continue
        if log is not None and log.gpu_count <= MAX_GPUS and (found is None or log.lines > found[1].lines):
            found = (name, log)
    if found is None:
        raise InputError(
            "no start-up lines with memory figures were found in the log",
            f"logs are read of {', '.join(readers)}; llama-server prints them with -v or --log-verbosity 4",
        )
    return found


def verify(lines: Sequence[str], given: Mapping[str, Any], catalogue: Catalogue) -> Verified:
    """Compare the last start in a log with the estimate for it; keys that are ``given`` count for more than the log's.

    Raises ``InputError`` for a log that no reader understands, and ``CannotTell`` where it lacks the model, the GPU or the
    quantization and they are not given.
    """
    asked = parse_request({"engine": given["engine"]})["engine"] if "engine" in given else None
    name, log = read(lines, asked)
    notes = list(log.notes)
    if log.starts > 1:
        notes.insert(0, f"the log has {log.starts} starts; the last is compared")
    keys: dict[str, Any] = {**log.keys, "engine": name}
    model, states_quant = _model(log, given, catalogue)
    keys["model"] = model
    if states_quant:
        keys.pop("quant", None)
    elif keys.get("quant") == catalogue.model(model).dtype and keys["quant"] in RELEASED:
        keys["quant"] = RELEASED[keys["quant"]]
    keys["gpu"], unnamed = _gpus(log, given, catalogue)
    if unnamed:
        notes.append(
            f"{keys['gpu'][0]} stands for the GPU, which the log does not name or not as one that is known: give -g"
        )
        keys.pop("backend", None)
    if log.memory_bytes and not unnamed:
        keys["usable"] = f"{min(log.memory_bytes)}B"
    keys |= given
    try:
        deployment, amounts = _asked(keys, log, catalogue)
    except UnsupportedScheme as error:
        if "quant" in given:
            raise
        raise CannotTell(f"the log's file type: {error.message}", "give the nearest as --quant") from None
    whole = amounts.get(("file", ""))
    stated = bool({"file_size", "bits_per_weight"} & given.keys())
    if whole is not None and log.file_bytes and not stated and abs(whole.expected / log.file_bytes - 1) > OTHER_MIX:
        size, usual = gib(log.file_bytes), gib(round(whole.expected))
        notes.append(f"the file is {size}, and {deployment.scheme.id} of this model {usual}: asked with its size")
        keys["file_size"] = f"{log.file_bytes}B"
        deployment, found = _asked(keys, log, catalogue)
        amounts = {**found, ("file", ""): whole}
    left_out = {"process"} if unnamed else set()
    pairs = [Pair(one, amounts.get((one.name, one.device))) for one in log.figures if one.name not in left_out]
    return Verified(name, log, keys, deployment, tuple(pairs), tuple(notes))


def _asked(
    keys: Mapping[str, Any], log: Log, catalogue: Catalogue
) -> tuple[Deployment, Mapping[tuple[str, str], Amount]]:
    """The deployment of the keys, and the values that its estimate has for the figures of a log."""
    found = resolve(parse_request(keys), catalogue)
    unknown = "quant" not in keys and "quant" not in catalogue.stated(str(keys["model"]))
    if len(found) > 1 and unknown and not log.as_released:
        raise CannotTell("the log does not say the quantization", f"give --quant, for example {found[0].scheme.id}")
    made = answer(found[0])
    runtime = engine(found[0].engine)
    reader = runtime.log_reader()
    if reader is None:
        raise TypeError("the engine of a log that was read has a reader")
    return found[0], reader.printed(runtime, found[0], made.estimate, made.verdict.usable_bytes)


def _model(log: Log, given: Mapping[str, Any], catalogue: Catalogue) -> tuple[str, bool]:
    """Name of the model, given or the first of the log's that is known, and whether it states the quantization."""
    if "model" in given:
        return str(given["model"]), False
    for name in log.models:
        try:
            catalogue.model(name)
        except (UnknownModel, AmbiguousName, MissingModel, InputError):
            continue
        return name, "quant" in catalogue.stated(name)
    if not log.models:
        raise CannotTell("the log does not name the model", "give it: vramfit verify LOG -m MODEL")
    raise CannotTell(
        f"no model is known by the name that the log has: {log.models[0]}", "give it: vramfit verify LOG -m MODEL"
    )


def _gpus(log: Log, given: Mapping[str, Any], catalogue: Catalogue) -> tuple[list[str], bool]:
    """Names of the GPUs, given, or as the log has them, and whether others stand for them because it has none."""
    if "gpu" in given:
        gpus = given["gpu"]
        return (list(gpus) if isinstance(gpus, list | tuple) else [str(gpus)]), False
    count = max(1, log.gpu_count)
    found = [_known(name, catalogue, log.any_gpu) for name in log.gpus]
    if found and all(found):
        return ([f"{len(found)}x{found[0]}"] if len(set(found)) == 1 and len(found) > 1 else found), False
    if log.memory_bytes or log.any_gpu:
        one = f"custom:{min(log.memory_bytes) / GIB:.2f}GiB" if log.memory_bytes else ANY_GPU
        return [f"{count}x{one}" if count > 1 else one], True
    what = f"no one GPU is known by the log's name {log.gpus[0]}" if log.gpus else "the log does not name the GPU"
    raise CannotTell(what, "give it: vramfit verify LOG -g GPU")


def _known(name: str, catalogue: Catalogue, any_gpu: bool) -> str:
    """Identifier of the GPU that a driver's name means; empty where it means none, or several and one cannot stand for all."""
    try:
        return catalogue.gpu(name).id
    except AmbiguousName:
        # They differ in memory, which an engine whose buffers do not depend on the card does not notice.
        return catalogue.gpus_of_driver_name(name)[-1] if any_gpu else ""
    except (UnknownGpu, UnknownMemory):
        return ""


def exit_code(found: Verified) -> int:
    """Exit code: 0 if every figure with bounds is inside of them, else 1."""
    return 1 if found.outside else 0
