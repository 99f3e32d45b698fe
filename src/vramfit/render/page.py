"""Sheet that the terminal report is drawn on; the only module of this room that imports Rich.

Lines are laid out here and not by Rich's tables, which cut a cell that does not fit: here columns are left out whole,
in a fixed order, and no number, id or command is ever shortened. Texts of the report are made harmless first, so that
a name from a downloaded file cannot send control codes to the terminal.
"""

from __future__ import annotations

from rich.cells import cell_len, chop_cells
from rich.color import ColorSystem
from rich.style import Style
from rich.text import Text

from vramfit._record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Span = str | tuple[str, str]
    """A piece of text, plain or with a Rich style."""

MINIMUM_WIDTH = 40
"""Columns below which words themselves no longer fit and the terminal may wrap as it likes."""
WIDEST = 200
"""Columns beyond which tables, bars and commands do not grow."""
READABLE_WIDTH = 120
"""Columns beyond which prose does not grow: long lines are hard to follow."""
GAP = 2
"""Spaces between columns."""
CLOSE = 1
"""Spaces before a column of numbers that would not stand beside the others otherwise."""

_NARROWEST_PROSE = 10
_NARROWEST_COLUMN = 24
"""Columns below which a column of prose is all line breaks."""

_UNSAFE = dict.fromkeys(
    (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)), "\ufffd"
) | {ord("\t"): " ", ord("\n"): " "}
_ASCII = str.maketrans("█▓▒░┃·✓✗→×–−", "#=:-|.+x>x--")


class Column(Record):
    """One column of a table: its heading, its cells, and when it gives way on a narrow terminal."""

    heading: str
    """Heading, which may hold line breaks; it stands on the bottom line."""
    cells: list[Span]
    right: bool = True
    """True if aligned to the right, as numbers are."""
    drop: int = 0
    """Priority for leaving the column out, the highest first; 0 stays at any width."""
    group: int = 0
    """Number of the columns that stand in one table where not all find room side by side."""
    style: str = "dim"
    """Style of the heading."""


