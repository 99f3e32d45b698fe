"""Logs of fourteen starts by eleven releases of five engines and a trainer, compared as a user would do it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.verify.asking import HERE, LOGS, expected, ran, table
from vramfit.catalogue.names import MAX_GPUS
from vramfit.errors import InputError
from vramfit.verify import read

if TYPE_CHECKING:
    from collections.abc import Mapping

IDS = [row["log"] for row in LOGS]


@pytest.mark.parametrize("row", LOGS, ids=IDS)
def test_the_whole_table(row: Mapping[str, Any]) -> None:
    """Every figure of the log beside the estimate's; ``python -m tests.verify.asking`` writes what is expected."""
    found = table(row)

    assert found.err == ""
    assert found.code == row["code"]
    assert found.out == expected(row).read_text("utf-8")


@pytest.mark.parametrize("row", LOGS, ids=IDS)
def test_json_has_the_same_verdict(row: Mapping[str, Any]) -> None:
    """The exit code is 1 if a figure with bounds is outside of them, and only then."""
    found = ran(row, "--json")
    report = json.loads(found.out)

    assert found.code == row["code"] == int(any(one["inside"] is False for one in report["figures"]))
    assert report["verdict"] == ("outside" if found.code else "inside")
    assert report["outside"] == sum(one["inside"] is False for one in report["figures"])
    assert report["figures"]


def test_every_log_is_listed() -> None:
    assert sorted(path.stem for path in (HERE / "logs").glob("*.log")) == sorted(IDS)
    assert sorted(path.stem for path in (HERE / "expected").glob("*.txt")) == sorted(IDS)


def test_plain_csv_and_markdown() -> None:
    """A figure a line, with its fields apart, in the order of the table."""
    row = next(one for one in LOGS if one["log"] == "sglang-qwen3-235b")

    assert ran(row).out.splitlines() == [
        "name\tdevice\tunit\tlogged\tlow\texpected\thigh\terror\tinside",
        "KV cache\tgpu0\tbytes\t17673790424\t16381608389\t17527166628\t18059196429\t-0.008296\tyes",
        "tokens of the cache\t\ttokens\t367404\t340376\t364178\t375232\t-0.008781\tyes",
    ]
    assert ran(row, "--format", "csv", "--no-header").out.splitlines()[1] == (
        "tokens of the cache,,tokens,367404,340376,364178,375232,-0.008781,yes"
    )
    assert ran(row, "--format", "markdown").out.splitlines()[4] == (
        "| KV cache | gpu0 | 16.46 GiB | 16.32 GiB | 15.26 GiB | 16.82 GiB | -0.8% | inside |"
    )


@pytest.mark.parametrize("number", ["0", "1025", "4294967296", "18446744073709551616", "9" * 5000])
def test_no_log_states_more_gpus_than_there_can_be(number: str) -> None:
    """What is printed of each GPU would be kept as often: a log of some lines took all memory there is."""
    changed = [
        re.sub(r"((?:tensor_parallel|tp)_size=)\d+", rf"\g<1>{number}", path.read_text("utf-8"))
        for path in sorted((HERE / "logs").glob("*.log"))
        if re.search(r"(?:tensor_parallel|tp)_size=\d", path.read_text("utf-8"))
    ]
    assert len(changed) > 3
    counts = []
    for text in changed:
        try:
            counts.append(read(text.splitlines())[1].gpu_count)
        except InputError:
            counts.append(0)
    assert max(counts) <= MAX_GPUS
