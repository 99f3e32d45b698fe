"""The formats with one row per estimate: plain, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vramfit
from tests.render.sample import document, error, report, tight, two_gpus, unknown
from vramfit.engines.keys import every_key
from vramfit.render.csv import LINE_END, _no_formula, columns, row
from vramfit.render.csv import lines as csv_lines
from vramfit.render.fields import encodable, gpu_id, pick, tokens_per_second
from vramfit.render.markdown import escape as escape_markdown
from vramfit.render.markdown import lines as markdown_lines
from vramfit.render.plain import escape
from vramfit.render.plain import lines as plain_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = tuple(every_key())

PLAIN = """\
name gpu model engine quant verdict required_bytes usable_bytes headroom_bytes weights_bytes kv_cache_bytes \
compute_bytes overhead_bytes max_context decode_tokens_per_second error
- rtx4090 llava-1.6-13b transformers fp16 exceeds 31236538860 25249710080 -5986828780 26702999552 3355443200 507510784 \
670585324 0 17.9 -
- rtx4090 llava-1.6-13b transformers int8 fits 18458054656 25249710080 6791655424 13691228160 3355443200 734003200 \
677380096 4096 3.89 -
- rtx4090 llava-1.6-13b transformers nf4 fits 12057589944 25249710080 13192120136 7378246144 3355443200 649068544 \
674832056 4096 14.0 -
"""
"""With blanks for tabs and dashes for empty fields, so that it can be read here."""

MARKDOWN = """\
| GPU     | Model         | Engine       | Quant | Verdict |    Needed |    Usable |  Headroom |   Weights | KV cache |  Compute | Overhead | Max context | Tokens/s | First remedy                             |
| ------- | ------------- | ------------ | ----- | ------- | --------: | --------: | --------: | --------: | -------: | -------: | -------: | ----------: | -------: | ---------------------------------------- |
| rtx4090 | llava-1.6-13b | transformers | fp16  | exceeds | 29.09 GiB | 23.52 GiB | -5.58 GiB | 24.87 GiB | 3.12 GiB | 0.47 GiB | 0.62 GiB |           0 |          | quantize to INT8 (bitsandbytes LLM.int8) |
| rtx4090 | llava-1.6-13b | transformers | int8  | fits    | 17.19 GiB | 23.52 GiB |  6.33 GiB | 12.75 GiB | 3.12 GiB | 0.68 GiB | 0.63 GiB |       4,096 |      3.9 |                                          |
| rtx4090 | llava-1.6-13b | transformers | nf4   | fits    | 11.23 GiB | 23.52 GiB | 12.29 GiB |  6.87 GiB | 3.12 GiB | 0.60 GiB | 0.63 GiB |       4,096 |       14 |                                          |
"""  # noqa: E501


def test_plain_is_a_header_and_a_line_per_estimate() -> None:
    """Integer bytes, the unit in the header."""
    expected = [[field.replace("-", "", field == "-") for field in line.split()] for line in PLAIN.splitlines()]

    assert expected == [line.split("\t") for line in plain_lines(report())]


def test_plain_without_header() -> None:
    """For scripts that append."""
    assert list(plain_lines(report()))[1:] == list(plain_lines(report(), header=False))


def test_plain_counts_all_gpus_on_both_sides() -> None:
    """What is needed over all GPUs stands beside what all GPUs offer."""
    header, line = plain_lines(document(two_gpus()))
    told = dict(zip(header.split("\t"), line.split("\t"), strict=True))

    assert ("2xrtx4090", str(2 * 24080 * 2**20)) == (told["gpu"], told["usable_bytes"])


def test_plain_writes_unknown_as_empty_and_errors_in_place() -> None:
    """Every line has every field, whatever is missing."""
    _, first, second = (line.split("\t") for line in plain_lines(document(unknown(), error())))

    assert ["", "rtx4090", "llava-1.6-13b", "transformers", "awq", "unknown", *[""] * 10] == first
    assert ["typo", *[""] * 14, 'unknown-gpu: unknown GPU "rtx4900"'] == second


@given(st.text(st.characters()))
def test_plain_escapes_can_be_undone_and_hold_no_break(text: str) -> None:
    """A field is one field, a line is one line, in every reader's idea of a line."""
    written = escape(text)
    undo = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}

    def original(match: re.Match[str]) -> str:
        return undo.get(match[0]) or chr(int(match[0].lstrip("\\uUx"), 16))

    assert len(written.splitlines()) <= 1
    assert "\t" not in written
    assert text == re.sub(r"\\(?:[\\tnr]|x..|u....|U.{8})", original, written.encode().decode())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_csv_rows_read_back(values: list[str]) -> None:
    """Python's reader with strict quotes sees the same values, formulas with an apostrophe in front."""
    text = io.StringIO(row(values) + LINE_END, newline="")

    guarded = [_no_formula(encodable(value)) for value in values]
    assert [guarded] == list(csv.reader(text, strict=True))


