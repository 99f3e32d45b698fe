"""Commands of trainers as deployment keys: those found in public repositories, and those that are written here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.training.test_scripts import run
from vramfit.engines.commands import read_command
from vramfit.engines.keys import parse_request
from vramfit.errors import CannotTell, UsageError
from vramfit.launch.files import Files
from vramfit.training.profile import written

if TYPE_CHECKING:
    from vramfit.training.script import Run

FOUND = yaml.safe_load(Path(__file__).with_name("found.yaml").read_text(encoding="utf-8"))


def files(contents: dict[str, Any]) -> Files:
    """Files of these contents alone."""

    def settings(path: str) -> dict[str, Any]:
        if path not in contents:
            raise UsageError(f"cannot read {path}")
        return contents[path]  # type: ignore[no-any-return]

    return Files(settings=settings, parsed=yaml.safe_load)


def keys(command: str, contents: dict[str, Any] | None = None) -> dict[str, Any]:
    """Values of the keys that a command states."""
    return parse_request(read_command(command, files(contents or {})).keys)


@pytest.mark.parametrize("one", FOUND, ids=[one["source"] for one in FOUND])
def test_commands_that_people_published(one: dict[str, Any]) -> None:
    """What they mean, and that nothing in them is unknown but what is said to be."""
    found = read_command(one["command"], files(one.get("files", {})))
    assert found.engine == "transformers"
    assert parse_request(found.keys) == parse_request(one["keys"])
    unknown = [note.split()[0] for note in found.notes]
    assert unknown == one.get("unknown", [])


def test_there_are_enough_of_them() -> None:
    assert len(FOUND) >= 12
    assert len({one["keys"]["trainer"] for one in FOUND}) == 5


WRITTEN = [
    run("full", trainer="axolotl", optimizer="paged_adamw8bit", gradient_checkpointing=False, flash=False),
    run("qlora", 4, trainer="axolotl", sharding="zero3", offload_parameters=True, dora=True, save_modules="embeddings"),
    run("lora", 2, trainer="axolotl", sharding="fsdp", lora_targets="mlp", fused_loss=True, objective="dpo"),
    run("lora", trainer="axolotl", objective="grpo", generations=4, micro_batch=4, vllm_gpu_memory_utilization=0.4,
        vllm_sleep_mode=True),
    run("full", trainer="llama-factory", mixed_precision=True, fused_loss=True, gradient_checkpointing=False, flash=False),
    run("full", 2, trainer="llama-factory", sharding="zero2", offload_optimizer=True, objective="dpo"),
    run("qlora", 2, trainer="llama-factory", sharding="fsdp", offload_parameters=True, lora_targets="qv", lora_dropout=0.1),
    run("full", trainer="torchtune", optimizer="paged_adamw8bit", optimizer_in_backward=True),
    run("lora", trainer="torchtune", lora_targets="attention", dora=True, gradient_checkpointing=False),
    run("qlora", 2, trainer="torchtune", objective="dpo", sharding="fsdp", offload_parameters=True, lora_dropout=0.05),
    run("full", 2, trainer="litgpt", optimizer="adamw8bit", mixed_precision=True, gradient_accumulation=4),
    run("lora", trainer="litgpt", micro_batch=3, lora_targets="attention"),
    run("qlora", trainer="litgpt", sequence_length=512, lora_targets="mlp", lora_dropout=0.1),
    run(),
    run("full", flash=False, micro_batch=2, gradient_accumulation=4, gradient_checkpointing=False,
        optimizer="paged_adamw8bit", fused_loss=True),
    run("qlora", 2, gradient_checkpointing=False, lora_targets="mlp", lora_dropout=0.1, dora=True, sharding="zero2",
        offload_optimizer=True),
    run("lora", optimizer="lora_fa", lora_rank=8, lora_targets="qv", save_modules="embeddings"),
    run("full", mixed_precision=True, size=(640, 480)),
    run("full", 8, trainer="trl", objective="dpo", sequence_length=512, sharding="zero3", offload_parameters=True),
    run("qlora", 2, trainer="trl", sharding="fsdp", offload_parameters=True, lora_targets="attention"),
    run("lora", trainer="trl", objective="grpo", generations=4, micro_batch=4, vllm_gpu_memory_utilization=0.4,
        vllm_sleep_mode=True),
    run("lora", trainer="trl", optimizer="lora_fa", flash=False, size=(336, 336)),
    run("qlora", trainer="unsloth", sequence_length=4096, lora_targets="attention", save_modules="embeddings"),
    run("full", trainer="unsloth", mixed_precision=True, gradient_checkpointing=False, optimizer="adamw8bit"),
    run("lora", trainer="unsloth", objective="grpo", generations=4, micro_batch=8, vllm_gpu_memory_utilization=0.5,
        vllm_sleep_mode=True, dora=True),
    run("qlora", trainer="unsloth", size=(512, 512), flash=False),
    run("full", 4, trainer="qwen", sharding="zero3", sequence_length=512, optimizer="adamw8bit"),
    run("qlora", trainer="qwen", lora_rank=64, lora_targets="attention", lora_dropout=0.05),
    run("lora", 2, trainer="qwen", sharding="zero2", offload_optimizer=True, lora_targets="mlp"),
]  # fmt: skip
STATED = ("trainer", "sequence_length", "micro_batch", "gradient_accumulation")


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: f"{one.train.trainer}-{one.task}-{one.train.objective}")
def test_written_commands_say_what_they_were_written_from(one: Run) -> None:
    """Every value that is read is the run's, and every one that is no default is read."""
    found = keys(written(one))
    assert (found.pop("model"), found.pop("task")) == ("org/model", one.task)
    quant = "nf4" if one.task == "qlora" and one.train.trainer != "qwen" else None
    assert found.pop("quant", None) == quant
    assert found.pop("images", one.images) == one.images
    assert found.pop("image_size", None) == one.image_size
    assert found.pop("flash_attention", "on") == ("on" if one.flash_attention else "off")
    assert {name: getattr(one.train, name) for name in found} == found
    assert set(STATED) <= set(found)
    plain = run(one.task, one.gpus).train
    moved = {name for name, value in vars(one.train).items() if value != getattr(plain, name)}
    assert moved <= set(found) | {"optimizer" if one.task == "qlora" and one.train.trainer == "litgpt" else "trainer"}


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (
            {"sharding": "zero3", "offload_parameters": True},
            "--use_deepspeed --zero_stage 3 --offload_param_device cpu",
        ),
        ({"sharding": "zero2"}, "--use_deepspeed"),
        ({"sharding": "fsdp", "offload_parameters": True}, "--use_fsdp --fsdp_offload_params true"),
        ({"sharding": "zero1"}, "--deepspeed_config_file conf/zero-1.json"),
        ({}, "--multi_gpu --num_processes 4 --mixed_precision bf16"),
    ],
)
def test_accelerate_s_flags(expected: dict[str, Any], command: str) -> None:
    found = keys(f"accelerate launch {command} scripts/sft.py --model_name_or_path a/b --use_peft --dtype bfloat16")
    assert {name: found[name] for name in ("sharding", "offload_parameters") if name in found} == expected


