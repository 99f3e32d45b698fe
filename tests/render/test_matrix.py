"""A matrix as text: whole expected outputs for made-up cells."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from vramfit.render.matrix import lines, print_matrix

GIB = 2**30


def cell(verdict: str, headroom: float | None, **own: Any) -> dict[str, Any]:
    """A cell with so many GiB left."""
    known = headroom is not None
    size = round((headroom or 0) * GIB)
    return {
        "verdict": verdict,
        "required_bytes": 24 * GIB - size if known else None,
        "usable_bytes": 24 * GIB if known else None,
        "headroom_bytes": size if known else None,
        "error": None if known else {"code": "cannot-tell", "message": 'no, "never"', "hint": None},
        **own,
    }


SHARED = cell("fits", 6.25)
REPORT: dict[str, Any] = {
    "format_version": "1.0",
    "vramfit_version": "0",
    "gpus": [{"id": "one"}, {"id": "2xtwo"}, {"id": "custom:1\tGiB"}],
    "models": [{"id": "a"}],
    "rows": [
        {"model": "a", "engine": "e", "class": "fp16", "quant": "fp16", "quality": "reference",
         "cells": [cell("exceeds", -1234.5), SHARED, SHARED]},
        {"model": "a", "engine": "e", "class": "int4", "quant": "nf4", "quality": "small",
         "cells": [cell("tight", 0.01), cell("unknown", None), SHARED]},
        {"model": "b|c", "engine": None, "class": "int8", "quant": None, "quality": None,
         "cells": [cell("unknown", None)] * 3},
    ],
}  # fmt: skip
BEST: dict[str, Any] = {
    **REPORT,
    "gpus": REPORT["gpus"][:2],
    "rows": [
        {
            "model": "a",
            "engine": "e",
            "cells": [
                cell("fits", 2.5, **{"class": "int8", "quant": "Q6_K", "quality": "near-lossless"}),
                cell("unknown", None, **{"class": None, "quant": None, "quality": None}),
            ],
        }
    ],
}


class Terminal(io.StringIO):
    """A stream with an encoding of its own."""

    encoding = "utf-8"


def told(style: str, report: dict[str, Any] = REPORT, **options: Any) -> str:
    return "\n".join(lines(style, report, **options))


def drawn(report: dict[str, Any], encoding: str = "utf-8") -> str:
    stream = Terminal()
    stream.encoding = encoding
    print_matrix(report, stream=stream, colour=False)
    return stream.getvalue()


def test_plain() -> None:
    """A line per cell; tabs in names are escaped, unknown is empty."""
    need = 24 * GIB
    spare = round(6.25 * GIB)
    assert told("plain").splitlines() == [
        "gpu\tmodel\tengine\tclass\tquant\tquality\tverdict\trequired_bytes\tusable_bytes\theadroom_bytes\terror",
        f"one\ta\te\tfp16\tfp16\treference\texceeds\t{need + round(1234.5 * GIB)}\t{need}\t{round(-1234.5 * GIB)}\t",
        f"2xtwo\ta\te\tfp16\tfp16\treference\tfits\t{need - spare}\t{need}\t{spare}\t",
        f"custom:1\\tGiB\ta\te\tfp16\tfp16\treference\tfits\t{need - spare}\t{need}\t{spare}\t",
        f"one\ta\te\tint4\tnf4\tsmall\ttight\t{need - round(0.01 * GIB)}\t{need}\t{round(0.01 * GIB)}\t",
        '2xtwo\ta\te\tint4\tnf4\tsmall\tunknown\t\t\t\tcannot-tell: no, "never"',
        f"custom:1\\tGiB\ta\te\tint4\tnf4\tsmall\tfits\t{need - spare}\t{need}\t{spare}\t",
        'one\tb|c\t\tint8\t\t\tunknown\t\t\t\tcannot-tell: no, "never"',
        '2xtwo\tb|c\t\tint8\t\t\tunknown\t\t\t\tcannot-tell: no, "never"',
        'custom:1\\tGiB\tb|c\t\tint8\t\t\tunknown\t\t\t\tcannot-tell: no, "never"',
    ]


def test_csv_quotes_what_needs_it() -> None:
    """And ends every line alike."""
    rows = told("csv", line_end="\r\n", header=False).replace("\r\n", "\n").splitlines()
    assert rows[4] == '2xtwo,a,e,int4,nf4,small,unknown,,,,"cannot-tell: no, ""never"""'
    assert 9 == len(rows)