def test_csv_has_the_report_in_flat_columns() -> None:
    """Same names as the JSON, dots between the levels; the whole header, whatever is in the report."""
    text = io.StringIO(LINE_END.join(csv_lines(document(*report()["estimates"], error()), keys=KEYS)), newline="")
    first, _, _, last = list(csv.DictReader(text))

    assert list(columns(KEYS)) == list(first)
    assert first["breakdown.weights"] == "26702999552"
    assert first["if_tried.weights_fit"] == "false"
    assert first["quality.evidence"] == "16-bit weights, as released"
    assert first["throughput.prefill_tokens_per_second.expected"] == "2480.0"
    assert (last["name"], last["error.code"]) == ("typo", "unknown-gpu")


def test_csv_leaves_no_scalar_of_the_report_out() -> None:
    """A field that is added to the report must become a column, or be a list."""
    flat = {path for estimate in report()["estimates"] for path in _paths(estimate)}
    asked_elsewhere = {f"deployment.{key}" for key in ("gpu", "model", "engine", "quant", "name")}
    null_whole = {"rule_of_thumb", "if_tried"}

    assert set() == flat - set(columns(KEYS)) - asked_elsewhere - null_whole


def test_markdown_is_a_table() -> None:
    """Aligned in the source too; columns with nothing in them are left out."""
    assert MARKDOWN.splitlines() == list(markdown_lines(report()))


def test_markdown_escapes() -> None:
    """A name cannot end its cell, start a tag or become bold."""
    written = escape_markdown("a|b <i> *c* `d` e\\f & Q4_K_M _g_\nh")

    assert written == r"a\|b \<i\> \*c\* \`d\` e\\f &amp; Q4_K_M \_g\_ h"


def test_markdown_tells_errors() -> None:
    """In the verdict's place."""
    *_, line = markdown_lines(document(tight(), error()))

    assert 'error: unknown-gpu: unknown GPU "rtx4900"' in line


@pytest.mark.parametrize("name", ["plain", "csv"])
def test_row_formats_give_each_line_as_its_estimate_comes(name: str) -> None:
    """A stream of deployments is answered one by one."""
    seen: list[int] = []
    rows = {
        "plain": plain_lines({"estimates": _as_they_come(seen)}),
        "csv": csv_lines({"estimates": _as_they_come(seen)}, keys=KEYS),
    }[name]
    while not seen:
        next(rows)

    assert seen == [0]


@pytest.mark.parametrize("name", ["plain", "json", "csv", "markdown"])
def test_text_formats_import_next_to_nothing(name: str) -> None:
    """They are on the path that answers within the time a bare interpreter takes."""
    heavy = "collections csv dataclasses enum functools json pathlib re rich typing"
    code = f"import sys; import vramfit.render.{name}; print(sorted(set({heavy.split()!r}) & set(sys.modules)))"
    path = str(Path(vramfit.__file__).parents[1])
    run = subprocess.run([sys.executable, "-S", "-c", code], cwd=path, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_mixed_gpus_are_named_as_they_are_asked() -> None:
    """``-g 2xrtx4090 -g rtx3090``."""
    gpus = [{"id": "rtx4090", "count": 2}, {"id": "rtx3090", "count": 1}]

    assert gpu_id({"gpu": {"id": "rtx4090+rtx3090", "count": 3, "gpus": gpus}}) == "2xrtx4090+rtx3090"


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(1240.4, "1,240"), (99.6, "100"), (9.96, "10"), (9.94, "9.9"), (0.996, "1.0"), (0.42, "0.42")],
)
def test_speed_has_two_or_three_digits(rate: float, expected: str) -> None:
    """More would claim what no estimate knows."""
    assert expected == tokens_per_second(rate)


def test_pick_stops_at_null() -> None:
    """A missing level is an unknown value, not an error."""
    assert (pick({"a": {"b": 1}}, "a.b"), pick({"a": None}, "a.b"), pick({}, "a.b")) == (1, None, None)


def _as_they_come(seen: list[int]) -> Iterator[dict[str, Any]]:
    for i in range(2):
        seen.append(i)
        yield tight()


def _paths(value: Any, prefix: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [] if isinstance(value, list) else [prefix]
    return [path for key, item in value.items() for path in _paths(item, f"{prefix}.{key}" if prefix else key)]