class Page:
    """Lines of a report, collected and then drawn at once."""

    def __init__(self, width: int, encoding: str, *, colour: bool) -> None:
        self.width = min(max(width, MINIMUM_WIDTH), WIDEST)
        """Columns of text to fill."""
        self._encoding = encoding
        self._plain = not encoding.lower().replace("-", "").startswith("utf")
        self._lines: list[Text] = []
        self._colour = colour

    def text(self, *spans: Span) -> Text:
        """One Rich text of all pieces, safe to print in the stream's encoding."""
        text = Text()
        for span in spans:
            piece, style = (span, None) if isinstance(span, str) else span
            text.append(self._safe(piece), style)
        return text

    def blank(self) -> None:
        """Add an empty line, never two."""
        if self._lines and self._lines[-1].plain:
            self._lines.append(Text())

    def line(self, *spans: Span, indent: int = 0) -> None:
        """Add one line as it is, however long."""
        self._lines.append(Text(" " * indent) + self.text(*spans))

    def prose(self, *spans: Span, indent: int = 0, label: Span = "", hang: int = 0) -> None:
        """Add text wrapped at words; ``label`` stands before its first line, ``hang`` columns wide."""
        body = self.text(*spans)
        for number, piece in enumerate(self._wrapped(body, min(self.width, READABLE_WIDTH) - indent - hang)):
            lead = self.text(label) if number == 0 else Text()
            lead.pad_right(max(0, hang - lead.cell_len))
            self._lines.append(Text(" " * indent) + lead + piece)

    def packed(self, items: Iterable[Sequence[Span]], indent: int = 0) -> None:
        """Add short items side by side, as many on a line as there is room for; none is broken."""
        line = Text()
        for item in items:
            text = self.text(*item)
            if line.cell_len and indent + line.cell_len + GAP + text.cell_len > self.width:
                self._lines.append(Text(" " * indent) + line)
                line = Text()
            line = line + Text(" " * GAP) + text if line.cell_len else text
        self._lines.append(Text(" " * indent) + line)

    def table(self, columns: Sequence[Column], indent: int = 2, *, wrap: int | None = None) -> list[str]:
        """Draw the columns that fit side by side; returns the headings of those left out.

        The column number ``wrap`` (-1 is the last) is prose and takes the width that the others leave.
        """
        prose = None if wrap is None else columns[wrap]
        kept, left_out = list(columns), []
        while self._too_wide(kept, indent, prose) and any(column.drop for column in kept):
            gone = max(kept, key=lambda column: column.drop)
            kept = [column for column in kept if column is not gone]
            left_out.append(gone.heading.replace("\n", " "))
        self._draw(kept, indent, prose)
        return left_out

    def fits(self, columns: Sequence[Column], indent: int = 2) -> bool:
        """True if the columns find room side by side, nothing wrapped."""
        return not self._too_wide(columns, indent, None)

    def room(self, columns: Sequence[Column], indent: int = 2) -> int:
        """Number of cells that these columns leave for one more beside them."""
        return self.width - indent - sum(self.column_width(column) + GAP for column in columns)

    def stacked(self, columns: Sequence[Column], indent: int = 2) -> None:
        """Draw all columns: those that find no room beside the others below them, behind the first one once more.

        They stand closer where this keeps a group together, or makes all of them one table. Rows that have nothing in the
        columns below are not drawn again. The first column has its heading, which is the unit of its group, where a column
        of that group stands beside it.
        """
        first, rest, parts = columns[0], list(columns[1:]), 0
        while rest:
            if parts:
                self.blank()
                self.blank()
            number, gap = self._beside(first, rest, indent, GAP), GAP
            if number < len(rest):
                close = self._beside(first, rest, indent, CLOSE)
                if close == len(rest) or rest[number].group == rest[0].group:
                    number, gap = close, CLOSE
            shown = [row for row in range(len(first.cells)) if any(column.cells[row] for column in rest[:number])]
            here = first if any(column.group == first.group for column in rest[:number]) else replace(first, heading="")
            columns = [here, *rest[:number]]
            self._draw([replace(one, cells=[one.cells[row] for row in shown]) for one in columns], indent, None, gap)
            rest, parts = rest[number:], parts + 1

    def _beside(self, first: Column, rest: Sequence[Column], indent: int, gap: int) -> int:
        """Number of columns that stand beside the first one, at least one; a later group is not begun and left."""
        number = len(rest)
        while number > 1 and self._too_wide([first, *rest[:number]], indent, None, gap):
            number -= 1
        if number < len(rest) and rest[0].group != rest[number].group == rest[number - 1].group:
            return next(i for i, column in enumerate(rest) if column.group == rest[number].group)
        return number

    def drawn(self) -> str:
        """Text of the whole page, with terminal codes if it has colour."""
        for line in self._lines:
            line.rstrip()
        return "".join(f"{_coded(line) if self._colour else line.plain}\n" for line in self._lines)

    def exported(self, kind: str, title: str) -> str:
        """Text of the whole page as ``svg`` or ``html``, in colour and standing alone."""
        import io

        from rich.console import Console

        console = Console(
            file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor", width=self.width,
            highlight=False, markup=False, emoji=False, legacy_windows=False, force_jupyter=False,
        )  # fmt: skip
        for line in self._lines:
            line.rstrip()
            console.print(line, soft_wrap=True)
        # The id that the SVG's styles carry is a checksum of its lines unless it is given: equal reports give equal files.
        return _spaced(console.export_svg(title=title, unique_id="vramfit")) if kind == "svg" else console.export_html()

    def _draw(self, columns: Sequence[Column], indent: int, prose: Column | None, gap: int = GAP) -> None:
        """Draw headings and rows of these columns."""
        widths = [self.column_width(column) for column in columns]
        for place, column in enumerate(columns):
            if column is prose:
                room = self.width - indent - sum(widths) + widths[place] - _gaps(columns, gap)
                widths[place] = max(_NARROWEST_PROSE, min(widths[place], room))
        depth = max(column.heading.count("\n") for column in columns)
        for row in range(depth + 1 if any(column.heading for column in columns) else 0):
            lowered = ("\n" * (depth - column.heading.count("\n")) + column.heading for column in columns)
            headings = (heading.split("\n")[row] for heading in lowered)
            cells = [(text, column.style) for text, column in zip(headings, columns, strict=True)]
            self._row(cells, columns, widths, indent, None, gap)
        for row in range(len(columns[0].cells)):
            self._row([column.cells[row] for column in columns], columns, widths, indent, prose, gap)

    def _row(
        self,
        cells: Iterable[Span],
        columns: Sequence[Column],
        widths: Sequence[int],
        indent: int,
        prose: Column | None,
        gap: int,
    ) -> None:
        line, below = Text(" " * indent), []
        for cell, column, width in zip(cells, columns, widths, strict=True):
            if column is not columns[0]:
                line.append(" " * (gap if column.right else GAP))
            text = self.text(cell)
            if column is prose:
                lead = " " * (len(text.plain) - len(text.plain.lstrip(" ")))
                pieces = self._wrapped(text[len(lead) :], width - len(lead))
                below = [Text(" " * line.cell_len + lead) + piece for piece in pieces[1:]]
                text = Text(lead) + pieces[0]
            padding = " " * (width - text.cell_len)
            line = line + Text(padding) + text if column.right else line + text + Text(padding)
        self._lines += [line, *below]

    def _wrapped(self, text: Text, width: int) -> list[Text]:
        if text.cell_len <= width:
            return [text]
        pieces = text.divide(_breaks(text.plain, max(_NARROWEST_PROSE, width)))
        for piece in pieces:
            piece.rstrip()
        return list(pieces)

    def _too_wide(self, columns: Sequence[Column], indent: int, prose: Column | None, gap: int = GAP) -> bool:
        widths = [
            min(self.column_width(column), _NARROWEST_COLUMN if column is prose else self.width) for column in columns
        ]
        return indent + sum(widths) + _gaps(columns, gap) > self.width

    def column_width(self, column: Column) -> int:
        """Cells that the widest text of a column takes."""
        texts = (cell if isinstance(cell, str) else cell[0] for cell in column.cells)
        return max(cell_len(self._safe(text)) for text in (*column.heading.split("\n"), *texts))

    def _safe(self, text: str) -> str:
        text = text.translate(_UNSAFE)
        if not self._plain:
            return text
        return text.translate(_ASCII).encode(self._encoding, "replace").decode(self._encoding)


