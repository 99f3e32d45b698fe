"""Lists and entries as text: whole expected outputs for made-up objects."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.each import each
from vramfit.entries.entry import entry_object
from vramfit.render import entry, listing
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

ENGINES: list[dict[str, Any]] = [
    {
        "id": "one", "modelled": True, "classes": {"fp16": "fp16"}, "quant_families": ["plain", "gguf"],
        "cache_types": ["f16"], "tasks": ["inference", "lora"],
    },
    {"id": "a\tb|c", "modelled": False, "classes": None, "quant_families": None, "cache_types": None, "tasks": None},
]  # fmt: skip


class Terminal(io.StringIO):
    """A stream with an encoding of its own."""

    encoding = "utf-8"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return open_catalogue()


def told(style: str, **options: Any) -> str:
    return "\n".join(listing.lines(style, "engines", ENGINES, **options))


def test_plain_has_a_column_per_scalar_and_escapes_tabs() -> None:
    """Mappings stay with JSON; lists are joined; unknown is empty."""
    assert told("plain") == (
        "id\tmodelled\tquant_families\tcache_types\ttasks\n"
        "one\ttrue\tplain,gguf\tf16\tinference,lora\n"
        "a\\tb|c\tfalse\t\t\t"
    )
    assert told("plain", header=False).startswith("one\t")


def test_csv_quotes_what_needs_it() -> None:
    """As RFC 4180 says."""
    assert told("csv") == (
        "id,modelled,quant_families,cache_types,tasks\n"
        'one,true,"plain,gguf",f16,"inference,lora"\n'
        "a\tb|c,false,,,"
    )  # fmt: skip


def test_json_and_ndjson_are_the_objects() -> None:
    """Whole."""
    assert json.loads(told("json")) == {"format_version": "1.0", "engines": ENGINES}
    assert [json.loads(line) for line in told("ndjson").splitlines()] == ENGINES


def test_markdown_escapes_pipes() -> None:
    """A cell cannot break the table."""
    assert told("markdown").splitlines() == [
        "| id | modelled | tasks | cache types | quants |",
        "| :-- | :-- | :-- | :-- | :-- |",
        "| one | yes | inference, lora | f16 | plain, gguf |",
        "| a b\\|c | not yet |  |  |  |",
    ]


def test_a_table_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aligned, with a count."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    listing.print_list("engines", ENGINES, stream=stream, colour=False)

    assert stream.getvalue() == (
        "id     modelled  tasks            cache types  quants\n"
        "one    yes       inference, lora  f16          plain, gguf\n"
        "a b|c  not yet   –                –            –\n"
        "\n"
        "2 engines\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_narrow_terminals_lose_columns_and_no_ids(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Nothing is cut: a column goes whole."""
    from vramfit.entries.listing import gpu_objects

    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    gpus = gpu_objects(catalogue)
    listing.print_list("gpus", gpus, stream=stream, colour=False)
    lines = stream.getvalue().splitlines()

    assert max(map(len, lines)) <= width
    assert [line.split(" ")[0] for line in lines[1 : len(gpus) + 1]] == [gpu["id"] for gpu in gpus]


@pytest.mark.parametrize("count", [(0, "no models"), (1, "1 model"), (2, "2 models")])
def test_counts(count: tuple[int, str]) -> None:
    """In words."""
    assert listing.counted("models", count[0]) == count[1]


def test_flattening() -> None:
    """Scalars by their path; lists of scalars in one; empty lists are empty."""
    value = {"a": 1, "b": {"c": None}, "d": [1, "x"], "e": [{"f": True}], "g": [], "h": [[1, 2]]}

    assert list(entry.flat(value)) == [
        ("a", "1"), ("b.c", ""), ("d", "1,x"), ("e.0.f", "true"), ("g", ""), ("h.0", "1,2"),
    ]  # fmt: skip


def test_every_page_can_be_drawn(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """All GPUs and models, on a terminal of 80 columns; nothing in it is Python's."""
    monkeypatch.setenv("COLUMNS", "80")
    rows: list[Any] = [*catalogue.gpu_rows(), *catalogue.model_rows()]
    for row in each(rows):
        stream = Terminal()
        entry.print_entry(entry_object(catalogue, row.id), stream=stream, colour=False)
        drawn = stream.getvalue()
        assert row.name in " ".join(drawn.split())
        assert not [word for word in ("None", "{", "['") if word in drawn], row.id


def test_ascii_streams_get_ascii(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs have plain stand-ins."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    stream.encoding = "ascii"
    entry.print_entry(entry_object(catalogue, "deepseek-v3"), stream=stream, colour=False)

    assert stream.getvalue().isascii()
