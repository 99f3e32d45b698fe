"""Which cards an engine starts on: every collected start, the tests that rules are made of, and what they lead to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue
from tests.command import vramfit
from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.support import Rule, accelerators, amd_but, any_of, anything, below, not_of, of, refusal, targets
from vramfit.errors import VramfitError
from vramfit.quantization import SCHEMES
from vramfit.sources import open_catalogue
from vramfit.workload.common import Workload

STARTS: list[dict[str, Any]] = [
    row
    for name in ("starts.yaml", "starts_further.yaml")
    for row in yaml.safe_load((Path(__file__).parent / name).read_text("utf-8"))["starts"]
]


def verdict(row: dict[str, Any]) -> str:
    """Word of the verdict; ``refused`` for an error."""
    request = {key: value for key, value in row.items() if key != "starts"}
    try:
        return answer(resolve(parse_request(request), open_catalogue())[0]).verdict.word
    except VramfitError:
        return "refused"


@pytest.mark.parametrize("row", STARTS, ids=lambda row: " ".join(str(value) for value in row.values()))
def test_every_collected_start(row: dict[str, Any]) -> None:
    """An engine that starts has a verdict on the memory, and one that does not is unsupported or refused."""
    assert (verdict(row) in ("unsupported", "refused")) == (row["starts"] is False)


@pytest.mark.parametrize(
    ("problem", "engine_name", "name", "quant"),
    [
        ("torchao and fbgemm's FP8 are not among", "sglang", "h100-sxm", "torchao-int8"),
        ("torchao and fbgemm's FP8 are not among", "sglang", "h100-sxm", "fbgemm_fp8"),
        ("of its kernels for GPTQ only Marlin's is left", "sglang", "t4", "gptq-int4"),
        (None, "sglang", "rtx3090", "gptq-int4"),
        (None, "sglang", "t4", "awq"),
        ("NVFP4 has no kernel on Intel's GPUs", "sglang", "arcb580", "nvfp4"),
        ("8-bit integers have no kernel on Intel's GPUs", "sglang", "max1550", "w8a8"),
        (None, "sglang", "max1550", "w4a16"),
        ("the weights of w4a16 are packed for Marlin", "sglang", "mi300x", "w4a16"),
        ("PyTorch multiplies by 4-bit matrices from", "vllm", "t4", "torchao-int4"),
        ("PyTorch multiplies by 4-bit matrices from", "vllm", "rx7900xtx", "torchao-int4"),
        (None, "vllm", "mi300x", "torchao-int4"),
        ("PyTorch multiplies by 4-bit matrices from", "transformers", "v100-sxm2-16gb", "torchao-int4"),
        (None, "transformers", "t4", "torchao-int8"),
        (None, "transformers", "rtx3090", "torchao-int4"),
        ("fbgemm's FP8 needs CUDA or XPU", "transformers", "gaudi2", "fbgemm_fp8"),
        ("fbgemm's FP8 needs CUDA or XPU", "transformers", "mi300x", "fbgemm_fp8"),
        (None, "transformers", "max1550", "fbgemm_fp8"),
        ("the ROCm libraries of bitsandbytes have code for", "transformers", "mi50-32gb", "nf4"),
        ("the ROCm libraries of bitsandbytes have code for", "transformers", "rxvega64", "nf4"),
        (None, "transformers", "rx6800xt", "nf4"),
        (None, "transformers", "mi100", "int8"),
        ("bitsandbytes has no back end for TPUs", "transformers", "tpu-v6e", "nf4"),
        ("its wheels have code for compute capability 6.0", "exllamav2", "m40-24gb", "exl2-4.0"),
        (None, "exllamav2", "p40", "exl2-4.0"),
        ("it has no kernels for FP8 with scales by blocks on", "tensorrt-llm", "rtx5090", "fp8-block"),
        ("its kernels for FP8 with scales by rows are for Hopper", "tensorrt-llm", "b200", "fp8-channel"),
        ("its kernels for FP8 with scales by rows are for Hopper", "tensorrt-llm", "rtx4090", "fbgemm_fp8"),
        (None, "tensorrt-llm", "h200", "fp8-channel"),
    ],
)
def test_starts_by_the_engines_sources(problem: str | None, engine_name: str, name: str, quant: str) -> None:
    """Rules beyond the collected starts, with a card on either side of each."""
    raw = {"engine": engine_name, "gpu": name, "quant": quant, "model": "qwen2.5-0.5b", "context": 1024}
    reason = answer(resolve(parse_request(raw), catalogue())[0]).verdict.refusal
    assert problem == (None if reason is None else reason[: len(problem or reason)])


@pytest.mark.parametrize(
    ("expected", "test", "name"),
    [
        (True, anything, "mi300x"),
        (True, any_of(of("amd"), below(8, 0)), "t4"),
        (True, any_of(of("amd"), below(8, 0)), "mi300x"),
        (False, any_of(of("amd"), below(8, 0)), "l4"),
        (True, below(7, 5), "v100-sxm2-16gb"),
        (False, below(7, 5), "t4"),
        (False, below(7, 5), "mi300x"),
        (True, of("amd"), "mi300x"),
        (False, of("amd"), "t4"),
        (True, not_of("nvidia"), "mi300x"),
        (False, not_of("nvidia"), "t4"),
        (True, targets("gfx94"), "mi300x"),
        (False, targets("gfx95"), "mi300x"),
        (True, amd_but("gfx95"), "mi300x"),
        (False, amd_but("gfx94"), "mi300x"),
        (False, amd_but("gfx94"), "t4"),
        (True, accelerators, "gaudi2"),
        (True, accelerators, "tpu-v6e"),
        (False, accelerators, "arcb580"),
    ],
)
def test_cards_that_a_rule_holds_for(expected: bool, test: Any, name: str) -> None:
    """By compute capability, vendor or compute target; what is not known of a card passes."""
    assert expected == test(catalogue().gpu(name))


WORK = Workload(4096, kv_cache_type="f16", kv_cache_type_v="fp8")


@pytest.mark.parametrize(
    ("expected", "rule", "release", "backend"),
    [
        (True, {}, None, None),
        (True, {"families": ("plain", "awq")}, None, None),
        (False, {"families": ("awq",)}, None, None),
        (True, {"schemes": ("fp16",)}, None, None),
        (False, {"schemes": ("bf16",)}, None, None),
        (True, {"caches": ("fp8",)}, None, None),
        (False, {"caches": ("int8",)}, None, None),
        (True, {"backends": ("sycl",)}, None, "sycl"),
        (False, {"backends": ("sycl",)}, None, None),
        (True, {"since": (0, 16)}, None, None),
        (True, {"since": (0, 16)}, (0, 16), None),
        (False, {"since": (0, 16)}, (0, 15, 1), None),
        (False, {"until": (0, 16)}, None, None),
        (False, {"until": (0, 16)}, (0, 16), None),
        (True, {"until": (0, 16)}, (0, 15, 1), None),
    ],
)
def test_what_a_rule_is_about(
    expected: bool, rule: dict[str, Any], release: tuple[int, ...] | None, backend: str | None
) -> None:
    """Schemes, caches, back ends and releases; the newest release is one that no rule has ended for."""
    known = Rule("it lacks kernels", "somewhere", below(8, 0), **rule)
    reason = refusal(
        (known,), (catalogue().gpu("rtx4090"), catalogue().gpu("t4")), SCHEMES["fp16"], WORK, release, backend
    )
    assert ("it lacks kernels, and this is Tesla T4 with 7.5 (somewhere)" if expected else None) == reason


def test_a_rule_names_the_target_of_cards_without_a_capability() -> None:
    """``gfx942`` is what AMD's kernels are built for."""
    rule = Rule("it lacks kernels", "somewhere", of("amd"))
    assert "it lacks kernels, and this is AMD Instinct MI300X (gfx942) (somewhere)" == refusal(
        (rule,), (catalogue().gpu("mi300x"),), SCHEMES["fp16"], WORK
    )


