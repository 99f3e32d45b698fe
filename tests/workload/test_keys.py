"""The deployment keys: which there are, what they take, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.errors import UsageError, VramfitError
from vramfit.workload import CACHE_TYPES, KEY_BY_NAME, KEYS, Workload, parse_request, parse_value

CONTRACT = {
    "gpu", "model", "engine", "quant", "context", "parallel", "images", "kv_cache_type", "kv_cache_type_v",
    "image_size", "flash_attention", "batch", "ubatch", "unified_kv", "swa_full", "outputs", "gpu_layers",
    "cpu_moe_layers", "tensor_parallel", "pipeline_parallel", "max_batched_tokens", "gpu_memory_utilization",
    "enforce_eager", "ram", "reserve", "platform", "task", "sequence_length", "micro_batch", "lora_rank", "optimizer",
    "gradient_checkpointing", "zero_stage", "level", "name",
}  # fmt: skip
"""Names that scripts and deployments files rely on."""

KINDS = {"text", "texts", "count", "number", "size", "choice", "flag", "count-or-word", "pixels", "shares", "rate"}


def test_every_key_of_the_contract_is_declared_once() -> None:
    """Names never disappear; more may come."""
    names = [key.name for key in KEYS]
    assert CONTRACT <= set(names)
    assert sorted(set(names)) == sorted(names)


def test_declarations_are_complete() -> None:
    """Each key has a known kind and a help text, choices have words, and no two keys share a flag."""
    assert {key.kind for key in KEYS} <= KINDS
    assert all(key.help for key in KEYS)
    assert all(key.choices for key in KEYS if key.kind in ("choice", "count-or-word"))
    flags = [flag for key in KEYS for flag in ("--" + key.name.replace("_", "-"), *key.flags)]
    assert sorted(set(flags)) == sorted(flags)


def test_workload_defaults_are_the_contract_s() -> None:
    """A workload with nothing but a context is what the contract's default column says."""
    work = Workload(context=4096)
    told = {name: getattr(work, name) for name in type(work).__fields__}  # type: ignore[attr-defined]
    assert {
        "context": 4096, "parallel": 1, "images": 0, "image_size": None, "kv_cache_type": "f16", "kv_cache_type_v": "f16",
        "flash_attention": True, "batch": 2048, "ubatch": 512, "unified_kv": False, "swa_full": False,
        "outputs": "slots", "gpu_layers": "all", "cpu_moe_layers": 0, "tensor_parallel": None,
        "pipeline_parallel": None, "max_batched_tokens": None, "gpu_memory_utilization": None, "enforce_eager": False,
        "ram_bytes": None, "reserve_bytes": 0, "platform": "linux", "task": "inference", "sequence_length": 2048,
        "micro_batch": 1, "lora_rank": 16, "optimizer": "adamw", "gradient_checkpointing": True, "zero_stage": 0,
        "level": "tight", "backend": None, "split_mode": "layer", "main_gpu": 0, "tensor_split": None,
        "sched_spread": False,
    }.items() <= told.items()  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "name", "raw"),
    [
        (("rtx4090",), "gpu", "rtx4090"),
        (("rtx4090", "rtx3090"), "gpu", ["rtx4090", "rtx3090"]),
        ("llava-1.6-13b", "model", "llava-1.6-13b"),
        ("4090", "name", 4090),
        (4096, "context", "4096"),
        (4096, "context", " 4096 "),
        (4096, "context", 4096),
        (0, "images", "0"),
        ((1344, 1008), "image_size", "1344x1008"),
        ((1344, 1008), "image_size", " 1344X1008 "),
        ((65536, 328), "image_size", "65536x328"),
        ((3.0, 1.0), "tensor_split", "3,1"),
        ((0.0, 2.5), "tensor_split", [0, 2.5]),
        ((1.0,), "tensor_split", 1),
        ("q8_0", "kv_cache_type", "q8_0"),
        ("on", "flash_attention", "on"),
        ("on", "flash_attention", True),
        ("off", "flash_attention", False),
        (True, "unified_kv", "true"),
        (False, "unified_kv", False),
        ("all", "gpu_layers", "all"),
        ("auto", "gpu_layers", "auto"),
        (33, "gpu_layers", "33"),
        (0, "cpu_moe_layers", 0),
        (0.92, "gpu_memory_utilization", "0.92"),
        (1.0, "gpu_memory_utilization", 1),
        (68_719_476_736, "ram", "64GiB"),
        (0, "reserve", "0B"),
        (51_200_000_000, "ram_bandwidth", "51.2GB/s"),
        ("qlora", "task", "qlora"),
        (3, "zero_stage", "3"),
        ("fits", "level", "fits"),
    ],
)
def test_parse_value(expected: object, name: str, raw: object) -> None:
    """A flag's text and a file's value become the same typed value."""
    assert expected == parse_value(KEY_BY_NAME[name], raw)


