"""Every remedy keeps its promise: put on what was asked and checked afresh, it is what it was said to be.

Over questions drawn from the whole catalogue, each engine and most deployment keys.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import vramfit
from tests.contract.test_invariants import asked_again, promised
from tests.launch.test_flags import verify
from vramfit.engines.keys import every_key
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.catalogue.rows import ModelRow

KEYS: dict[str, st.SearchStrategy[Any]] = {
    "engine": st.sampled_from(
        ["transformers", "llama.cpp", "vllm", "sglang", "ollama", "exllamav2", "exllamav3", "mlx", "tensorrt-llm"]
    ),
    "quant": st.sampled_from(
        ["fp16", "bf16", "int8", "int4", "fp8", "awq", "Q8_0", "Q4_K_M", "IQ3_M", "F16", "MXFP4", "nf4"]
    ),
    "context": st.sampled_from([512, 2048, 4096, 8192, 16384, 40000, 131072]),
    "parallel": st.sampled_from([1, 2, 3, 8, 33, 256]),
    "kv_cache_type": st.sampled_from(["f16", "q8_0", "fp8"]),
    "flash_attention": st.sampled_from(["on", "off"]),
    "ubatch": st.sampled_from([64, 512, 2048]),
    "unified_kv": st.booleans(),
    "swa_full": st.booleans(),
    "gpu_layers": st.sampled_from(["all", "auto", 0, 7, 33]),
    "cpu_moe_layers": st.sampled_from(["all", "auto", 0, 5]),
    "gpu_memory_utilization": st.sampled_from([0.5, 0.85, 0.95]),
    "max_batched_tokens": st.sampled_from([1024, 8192]),
    "tensor_parallel": st.sampled_from([1, 2]),
    "max_num_seqs": st.sampled_from([4, 64]),
    "nodes": st.sampled_from([1, 2]),
    "expert_parallel": st.booleans(),
    "enforce_eager": st.booleans(),
    "split_mode": st.sampled_from(["layer", "row", "none"]),
    "main_gpu": st.sampled_from([0, 1]),
    "backend": st.sampled_from(["cuda", "vulkan"]),
    "sched_spread": st.booleans(),
    "speculative": st.sampled_from(["mtp"]),
    "speculative_tokens": st.sampled_from([1, 4]),
    "prompt_tokens": st.sampled_from([100, 2000]),
    "ram": st.sampled_from(["8GiB", "64GiB", "512GiB"]),
    "reserve": st.sampled_from(["0B", "1GiB", "6GiB"]),
    "platform": st.sampled_from(["linux", "windows"]),
    "level": st.sampled_from(["fits", "tight"]),
    "task": st.sampled_from(["inference", "inference", "inference", "full", "lora", "qlora"]),
    "sequence_length": st.sampled_from([1024, 16384]),
    "micro_batch": st.sampled_from([1, 4]),
    "gradient_checkpointing": st.booleans(),
    "images": st.sampled_from([0, 1, 3]),
}
assert KEYS.keys() <= every_key().keys()


@cache
def cards() -> list[str]:
    """Ids of the cards that have memory of their own, and some sets."""
    ids = [row.id for row in open_catalogue().gpu_rows() if row.memory_mib is not None]
    return [*ids, *(f"2x{name}" for name in ids[::3]), *(f"4x{name}" for name in ids[::17]), "custom:10GiB@500GB/s"]


@cache
def models() -> list[ModelRow]:
    """Models that decode: the others have no remedies."""
    return [row for row in open_catalogue().model_rows() if row.modality != "image-generation"]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A deployment, most of whose keys are left to their defaults."""
    asked = {"gpu": draw(st.sampled_from(cards())), "model": draw(st.sampled_from(models())).id}
    names = draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=6, unique=True))
    return {**asked, **{name: draw(KEYS[name]) for name in names}}


def check(asked: dict[str, Any], everything: bool) -> list[Any]:
    """The estimates, none where the question means nothing."""
    arguments = ["--all-remedies"] if everything else []
    told = vramfit("check", "--file", "-", "--json", *arguments, stdin=json.dumps({"deployments": [asked]}))
    assert told.code in (0, 1, 2, 3), told
    return [estimate for estimate in told.estimates if "error" not in estimate]


def hold(asked: dict[str, Any], everything: bool) -> int:
    """Check every promise of the remedies of a question; returns how many there were."""
    told = [(estimate, remedy) for estimate in check(asked, everything) for remedy in estimate["remedies"]]
    if not told:
        return 0
    changed = [{**asked, **remedy["changes"]} for _, remedy in told]
    changed += [{**estimate["deployment"], **remedy["changes"]} for estimate, remedy in told]
    for (estimate, remedy), after in zip([*told, *told], asked_again(changed), strict=True):
        promised(remedy, after)
        verify(remedy["command"])
        better = ("fits",) if estimate["verdict"] == "tight" or asked.get("level") == "fits" else ("fits", "tight")
        assert remedy["verdict"] in better
    return len(told)


@given(questions(), st.booleans())
@settings(max_examples=150)
def test_remedies_of_any_question_keep_their_promise(asked: dict[str, Any], everything: bool) -> None:
    """Exactly the promised verdict, bytes, speed and quality, on the asked keys and on the reported deployment."""
    hold(asked, everything)


def test_the_questions_have_remedies() -> None:
    """Were none offered, nothing would be tested."""
    assert hold({"gpu": "rtx4090", "model": "llama-3.1-70b"}, False) > 3
    assert hold({"gpu": "rtx3060-12gb", "model": "qwen3-30b-a3b", "engine": "vllm", "parallel": 8}, True) > 3
