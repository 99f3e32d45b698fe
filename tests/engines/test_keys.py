"""All deployment keys together: which there are, in what order, and a request read by them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit._record import fields
from vramfit.engines import engine, names, own_groups
from vramfit.engines.keys import common_keys, every_key, parse_request
from vramfit.errors import CannotTell, UsageError, VramfitError
from vramfit.workload.common import GROUPS as COMMON
from vramfit.workload.common import Workload
from vramfit.workload.training import GROUPS as TRAINING
from vramfit.workload.training import Training
from vramfit.workload.tuning import GROUPS as TUNING

CONTRACT = {
    "gpu", "model", "engine", "quant", "context", "parallel", "images", "kv_cache_type", "kv_cache_type_v",
    "image_size", "flash_attention", "batch", "ubatch", "unified_kv", "swa_full", "outputs", "gpu_layers",
    "cpu_moe_layers", "tensor_parallel", "pipeline_parallel", "max_batched_tokens", "gpu_memory_utilization",
    "enforce_eager", "ram", "reserve", "platform", "task", "sequence_length", "micro_batch", "lora_rank", "optimizer",
    "gradient_checkpointing", "zero_stage", "trainer", "objective", "lora_targets", "lora_dropout",
    "save_modules", "gradient_accumulation", "optimizer_in_backward", "fused_loss", "mixed_precision", "sharding",
    "offload_optimizer", "offload_parameters", "generations",
    "level", "name", "data_parallel", "expert_parallel", "nodes", "max_num_seqs",
    "kv_cache_memory", "cpu_offload", "swap_space", "engine_version", "max_loras", "max_lora_rank",
    "rope_scaling", "long_context", "max_total_tokens", "swa_full_tokens_ratio", "mamba_full_memory_ratio",
    "cuda_graph_max_bs",
}  # fmt: skip
"""Names that scripts and deployments files rely on."""

ORDER = [
    "gpu", "model", "engine", "quant", "context", "parallel", "images", "image_size", "kv_cache_type", "kv_cache_type_v",
    "flash_attention", "batch", "ubatch", "unified_kv", "swa_full", "kv_offload", "outputs", "gpu_layers",
    "cpu_moe_layers", "override_tensor", "mmproj", "adapter_size", "backend",
    "split_mode", "main_gpu", "tensor_split", "sched_spread", "context_checkpoints", "checkpoint_min_step", "cache_ram",
    "component_offload", "text_encoder", "output_size", "frames", "vae_tiling", "beam_size", "tensor_parallel",
    "pipeline_parallel", "data_parallel", "expert_parallel", "nodes", "max_num_seqs",
    "max_batched_tokens", "gpu_memory_utilization", "kv_cache_memory", "enforce_eager", "cpu_offload", "swap_space",
    "engine_version", "max_loras", "max_lora_rank", "rope_scaling", "long_context", "max_total_tokens",
    "swa_full_tokens_ratio",
    "mamba_full_memory_ratio", "cuda_graph_max_bs", "speculative", "speculative_tokens",
    "draft_model", "draft_kv_cache_type", "draft_kv_cache_type_v", "draft_gpu_layers",
    "draft_cpu_moe_layers", "kv_bytes_per_token", "file_size",
    "bits_per_weight", "encoder_tokens", "image_tokens", "prompt_tokens", "ram", "ram_bandwidth", "reserve", "usable",
    "platform", "task",
    "sequence_length", "micro_batch", "lora_rank",
    "optimizer", "gradient_checkpointing", "zero_stage", "trainer", "objective", "lora_targets", "dora", "lora_dropout",
    "save_modules", "gradient_accumulation", "optimizer_in_backward", "fused_loss", "mixed_precision", "sharding",
    "offload_optimizer", "offload_parameters", "generations", "vllm_gpu_memory_utilization", "vllm_sleep_mode",
    "level", "name",
]  # fmt: skip
"""As help texts and reports have them, whichever group declares them."""

KINDS = {
    "text",
    "texts",
    "count",
    "tokens",
    "number",
    "size",
    "choice",
    "flag",
    "count-or-word",
    "pixels",
    "shares",
    "rate",
}


def test_every_key_of_the_contract_is_declared() -> None:
    """Names never disappear; more may come."""
    assert CONTRACT <= set(every_key())


def test_the_order_of_keys() -> None:
    """A new key is put where a reader looks for it, and never moves the others."""
    assert ORDER == list(every_key())
    assert all(name == key.name for name, key in every_key().items())


def test_common_keys_are_those_of_no_engine() -> None:
    """They come in the order of all keys, and no engine declares one of them again."""
    own = {key.name for name in names() for group in engine(name).groups for key in group.keys}
    training = {key.name for key in every_key().values() if key.name == "task" or key.name in fields(Training)}
    assert own | training == set(every_key()) - set(common_keys())
    assert not (own | training) & set(common_keys())
    assert sorted(common_keys(), key=ORDER.index) == list(common_keys())


def test_the_engine_s_choices_are_the_engines() -> None:
    """By name; the default in words says how one is chosen."""
    assert names() == every_key()["engine"].choices
    assert (
        "by the model's name, the quant and keys of one engine alone; else transformers"
        == every_key()["engine"].default_words
    )


def test_a_key_is_declared_once() -> None:
    """So a name means one thing, whichever engine has it."""
    declared = [key for group in (*COMMON, *TRAINING, *TUNING, *own_groups()) for key in group.keys]
    assert sorted(key.name for key in declared) == sorted(every_key())
    assert {id(key) for key in declared if key.name != "engine"} <= {id(key) for key in every_key().values()}


@pytest.mark.parametrize("name", names())
def test_every_own_key_has_a_field_and_its_default(name: str) -> None:
    """A record without a request, and one made without values, hold what the declarations say."""
    own = engine(name)
    declared = {key.stored_as: key.default for group in own.groups for key in group.keys}
    record = own.fill({})
    assert (record is None) == (own.record is None) == (not declared)
    if own.record is not None:
        assert own.record() == record
        assert {field: getattr(record, field) for field in fields(own.record)}.items() <= declared.items()
        assert set(declared).isdisjoint(fields(Workload) + fields(Training))


def test_no_key_is_declared_and_lost() -> None:
    """Each is a field of some engine's record, or it would be read and mean nothing."""
    declared = {key.stored_as for group in own_groups() for key in group.keys}
    records = [engine(name).record for name in names()]
    assert declared == {field for kind in records if kind is not None for field in fields(kind)}