@pytest.mark.parametrize(
    ("message", "name", "raw"),
    [
        ('context: "0" is not a valid value', "context", "0"),
        ('context: "-1" is not a valid value', "context", "-1"),
        ('context: "4k" is not a valid value', "context", "4k"),
        ('context: "4096.0" is not a valid value', "context", 4096.0),
        ('context: "True" is not a valid value', "context", True),
        ('context: "2147483648" is not a valid value', "context", "2147483648"),
        ('context: "99999999999999999999999" is not a valid value', "context", "9" * 23),
        ('context: "٣" is not a valid value', "context", "٣"),
        ('parallel: "--5" is not a valid value', "parallel", "--5"),
        ('gpu_layers: "some" is not a valid value', "gpu_layers", "some"),
        ('bandwidth "51.2" has no unit', "ram_bandwidth", "51.2"),
        ('bandwidth "51" has no unit', "ram_bandwidth", 51),
        ('ram_bandwidth: "0GB/s" is not a valid value', "ram_bandwidth", "0GB/s"),
        ('prompt_tokens: "0" is not a valid value', "prompt_tokens", 0),
        ('image_size: "0x5" is not a valid value', "image_size", "0x5"),
        ('image_size: "1e9x2" is not a valid value', "image_size", "1e9x2"),
        ('image_size: "65537x65537" is not a valid value', "image_size", "65537x65537"),
        ('image_size: "201x1" is not a valid value', "image_size", "201x1"),
        ('image_size: "1344" is not a valid value', "image_size", "1344"),
        ('image_size: "5" is not a valid value', "image_size", 0x5),
        ('image_size: "3x4x5" is not a valid value', "image_size", "3x4x5"),
        ('image_size: "-3x4" is not a valid value', "image_size", "-3x4"),
        ('image_size: "²x²" is not a valid value', "image_size", "²x²"),
        ('image_size: "[1, 2]" is not a valid value', "image_size", [1, 2]),
        ('kv_cache_type: "q9_0" is not a valid value', "kv_cache_type", "q9_0"),
        ('flash_attention: "maybe" is not a valid value', "flash_attention", "maybe"),
        ('unified_kv: "yes" is not a valid value', "unified_kv", "yes"),
        ('unified_kv: "1" is not a valid value', "unified_kv", 1),
        ('gpu_memory_utilization: "1.01" is not a valid value', "gpu_memory_utilization", "1.01"),
        ('gpu_memory_utilization: "nan" is not a valid value', "gpu_memory_utilization", "nan"),
        ('gpu_memory_utilization: "True" is not a valid value', "gpu_memory_utilization", True),
        ('ram: "64" is not a valid value', "ram", 64),
        ('size "64" has no unit', "ram", "64"),
        ('model: "" is not a valid value', "model", ""),
        ('model: "[]" is not a valid value', "model", []),
        ('gpu: "[]" is not a valid value', "gpu", []),
        ('gpu: "[1]" is not a valid value', "gpu", [1]),
        ('zero_stage: "4" is not a valid value', "zero_stage", "4"),
        ('tensor_split: "3;1" is not a valid value', "tensor_split", "3;1"),
        ('tensor_split: "0,0" is not a valid value', "tensor_split", "0,0"),
        ('tensor_split: "-1,2" is not a valid value', "tensor_split", "-1,2"),
        ('tensor_split: "[]" is not a valid value', "tensor_split", []),
    ],
)
def test_parse_value_refuses(message: str, name: str, raw: object) -> None:
    """The error names the key and the value as given, and the hint says what is expected; nothing is clamped."""
    with pytest.raises(UsageError) as caught:
        parse_value(KEY_BY_NAME[name], raw)
    assert message == caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("expected a whole number, 1 or more", "context"),
        ("expected a whole number, 0 to 4096", "images"),
        ("expected a whole number, 0 or more, or all or auto", "gpu_layers"),
        ("expected a number, 0.01 to 1", "gpu_memory_utilization"),
        (f"expected one of: {', '.join(CACHE_TYPES)}", "kv_cache_type"),
        ("expected true or false", "enforce_eager"),
        ("write width x height in pixels, as 1344x1008: 1 to 65536 a side", "image_size"),
    ],
)
def test_hints_say_what_is_expected(expected: str, name: str) -> None:
    """A reader of the hint can correct the value without the manual."""
    with pytest.raises(UsageError) as caught:
        parse_value(KEY_BY_NAME[name], "?")
    assert caught.value.hint is not None
    assert expected.removeprefix("expected ") in caught.value.hint


