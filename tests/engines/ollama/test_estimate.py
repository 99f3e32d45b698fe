"""Ollama's own decisions, by the rules of ollama/ollama at fb3076099; everything else is llama.cpp's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report, vramfit
from vramfit.answer import answer
from vramfit.engines import estimate
from vramfit.engines.commands import read_command
from vramfit.engines.keys import parse_request
from vramfit.engines.ollama import ENGINE
from vramfit.engines.ollama.estimate import CONTEXT_TIERS, _batch
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from vramfit.engines import Deployment, Estimate


def resolved(gpu: str, model: str, **more: Any) -> Deployment:
    """A request as the command reads it, with Ollama's defaults filled in."""
    asked = {"gpu": gpu, "model": model, "engine": "ollama", "quant": "Q4_K_M", **more}
    return resolve(parse_request(asked), open_catalogue())[0]


def estimated(gpu: str, model: str, **more: Any) -> Estimate:
    return estimate(resolved(gpu, model, **more))


def remarks(gpu: str, model: str, **more: Any) -> tuple[str, ...]:
    """What Ollama says of a deployment beside its estimate's own assumptions."""
    deployment = resolved(gpu, model, **more)
    return ENGINE.remarks(deployment, estimate(deployment))


@pytest.mark.parametrize(
    ("gpu", "more", "context"),
    [
        ("rtx3060-12gb", {}, 4096),
        ("rtx4080", {}, 4096),
        ("rtx4090", {}, 32768),
        ("rtx4090", {"reserve": "1GiB"}, 4096),
        ("rtx4090", {"platform": "windows"}, 32768),
        ("rtx4090", {"context": 8192}, 8192),
        ("2xrtx3090", {}, 131072),
        ("2xrtx3060-12gb", {}, 32768),
        ("a100-sxm4-80gb", {}, 131072),
    ],
)
def test_the_context_follows_the_memory_of_the_gpus(gpu: str, more: dict[str, Any], context: int) -> None:
    """4096 tokens, from 23 GiB on 32768, from 47 GiB on 262144, never more than the model's 131072.

    OLLAMA_GPU_OVERHEAD is taken off first; Windows names a card's whole memory though less can be had.
    """
    assert context == resolved(gpu, "llama-3.1-8b", **more).workload.context


@pytest.mark.parametrize(
    ("gpu", "model", "more", "batch"),
    [
        ("rtx4090", "llama-3.1-8b", {"context": 4096}, 512),
        # 4685 MiB of file and 1 GiB of cache on 24080 MiB: below 75 %.
        ("rtx4090", "llama-3.1-8b", {"context": 8192}, 1024),
        ("a100-sxm4-80gb", "llama-3.1-8b", {"context": 65536}, 2048),
        # 15.4 GiB and 8 GiB of cache as Ollama guesses it: no headroom for more.
        ("rtx4090", "qwen3-30b-a3b", {"context": 32768}, 512),
        ("rtx4090", "llama-3.1-8b", {"context": 8192, "flash_attention": "off"}, 512),
        ("rtx4060", "llama-3.1-8b", {"context": 8192, "flash_attention": "off"}, 256),
        ("rtx4090", "llama-3.1-8b", {"context": 8192, "ubatch": 128}, 128),
        ("rtx4090", "llama-3.1-8b", {"context": 8192, "batch": 256}, 256),
        ("rx7900xtx", "llama-3.1-8b", {"context": 8192, "flash_attention": "off"}, 1024),
    ],
)
def test_the_batch_follows_context_and_headroom(gpu: str, model: str, more: dict[str, Any], batch: int) -> None:
    keys = ENGINE.own_keys(resolved(gpu, model, **more).workload)
    assert (batch, batch) == (keys.batch, keys.ubatch)


@pytest.mark.parametrize(
    ("batch", "tokens", "predicted", "smallest", "without_flash"),
    [
        # Of 100 GiB: more than 32,768 tokens and at most 60 of them predicted, with 2 GiB at most 80.
        (2048, 32769, 60 * GIB, 100 * GIB, False),
        (1024, 32769, 60 * GIB + 1, 100 * GIB, False),
        (1024, 32768, 10 * GIB, 100 * GIB, False),
        # More than 4,096 and at most 75.
        (1024, 4097, 75 * GIB, 100 * GIB, False),
        (512, 4097, 75 * GIB + 1, 100 * GIB, False),
        (512, 4096, 10 * GIB, 100 * GIB, False),
        # CUDA without flash attention: by the smallest card.
        (512, 4097, 10 * GIB, 8 * GIB + 1, True),
        (256, 4097, 10 * GIB, 8 * GIB, True),
        (512, 4096, 10 * GIB, 8 * GIB, True),
    ],
)
def test_the_batch_at_its_bounds(batch: int, tokens: int, predicted: int, smallest: int, without_flash: bool) -> None:
    """With 100 GiB free on all cards together (``automaticGenerationBatch``)."""
    assert batch == _batch(tokens, predicted, 100 * GIB, smallest, without_flash)


