"""A sweep says of every deployment what a check of it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue, some_gpu_id, some_model_id
from vramfit.answer import answer
from vramfit.engines import names as engine_names
from vramfit.engines.resolve import resolve
from vramfit.errors import VramfitError
from vramfit.matrix import matrix
from vramfit.workload.common import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENGINES = engine_names()
KEYS: tuple[dict[str, Any], ...] = (
    {},
    {"context": 16384},
    {"parallel": 8, "context": 2048},
    {"gpu_layers": "auto"},
    {"gpu_layers": 20, "ram": 16 * 2**30},
    {"gpu_layers": 0},
    {"platform": "windows", "reserve": 3 * 2**29},
    {"level": "fits", "flash_attention": "off"},
    {"task": "qlora", "sequence_length": 1024},
    {"gpu_memory_utilization": 0.5},
    {"kv_cache_memory": 2 * 2**30, "max_num_seqs": 512},
)
names = st.builds(
    lambda count, name: name if count == 1 else f"{count}x{name}", st.sampled_from((1, 1, 2, 4)), some_gpu_id
)


def expected(request: Mapping[str, Any], gpu: str, model: str) -> list[tuple[Any, ...]]:
    """Verdict, need, offer and headroom of each row of a check, or the code of its error."""
    try:
        found = [answer(one) for one in resolve({**request, "gpu": (gpu,), "model": model}, catalogue())]
    except VramfitError as error:
        return [(error.code, error.message)]
    return [
        (one.verdict.word, one.required_bytes, sum(one.verdict.usable_bytes), one.verdict.headroom_bytes)
        for one in found
    ]


def cells(request: Mapping[str, Any], gpus: Sequence[str], models: Sequence[str]) -> dict[tuple[str, str], list[Any]]:
    """The same by GPU and model, from one matrix."""
    report = matrix(request, gpus, models, catalogue())
    found: dict[tuple[str, str], list[Any]] = {}
    for row in report["rows"]:
        for gpu, cell in zip(report["gpus"], row["cells"], strict=True):
            error = cell["error"]
            values = ("verdict", "required_bytes", "usable_bytes", "headroom_bytes")
            told = (error["code"], error["message"]) if error else tuple(cell[name] for name in values)
            found.setdefault((gpu["id"], row["model"]), []).append(told)
    return found


def compare(
    request: dict[str, Any], gpus: Sequence[str], models: Sequence[str], quants: Sequence[str] = CLASSES
) -> None:
    """Each pair asked by itself; one class at a time, since a check that refuses one refuses all."""
    for word in (None,) if "task" in request else quants:
        asked = request if word is None else {**request, "quant": word}
        try:
            found = cells(asked if word is None else {**asked, "quant": (word,)}, gpus, models)
        except VramfitError as error:
            # Nothing of it can be answered: so is no check, and the first for the same reason.
            alone = [expected(asked, gpu, model) for model in models for gpu in gpus]
            assert all(len(told[0]) == 2 for told in alone)
            assert [(error.code, error.message)] in alone
            continue
        for (gpu, model), told in found.items():
            assert told == expected(asked, gpu, model), (asked, gpu, model)


@settings(max_examples=200)
@given(
    st.sampled_from(ENGINES),
    st.sampled_from(KEYS),
    st.lists(names, min_size=1, max_size=6, unique=True),
    st.lists(some_model_id, min_size=1, max_size=2, unique=True),
)
def test_random_cells_are_those_of_a_check(
    name: str, keys: Mapping[str, Any], gpus: Sequence[str], models: Sequence[str]
) -> None:
    """Any engine, settings, GPUs and models."""
    compare({**keys, "engine": name}, gpus, models)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("count", "model", "quant"), [("", "qwen3-vl-8b", "int4"), ("2x", "gpt-oss-20b", "MXFP4")])
def test_every_gpu(name: str, count: str, model: str, quant: str) -> None:
    """All GPUs of the catalogue, so that no kind of them is left to chance."""
    compare({"engine": name}, [f"{count}{row.id}" for row in catalogue().gpu_rows()], [model], quants=(quant,))
