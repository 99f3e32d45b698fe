"""The workload without a request, and the keys that every engine has."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.workload.common import FORM, GROUPS, Workload
from vramfit.workload.training import Training


def test_workload_defaults_are_the_contract_s() -> None:
    """A workload with nothing but a context is what the contract's default column says."""
    work = Workload(context=4096)
    assert {
        "context": 4096, "parallel": 1, "images": 0, "image_size": None, "kv_cache_type": "f16", "kv_cache_type_v": "f16",
        "flash_attention": True, "gpu_layers": "all", "cpu_moe_layers": 0, "prompt_tokens": None,
        "kv_bytes_per_token": None, "image_tokens": None, "ram_bytes": None,
        "ram_bandwidth_bytes_per_second": None, "reserve_bytes": 0, "platform": "linux", "task": "inference",
        "level": "tight", "own": None, "speculative": None, "speculative_tokens": None, "draft": None,
        "training": Training(),
    } == {name: getattr(work, name) for name in fields(Workload)}  # fmt: skip


def test_declared_defaults_are_the_record_s() -> None:
    """Two places state them, the keys for help texts and the record for code: what follows the rest is given here."""
    follows = {"context": 4096, "images": 0, "kv_cache_type": "f16", "kv_cache_type_v": "f16", "platform": "linux"}
    assert Workload(context=4096) == FORM.fill({}, **follows)


def test_keys_with_a_field_and_without() -> None:
    """What is asked about (GPUs, model, engine, quantization), facts of it and the label are no part of the work."""
    declared = {key.stored_as: key.name for group in GROUPS for key in group.keys}
    asked = {"gpu", "model", "engine", "quant", "name"}
    stated = {"file_size", "bits_per_weight", "encoder_tokens", "usable", "draft_model"}
    assert asked | stated == set(declared) - set(fields(Workload))
    assert {"task", "own", "training", "draft"} == set(fields(Workload)) - set(declared)
    assert {"ram_bytes": "ram", "ram_bandwidth_bytes_per_second": "ram_bandwidth", "reserve_bytes": "reserve"} == {
        field: name for field, name in declared.items() if field != name
    }