@pytest.mark.parametrize(
    ("word", "gpu", "engine_name"),
    [
        *[("unsupported", ["rtx4090", "mi300x"], name) for name in ("vllm", "sglang", "transformers", "exllamav2")],
        ("unsupported", ["gaudi2", "arcb580"], "vllm"),
        ("fits", ["rtx4090", "custom:24GiB"], "vllm"),
        ("fits", ["rtx4090", "rtx3090"], "vllm"),
        ("fits", ["rtx4090", "rx7900xtx"], "llama.cpp"),
    ],
    ids=str,
)
def test_one_build_of_pytorch_runs_one_vendor(word: str, gpu: list[str], engine_name: str) -> None:
    """Cards of several vendors are unsupported where PyTorch runs them; llama.cpp loads a back end for each."""
    quant = {"llama.cpp": "Q4_K_M", "exllamav2": "exl2-4.0"}.get(engine_name, "fp16")
    assert word == verdict(
        {"gpu": gpu, "engine": engine_name, "model": "llama-3.2-1b", "quant": quant, "context": 1024}
    )


@pytest.mark.parametrize(("said", "engine_name"), [(True, "vllm"), (True, "transformers"), (False, "llama.cpp")])
def test_a_card_known_by_its_memory_is_taken_to_start(said: bool, engine_name: str) -> None:
    """The assumption is stated where an engine starts on some generations alone."""
    request = ["-g", "custom:24GiB", "-m", "llama-3.2-1b", "--engine", engine_name, "--quant", "fp16", "--json"]
    (row,) = json.loads(vramfit("check", *request).out)["estimates"]
    assert said == any("is taken to start" in note for note in row["assumptions"])