@pytest.mark.parametrize(
    ("batch", "tokens", "predicted", "free"),
    [
        # What it costs must fit into 80 % as well: 6 + 2 GiB of 10 do, 9 + 2 of 15 do not though 60 % would.
        (2048, 40_000, 6 * GIB, 10 * GIB),
        (1024, 40_000, 5 * GIB, 8 * GIB),
        (1024, 8192, 2 * GIB, 4 * GIB),
        (512, 8192, 2 * GIB, 3 * GIB),
    ],
)
def test_the_batch_must_fit_beside_the_model(batch: int, tokens: int, predicted: int, free: int) -> None:
    assert batch == _batch(tokens, predicted, free, free, False)


def test_everything_else_is_llama_cpp_s() -> None:
    """The same bytes as ``llama-server`` with the settings that Ollama would pass to it."""
    deployment = resolved("rtx4090", "llama-3.1-8b", context=8192, parallel=2, kv_cache_type="q8_0")
    keys = ENGINE.own_keys(deployment.workload)
    found = estimate(deployment)
    asked = {
        "gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "Q4_K_M", "context": 8192, "parallel": 2,
        "kv_cache_type": "q8_0", "batch": keys.batch, "ubatch": keys.ubatch,
    }  # fmt: skip
    same = estimate(resolve(parse_request(asked), open_catalogue())[0])
    assert (same.gpus, same.host, same.settings) == (found.gpus, found.host, found.settings)


def test_one_gpu_where_one_is_enough() -> None:
    """By Ollama's guess of file and cache, which may take 80 % of what is free; else all of them, or when spread."""
    one, spread, two = (
        estimated("2xrtx3090", "llama-3.1-8b", context=8192),
        estimated("2xrtx3090", "llama-3.1-8b", context=8192, sched_spread=True),
        estimated("2xrtx3090", "llama-3.1-70b", context=8192),
    )
    assert ({"split_mode": "none", "main_gpu": 0}, 0) == (
        {key: one.settings[key] for key in ("split_mode", "main_gpu")}, one.gpus[1].total_bytes
    )  # fmt: skip
    assert min(card.weights_bytes for card in spread.gpus) > 0
    assert min(card.weights_bytes for card in two.gpus) > 0
    assert any("GPU 0 alone" in words for words in one.assumptions)
    larger = resolve(
        parse_request(
            {"gpu": ["rtx3060-12gb", "rtx4090"], "model": "llama-3.1-8b", "engine": "ollama", "quant": "Q4_K_M"}
        ),
        open_catalogue(),
    )
    assert 1 == estimate(larger[0]).settings["main_gpu"]


def test_the_projector_goes_to_ram_with_a_part_of_the_layers() -> None:
    whole, part = (estimated("rtx4090", "gemma-3-4b", gpu_layers=count) for count in (35, 20))
    tower = whole.gpus[0].weights_bytes - estimated("rtx4090", "gemma-3-4b", images=0).gpus[0].weights_bytes
    assert tower > 700 * MIB
    text = estimated("rtx4090", "gemma-3-4b", gpu_layers=20, images=0)
    assert part.gpus[0].weights_bytes == text.gpus[0].weights_bytes
    assert part.host.weights_bytes == text.host.weights_bytes + tower
    assert part.host.compute_bytes > text.host.compute_bytes


@pytest.mark.parametrize(
    ("expected", "card", "model", "keys"),
    [
        (None, "rtx3060-12gb", "llama-3.1-8b", {}),
        ("32,768 tokens are Ollama's default from 23 GiB of GPU memory on, which is 4,096 below 23 GiB", "rtx4090",
         "llama-3.1-8b", {}),
        ("131,072 tokens are Ollama's default from 47 GiB of GPU memory on", "a100-sxm4-80gb", "llama-3.1-8b", {}),
        (None, "a100-sxm4-80gb", "llama-3.1-8b", {"context": 8192}),
        (None, "a100-sxm4-80gb", "falcon-7b", {}),
    ],
)  # fmt: skip
def test_a_default_context_that_grows_with_the_memory_is_said(
    expected: str | None, card: str, model: str, keys: dict[str, object]
) -> None:
    """With the memory it begins at, the default below, and the key that states another (``server/routes.go``)."""
    found = [one for one in remarks(card, model, **keys) if "default" in one]
    if expected is None:
        assert found == []
        return
    assert [expected] == [one[: len(expected)] for one in found]
    assert found[0].endswith("so that a larger GPU may not hold what a smaller one does; --context states another")


def test_what_it_would_choose_by_itself_is_said() -> None:
    """``gpu_layers: all`` asks whether it fits; left alone, Ollama would offload."""
    left = "left to itself (num_gpu unset) Ollama would keep 1 GiB free and put "
    assert (f"{left}44 of 81 layers on the GPUs",) == remarks("2xrtx3090", "llama-3.1-70b")[1:]
    assert (f"{left}the experts of 26 layers in RAM",) == remarks("rtx4090", "gpt-oss-120b", quant="MXFP4")[1:]
    assert () == remarks("rtx4090", "llama-3.1-8b", context=4096)
    # Whoever asks for a part in RAM is not told of another.
    assert () == remarks("2xrtx3090", "llama-3.1-70b", gpu_layers=40, context=4096)
    assert () == remarks("rtx4090", "gpt-oss-120b", quant="MXFP4", gpu_layers="auto", context=4096)
    deployment = resolved("rtx4090", "gpt-oss-120b", quant="MXFP4", gpu_layers="auto")
    found = answer(deployment)
    chosen = found.estimate
    assert ("all", 26) == (chosen.settings["gpu_layers"], chosen.settings["cpu_moe_layers"])
    assert "num_gpu" not in found.command
    assert any("no parameter for experts" in words for words in chosen.assumptions)