def _gaps(columns: Sequence[Column], gap: int) -> int:
    """Cells between all columns: words keep their distance from the numbers before them."""
    return sum(gap if column.right else GAP for column in columns[1:])


def _spaced(svg: str) -> str:
    """SVG whose blanks every viewer keeps: librsvg (2.54) drops Rich's no-break spaces where a text begins with them."""
    return svg.replace("&#160;", " ").replace("<svg ", '<svg xml:space="preserve" ', 1)


def _breaks(text: str, width: int) -> list[int]:
    """Positions at which a text is broken so that no line is wider; only a word that is wider itself is broken within."""
    found, at, used = [], 0, 0
    for word in _unbroken(text):
        room = cell_len(word)
        if used and used + room > width:
            found.append(at)
            used = 0
        if room > width:
            *whole, rest = chop_cells(word, width)
            found += [at + sum(map(len, whole[:number])) for number in range(1, len(whole) + 1)]
            used = cell_len(rest) + 1
        else:
            used += room + 1
        at += len(word) + 1
    return found


_UNITS = frozenset(("GiB", "MiB", "GB", "MB", "GB/s", "TB/s", "B", "M", "tokens/s", "s", "min"))
"""Units that stay on the line of their number."""


def _unbroken(text: str) -> list[str]:
    """Words of a text; a number and the unit behind it are one."""
    words: list[str] = []
    for word in text.split(" "):
        if words and word.strip("(),.;:") in _UNITS and words[-1][-1:].isdecimal():
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _coded(line: Text) -> str:
    """Line with terminal codes: its spans follow each other and never overlap. Without Rich's console, which is most of
    what Rich takes to load."""
    plain, drawn, at = line.plain, "", 0
    for span in line.spans:
        styled = Style.parse(str(span.style)).render(plain[span.start : span.end], color_system=ColorSystem.EIGHT_BIT)
        drawn += plain[at : span.start] + styled
        at = span.end
    return drawn + plain[at:]