def test_a_report_says_why_it_is_unsupported() -> None:
    """With the rule and its source, no speed, and remedies that do start."""
    found = vramfit(
        "check", "-g", "t4", "-m", "qwen3-4b", "--engine", "vllm", "--quant", "awq", "-ctk", "fp8", "--json"
    )
    assert 1 == found.code
    (row,) = json.loads(found.out)["estimates"]
    assert "unsupported" == row["verdict"]
    assert row["refusal"].startswith("no attention backend has an FP8 cache below compute capability 8.0, and this is ")
    assert row["throughput"] is None
    assert row["limits"] == {"max_context": 0, "max_parallel": 0}
    assert row["remedies"]
    assert {remedy["verdict"] for remedy in row["remedies"]} <= {"fits", "tight"}


def test_an_old_release_starts_on_cards_that_later_ones_left_out() -> None:
    """Volta had code in the wheels until 0.19; AWQ never had."""
    base = {"gpu": "v100-sxm2-32gb", "model": "qwen2.5-7b", "engine": "vllm", "context": 2048}
    assert ["fits", "fits", "unsupported", "unsupported", "unsupported"] == [
        verdict({**base, "quant": quant, "engine_version": release})
        for quant, release in (
            ("fp16", "0.11.0"), ("fp16", "0.19.1"), ("fp16", "0.20.0"), ("awq", "0.11.0"), ("fp16", "0.33.0"),
        )
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["v100-sxm2-32gb", "t4", "rx7900xtx", "k80", "gaudi2"])
def test_a_table_says_the_same_of_every_card(name: str) -> None:
    """The sweep's cells are the verdicts of single checks."""
    for engine_name, quant in (("vllm", "fp8"), ("sglang", "awq"), ("transformers", "nf4"), ("llama.cpp", "Q4_K_M")):
        request = ["-m", "qwen3-4b", "--engine", engine_name, "--quant", quant, "--json"]
        (cell,) = json.loads(vramfit("matrix", "-g", name, *request).out)["cells"]
        alone = vramfit("check", "-g", name, *request)
        single = "unknown" if alone.code == 2 else json.loads(alone.out)["estimates"][0]["verdict"]
        assert single == cell["verdict"]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["t4", "v100-sxm2-32gb", "p40", "rtx3090", "h100-sxm", "rx7900xtx", "mi300x", "b200"]),
    st.sampled_from(["vllm", "sglang", "transformers", "exllamav3"]),
    st.sampled_from(["qwen2.5-7b", "llama-3.1-70b", "gpt-oss-20b"]),
)
def test_remedies_start(name: str, engine_name: str, model: str) -> None:
    """No change is offered with which the engine does not start on the card that it names."""
    raw = {"gpu": name, "model": model, "engine": engine_name}
    run = vramfit("check", "-g", name, "-m", model, "--engine", engine_name, "--json")
    rows = json.loads(run.out)["estimates"] if run.code in (0, 1) else []
    changed = [
        {**raw, "quant": row["quant"]["scheme"], **remedy["changes"]} for row in rows for remedy in row["remedies"]
    ]
    reasons = []
    for request in changed:
        (deployment, *_) = resolve(parse_request(request), open_catalogue())
        runtime = engine(deployment.engine)
        reasons.append(runtime.unsupported(deployment.gpus, deployment.scheme, deployment.workload))
    assert [None] * len(changed) == reasons