@pytest.mark.parametrize(
    ("message", "model", "more"),
    [
        ("Ollama has one cache type for K and V", "llama-3.1-8b", {"kv_cache_type_v": "q8_0"}),
        ("Ollama splits by layers in proportion to memory", "llama-3.1-8b", {"split_mode": "row"}),
        ("Ollama has one batch size (num_batch)", "llama-3.1-8b", {"batch": 512, "ubatch": 128}),
        ("Ollama runs Qwen3.5 9B with one request at a time", "qwen3.5-9b", {"parallel": 2}),
        ("Ollama runs LFM2 1.2B with one request at a time", "lfm2-1.2b", {"parallel": 4}),
        ("llama.cpp quantizes V (q8_0) only with flash attention", "llama-3.1-8b",
         {"kv_cache_type": "q8_0", "flash_attention": "off"}),
    ],
)  # fmt: skip
def test_refusals(message: str, model: str, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        estimated("rtx4090", model, **more)
    assert message == caught.value.message
    assert caught.value.hint


def test_the_environment_of_the_user_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--engine", "ollama", "--quant", "Q4_K_M", "--json")
    before = vramfit(*asked)
    for name in ("CONTEXT_LENGTH", "NUM_PARALLEL", "KV_CACHE_TYPE", "FLASH_ATTENTION", "GPU_OVERHEAD", "SCHED_SPREAD"):
        monkeypatch.setenv(f"OLLAMA_{name}", "2")
    assert before == vramfit(*asked)


def test_the_command_has_them_as_variables() -> None:
    """A remedy for Ollama is the server's environment, a Modelfile and the run; the context stays what was asked about."""
    found = report("-g", "rtx3090", "-m", "llama-3.3-70b", "--engine", "ollama", "--quant", "Q4_K_M").estimates[0]
    assert ("exceeds", 32768) == (found["verdict"], found["deployment"]["context"])
    offload = next(one for one in found["remedies"] if one["kind"] == "offload-layers")
    layers = offload["changes"]["gpu_layers"]
    assert offload["command"].splitlines() == [
        "OLLAMA_CONTEXT_LENGTH=32768 OLLAMA_NUM_PARALLEL=1 OLLAMA_KV_CACHE_TYPE=f16 OLLAMA_FLASH_ATTENTION=1 "
        "OLLAMA_SCHED_SPREAD=0 ollama serve &",
        "printf '%s\\n' 'FROM ./llama-3.3-70b-Q4_K_M.gguf' 'PARAMETER num_batch 512' "
        f"'PARAMETER num_gpu {layers}' > Modelfile",
        "ollama create llama-3.3-70b-q4_k_m -f Modelfile",
        "ollama run llama-3.3-70b-q4_k_m",
    ]
    assert "ollama" == offload["changes"].get("engine", "ollama")
    assert all(one["changes"]["context"] == 32768 for one in found["remedies"])


def test_remedies_hold_what_was_asked_about() -> None:
    """Put on the asked deployment, a remedy gives what it promises, though a larger card would mean more context."""
    asked = ("-g", "rtx3060-12gb", "-m", "qwen3-14b", "--engine", "ollama", "--quant", "Q8_0")
    remedies = report(*asked).estimates[0]["remedies"]
    bigger = [one for one in remedies if one["kind"] in ("bigger-gpu", "cloud-gpu", "multi-gpu")]
    assert bigger
    for one in bigger:
        keys = {"gpu": "rtx3060-12gb", "model": "qwen3-14b", "engine": "ollama", "quant": "Q8_0", **one["changes"]}
        again = report(*[word for key, value in keys.items() for word in (f"--{key.replace('_', '-')}", str(value))])
        told = again.estimates[0]
        assert (one["verdict"], one["required_bytes"]) == (told["verdict"], told["required_bytes"]["expected"])


def test_tiers_are_in_falling_order() -> None:
    """The first that is reached counts."""
    assert [memory for memory, _ in CONTEXT_TIERS] == sorted([47 * GIB, 23 * GIB, 0], reverse=True)


@pytest.mark.parametrize(("layers", "number"), [("auto", "-1"), ("20", "20"), ("0", "0")])
def test_a_modelfile_s_layers(layers: str, number: str) -> None:
    """-1 is Ollama's own choice."""
    told = read_command(
        f"printf '%s\\n' 'FROM ./a.gguf' 'PARAMETER num_gpu {number}' > Modelfile\nollama create a -f Modelfile\nollama run a"
    )
    assert str(told.keys["gpu_layers"]) == layers