@pytest.mark.parametrize("report", [REPORT, BEST])
def test_json_and_ndjson_have_the_same_cells(report: dict[str, Any]) -> None:
    """What is written for most cells at once is what the JSON of each would be."""
    expected = []
    for row in report["rows"]:
        for gpu, one in zip(report["gpus"], row["cells"], strict=True):
            merged = {"gpu": gpu["id"], **{k: v for k, v in row.items() if k != "cells"}, **one}
            names = ("gpu", "model", "engine", "class", "quant", "quality", "verdict")
            sizes = ("required_bytes", "usable_bytes", "headroom_bytes", "error")
            expected.append({name: merged[name] for name in (*names, *sizes)})
    document = json.loads(told("json", report))
    assert list(document) == ["format_version", "vramfit_version", "gpus", "models", "cells"]
    assert [list(one.items()) for one in document["cells"]] == [list(one.items()) for one in expected]
    assert [json.loads(line) for line in told("ndjson", report).splitlines()] == expected


def test_a_matrix_without_rows_is_still_a_document() -> None:
    assert [] == json.loads(told("json", {**REPORT, "rows": []}))["cells"]


def test_markdown() -> None:
    """A table GitHub draws, with what would end a cell escaped."""
    assert told("markdown") == (
        "| Model | Quant | one | 2xtwo | custom:1 GiB |\n"
        "| :-- | :-- | --: | --: | --: |\n"
        "| a | fp16 | ✗ −1,234.5 | ✓ 6.2 | ✓ 6.2 |\n"
        "| a | int4 nf4 | \\~ 0.01 | ? | ✓ 6.2 |\n"
        "| b\\|c | int8 | ? | ? | ? |"
    )


def test_table() -> None:
    """Models down, GPUs across; what has no answer is told below."""
    assert drawn({**REPORT, "gpus": [*REPORT["gpus"][:2], {"id": "three"}]}) == (
        "model  quant            one  2xtwo  three\n"
        "a      fp16      ✗ −1,234.5  ✓ 6.2  ✓ 6.2\n"
        "       int4 nf4      ~ 0.01      ?  ✓ 6.2\n"
        "b|c    int8               ?      ?      ?\n"
        "\n"
        "✓ fits, ~ only just, ✗ does not fit, ? cannot tell. Numbers are the GiB left on\n"
        "the fullest GPU, or missing.\n"
        '? no, "never"\n'
    )


def test_table_of_best_schemes() -> None:
    """Each cell with its own."""
    assert drawn(BEST).splitlines()[:2] == ["model  quant         one  2xtwo", "a      best   ✓ Q6_K 2.5      ?"]


def test_table_in_ascii() -> None:
    """Signs a narrow encoding has."""
    assert "x -1,234.5" in drawn(REPORT, "ascii").replace("−", "-")


def test_many_gpus_go_down() -> None:
    """Where they do not fit across and rows are fewer."""
    gpus = [{"id": f"gpu-number-{number}"} for number in range(9)]
    row = {**REPORT["rows"][0], "cells": [SHARED] * 9}
    assert drawn({**REPORT, "gpus": gpus, "rows": [row]}).splitlines()[:3] == [
        "                  a",
        "gpu            fp16",
        "gpu-number-0  ✓ 6.2",
    ]


def test_many_of_both_come_in_blocks() -> None:
    """Each block with the models in front again."""
    gpus = [{"id": f"gpu-number-{number}"} for number in range(9)]
    row = {**REPORT["rows"][0], "cells": [SHARED] * 9}
    shown = drawn({**REPORT, "gpus": gpus, "rows": [{**row, "model": f"model-{number}"} for number in range(9)]})
    assert 3 == shown.count("model-8")
    assert all(gpu["id"] in shown for gpu in gpus)
    assert max(map(len, shown.splitlines())) <= 80