@pytest.mark.parametrize(
    ("word", "gpu", "keys"),
    [
        ("fits", "rtx5090", {"kv_cache_type": "nvfp4"}),
        ("fits", "a100-sxm4-80gb", {"kv_cache_type": "nvfp4"}),
        ("unsupported", "t4", {"kv_cache_type": "nvfp4"}),
        ("unsupported", "mi300x", {"kv_cache_type": "nvfp4"}),
        # FlashInfer's second kernel came with 0.31.
        ("unsupported", "rtx5090", {"kv_cache_type": "nvfp4", "engine_version": "0.30.0"}),
        ("fits", "b200", {"kv_cache_type": "nvfp4", "engine_version": "0.30.0"}),
        ("fits", "rtx5090", {"kv_cache_type": "nvfp4", "engine_version": "0.31.0"}),
        ("fits", "rtx3090", {"kv_cache_type": "turboquant_4bit_nc"}),
        ("unsupported", "rtx3090", {"kv_cache_type": "turboquant_4bit_nc", "engine_version": "0.19.1"}),
        ("fits", "rtx3090", {"kv_cache_type": "int8", "engine_version": "0.20.0"}),
    ],
)
def test_cache_types_of_vllm(word: str, gpu: str, keys: dict[str, Any]) -> None:
    """Types that pack scales, by card and release."""
    raw = {"gpu": gpu, "model": "qwen3-0.6b", "engine": "vllm", "quant": "fp16", "context": 1024, **keys}
    (found,) = resolve(parse_request(raw), catalogue())
    assert word == answer(found).verdict.word


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("fits", "mi300x"),
        ("fits", "mi355x"),
        *[("unsupported", one) for one in ("mi210", "rx7900xtx", "rx9070xt", "mi100")],
    ],
)
def test_sglang_has_kernels_for_two_targets_of_amd(word: str, name: str) -> None:
    """Its build stops for any but gfx942 and gfx950 (sgl-project/sglang sgl-kernel/setup_rocm.py at 01b582cb)."""
    assert word == verdict({"gpu": name, "model": "qwen3-4b", "engine": "sglang", "quant": "bf16", "context": 1024})


@pytest.mark.parametrize(
    ("word", "gpu", "model"),
    [
        ("unsupported", "8xa100-sxm4-80gb", "deepseek-v3.2"),
        ("unsupported", "8xrtx3090", "deepseek-v4-flash"),
        ("unsupported", "8xl40s", "deepseek-v4-flash"),
        ("unsupported", "2xjetson-t5000", "deepseek-v4-flash"),
        ("fits", "8xh200", "deepseek-v3.2"),
        ("fits", "4xb200", "deepseek-v4-flash"),
        ("tight", "4xrtxpro6000", "deepseek-v4-flash"),
        ("fits", "8xmi300x", "deepseek-v3.2"),
        # Latent attention to every token runs everywhere, and so do indexers of other attention.
        ("fits", "a100-sxm4-80gb", "deepseek-v2-lite"),
        ("fits", "8xa100-sxm4-80gb", "minimax-m3"),
    ],
)
def test_vllm_chooses_tokens_on_few_generations(word: str, gpu: str, model: str) -> None:
    """Sparse latent attention has kernels for Hopper and Blackwell's cards, and for AMD's; an unknown card may have them."""
    row = {"engine": "vllm", "gpu": gpu, "model": model, "quant": "bf16" if "lite" in model else "fp8"}
    assert verdict(row) == word


def test_a_card_of_unknown_capability_may_have_the_kernels() -> None:
    """A card that a user describes is not refused."""
    row = {"engine": "vllm", "gpu": "8xcustom:96GiB", "model": "deepseek-v4-flash", "quant": "MXFP4"}
    assert verdict(row) == "fits"
