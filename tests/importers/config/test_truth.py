"""Configurations against what transformers builds of them: parameters and caches exact, or not answered; never off.

``truth/classes.json`` has configurations with random dimensions of 273 model types, the parameters of the class that
transformers 5.24.0 constructs, and the bytes of its cache in bf16 after a prefill.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from vramfit.engines.transformers.estimate import cache_bytes
from vramfit.importers.config.model import Configured, read_config
from vramfit.memory.kv_cache import caches

HERE = Path(__file__).parent
LEAST_COUNTED, LEAST_CACHED, LEAST_SUPPORTED = 0.94, 0.92, 1.0
"""Shares of the rows that are answered at least; the last of those whose types vLLM or llama.cpp lists."""

POSITION_BYTES = {"qwen4_exp_text": 3 * 8}
"""Bytes of the positions of a token that transformers keeps beside a model's caches, once for all layers: three of 64 bits
(transformers 5.24.0 ``modeling_qwen4_exp.py``, "Store them on the first indexed layer")."""


@cache
def rows() -> tuple[tuple[dict[str, Any], Configured], ...]:
    document = json.loads((HERE / "truth" / "classes.json").read_text(encoding="utf-8"))
    return tuple((row, read_config(row["config"], "it", "It")) for row in document["rows"])


def parameters(found: Configured) -> int | None:
    return None if found.tensors is None else sum(tensor.parameters for tensor in found.tensors)


def cached(found: Configured, tokens: int) -> int | None:
    if found.caches_reason is not None:
        return None
    return sum(
        cache_bytes(kept, tokens, kept.encoder_tokens or 0, "bf16", "bf16") * len(kept.layers)
        for kept in caches(found.model)
    )


def test_no_parameter_count_is_off() -> None:
    answered = [(row["type"], parameters(found), row["parameters"]) for row, found in rows()]
    assert [one for one in answered if one[1] is not None and one[1] != one[2]] == []


def test_no_cache_is_off() -> None:
    measured = [(row, found) for row, found in rows() if row["cache"]]
    answered = [
        (row["type"], cached(found, tokens), stored - POSITION_BYTES.get(row["type"], 0) * tokens)
        for row, found in measured
        for tokens, stored in [row["cache"]]
    ]
    assert [one for one in answered if one[1] is not None and one[1] != one[2]] == []


def test_most_rows_are_answered() -> None:
    counted = [parameters(found) is not None for _, found in rows()]
    kept = [cached(found, row["cache"][0]) is not None for row, found in rows() if row["cache"]]
    assert sum(counted) >= LEAST_COUNTED * len(counted)
    assert sum(kept) >= LEAST_CACHED * len(kept)


def test_types_that_serving_programs_support_are_counted() -> None:
    listed = yaml.safe_load((HERE / "supported_types.yaml").read_text(encoding="utf-8"))
    supported = {kind for kinds in listed.values() for kind in kinds}
    counted = [parameters(found) is not None for row, found in rows() if row["type"] in supported]
    assert sum(counted) >= LEAST_SUPPORTED * len(counted)


def test_reasons_are_given_where_nothing_is_known() -> None:
    open_ends = [found for _, found in rows() if found.knowledge != "known"]
    assert all(found.tensors_reason or found.caches_reason for found in open_ends)
    assert {found.knowledge for found in open_ends} == {"standard", "unknown"}
