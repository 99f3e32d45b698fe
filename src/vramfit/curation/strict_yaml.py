"""YAML without its traps: what is read is what was meant, or it is refused with file, line and column.

PyYAML reads YAML 1.1, where ``no`` is false, ``0755`` is 493, ``2022-10-12`` is a date and a second ``id:`` silently
replaces the first. Here plain scalars are strings, ``true``/``false``, ``null``, decimal integers and decimal
fractions, nothing else; whatever 1.1 would read otherwise must be quoted. Anchors cannot be reused, so a small file
stays small in memory.

Only this module imports PyYAML. ``parse`` also serves users' deployment files, where numbers with commas between, as in
``tensor_split: 3,1``, are text for the key to read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import yaml

from vramfit.errors import CatalogueError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 4 * 2**20
"""Largest file that is read; the shipped catalogue is an eighth of it."""

MAX_VALUES = 250_000
"""Number of keys and values of a file beyond which it is refused; the shipped catalogue has a third of it."""
MAX_ROW = 20_000
"""Number of keys and values of one mapping or list, without another inside, beyond which it is refused."""
MAX_DEPTH = 32
"""Deepest nesting; the catalogue needs 6."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead to a value: ``("gpus", 3, "memory", "bus_bits")``."""

Mark: TypeAlias = tuple[int, int]
"""Line and column, both from 1."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"-?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+$")
_NUMBERLIKE = re.compile(r"[-+.]?[0-9][0-9_,]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?$")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None, "": None, "~": None}
_STRING_TAG, _MERGE_TAG = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_PYTHON_TAG = "tag:yaml.org,2002:python/"
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_MAX_DIGITS = 18
_MAX_ALIAS_FAULTS = 20


class Fault(NamedTuple):
    """Fault of a file, one thing that is wrong with it."""

    file: str
    line: int
    column: int
    field: str
    """Dotted path, ``gpus[3].memory.bus_bits``; empty when the file as a whole is wrong."""
    problem: str
    hint: str | None = None
    """Likely mistake, or the correct text."""

    def __str__(self) -> str:
        field = f" {self.field}" if self.field else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}{field}: {self.problem}{hint}"


class Document(NamedTuple):
    """Parsed file: plain data, the place of each value, and the faults."""

    name: str
    data: Any
    marks: dict[Path, Mark]
    """Position of each value."""
    keys: dict[Path, Mark]
    """Position of the key of each mapping entry."""
    faults: list[Fault]

    def fault(self, path: Path, problem: str, hint: str | None = None, *, key: bool = False) -> Fault:
        """A fault at ``path``, or at the nearest place above it that stands in the file."""
        marks = self.keys if key else self.marks
        at = path
        while at not in marks and at:
            at = at[:-1]
            marks = self.marks
        line, column = marks.get(at, (1, 1))
        return Fault(self.name, line, column, dotted(path), problem, hint)


def dotted(path: Path) -> str:
    """Write a path with dots: ``gpus[3].memory.bus_bits``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def fault_error(faults: Sequence[Fault]) -> InputError:
    """Error that names the first of some faults and counts the others."""
    return InputError(*_message(faults))


def load_catalogue_yaml(text: str | bytes, name: str) -> Document:
    """Parse a catalogue file with the positions of its values; raises ``CatalogueError`` for the first fault."""
    document = parse(text, name, joined=True)
    if document.faults:
        raise CatalogueError(*_message(document.faults))
    return document


