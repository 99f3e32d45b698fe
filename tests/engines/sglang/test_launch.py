"""Flags of ``sglang.launch_server`` for copies, experts and pools."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.sglang.launch import read
from vramfit.errors import UsageError
from vramfit.launch.shell import processes


@pytest.mark.parametrize(
    ("expected", "flags"),
    [
        ({"tensor_parallel": "8"}, "--tp 8"),
        ({"tensor_parallel": "4", "expert_parallel": True}, "--tp-size 4 --ep-size 4"),
        ({"tensor_parallel": "4"}, "--tp-size 4 --ep-size 1"),
        # Copies of the model; of the attention layers, in the old words and in the new.
        ({"tensor_parallel": "2", "data_parallel": "4"}, "--tp 2 --dp 4"),
        (
            {"tensor_parallel": "1", "data_parallel": "8", "expert_parallel": True},
            "--tp 8 --dp 8 --enable-dp-attention",
        ),
        ({"tensor_parallel": "2", "data_parallel": "4", "expert_parallel": True}, "--tp 8 --attn-dp-size 4 --ep 8"),
        ({"tensor_parallel": "2", "data_parallel": "2"}, "--tp 2 --dp 2 --ep 2"),
        (
            {"max_total_tokens": "20000", "swa_full_tokens_ratio": "0.5", "mamba_full_memory_ratio": "0.2"},
            "--max-total-tokens 20000 --swa-full-tokens-ratio 0.5 --mamba-full-memory-ratio 0.2",
        ),
        ({"cpu_offload": "4GiB"}, "--cpu-offload-gb 4"),
        (
            {"rope_scaling": "yarn:4:32768"},
            """--json-model-override-args '{"rope_scaling": {"rope_type": "yarn", "factor": 4,"""
            """ "original_max_position_embeddings": 32768}}'""",
        ),
        ({"max_num_seqs": "16"}, "--max-running-requests 16"),
        ({"enforce_eager": True}, "--disable-cuda-graph"),
        ({"cuda_graph_max_bs": "16"}, "--cuda-graph-max-bs 16"),
        ({"cuda_graph_max_bs": "8"}, "--cuda-graph-max-bs-decode 8"),
        ({"max_loras": "8"}, "--enable-lora"),
        (
            {"max_loras": "2", "max_lora_rank": "32"},
            "--lora-paths a=/x b=/y --max-loras-per-batch 2 --max-lora-rank 32",
        ),
        # Without adapters there are no slots.
        ({}, "--max-loras-per-batch 2 --max-lora-rank 32"),
        ({}, "--disable-prefill-cuda-graph --attention-backend fa3 --page-size 64"),
    ],
)
def test_read(expected: dict[str, Any], flags: str) -> None:
    """Each as the deployment key that it means."""
    assert {"model": "a/b", "context": "max", **expected} == read(processes(f"sglang serve --model-path a/b {flags}"))


@pytest.mark.parametrize("flags", ["--tp 8 --attn-dp-size 3", "--ep-size many", "--tp x --dp 2 --enable-dp-attention"])
def test_what_cannot_be_read(flags: str) -> None:
    """Numbers that do not divide, and words for numbers."""
    with pytest.raises(UsageError):
        read(processes(f"sglang serve --model-path a/b {flags}"))


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ("--tp-size 4 --pp-size 1 --chunked", {}),
        ("--tp-size 4 --pp-size 1 --ep-size 4 --chunked", {"expert_parallel": True}),
        ("--tp-size 2 --pp-size 1 --dp-size 2 --chunked", {"data_parallel": 2}),
        (
            "--tp-size 4 --pp-size 1 --attn-dp-size 2 --ep-size 4 --chunked",
            {"data_parallel": 2, "expert_parallel": True},
        ),
        (
            "--tp-size 4 --pp-size 1 --dp-size 2 --enable-dp-attention --ep-size 4 --chunked",
            {"data_parallel": 2, "expert_parallel": True, "engine_version": "0.5.10"},
        ),
        (
            "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 python -m sglang.launch_server"
            " --model-path mistralai/Mixtral-8x7B-v0.1"
            """ --dtype bfloat16 --context-length 4096 --json-model-override-args '{"max_position_embeddings": 65536}' --tp""",
            {"rope_scaling": "65536", "long_context": True},
        ),
        ("--enable-lora --max-loras-per-batch 2 --max-lora-rank 64 --cuda-graph-max-bs-decode 4 --kv",
         {"max_loras": 2, "max_lora_rank": 64, "cuda_graph_max_bs": 4}),
        ("--cuda-graph-max-bs 4 --kv", {"cuda_graph_max_bs": 4, "engine_version": "0.5.10"}),
        ("--max-total-tokens 9000 --swa-full-tokens-ratio 0.5 --mamba-full-memory-ratio 0.25 --cpu-offload-gb 3",
         {"max_total_tokens": 9000, "swa_full_tokens_ratio": 0.5, "mamba_full_memory_ratio": 0.25, "cpu_offload": "2.5GiB"}),
    ],
)  # fmt: skip
def test_written(expected: str, request_: dict[str, Any]) -> None:
    """In the words of the release, and read back as what was asked."""
    raw = {"gpu": "4xa100-sxm4-80gb", "model": "mixtral-8x7b", "quant": "bf16", "engine": "sglang", **request_}
    (deployment,) = resolve(parse_request(raw), Catalogue())
    line = answer(deployment).command
    assert expected in line
    found = read(processes(line))
    assert found is not None
    own = parse_request({key: value for key, value in found.items() if key not in ("model", "quant")})
    # A command does not say its release, and offloads whole GiB.
    for key, value in parse_request(request_).items():
        if key not in ("engine_version", "cpu_offload"):
            assert value == own[key]


def test_several_machines_meet_at_a_port() -> None:
    """``--dist-init-addr`` of the first machine, with its number on each."""
    raw = {"gpu": "16xa100-sxm4-80gb", "model": "mixtral-8x7b", "quant": "bf16", "engine": "sglang"}
    (deployment,) = resolve(parse_request(raw), Catalogue())
    ends = [line.rpartition(" --nnodes ")[2] for line in answer(deployment).command.splitlines()]
    assert ends == [f"2 --dist-init-addr FIRST_MACHINE:5000 --node-rank {rank}" for rank in (0, 1)]
