"""Keys of fine-tuning that inference does not have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import vramfit
from vramfit._record import fields
from vramfit.engines.keys import every_key
from vramfit.errors import UsageError
from vramfit.workload.keys import parse_value
from vramfit.workload.training import GROUPS as SHOWN
from vramfit.workload.training import Training
from vramfit.workload.tuning import FORM, GROUPS, NAMES, training


def test_every_field_is_a_key_s() -> None:
    declared = {key.name for group in (*SHOWN, *GROUPS) for key in group.keys}
    assert declared == {"task", *fields(Training)}
    assert Training() == FORM.fill({})


def test_inference_reports_none_of_them() -> None:
    assert set(NAMES).isdisjoint(every_key("inference"))
    assert [name for name in every_key() if name not in NAMES] == list(every_key("inference"))
    assert set(NAMES) <= set(every_key("lora"))


@pytest.mark.parametrize(
    ("key", "spelling", "word"),
    [
        ("trainer", "HF", "transformers"),
        ("trainer", "peft", "transformers"),
        ("trainer", "LLaMA-Factory", "llama-factory"),
        ("trainer", "llama_factory", "llama-factory"),
        ("trainer", "Unsloth", "unsloth"),
        ("trainer", "SFTTrainer", "trl"),
        ("sharding", "ZeRO-3", "zero3"),
        ("sharding", "FSDP2", "fsdp"),
        ("sharding", "ddp", "none"),
        ("sharding", "2", "zero2"),
        ("objective", "DPO", "dpo"),
        ("lora_targets", "QV", "qv"),
    ],
)
def test_other_spellings(key: str, spelling: str, word: str) -> None:
    assert word == parse_value(every_key()[key], spelling)


@pytest.mark.parametrize(
    ("key", "raw"), [("trainer", "keras"), ("sharding", "zero4"), ("lora_dropout", 2), ("generations", 0)]
)
def test_values_that_nothing_means_are_refused(key: str, raw: Any) -> None:
    with pytest.raises(UsageError):
        parse_value(every_key()[key], raw)


@pytest.mark.parametrize(
    ("request_", "stage", "sharding"),
    [
        ({}, 0, "none"),
        ({"zero_stage": 3}, 3, "zero3"),
        ({"zero_stage": 0}, 0, "none"),
        ({"sharding": "zero2"}, 2, "zero2"),
        ({"sharding": "fsdp"}, 0, "fsdp"),
        ({"sharding": "zero1", "zero_stage": 1}, 1, "zero1"),
    ],
)
def test_the_old_spelling_of_sharding(request_: dict[str, Any], stage: int, sharding: str) -> None:
    found = training(request_, {})
    assert (found.zero_stage, found.sharding) == (stage, sharding)


def test_two_spellings_must_agree() -> None:
    with pytest.raises(UsageError, match="zero_stage 2 and sharding fsdp contradict each other"):
        training({"zero_stage": 2, "sharding": "fsdp"}, {})


def test_a_trainer_s_defaults_give_way() -> None:
    """To what is stated, and to accumulation where it rules out a step in the backward pass."""
    own = {"optimizer": "paged_adamw8bit", "optimizer_in_backward": True}
    assert training({}, own).optimizer_in_backward
    assert training({"optimizer": "sgd"}, own).optimizer == "sgd"
    assert not training({"gradient_accumulation": 2}, own).optimizer_in_backward
    assert training({"gradient_accumulation": 2, "optimizer_in_backward": True}, own).optimizer_in_backward


def test_flags_of_the_command_line() -> None:
    """Each has its own, and what is left out is the trainer's."""
    line = (
        "check -g rtx4090 -m llama-3.1-8b --task lora --trainer unsloth --lora-targets qv --lora-dropout 0.1 --fused-loss "
        "--gradient-accumulation 4 --save-modules embeddings --format csv"
    )
    out = vramfit(*line.split()).out.splitlines()
    row = dict(zip(out[0].split(","), out[1].split(","), strict=False))
    assert row["deployment.trainer"] == "unsloth"
    assert row["deployment.optimizer"] == "adamw8bit"
    assert row["deployment.lora_targets"] == "qv"
