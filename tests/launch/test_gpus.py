"""Numbers of GPUs that commands state, and the kinds of GPU that are asked about."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.engines.restating import restatements
from vramfit.engines.spread import with_gpus
from vramfit.errors import UsageError

TRAIN = "-m axolotl.cli.train --base-model Qwen/Qwen2.5-7B --adapter lora"
SERVE = "vllm serve Qwen/Qwen2.5-32B-Instruct --tensor-parallel-size 4"


def gpu(command: str, given: str) -> tuple[object, int]:
    """GPU that a command is answered for, and the number of notes on it."""
    found = read_command(command)
    raw, noted = with_gpus({"engine": found.engine, **found.keys, "gpu": [given]}, found)
    return raw["gpu"], len(noted.notes) - len(found.notes)


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        ("4xl4", SERVE),
        ("8xl4", f"{SERVE} --pipeline-parallel-size 2"),
        ("l4", "vllm serve Qwen/Qwen2.5-32B-Instruct"),
        ("l4", "CUDA_VISIBLE_DEVICES=0,1 vllm serve Qwen/Qwen2.5-32B-Instruct"),
        ("4xl4", f"CUDA_VISIBLE_DEVICES=0,1,2,3,4 {SERVE}"),
        ("3xl4", "CUDA_VISIBLE_DEVICES=0,1,2 llama-server -m qwen3-8b-Q8_0.gguf"),
        ("2xl4", "HIP_VISIBLE_DEVICES=0,1 llama-server -m qwen3-8b-Q8_0.gguf"),
        ("2xl4", "docker run --gpus '\"device=0,1\"' ghcr.io/ggml-org/llama.cpp:server -m qwen3-8b-Q8_0.gguf"),
        ("2xl4", "docker run --gpus 2 ghcr.io/ggml-org/llama.cpp:server -m qwen3-8b-Q8_0.gguf"),
        ("l4", "docker run --gpus all ghcr.io/ggml-org/llama.cpp:server -m qwen3-8b-Q8_0.gguf"),
        ("l4", "CUDA_VISIBLE_DEVICES= llama-server -m qwen3-8b-Q8_0.gguf"),
        ("l4", "CUDA_VISIBLE_DEVICES=0,-1,1 llama-server -m qwen3-8b-Q8_0.gguf"),
        ("l4", "CUDA_VISIBLE_DEVICES=-1,0 llama-server -m qwen3-8b-Q8_0.gguf"),
        ("2xl4", "CUDA_VISIBLE_DEVICES=1,0,1 llama-server -m qwen3-8b-Q8_0.gguf"),
        ("4xl4", f"torchrun --nproc_per_node 4 {TRAIN}"),
        ("8xl4", f"torchrun --nproc-per-node=4 --nnodes 2 {TRAIN}"),
        ("l4", f"torchrun --nproc_per_node gpu {TRAIN}"),
        ("8xl4", f"accelerate launch --num_processes 8 --num_machines 2 {TRAIN}"),
        ("2xl4", f"deepspeed --num_gpus=2 --module {TRAIN[3:]}"),
        ("4xl4", f"deepspeed --include localhost:0,1@worker:0,1 --module {TRAIN[3:]}"),
        ("6xl4", "NPROC_PER_NODE=6 llamafactory-cli train --stage sft --model_name_or_path a/b --finetuning_type lora"),
        ("2xl4", "tune run --nproc_per_node 2 full_finetune_distributed --config llama3_1/8B_full"),
        ("4xl4", "litgpt finetune_lora meta-llama/Llama-2-7b-hf --devices 4"),
    ],
)
def test_a_kind_gets_the_commands_number(expected: str, command: str) -> None:
    """A number of more than one is noted."""
    named, notes = gpu(command, "l4")
    assert ([expected], int(expected != "l4")) == (named, notes)


@pytest.mark.parametrize(
    ("message", "command", "given"),
    [
        ("--nproc_per_node 4 means 4 GPUs, and 8 were given", f"torchrun --nproc_per_node 4 {TRAIN}", "8xl4"),
        ("--num_processes 1 means one GPU, and 2", f"accelerate launch --num_processes 1 {TRAIN}", "2xl4"),
        ("CUDA_VISIBLE_DEVICES=0,1 means 2 GPUs, and 4", "CUDA_VISIBLE_DEVICES=0,1 llama-server -m a.gguf", "4xl4"),
        (
            "tensor_parallel 4 uses 4 GPUs, and CUDA_VISIBLE_DEVICES=0,1 leaves 2",
            f"CUDA_VISIBLE_DEVICES=0,1 {SERVE}",
            "l4",
        ),
        ("leaves 1 of them visible", f"CUDA_VISIBLE_DEVICES=3 torchrun --nproc_per_node 4 {TRAIN}", "4xl4"),
    ],
)
def test_contradictions(message: str, command: str, given: str) -> None:
    """What a launcher, an environment or a container says is not what was asked."""
    with pytest.raises(UsageError, match=message):
        gpu(command, given)


@pytest.mark.parametrize("given", ["4xl4", "auto"])
def test_a_number_that_is_the_same_or_not_known_stays(given: str) -> None:
    assert ([given], 0) == gpu(SERVE, given)


BEFORE = "vllm serve a/b --tensor-parallel-size 1"
AFTER = "vllm serve a/b --tensor-parallel-size 2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CUDA_VISIBLE_DEVICES=3 {}", "CUDA_VISIBLE_DEVICES=0,1 {}"),
        ("export CUDA_VISIBLE_DEVICES=3\n{}", "export CUDA_VISIBLE_DEVICES=0,1\n{}"),
        (
            "docker run --gpus '\"device=3\"' vllm/vllm-openai {}",
            "docker run --gpus '\"device=0,1\"' vllm/vllm-openai {}",
        ),
        ("docker run --gpus=1 vllm/vllm-openai {}", "docker run --gpus=2 vllm/vllm-openai {}"),
        ("docker run --gpus all vllm/vllm-openai {}", "docker run --gpus all vllm/vllm-openai {}"),
    ],
)
def test_a_remedy_with_more_gpus_makes_them_visible(text: str, expected: str) -> None:
    found = restatements(read_command(text.format(BEFORE)), BEFORE, AFTER, (), 2)
    assert [expected.format(AFTER)] == list(found)


def test_a_launchers_number_follows() -> None:
    text = "torchrun --nproc_per_node 2 --nnodes 2 -m axolotl.cli.train c.yml --base-model a/b --adapter lora"
    command = read_command(text.replace("c.yml ", ""))
    assert text.replace("c.yml ", "").replace("node 2", "node 4") == next(restatements(command, "", "", (), 8))
    assert [] == list(restatements(command, "", "", (), 7))


def test_flags_of_a_launcher_with_many_words_end() -> None:
    """Reading goes on behind them."""
    found = read_command(f"accelerate launch --tpu_env A=1 B=2 --num_processes 2 {TRAIN}")
    assert found.keys["task"] == "lora"


@pytest.mark.parametrize(
    ("expected", "image"),
    [
        ("0.11.0", "vllm/vllm-openai:v0.11.0"),
        ("0.5.3", "docker.io/vllm/vllm-openai:v0.5.3.post1@sha256:abc"),
        ("0.9.1", "vllm/vllm-openai-rocm:0.9.1-rocm"),
        (None, "vllm/vllm-openai:latest"),
        (None, "vllm/vllm-openai"),
        (None, "opea/vllm:1.3"),
    ],
)
def test_the_tag_of_an_image_states_the_release(expected: str | None, image: str) -> None:
    assert expected == read_command(f"docker run {image} --model a/b").keys.get("engine_version")
