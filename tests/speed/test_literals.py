"""How a fit is written down: numbers change, words stay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.speed import fit
from tests.speed.literals import rewritten, written
from vramfit.engines import servers
from vramfit.engines.llamacpp import speed as llamacpp
from vramfit.engines.tensorrtllm import speed as tensorrtllm
from vramfit.engines.vllm import speed as vllm

if TYPE_CHECKING:
    from types import ModuleType

NAMES = [module.__name__ for module in fit.MODULES]


def text_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", fit.MODULES, ids=NAMES)
def test_a_module_that_nothing_changed_stays(module: ModuleType) -> None:
    assert rewritten(text_of(module), module) == text_of(module)


def test_a_changed_number_is_all_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number in a table, one by itself, and one of a record inside."""
    assert llamacpp.PROFILE.unfused is not None
    monkeypatch.setitem(llamacpp.PROFILE.bus_share, "Ada Lovelace", 0.5)
    monkeypatch.setattr(llamacpp.PROFILE, "pipeline_cost", 0.25)
    monkeypatch.setattr(llamacpp.PROFILE.unfused, "layer_microseconds", 13.0)
    before = text_of(llamacpp)
    after = before
    for old, new in (
        ('"Ada Lovelace": 0.926', '"Ada Lovelace": 0.5'),
        ("pipeline_cost=0.0161", "pipeline_cost=0.25"),
        ("layer_microseconds=11.0", "layer_microseconds=13.0"),
    ):
        assert before.count(old) == 1
        after = after.replace(old, new)
    assert rewritten(before, llamacpp).split() == after.split()


def test_a_name_inside_a_table_stays_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What servers share is written where they share it."""
    monkeypatch.setattr(servers, "BYTES_PER_CLOCK", 7.0)
    monkeypatch.setitem(vllm.PROFILE.bytes_per_clock, "", 7.0)
    monkeypatch.setitem(vllm.PROFILE.bytes_per_clock, "grouped", 2.5)
    assert "\nBYTES_PER_CLOCK = 7.0\n" in rewritten(text_of(servers), servers)
    assert '{"": BYTES_PER_CLOCK, "grouped": 2.5},' in rewritten(text_of(vllm), vllm)


def test_servers_share_their_tables() -> None:
    """One number, whichever of them is asked: the fit moves it for all."""
    assert vllm.PROFILE.layer_microseconds is servers.LAYER_MICROSECONDS
    assert tensorrtllm.PROFILE.layer_microseconds is servers.LAYER_MICROSECONDS
    assert vllm.PROFILE.bytes_per_clock[""] == servers.BYTES_PER_CLOCK


@pytest.mark.parametrize(
    ("value", "column", "literal"),
    [
        (0.5, 4, "0.5"),
        (("a",), 4, '("a",)'),
        ({"decode": (0.8, 1.21)}, 4, '{"decode": (0.8, 1.21)}'),
        ({"a": 1.0}, 109, '{"a": 1.0}'),
        ({"a": 1.0}, 110, '{\n        "a": 1.0,\n    }'),
        ({"a": ("b", "c")}, 110, '{\n        "a": ("b", "c"),\n    }'),
        ({"a" * 60: 1.0, "b" * 35: 2.0}, 4, f'{{"{"a" * 60}": 1.0, "{"b" * 35}": 2.0}}'),
        (
            {"a" * 60: 1.0, "b" * 60: 2.0},
            4,
            f'{{\n        "{"a" * 60}": 1.0,\n        "{"b" * 60}": 2.0,\n    }}',
        ),
        (
            {"a": {"b" * 60: 1.0, "c" * 60: 2.0}, "d": 3.0},
            4,
            f'{{\n        "a": {{\n            "{"b" * 60}": 1.0,\n            "{"c" * 60}": 2.0,\n        }},\n'
            '        "d": 3.0,\n    }',
        ),
    ],
)
def test_literals(value: object, column: int, literal: str) -> None:
    """In one line if it ends, with its comma, within 120 columns."""
    assert written(value, 4, column) == literal
