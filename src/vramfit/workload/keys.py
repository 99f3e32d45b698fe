"""Declaration of a deployment key, reading of its value from a command line or a file, and filling in of defaults.

A ``Key`` is the only declaration of an option. The light argument reader, the Typer command, the deployments file, the
workload and the report's ``deployment`` object are all made from it. Keys come in groups, and records hold their values:
those of ``workload.common`` and ``workload.training``, and one of each engine that has keys of its own.
"""

from __future__ import annotations

from vramfit._record import Parametric, Record, fields
from vramfit.errors import UsageError
from vramfit.units import rate_text, size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Generic, TypeVar

    from vramfit.workload.common import Workload

    R = TypeVar("R")

    Request = Mapping[str, Any]
    """Values of deployment keys by name, each of the type that its ``Key`` states; raw ones before ``parse_value``."""

    class _Generic(Generic[R]):
        """Stand-in for ``typing.Generic``, which costs too much to load when the program runs."""

else:
    _Generic = Parametric


SAME_WORDS: Mapping[str, Mapping[str, str]] = {
    "use": {"coding": "code", "programming": "code", "images": "vision", "embeddings": "embedding", "rag": "embedding"},
    "platform": {"wsl": "windows", "wsl2": "windows",
                 "win": "windows", "win10": "windows", "win11": "windows", "windows 10": "windows",
                 "windows 11": "windows", "mac": "macos", "osx": "macos", "ubuntu": "linux", "debian": "linux"},
    "task": {**{f"full{one}{two}": "full" for one in "- _"
                for two in ("finetune", "finetuning", "fine-tuning", "fine-tune", "ft")},
             "q-lora": "qlora", "fft": "full", "infer": "inference", "serve": "inference", "generate": "inference"},
}  # fmt: skip
"""Words that people write for a choice, by key; other letters than small ones mean the same everywhere."""


class Key(Record):
    """One deployment key: its flag is ``--name-with-dashes``, its field in files and reports ``name``."""

    name: str
    kind: str
    """Type of the value: ``text``, ``texts`` (repeatable), ``count`` (integer), ``tokens`` (the same,
    also as ``32k`` and ``32,768``), ``number``, ``size`` (``64GiB``, or one of ``choices``),
    ``rate`` (``51.2GB/s``), ``choice``, ``flag``, ``count-or-word`` (an integer or one of ``choices``), ``pixels``
    (``1344x1008``, width first), ``shares`` (``3,1``)."""
    help: str
    choices: tuple[str, ...] = ()
    """Words that the value may be, unless ``vocabulary`` gives them."""
    minimum: float = 1
    maximum: float = 2**31 - 1
    flags: tuple[str, ...] = ()
    """Other spellings of the flag: short letters, and the engine's own words."""
    default: object = None
    """Value where none is given; None where the key does not apply or where something else determines it."""
    default_text: str = ""
    """Default in words for help texts, where ``default`` does not say it."""
    field: str = ""
    """Field of the group's record, where its name differs from the key's: ``ram_bytes`` for ``ram``."""
    follows: bool = False
    """True if the default depends on the GPUs, the model or the engine, so that a remedy that moves it must state the
    value."""
    decided: bool = False
    """True if an engine may decide the value itself (``Estimate.settings``), so that a remedy must state it when it
    moves."""
    vocabulary: Callable[[], tuple[str, ...]] | None = None
    """Function giving the words that the value may be, where finding them takes a module that few runs need."""
    read: Callable[[str], str] | None = None
    """Function that brings other spellings of a word to one of them."""
    separator: str = ""
    """Characters at which one text of ``texts`` is divided; empty where each is taken whole."""
    decimal: bool = False
    """True if GB of the size are 10^9 bytes, as of files; of memory they are GiB."""
    second: str = ""
    """Name of the key whose value may follow behind a comma, as in ``8,4``; empty where none may."""

    @property
    def words(self) -> tuple[str, ...]:
        """Words that the value may be, from ``choices`` or ``vocabulary``."""
        return self.choices if self.vocabulary is None else self.vocabulary()

    @property
    def stored_as(self) -> str:
        """Name of the field that holds the value in the group's record."""
        return self.field or self.name

    @property
    def default_words(self) -> str:
        """Default as help texts show it; empty where there is none to show."""
        if self.default_text or self.default is None:
            return self.default_text
        if isinstance(self.default, bool):
            words = SWITCHED if self.choices == SWITCHED else ("true", "false")
            return words[0] if self.default else words[1]
        return str(self.default)

    def wrong(self, raw: object, expected: str) -> UsageError:
        """Error for a raw value that is none of this key's."""
        return UsageError(f'{self.name}: "{raw}" is not a valid value', f"expected {expected}")

    def value_in(self, workload: Workload, request: Request) -> Any:
        """Value that a workload was made with; where its engine has no such key, the requested value or the default."""
        field = self.field or self.name
        if field in workload.__dict__:
            return workload.__dict__[field]
        own = workload.own
        place = _PLACES.get((field, type(own)))
        if place is None:
            holders = (workload, own, workload.training)
            place = _PLACES[field, type(own)] = [*[hasattr(holder, field) for holder in holders], True].index(True)
        if place == _IN_NONE:
            return request.get(self.name, self.default)
        return getattr((workload, own, workload.training)[place], field)

    def spelled(self, value: Any) -> Any:
        """Value as the report shows it, which is how one would type it: ``"8GiB"``, ``"1344x1008"``, ``"3,1"``."""
        kind = self.kind
        if value is None or kind not in SPELLED:
            return value
        if kind == "choice":
            return ("on" if value else "off") if isinstance(value, bool) and self.choices == SWITCHED else value
        if kind == "size":
            return value if value in self.choices else size_text(value)
        if kind == "rate":
            return rate_text(value)
        if kind == "pixels":
            return "{}x{}".format(*value)
        return ",".join([f"{share:g}" for share in value])


