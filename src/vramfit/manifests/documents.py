"""YAML documents of other programs as plain values that know their lines.

Compose files, manifests and Helm's output are written for other readers, so that more is allowed here than in the
catalogue (``curation.strict_yaml``): several documents, aliases and merge keys, tags that are passed over. A scalar is
its text, whatever YAML would make of it, because a flag's value ``0.90`` and an image's tag ``1.10`` must stay what they
are; only an unquoted null is None. What could make a small file large in memory is refused: values are built from the
parser's events without recursion, and an alias counts for as many values as it repeats.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from vramfit._record import Record
from vramfit.errors import InputError

MAX_BYTES = 10 * 2**20
"""Largest file that is read."""
MAX_DOCUMENTS = 2000
"""Largest number of documents of a file."""
MAX_VALUES = 250_000
"""Largest number of values of a document, each alias counted for all that it repeats; a second or two of reading."""
MAX_DEPTH = 64
"""Deepest nesting."""
_NULLS = ("", "~", "null", "Null", "NULL")
_MERGE = "<<"
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?([A-Za-z0-9]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
_NAME = re.compile(r"^metadata:[ \t]*\n(?:[ \t].*\n)*?[ \t]+name:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_TEMPLATE = "{{"
TEMPLATED = "it is a template: render it first, as in `helm template . | vramfit check --file -`"
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Value = Any
"""Text, None, ``Table`` or ``Items``."""


class Table(dict[str, Any]):
    """Mapping with the line of its beginning and the line of each key."""

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Items(list[Any]):
    """Sequence with the line of its beginning and the line of each value."""

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


class Document(Record):
    """Document of a file."""

    file: str
    line: int
    """First line of its text."""
    kind: str
    """Value of its key ``kind``; empty where it has none."""
    name: str
    """``metadata.name``, as far as a glance at the text shows it; empty for none."""
    text: str

    def data(self) -> Value:
        """Parse the document; raises ``InputError`` with file and line."""
        return _parsed(self)


def documents(text: str, file: str) -> list[Document]:
    """Divide a file into its documents, none of them parsed; raises ``InputError`` for one that is too large."""
    if len(text) > MAX_BYTES:
        raise InputError(
            f"{file}: has {len(text):,} characters, and at most {MAX_BYTES:,} are read",
            "give the part that starts the model",
        )
    begins = [0, *[found.end() for found in _SEPARATOR.finditer(text)]]
    ends = [*[found.start() for found in _SEPARATOR.finditer(text)], len(text)]
    if len(begins) > MAX_DOCUMENTS:
        raise InputError(
            f"{file}: has {len(begins):,} documents, and at most {MAX_DOCUMENTS:,} are read",
            "give the part that starts the model",
        )
    found: list[Document] = []
    line, at = 1, 0
    for begin, end in zip(begins, ends, strict=True):
        line += text.count("\n", at, begin)
        at = begin
        part = text[begin:end]
        kind, name = _KIND.search(part), _NAME.search(part)
        if any(row.strip() and not row.lstrip().startswith(("#", "%")) for row in part.splitlines()):
            found.append(Document(file, line, kind[1] if kind else "", name[1] if name else "", part))
    return found


def _parsed(document: Document) -> Value:
    try:
        return _Builder(document).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = document.line + (mark.line if mark else 0)
        hint = "indent with spaces, and quote a text with a colon and a space"
        if _TEMPLATE in document.text:
            hint = TEMPLATED
        raise InputError(f"{document.file}:{line}: not YAML: {error.problem or error.context}", hint) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(
            f"{document.file}:{document.line}: not YAML: {problem}", "save the file as UTF-8 text"
        ) from None


class _Open:
    """Container whose end has not been read."""

    def __init__(self, value: Table | Items, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.has_key = False
        self.key_line = 0
        self.size = 1
        self.merged: list[Table] = []


class _Builder:
    """Builder of a document's value from the parser's events."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._open: list[_Open] = []
        self._root: Value = None
        self._count = 0

    def build(self) -> Value:
        """Value of the document."""
        parser = _Parser(self._document.text)
        try:
            while parser.check_event():
                self._take(parser.get_event())
        finally:
            parser.dispose()
        return self._root

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            plain = event.style in (None, "") and event.implicit[0]
            value = None if plain and event.value in _NULLS else event.value
            self._keep(event.anchor, value, 1)
            self._add(value, 1, event)
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                self._refuse(event, f"the alias *{event.anchor} repeats what is not complete, or not there")
            self._add(*self._anchors[event.anchor], event)
        elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            if len(self._open) >= MAX_DEPTH:
                self._refuse(event, f"nested more than {MAX_DEPTH} levels deep")
            line = self._line(event)
            self._open.append(_Open(Table(line) if kind is yaml.MappingStartEvent else Items(line), event.anchor))
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            done = self._open.pop()
            if isinstance(done.value, Table):
                _merge(done)
            self._keep(done.anchor, done.value, done.size)
            self._add(done.value, done.size, event)

    def _keep(self, anchor: str | None, value: Value, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size

    def _add(self, value: Value, size: int, event: Any) -> None:
        """Put a complete value where it belongs."""
        self._count += 1 if isinstance(event, yaml.ScalarEvent) else 0
        if not self._open:
            self._root = value
            return
        holder = self._open[-1]
        holder.size += size
        if holder.size > MAX_VALUES or self._count > MAX_VALUES:
            self._refuse(event, f"more than {MAX_VALUES:,} values, aliases counted for what they repeat")
        if isinstance(holder.value, Items):
            holder.value.append(value)
            holder.value.lines.append(value.line if isinstance(value, Table | Items) else self._line(event))
        elif not holder.has_key:
            if isinstance(value, Table | Items):
                self._refuse(event, "a key must be a word")
            holder.key, holder.has_key, holder.key_line = value or "", True, self._line(event)
        else:
            self._enter(holder, holder.key or "", value, event)
            holder.has_key = False

    def _enter(self, holder: _Open, key: str, value: Value, event: Any) -> None:
        """Put a value into the mapping that is being read."""
        table = holder.value
        assert isinstance(table, Table)
        if key == _MERGE:
            parts = value if isinstance(value, Items) else [value]
            if not all(isinstance(part, Table) for part in parts):
                self._refuse(event, "a merge key (<<) takes mappings")
            holder.merged += parts
            return
        if key in table:
            self._refuse(event, f'duplicate key "{key[:40]}", the first one on line {table.lines[key]}')
        table[key] = value
        table.lines[key] = holder.key_line

    def _line(self, event: Any) -> int:
        return int(self._document.line + event.start_mark.line)

    def _refuse(self, event: Any, problem: str) -> None:
        hint = TEMPLATED if _TEMPLATE in self._document.text else "write it out, or give a part of the file"
        raise InputError(f"{self._document.file}:{self._line(event)}: {problem}", hint)


def _merge(done: _Open) -> None:
    """Add what merge keys bring to a complete mapping: its own keys count for more, and earlier mappings than later."""
    table = done.value
    assert isinstance(table, Table)
    for part in done.merged:
        for key, value in part.items():
            if key not in table:
                table[key] = value
                table.lines[key] = part.lines[key]


def table(value: Value) -> Table:
    """Mapping that a value is; an empty one for any other value."""
    return value if isinstance(value, Table) else Table()


def items(value: Value) -> Items:
    """Sequence that a value is; an empty one for any other value."""
    return value if isinstance(value, Items) else Items()


def at(value: Value, *path: str) -> Value:
    """Value at a path of keys; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Table) else None
    return value


def text(value: Value) -> str:
    """Text of a scalar; empty for None and for a container."""
    return value if isinstance(value, str) else ""


def texts(value: Value) -> tuple[str, ...]:
    """Texts of a sequence's scalars."""
    return tuple([one for one in items(value) if isinstance(one, str)])
