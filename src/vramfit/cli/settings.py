"""Defaults of the user's own: ``config.yaml`` of the configuration folder, and ``VRAMFIT_*`` variables.

What counts most goes first: a flag, a variable, a deployment of a file (``vramfit.yaml``), ``config.yaml``, the default of the
key. Where there is neither file nor variable, this costs one ``os.stat``.
"""

from __future__ import annotations

import os

from vramfit.catalogue.files import config_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any, TypeVar

    from vramfit.catalogue import Catalogue
    from vramfit.errors import VramfitError

    T = TypeVar("T")

MACHINE = ("gpu", "ram", "ram_bandwidth", "reserve", "usable", "platform", "level")
"""Deployment keys that say what the user has, and what must hold."""
SETTINGS, VARIABLES = "config.yaml", "VRAMFIT_"
KEYS = (*MACHINE, "engine", "context", "parallel")
"""Deployment keys that may be set."""
PRINTING = ("color", "offline", "timeout", "catalogue", "no_pager", "quiet")
"""Output options that may be set."""
WISHES = ("vendor", "budget", "max_price", "max_cards", "min_speed", "prices")
"""Options of ``recommend`` that may be set."""
NAMES = frozenset((*KEYS, *PRINTING, *WISHES))
OTHERS = frozenset(("config_dir", "pager", "debug"))
"""Further variables of the program, which are read where they are needed."""
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Settings:
    """Values of the user's own, each with the place that states it."""

    def __init__(self, environment: Mapping[str, Any], file: Mapping[str, Any], path: str) -> None:
        self._environment, self._file, self._path = environment, file, path

    def value(self, name: str) -> Any:
        """Value of a setting: the variable's, else the file's; None for one that is not set."""
        return self._environment.get(name, self._file.get(name))

    def place(self, name: str) -> str:
        """Variable or file that states a setting."""
        return f"{VARIABLES}{name.upper()}" if name in self._environment else self._path

    def with_output(self, output: Mapping[str, Any]) -> dict[str, Any]:
        """Output options with those that are set and not given."""
        found = dict(output)
        for name in PRINTING:
            value = self.value(name)
            if value is None or name in found:
                continue
            if name in ("color", "timeout"):
                found[name] = str(value)
            elif name == "catalogue":
                found[name] = [str(one) for one in (value if isinstance(value, list) else str(value).split(os.pathsep))]
            elif is_on(name, value, self.place(name)):
                found[name] = True
        return found

    def with_wishes(self, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """Values of options with those of ``known`` that are set and not given."""
        return {**{name: self.value(name) for name in known if self.value(name) is not None}, **given}

    def with_keys(
        self, raw: Mapping[str, Any], catalogue: Catalogue, flags: Collection[str] = (), leave: Collection[str] = ()
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Raw keys of a deployment with those that are set, and a sentence for each that changes the answer.

        A variable counts for more than the deployment unless that key is one of ``flags``; those of ``leave`` stay as
        they are. Of a deployment that is a launch command only the machine is taken.
        """
        found, places = dict(raw), {}
        for name in MACHINE if "command" in raw else KEYS:
            stated = name in flags or (name in raw and name not in self._environment)
            value = None if stated or name in leave else self.value(name)
            if value is None or (name == "gpu" and "model" not in raw and "command" not in raw):
                continue
            others = {key: known for key, known in found.items() if key != name}
            if name in found or self._applies(name, value, others, catalogue):
                places[name] = self.place(name)
                found[name] = value
        return found, tuple([f"{name}: {_shown(found[name])} is from {place}" for name, place in places.items()])

    def _applies(self, name: str, value: Any, keys: Mapping[str, Any], catalogue: Catalogue) -> bool:
        """Return True if a setting changes a deployment; an error about its value has its place in the hint."""
        from vramfit.errors import UsageError

        try:
            return _applies(name, value, keys, catalogue)
        except UsageError as error:
            _add_to_hint(error, [f"{name} is from {self.place(name)}"])
            raise


def placed(answers: Iterator[T], notes: tuple[str, ...]) -> Iterator[T]:
    """Answers as they come; an error about a value that is set has its place in the hint.

    ``notes`` are the sentences of ``with_keys``: ``gpu: rtx4090 is from VRAMFIT_GPU``.
    """
    from vramfit.errors import VramfitError

    try:
        yield from answers
    except VramfitError as error:
        about = [note for note in notes if f'"{note.partition(": ")[2].partition(" is from ")[0]}"' in error.message]
        _add_to_hint(error, about)
        raise


def _add_to_hint(error: VramfitError, sentences: list[str]) -> None:
    """Put sentences behind an error's hint."""
    error.hint = "; ".join([*([error.hint] if error.hint else []), *sentences]) or None


def is_on(name: str, value: object, place: str) -> bool:
    """Return True if a switch is set; raises ``UsageError``, which names the place, for a value that says neither."""
    word = str(value).strip().lower()
    if word in (*YES, *NO):
        return word in YES
    from vramfit.errors import UsageError

    raise UsageError(f'{name}: "{value}" is not a valid value', f"expected true or false; {name} is from {place}")


def _shown(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _applies(name: str, value: Any, keys: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Return True if a setting changes a deployment and means something to it.

    A default engine stands in for the program's own default alone, so it goes behind what the model's name, the quantization
    and other keys say; a platform does not concern Apple's machines.
    """
    from vramfit.engines.keys import every_key, parse_request
    from vramfit.errors import VramfitError

    key = every_key("inference")[name]
    wanted = parse_request({name: value})[name]
    if key.default is not None and wanted == key.default and name not in keys:
        return False
    try:
        if name == "platform":
            from vramfit.engines.workloads import default_platform

            names = parse_request({"gpu": keys["gpu"]})["gpu"]
            usual = default_platform(tuple([gpu for one in names for gpu in catalogue.gpus(one)]))
            return usual != "macos" and wanted not in (usual, "macos")
        return name != "engine" or _serves(wanted, keys, catalogue)
    except (VramfitError, KeyError):
        return False


def _serves(engine_name: str, keys: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Return True if nothing in the keys says which engine is meant, and this one can do what they ask."""
    from vramfit.engines import DEFAULT, engine, resolve
    from vramfit.engines.keys import parse_request
    from vramfit.quantization import find_scheme
    from vramfit.workload.common import CLASSES

    request = parse_request({name: value for name, value in keys.items() if name != "name"})
    if "model" in request:
        catalogue.model(request["model"])
        request = dict(resolve.with_stated(request, catalogue.stated(request["model"])))
    runtime, quant = engine(engine_name), request.get("quant")
    if resolve.engine_name(request) != DEFAULT or request.get("task", "inference") not in runtime.tasks:
        return False
    if quant is not None and quant not in CLASSES and find_scheme(quant).family not in runtime.families:
        return False
    if "gpu" in request and "model" in request:
        first = resolve.resolve({**request, "engine": engine_name}, catalogue)[0]
        runtime.view(first.gpus, first.workload)  # raises what the engine refuses of the GPUs
    return True


def settings() -> Settings | None:
    """Settings of the user; None where neither a variable nor a file states any.

    A variable that sets nothing is named on stderr. Raises ``UsageError`` for a file with a setting that there is not, and
    ``InputError`` for one that cannot be read.
    """
    stated = {name[len(VARIABLES) :].lower(): value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    environment = {name: value for name, value in stated.items() if value and name in NAMES}
    strange = sorted(stated.keys() - NAMES - OTHERS)
    if strange and not is_on("quiet", environment.get("quiet", ""), f"{VARIABLES}QUIET"):
        _name_strange(strange)
    path = config_path()
    found = {} if path is None else _read(path)
    return Settings(environment, found, path or "") if environment or found else None


def _name_strange(names: list[str]) -> None:
    """Print on stderr the variables that set nothing, each with the nearest that does."""
    import sys

    from vramfit.cli.console import tell
    from vramfit.similar import close

    for name in names:
        near = close(name, NAMES | OTHERS, 1)
        meant = f"; did you mean {VARIABLES}{near[0].upper()}?" if near else ""
        tell(sys.stderr, [f"warning: {VARIABLES}{name.upper()} sets nothing{meant}"])


def config_path() -> str | None:
    """Path of ``config.yaml``; None where there is none."""
    folder = config_folder()
    path = "" if folder is None else os.path.join(folder, SETTINGS)
    try:
        os.stat(path)
    except OSError:
        return None
    return path


def _read(path: str) -> dict[str, Any]:
    from vramfit.errors import InputError, UsageError

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(2**20)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}", "make it a text that you can read"
        ) from None
    found = _plain(text)
    if found is None:
        from vramfit.curation.strict_yaml import fault_error, parse

        parsed = parse(text, path, commas=True)
        if parsed.faults:
            raise fault_error(parsed.faults)
        found = parsed.data if isinstance(parsed.data, dict) else None
        if found is None:
            raise InputError(f"{path}: not a mapping", "write settings, one a line: gpu: rtx4090")
    for name in found:
        if str(name).replace("-", "_") not in NAMES:
            from vramfit.similar import close

            near = close(str(name), NAMES, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f'{path}: unknown setting "{name}"', f"{hint}The settings are {', '.join(sorted(NAMES))}")
    return {str(name).replace("-", "_"): value for name, value in found.items() if value is not None}


def _plain(text: str) -> dict[str, Any] | None:
    """Values of a file that has nothing but ``name: word`` lines, as most do; None for one that YAML itself must read."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(": ")
        word = value.strip()
        if not colon or not name.replace("-", "").replace("_", "").isalnum() or name in found:
            return None
        if not word or word[0] in "\"'[{&*!|>%@`#-?" or " #" in word or ": " in word or word.endswith(":"):
            return None
        found[name] = word
    return found