def parse(text: str | bytes, name: str, *, commas: bool = False, joined: bool = False) -> Document:
    """Read a YAML text and collect every fault in it; never raises for what the text contains.

    ``commas`` reads numbers with commas between (``3,1``) as text, which YAML 1.1 is not agreed on, instead of refusing them.
    ``joined`` reads several documents of one file (``---``) as one, as ``vramfit import`` appends them.
    """
    document = Document(name, None, {}, {}, [])
    if len(text) > MAX_BYTES:
        problem = f"the file has {len(text):,} bytes; at most {MAX_BYTES:,} are read"
        return document._replace(faults=[Fault(name, 1, 1, "", problem)])
    try:
        decoded = (text.decode("utf-8") if isinstance(text, bytes) else text).removeprefix("\ufeff")
        refused = _refused_events(decoded, name)
        if refused:
            return document._replace(faults=refused)
        node = _compose_joined(decoded) if joined else _compose(decoded)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        # libyaml 0.2.6 scans a thousand brackets ahead of the first event, and stops there itself.
        deep = error.problem == "exceeded maximum nesting depth"
        problem = _TOO_DEEP if deep else f"not YAML: {error.problem or error.context}"
        return document._replace(faults=[Fault(name, line, column, "", problem, _syntax_hint(problem, text, line))])
    except yaml.YAMLError as error:
        problem = "not YAML: " + " ".join(str(error).split())
        return document._replace(faults=[Fault(name, 1, 1, "", problem)])
    except UnicodeDecodeError as error:
        return document._replace(faults=[Fault(name, 1, 1, "", f"not UTF-8: byte {error.start} cannot be decoded")])
    except UnicodeEncodeError as error:  # stdin that is not UTF-8 comes as text with half characters
        return document._replace(faults=[Fault(name, 1, 1, "", f"not UTF-8: character {error.start} has no encoding")])
    if node is None:
        return document
    return document._replace(data=_Builder(document, commas).build(node, ()))


