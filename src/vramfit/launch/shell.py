"""Processes that a command or a script starts, without the programs that only wrap others."""

from __future__ import annotations

from vramfit.launch.words import Process, Source, Word, assigned, references
from vramfit.launch.wrappers import bounded, inner, peeled
from vramfit.launch.write import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Process", "peeled", "process", "processes", "within"]


def processes(text: str, variables: Mapping[str, str] | None = None) -> list[Process]:
    """Split shell text into the programs that it starts, in order, without the programs that only wrap others.

    ``variables`` are those that the text may use beside its own. Raises ``UsageError`` for text that no shell would read.
    """
    return inner(Source(text), variables or {}, 0)


def within(word: Word) -> list[Process]:
    """Processes of a text that is one word of a command; raises ``UsageError`` as ``processes`` does."""
    return inner(Source(str(word), word), {}, 1)


def process(words: Sequence[str]) -> Process:
    """Make a process of the words of a command line that a shell has read; leading assignments are its variables."""
    quoted = [quote(word) for word in words]
    source = Source(" ".join(quoted))
    bounded(source.text)
    place, found = 0, []
    for word, shown in zip(words, quoted, strict=True):
        found.append(Word.at(word, source, place, place + len(shown), references(word)))
        place += len(shown) + 1
    return assigned(found)