def test_declarations_are_complete() -> None:
    """Each key has a known kind and a help text, choices have words, and no two keys share a flag."""
    assert {key.kind for key in every_key().values()} <= KINDS
    assert all(key.help for key in every_key().values())
    assert all(key.words for key in every_key().values() if key.kind in ("choice", "count-or-word"))
    flags = [flag for key in every_key().values() for flag in ("--" + key.name.replace("_", "-"), *key.flags)]
    assert sorted(set(flags)) == sorted(flags)


def test_unknown_key_is_an_error_with_the_nearest_ones() -> None:
    """A misspelt key never passes silently."""
    with pytest.raises(UsageError) as caught:
        parse_request({"gpu": "rtx4090", "kv_cache_typ": "f16"})
    assert 'unknown key "kv_cache_typ"' == caught.value.message
    assert "kv_cache_type" in (caught.value.hint or "")
    with pytest.raises(UsageError):
        parse_request({3: "x"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zzz", "`vramfit check --help` has all of them"),
        ("contxt", "did you mean context or long_context?"),
        ("users", "did you mean parallel?"),
        ("max_model_len", "did you mean context?"),
        ("n_gpu_layers", "did you mean gpu_layers?"),
    ],
)
def test_what_an_unknown_key_may_have_meant(name: str, hint: str) -> None:
    """A flag of a key leads to the key; where nothing is near, the help has the list."""
    with pytest.raises(UsageError) as caught:
        parse_request({name: 1})
    assert (f'unknown key "{name}"', hint) == (caught.value.message, caught.value.hint)


def test_a_null_key_is_as_good_as_absent() -> None:
    """``tensor_parallel: null``, as a report writes it, leaves the decision to the engine."""
    assert {"gpu": ("rtx4090",)} == parse_request({"gpu": "rtx4090", "tensor_parallel": None})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["all", "auto", "on", "off", "true", "false", "64GiB", "-1", "--1", "1e3", "0x10", "1_0", "٣"]),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(st.sampled_from(ORDER), VALUES)
def test_any_value_is_typed_or_refused(name: str, raw: Any) -> None:
    """Whatever a file or a flag holds, the answer is a value of the key's kind within its bounds, or a usage error."""
    key = every_key()[name]
    try:
        value: Any = parse_request({name: raw}).get(name)
    except VramfitError as error:
        assert error.exit_code == 2
        assert "\n" not in error.message or "\n" in str(raw)
        return
    if raw is None:
        assert value is None
    elif key.kind == "texts":
        assert value
        assert all(isinstance(item, str) and item.strip() for item in value)
    elif key.kind == "text":
        assert isinstance(value, str)
        assert value.strip()
    elif key.kind == "flag":
        assert isinstance(value, bool)
    elif key.kind == "pixels":
        assert isinstance(value, tuple)
        width, height = value
        assert 0 < min(width, height) <= max(width, height) <= 65536
    elif key.kind == "shares":
        assert isinstance(value, tuple)
        assert min(value) >= 0 < sum(value) < float("inf")
    elif key.kind == "size":
        assert value in key.choices or isinstance(value, int)
        assert value in key.choices or 0 <= value < 2**63
    elif key.kind == "number":
        assert isinstance(value, float)
        assert key.minimum <= value <= key.maximum
    elif value not in key.words:
        assert isinstance(value, int)
        assert key.minimum <= value <= key.maximum


@pytest.mark.parametrize(
    ("title", "nearest", "spelling"), [("LMDeploy", "vllm", "LMDeploy"), ("MLC LLM", "llama.cpp", "mlc-llm")]
)
def test_engines_that_are_not_modelled(title: str, nearest: str, spelling: str) -> None:
    """By their own name, with what is near."""
    with pytest.raises(CannotTell, match=title) as caught:
        parse_request({"engine": spelling})
    assert f"--engine {nearest} " in str(caught.value.hint)
