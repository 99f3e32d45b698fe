"""TabbyAPI's commands and files of settings: flags as ``common/args.py`` at e632af4 declares them, each with a value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines import estimate
from vramfit.engines.commands import read_command
from vramfit.engines.exllamav3.tabby import command
from vramfit.engines.keys import parse_request
from vramfit.engines.naming import repository
from vramfit.engines.resolve import resolve
from vramfit.launch.files import Files

START = "python main.py --model-name Qwen3-8B-exl3"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (START, {"model": "Qwen3-8B-exl3", "context": "max"}),
        (f"{START} --max-seq-len -1", {"model": "Qwen3-8B-exl3", "context": "max"}),
        (f"{START} --max-seq-len 8192 --cache-mode 8,6",
         {"model": "Qwen3-8B-exl3", "context": "8192", "kv_cache_type": "int8", "kv_cache_type_v": "int6"}),
        (f"{START} --cache-size 16384 --max-seq-len 8192",
         {"model": "Qwen3-8B-exl3", "context": "8192", "parallel": "2"}),
        (f"{START} --cache-mode Q4 --model-dir /m",
         {"model": "/m/Qwen3-8B-exl3", "context": "max", "kv_cache_type": "int4", "kv_cache_type_v": "int4"}),
        (f"{START} --vision true --sysmem-recurrent-cache 4096 --log-prompt false",
         {"model": "Qwen3-8B-exl3", "context": "max"}),
    ],
)  # fmt: skip
def test_keys(text: str, keys: dict[str, Any]) -> None:
    found = read_command(text)

    assert ("exllamav3", keys, ()) == (found.engine, found.keys, found.notes)


def test_what_is_not_in_the_estimate() -> None:
    """How GPUs are divided, and what is held for several requests."""
    found = read_command(f"{START} --tensor-parallel true --gpu-split 20 24 --max-batch-size 8 --draft-mode mtp")

    assert (
        tuple(
            f"{name} of tabbyapi is not in the estimate"
            for name in ("--tensor-parallel", "--gpu-split", "--max-batch-size", "--draft-mode")
        )
        == found.notes
    )


def test_a_file_of_settings() -> None:
    """Sections hold the flags; a truth that is false is no flag."""
    stated = {
        "network": {"port": 5000, "disable_auth": True, "api_servers": ["oai"]},
        "model": {"model_name": "Qwen3-8B-exl3", "max_seq_len": 4096, "vision": True, "gpu_split_auto": False},
        "memory": {"sysmem_recurrent_cache": 2048, "cuda_malloc_async": True},
    }
    files = Files(settings=lambda path: stated)
    found = read_command("tabbyapi --config config.yml", files)

    assert ({"model": "Qwen3-8B-exl3", "context": "4096"}, ()) == (found.keys, found.notes)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-8b"])
def test_the_model_is_a_folder_beside_its_others(model: str) -> None:
    request = {"gpu": "rtx4090", "model": model, "engine": "exllamav3", "quant": "fp16"}
    (deployment,) = resolve(parse_request(request), catalogue())
    folder = repository(deployment).rpartition("/")[2]
    assert command(deployment) == (
        f"tabbyapi --model-name {folder} --max-seq-len 4096 --cache-size 4096 --cache-mode fp16"
    )


def test_the_upper_bound_of_the_buffers() -> None:
    """Twice what every other engine's is: 925 MB above what is expected of Llama 3.1 8B."""
    request = {"gpu": "rtx4090", "model": "llama-3.1-8b", "engine": "exllamav3", "quant": "fp16"}
    (gpu,) = estimate(resolve(parse_request(request), catalogue())[0]).gpus
    assert (gpu.compute_bytes, gpu.high_bytes - gpu.total_bytes) == (243_269_632, 925_263_462)