def test_unknown_key_is_an_error_with_the_nearest_ones() -> None:
    """A misspelt key never passes silently."""
    with pytest.raises(UsageError) as caught:
        parse_request({"gpu": "rtx4090", "kv_cache_typ": "f16"})
    assert 'unknown key "kv_cache_typ"' == caught.value.message
    assert "kv_cache_type" in (caught.value.hint or "")
    with pytest.raises(UsageError):
        parse_request({3: "x"})  # type: ignore[dict-item]


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


@given(st.sampled_from(sorted(KEY_BY_NAME)), VALUES)
def test_any_value_is_typed_or_refused(name: str, raw: Any) -> None:
    """Whatever a file or a flag holds, the answer is a value of the key's kind within its bounds, or a usage error."""
    key = KEY_BY_NAME[name]
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
        assert isinstance(value, int)
        assert 0 <= value < 2**63
    elif key.kind == "number":
        assert isinstance(value, float)
        assert key.minimum <= value <= key.maximum
    elif value not in key.choices:
        assert isinstance(value, int)
        assert key.minimum <= value <= key.maximum


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("AdamW", "adamw"),
        ("adamw_torch_fused", "adamw"),
        ("adamw_hf", "adamw"),
        ("adam", "adamw"),
        ("adamw_8bit", "adamw8bit"),
        ("adamw_bnb_8bit", "adamw8bit"),
        ("AdamW8bit", "adamw8bit"),
        ("adamw_torch_4bit", "adamw4bit"),
        ("paged_adamw_32bit", "paged_adamw"),
        ("paged_adamw_8bit", "paged_adamw8bit"),
        ("PagedAdamW8bit", "paged_adamw8bit"),
        ("lion_32bit", "lion"),
        ("paged_lion_8bit", "paged_lion8bit"),
        ("ademamix_8bit", "ademamix8bit"),
        ("rmsprop_bnb", "rmsprop"),
        ("Adafactor", "adafactor"),
        ("SGD", "sgd"),
        ("lora-fa", "lora_fa"),
    ],
)
def test_optimizers_go_by_the_names_of_frameworks(spelling: str, name: str) -> None:
    """Those of transformers, and the class names of torch and bitsandbytes."""
    assert name == parse_value(KEY_BY_NAME["optimizer"], spelling)


@pytest.mark.parametrize("spelling", ["adamw16bit", "paged", "8bit", "muon", "", "adafactor_8bit"])
def test_optimizers_nobody_modelled_are_refused(spelling: str) -> None:
    with pytest.raises(UsageError):
        parse_value(KEY_BY_NAME["optimizer"], spelling)