_PLACES: dict[tuple[str, type], int] = {}
"""Number of the record that has a field: a workload, its engine's own keys, those of fine-tuning; by the class of own."""
_IN_NONE = 3
SPELLED = frozenset(("choice", "size", "rate", "pixels", "shares"))
"""Kinds of keys whose values a report may show otherwise than a workload holds them."""
SWITCHED = ("on", "off")
"""Choices of a key that a file may also give as true or false, and that a record stores as such."""


class Group(Record):
    """Keys that belong together, and where they stand."""

    keys: tuple[Key, ...]
    place: int
    """Position of the group in help texts and reports, the lowest first."""
    title: str = "Memory"
    """Heading in help texts; groups of one heading stand together."""


class Form(_Generic["R"]):
    """Filling in of a record from a request, prepared once for a record and its keys.

    Keys of which the record has no field are passed over, so that a record may take some keys of a group.
    """

    def __init__(self, kind: type[R], groups: Iterable[Group]) -> None:
        self._kind = kind
        known = {key.stored_as: key for group in groups for key in group.keys}
        keys = [known[field] for field in fields(kind) if field in known]
        self._defaults = {key.stored_as: key.default for key in keys}
        self._field = {key.name: key.stored_as for key in keys}
        self._switched = frozenset([key.name for key in keys if key.choices == SWITCHED])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keys that it fills in."""
        return tuple(self._field)

    def fill(self, request: Request, **values: Any) -> R:
        """Record with each field as ``request`` gives it, else as ``values`` does, else with the key's default."""
        found = {**self._defaults, **values}
        for name, value in request.items():
            field = self._field.get(name)
            if field is not None and value is not None:
                found[field] = value == "on" if name in self._switched else value
        return self._kind(**found)


def parse_value(key: Key, raw: Any) -> Any:
    """Parse the value of one key, a command-line string or a YAML scalar.

    Integers for ``count``, two of them for ``pixels``, bytes for ``size``, bytes per second for ``rate``, bool for
    ``flag``, strings for ``texts``. Raises ``UsageError`` naming the key; nothing is clamped or guessed.
    """
    kind = key.kind
    if kind == "texts":
        values = raw if isinstance(raw, list | tuple) else [raw]
        if key.separator:
            values = [part for one in values for part in _divided(key, one)]
        if not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise key.wrong(values[0] if len(values) == 1 else raw, f"a {key.name}, or a list of them")
        return tuple(values)
    if kind == "text":
        if isinstance(raw, bool) or not isinstance(raw, str | int | float) or not str(raw).strip():
            raise key.wrong(raw, f"a {key.name}" if key.name == "model" else "a text")
        return str(raw) if key.read is None else key.read(str(raw))
    if kind == "flag":
        if isinstance(raw, bool):
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        raise key.wrong(raw, "true or false")
    if kind == "choice":
        if isinstance(raw, bool) and key.choices == ("on", "off"):
            return "on" if raw else "off"
        words = key.words
        if raw in words:
            return raw
        if key.read is not None and isinstance(raw, str | int) and key.read(str(raw)) in words:
            return key.read(str(raw))
        folded = SAME_WORDS.get(key.name, {}).get(str(raw).lower(), str(raw).lower())
        if folded in words:
            return folded
        raise key.wrong(raw, f"one of: {', '.join(words)}")
    from vramfit.workload.values import parse

    return parse(key, raw)


def _divided(key: Key, raw: Any) -> list[Any]:
    """Texts between the separators of a text; a single word, and what is no text, as it is."""
    if isinstance(raw, str) and not any(sign in raw for sign in (" ", *key.separator)):
        return [raw]
    from vramfit.workload.divided import divided

    return divided(raw, key.separator)