def test_deepspeed_s_file_is_read() -> None:
    zero = {
        "zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "none"}}
    }
    command = "deepspeed --num_gpus=4 src/train.py --stage sft --model_name_or_path a/b --deepspeed ds.json"
    found = keys(command, {"ds.json": zero})
    assert (found["sharding"], found["offload_optimizer"]) == ("zero2", True)
    assert "offload_parameters" not in found


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ("torchrun starts my_train.py, which is no script", "torchrun --nproc_per_node 8 my_train.py --lr 1e-4"),
        ("accelerate launch starts train.py, which is no script", "accelerate launch --num_processes 4 train.py"),
        ("deepspeed starts run.py, which is no script", "deepspeed --num_gpus 2 run.py --deepspeed ds_config.json"),
        ('no engine is known that "python" starts', "python train.py --model a/b"),
        ("cannot read missing.yml", "axolotl train missing.yml"),
        ("its name says no stage of ZeRO", "llamafactory-cli train --model_name_or_path a/b --deepspeed ds.json"),
        ('torchtune\'s recipe "quantize" is not modelled', "tune run quantize --config quantization"),
    ],
)
def test_what_is_missing_is_named(message: str, command: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys(command)
    assert message in caught.value.message
    assert caught.value.hint or "cannot read" in message


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ("stage ppo", "llamafactory-cli train --model_name_or_path a/b --stage ppo"),
        ("finetuning_type freeze", "llamafactory-cli train --model_name_or_path a/b --finetuning_type freeze"),
        ("shard_grad_op", "llamafactory-cli train --model_name_or_path a/b --fsdp 'shard_grad_op auto_wrap'"),
        ("rl kto", "axolotl train --base-model a/b --rl kto"),
        ("adapter llama-adapter", "axolotl train --base-model a/b --adapter llama-adapter"),
    ],
)
def test_what_is_not_modelled_is_not_guessed(message: str, command: str) -> None:
    with pytest.raises(CannotTell, match=message):
        keys(command)


def test_an_unknown_setting_is_named_with_the_nearest() -> None:
    found = read_command("axolotl train c.yml", files({"c.yml": {"base_model": "a/b", "sequence_lenn": 512}}))
    (note,) = found.notes
    assert "--sequence_lenn of axolotl train is not known" in note
    assert "did you mean --sequence_len" in note
    found = read_command("axolotl train c.yml", files({"c.yml": {"base_model": "a/b", "unfrozen_parameters": ["x"]}}))
    assert found.notes == ("--unfrozen_parameters of axolotl train is not in the estimate",)


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("q_proj", "v_proj"), "qv"),
        (("c_attn",), "qv"),
        (("q_proj", "k_proj"), "attention"),
        (("up_proj", "down_proj"), "mlp"),
        (("q_proj", "up_proj"), "all"),
        (("all-linear",), "all"),
        (("model.layers.0.self_attn.q_proj",), "qv"),
        (("something_new",), "all"),
    ],
)
def test_targets_are_the_fewest_that_have_them_all(names: tuple[str, ...], value: str) -> None:
    from vramfit.training.commands.common import targets

    assert targets(names) == value
