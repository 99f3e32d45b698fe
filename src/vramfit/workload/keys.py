"""Declaration of a deployment key, reading of its value from a command line or a file, and filling in of defaults.

A ``Key`` is the only declaration of an option. The light argument reader, the Typer command, the deployments file, the
workload and the report's ``deployment`` object are all made from it. Keys come in groups, and records hold their values:
those of ``workload.common`` and ``workload.training``, and one of each engine that has keys of its own.
"""

from __future__ import annotations

from vramfit._record import Record, fields
from vramfit.errors import UsageError
from vramfit.units import parse_pixels, parse_rate, parse_size, rate_text, size_text

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

    class _Generic:
        def __class_getitem__(cls, _):
            return cls


class Key(Record):
    """One deployment key: its flag is ``--name-with-dashes``, its field in files and reports ``name``."""

    name: str
    kind: str
    """Type of the value: ``text``, ``texts`` (repeatable), ``count`` (integer), ``tokens`` (the same,
    also as ``32k`` and ``32,768``), ``number``, ``size`` (``64GiB``),
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

    def value_in(self, workload: Workload, request: Request) -> Any:
        """Value that a workload was made with; where its engine has no such key, the requested value or the default."""
        field = self.stored_as
        for holder in (workload, workload.own, workload.training):
            if hasattr(holder, field):
                return getattr(holder, field)
        return request.get(self.name, self.default)

    def spelled(self, value: Any) -> Any:
        """Value as the report shows it, which is how one would type it: ``"8GiB"``, ``"1344x1008"``, ``"3,1"``."""
        if value is None:
            return None
        if self.kind == "size":
            return size_text(value)
        if self.kind == "rate":
            return rate_text(value)
        if self.kind == "pixels":
            return "{}x{}".format(*value)
        if self.kind == "shares":
            return ",".join([f"{share:g}" for share in value])
        if self.choices == SWITCHED and isinstance(value, bool):
            return "on" if value else "off"
        return value


TOKEN_UNITS = {"k": 1024, "m": 1024**2}
"""Factors of the letters behind a number of tokens, as vendors write contexts."""
SWITCHED = ("on", "off")
"""Choices of a key that a file may also give as true or false, and that a record stores as such."""


class Group(Record):
    """Keys that belong together, and where they stand."""

    keys: tuple[Key, ...]
    place: int
    """Position of the group in help texts and reports, the lowest first."""


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
        if not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise _wrong(key, raw, "give a GPU id, or a list of them")
        return tuple(values)
    if kind == "text":
        if isinstance(raw, bool) or not isinstance(raw, str | int | float) or not str(raw).strip():
            raise _wrong(key, raw, "give a text")
        return str(raw) if key.read is None else key.read(str(raw))
    if kind == "flag":
        if isinstance(raw, bool):
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        raise _wrong(key, raw, "give true or false")
    if kind == "choice":
        if isinstance(raw, bool) and key.choices == ("on", "off"):
            return "on" if raw else "off"
        words = key.words
        if raw in words:
            return raw
        if key.read is not None and isinstance(raw, str | int) and key.read(str(raw)) in words:
            return key.read(str(raw))
        raise _wrong(key, raw, f"one of: {', '.join(words)}")
    if kind == "size":
        if isinstance(raw, str):
            return parse_size(raw)
        raise _wrong(key, raw, "write the unit: 64GiB or 64GB")
    if kind == "shares":
        return _shares(key, raw)
    if kind == "rate":
        rate = parse_rate(str(raw))
        if not rate:
            raise _wrong(key, raw, "more than 0GB/s")
        return rate
    if kind == "pixels":
        try:
            return parse_pixels(str(raw))
        except UsageError as error:
            raise UsageError(f'{key.name}: "{raw}" is not a valid value', error.hint) from None
    if kind == "tokens":
        return _tokens(key, raw)
    if kind == "count-or-word":
        raw = key.read(str(raw)) if key.read is not None and not isinstance(raw, bool) else raw
        if raw in key.choices:
            return raw
    if kind == "number":
        return _number(key, raw)
    return _integer(key, raw)


def _tokens(key: Key, raw: Any) -> int | str:
    """Parse ``32768``, ``32,768``, ``32k`` (32,768) and ``1M``; a word of the key's, for which ``0`` stands too."""
    if not isinstance(raw, str):
        return key.choices[0] if key.choices and raw == 0 and not isinstance(raw, bool) else _integer(key, raw)
    text = raw.strip().lower()
    if text in key.choices or (text == "0" and key.choices):
        return key.choices[0]
    factor = TOKEN_UNITS.get(text[-1:], 1)
    digits = text[:-1].strip() if factor > 1 else text
    groups = digits.split(",")
    if len(groups) > 1 and all(len(group) == 3 for group in groups[1:]) and 0 < len(groups[0]) <= 3:
        digits = "".join(groups)
    if factor == 1:
        return _integer(key, digits if digits.isdigit() else raw)
    number = float(digits) if digits.isascii() and digits.replace(".", "", 1).isdigit() and len(digits) < 10 else 0.0
    if not number or number * factor % 1:
        raise _wrong(key, raw, _expected(key))
    return _integer(key, int(number * factor))


def _integer(key: Key, raw: Any) -> int:
    value = raw
    if isinstance(raw, str):
        digits = raw.strip().removeprefix("-")
        if not digits.isascii() or not digits.isdigit():
            raise _wrong(key, raw, _expected(key))
        value = int(raw) if len(digits) < 20 else 2**63
    if isinstance(value, bool) or not isinstance(value, int) or not key.minimum <= value <= key.maximum:
        raise _wrong(key, raw, _expected(key))
    return value


def _shares(key: Key, raw: Any) -> tuple[float, ...]:
    """Parse proportions from ``3,1`` or a list; raises ``UsageError`` where all of them are 0."""
    parts = raw if isinstance(raw, list | tuple) else str(raw).split(",")
    shares = []
    for part in parts:
        number = str(part).strip()
        if not number.isascii() or not number.replace(".", "", 1).isdigit() or len(number) > 20:
            raise _wrong(key, raw, "numbers with commas between, one for each GPU: 3,1")
        shares.append(float(number))
    if not sum(shares):
        raise _wrong(key, raw, "at least one share above 0")
    return tuple(shares)


def _number(key: Key, raw: Any) -> float:
    try:
        value = float(raw)
    except (TypeError, ValueError):
        raise _wrong(key, raw, _expected(key)) from None
    if isinstance(raw, bool) or not key.minimum <= value <= key.maximum:
        raise _wrong(key, raw, _expected(key))
    return value


def _expected(key: Key) -> str:
    kind = "a number" if key.kind == "number" else "a whole number"
    words = f", or {' or '.join(key.choices)}" if key.choices else ""
    upper = f" to {key.maximum:g}" if key.maximum < 2**31 - 1 else " or more"
    return f"{kind}, {key.minimum:g}{upper}{words}"


def _wrong(key: Key, raw: Any, expected: str) -> UsageError:
    return UsageError(f'{key.name}: "{raw}" is not a valid value', f"expected {expected}")