def _compose(text: str) -> yaml.Node | None:
    loader = _BASE(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def _compose_joined(text: str) -> yaml.Node | None:
    """Node of all documents of a text: what stands under a key of several of them is put together, in their order."""
    loader = _BASE(text)
    try:
        nodes: list[Any] = []
        while loader.check_node():
            nodes.append(loader.get_node())
    finally:
        loader.dispose()
    found: list[yaml.Node] = [
        node for node in nodes if not (isinstance(node, yaml.ScalarNode) and node.value in _CONSTANTS)
    ]
    if len(found) < 2 or not all(isinstance(node, yaml.MappingNode) for node in found):
        return found[0] if found else None
    first: dict[str, Any] = {}
    for node in found:
        within: set[str] = set()
        for key, value in list(node.value):
            known = first.get(key.value) if isinstance(key, yaml.ScalarNode) else None
            if (
                known is None
                or key.value in within
                or type(known) is not type(value)
                or isinstance(value, yaml.ScalarNode)
            ):
                if node is not found[0]:
                    found[0].value.append((key, value))
                if isinstance(key, yaml.ScalarNode):
                    first.setdefault(key.value, value)
            else:
                known.value.extend(value.value)
            within.add(str(key.value))
    return found[0]


def _refused_events(text: str, name: str) -> list[Fault]:
    """Faults that must be known before a tree is built: composing recurses once per level, and aliases multiply."""
    faults = []
    depth = values = row = 0
    loader = _BASE(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            kind = type(event)
            if kind is yaml.AliasEvent:
                problem = f"the alias *{event.anchor} repeats another value"
                faults.append(_event_fault(event, name, problem, "write the value out"))
                if len(faults) >= _MAX_ALIAS_FAULTS:
                    break
            elif kind is yaml.ScalarEvent:
                values += 1
                row += 1
                if values > MAX_VALUES or row > MAX_ROW:
                    most, where = (MAX_ROW, " of one mapping") if row > MAX_ROW else (MAX_VALUES, "")
                    problem = f"more than {most:,} keys and values{where}, the most that are read"
                    faults.append(_event_fault(event, name, problem, "divide the file"))
                    break
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                depth += 1
                row = 0
                if depth > MAX_DEPTH:
                    faults.append(_event_fault(event, name, _TOO_DEEP))
                    break
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                depth -= 1
                row = 0
    finally:
        loader.dispose()
    return faults


def _event_fault(event: yaml.Event, name: str, problem: str, hint: str | None = None) -> Fault:
    return Fault(name, *_mark(event), "", problem, hint)


class _Builder:
    """Builder that turns composed nodes into data, noting positions and faults."""

    def __init__(self, document: Document, commas: bool) -> None:
        self._document = document
        self._commas = commas

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._document.marks[path] = _mark(node)
        if node.tag.startswith("!") or node.tag.startswith(_PYTHON_TAG):
            self._refuse(node, path, f"the tag {node.tag} is not allowed", "leave the tag out")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        begun, text = None, ""
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG and not key_node.style:
                self._refuse(key_node, path, "a merge key (<<)", "write the fields out")
                continue
            if begun is not None and _goes_on(key_node, value_node):
                text = f"{text},{key_node.value}"
                data[begun] = text
                continue
            begun = None
            key = self._key(key_node, path)
            if key is None:
                continue
            where = (*path, key)
            if key in data:
                line, _ = self._document.keys[where]
                self._refuse(key_node, where, f'duplicate key "{key}"', f"the first one is on line {line}")
                continue
            self._document.keys[where] = _mark(key_node)
            data[key] = self.build(value_node, where)
            if self._commas and node.flow_style and _is_number(value_node):
                begun, text = key, str(value_node.value)
        return data

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(node, path, "a key must be a plain word")
            return None
        if not node.style and node.tag != _STRING_TAG:
            self._refuse(node, path, f"the key {node.value} is not text in YAML 1.1", f'write "{node.value}"')
            return None
        return str(node.value)

    def _scalar(self, node: Any, path: Path) -> Any:
        value = str(node.value)
        if node.style:
            if node.tag != _STRING_TAG:
                self._refuse(node, path, f"the tag {_short(node.tag)} is not allowed", "leave the tag out")
            return value
        if value in _CONSTANTS:
            return _CONSTANTS[value]
        if len(value) <= _MAX_DIGITS and node.tag != _STRING_TAG:
            if _INT.match(value):
                return int(value)
            if _FLOAT.match(value):
                return float(value)
        if node.tag == _STRING_TAG and ((self._commas and "," in value) or not _NUMBERLIKE.match(value)):
            return value
        self._refuse(node, path, *_plain_problem(value, str(node.tag)))
        return None

    def _refuse(self, node: yaml.Node, path: Path, problem: str, hint: str | None = None) -> None:
        line, column = _mark(node)
        self._document.faults.append(Fault(self._document.name, line, column, dotted(path), problem, hint))


def _is_number(node: yaml.Node) -> bool:
    """True for a plain scalar that looks like a number."""
    return isinstance(node, yaml.ScalarNode) and not node.style and bool(_NUMBERLIKE.match(node.value))


def _goes_on(key: yaml.Node, value: yaml.Node) -> bool:
    """True for a number without a value between braces, where a comma ends what stands before it: ``1`` of ``{x: 3,1}``."""
    return _is_number(key) and isinstance(value, yaml.ScalarNode) and not value.style and value.value == ""


def _plain_problem(value: str, tag: str) -> tuple[str, str]:
    kind = _short(tag)
    if kind == "bool":
        meant = "true" if value.lower() in ("y", "yes", "on", "true") else "false"
        return f"{value} is a boolean in YAML 1.1", f'write {meant}, or "{value}" for the word'
    if kind == "timestamp":
        return f"{value} is a date in YAML 1.1", f'write "{value}"'
    if kind in ("null", "merge", "value"):
        return f"{value} is not plain text in YAML 1.1", f'write null, or "{value}" for the word'
    if kind not in ("str", "int", "float"):
        return f"the tag !!{kind} is not allowed", "leave the tag out"
    if ":" in value:
        return f"{value} is a base-60 number in YAML 1.1", f'write "{value}"'
    return (
        f"{value[:40]} is not read as a plain decimal number",
        f'write all its digits (1000000000, not 1e9), or "{value[:40]}" for text',
    )


def _syntax_hint(problem: str, text: str | bytes, line: int) -> str | None:
    lines = text.decode("utf-8", "replace").splitlines() if isinstance(text, bytes) else text.splitlines()
    if line <= len(lines) and lines[line - 1].lstrip(" ").startswith("\t"):
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "quote a text that contains a colon and a space"
    if "could not find expected ':'" in problem:
        return "a space stands behind the colon; look at the line above too"
    if "expected '-' indicator" in problem or "expected key" in problem or "<block end>" in problem:
        return "fields of one entry begin in one column"
    return None


def _message(faults: Sequence[Fault]) -> tuple[str, str | None]:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{first._replace(hint=None)}{more}", first.hint


def _mark(place: Any) -> Mark:
    """Line and column of a node or an event."""
    return place.start_mark.line + 1, place.start_mark.column + 1


def _short(tag: str) -> str:
    return tag.rsplit(":", 1)[-1].lstrip("!")
