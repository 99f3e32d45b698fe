"""Speculative decoding in every engine that has it: parts, commands that run it and are read again, invariants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue
from tests.deployed import workload
from tests.samples import gpu
from vramfit._record import replace
from vramfit.answer import Answer, answer
from vramfit.engines import Deployment, engine, names
from vramfit.engines.commands import read_command
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.speculative import Draft, speculating
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.quantization import Checkpoint, derive, find_scheme
from vramfit.quantization.checkpoint import keep
from vramfit.units import GIB, MIB

MTP = {"speculative": "mtp", "speculative_tokens": 2}


def answered(**request: Any) -> Answer:
    """The answer for Qwen3.6 27B in 16 bits on an H100 unless the request says otherwise; None drops a key."""
    raw = {"gpu": "h100-sxm-80gb", "model": "qwen3.6-27b", "quant": "bf16", "images": 0, "context": 4096, **request}
    raw = {key: value for key, value in raw.items() if value is not None}
    return answer(resolve(parse_request(raw), catalogue())[0])


def added(**request: Any) -> tuple[int, int, int, int]:
    """Weights, cache, compute and overhead that speculation adds over all GPUs, in bytes."""
    without = {key: value for key, value in request.items() if not key.startswith(("speculative", "draft"))}
    found, plain = answered(**request).estimate.gpus, answered(**without).estimate.gpus
    pairs = list(zip(found, plain, strict=True))
    return (
        sum(one.weights_bytes - other.weights_bytes for one, other in pairs),
        sum(one.kv_cache_bytes - other.kv_cache_bytes for one, other in pairs),
        sum(one.compute_bytes - other.compute_bytes for one, other in pairs),
        sum(one.overhead_bytes - other.overhead_bytes for one, other in pairs),
    )


def test_engines_and_their_methods() -> None:
    assert {
        "llama.cpp": (("mtp", "eagle3", "draft"), 3), "vllm": (("mtp", "eagle3", "draft"), 1),
        "sglang": (("mtp", "eagle3", "draft"), 3), "ollama": (("mtp",), 4), "exllamav3": (("mtp", "draft"), 4),
        "mlx": (("mtp", "draft"), 3),
    } == {
        name: (engine(name).speculates, engine(name).speculative_tokens) for name in names() if engine(name).speculates
    }  # fmt: skip


def test_the_keys_choose_an_engine() -> None:
    """llama.cpp, where nothing else is named and the default engine has no speculation."""
    assert "llama.cpp" == answered(quant=None, **MTP).deployment.engine


def test_sglang_s_states_and_cache() -> None:
    """Four requests of Qwen3.6-27B at 171,008 tokens in all, two ahead: 2.15 GiB of states, 0.66 of the draft's cache.

    A public upgrade note of SGLang 0.5.17 (August 2026).
    """
    weights, cache, compute, overhead = added(engine="sglang", context=42752, parallel=4, max_num_seqs=4, **MTP)
    slot = 48 * (10240 * 3 * 2 + 48 * 128 * 128 * 4)
    states, own = 5 * 3 * slot, 4 * 42752 * 4096
    assert states == pytest.approx(2.15 * GIB, rel=0.01)
    assert own == pytest.approx(0.66 * GIB, rel=0.02)
    # Without a draft 0.9 parts of 1.9 are slots, and with three checked tokens for five slots less by 1 + 3 / 5.
    alone, tokens = 1.9 * 4 * 42752 * 65_536, 4 * 42752 * (65_536 + 4096)
    taken = 0.9 / 1.9 / (1 + 3 / 5)
    whole = (tokens + states + slot - 4 * slot / (1 + 3 / 5)) / (1 - taken)
    assert cache == pytest.approx(whole - alone, abs=slot)
    assert (0, 18 * MIB) == (compute, overhead)
    assert weights == pytest.approx(2 * 424_699_392, rel=0.01)


def test_vllm_s_layer_more() -> None:
    """One layer of attention more in each block, and two blocks of states more for every sequence."""
    weights, cache, compute, overhead = added(engine="vllm", context=32768, **MTP)
    assert weights == pytest.approx(2 * 424_699_392, rel=0.01)
    assert (0, True) == (compute, 18 * MIB <= overhead < 28 * MIB)
    # 16 layers of attention become 17, in three groups of recurrent layers each.
    assert 32768 * 4096 < cache < 32768 * 4096 + 1000 * MIB


def test_a_head_of_a_checkpoint_of_few_bits_is_in_sixteen() -> None:
    """As in nvidia/Qwen3.6-27B-NVFP4; one of an FP8 checkpoint is in FP8."""
    sizes = {
        quant: added(engine="vllm", gpu="b200", quant=quant, **MTP)[0] / 424_699_392
        for quant in ("nvfp4", "awq", "fp8")
    }
    assert {"nvfp4": 2.0, "awq": 2.0, "fp8": 1.0} == {quant: round(size, 1) for quant, size in sizes.items()}


def test_the_draft_is_on_the_last_stage() -> None:
    """Its weights are."""
    cards = {"gpu": "2xa100-sxm4-80gb", "engine": "vllm", "pipeline_parallel": 2, "tensor_parallel": 1}
    found, plain = answered(**cards, **MTP).estimate.gpus, answered(**cards).estimate.gpus
    assert found[0].weights_bytes == plain[0].weights_bytes
    assert found[1].weights_bytes > plain[1].weights_bytes
    # Every stage has blocks for the states of drafted tokens.
    assert all(one.kv_cache_bytes > other.kv_cache_bytes for one, other in zip(found, plain, strict=True))


def test_a_draft_model_on_vllm() -> None:
    """Its weights and its own layers in the cache; the name of its repository in the command."""
    asked = {"engine": "vllm", "model": "qwen2.5-32b", "images": None}
    weights, cache, _, _ = added(**asked, draft_model="qwen2.5-0.5b", speculative_tokens=4)
    assert weights > 2 * 494_000_000
    assert cache >= 4096 * 24 * 2 * 2 * 64 * 2
    draft = answered(**asked, draft_model="qwen2.5-0.5b").deployment.workload.draft
    assert isinstance(draft, Draft)
    assert "Qwen/Qwen2.5-0.5B-Instruct" == draft.repository


def test_exllamav3_s_history_and_cache() -> None:
    """States for four tokens at least, and a cache for the head with the bits of the model's; all on the first GPU."""
    asked: dict[str, Any] = {"engine": "exllamav3", "quant": "exl3-4.0", "gpu": "2xrtx4090", "context": 32768}
    state, row = 48 * 48 * 128 * 128 * 4, 32768 * 2 * 4 * 256
    assert (4 * state + row * 2, 0, 0) == added(**asked, **MTP)[1:]
    assert 8 * state + row * 2 == added(**asked, speculative="mtp", speculative_tokens=8)[1]
    assert 4 * state + row * 34 // 32 == added(**asked, kv_cache_type="int8", **MTP)[1]
    found, plain = answered(**asked, **MTP).estimate.gpus, answered(**asked).estimate.gpus
    assert found[0].weights_bytes > plain[0].weights_bytes
    assert found[1].weights_bytes == plain[1].weights_bytes


def file_of(idle_bytes: int) -> Deployment:
    """Qwen3.8 27B as if read from a GGUF file in Q4_K_M that holds a prediction head of so many bytes."""
    scheme = find_scheme("Q4_K_M")
    model = replace(catalogue().model("qwen3.8-27b"), id=f"file-{idle_bytes}")
    rows = derive(catalogue().model("qwen3.8-27b"), scheme).stored
    keep(Checkpoint(model, scheme, rows, "a.gguf", idle_bytes))
    return Deployment((gpu("rtx3090"),), derive(model, scheme), "llama.cpp", workload("llama.cpp", context=4096))


def test_a_file_s_own_head() -> None:
    """Its bytes are those of the file, whatever the scheme would make of it."""
    found = speculating({"speculative": "mtp"}, file_of(300 * MIB), None).workload.draft
    assert isinstance(found, Draft)
    assert found.checkpoint.file_bytes == pytest.approx(300 * MIB, rel=1e-6)
    sized = speculating({"speculative": "mtp", "file_size": 17 * GIB}, file_of(300 * MIB), None).workload.draft
    assert isinstance(sized, Draft)
    assert 0 == sized.checkpoint.file_bytes


def test_a_file_without_its_head() -> None:
    with pytest.raises(UsageError) as caught:
        speculating({"speculative": "mtp"}, file_of(0), None)
    assert "the files of Qwen3.8 27B hold no prediction head (MTP)" == caught.value.message
    assert "take files that keep it, or --speculative draft" == caught.value.hint


COMMANDS = {
    "vllm": '--speculative-config \'{"method": "mtp", "num_speculative_tokens": 2}\'',
    "sglang": "--speculative-algorithm NEXTN --speculative-num-steps 2 --speculative-eagle-topk 1"
    " --speculative-num-draft-tokens 3",
    "llama.cpp": "--spec-type draft-mtp --spec-draft-n-max 2",
    "ollama": "PARAMETER draft_num_predict 2",
    "exllamav3": "-mtp -ndt 2",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_written_and_read(name: str) -> None:
    quant = {"llama.cpp": "Q8_0", "ollama": "Q8_0", "exllamav3": "exl3-4.0"}.get(name, "bf16")
    command = answered(engine=name, quant=quant, **MTP).command
    assert COMMANDS[name] in command
    keys = parse_request({key: value for key, value in read_command(command).keys.items() if key != "model"})
    assert MTP == {key: keys[key] for key in MTP}
    assert "draft_model" not in keys


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ({"speculative": "mtp", "speculative_tokens": "1"},
         'vllm serve org/m --speculative-config \'{"method": "qwen3_next_mtp", "num_speculative_tokens": 1}\''),
        ({"speculative": "draft", "draft_model": "org/d", "speculative_tokens": "5"},
         'vllm serve org/m -sc \'{"model": "org/d", "num_speculative_tokens": 5}\''),
        ({}, 'vllm serve org/m --speculative-config \'{"method": "ngram", "num_speculative_tokens": 5}\''),
        ({"speculative": "mtp", "speculative_tokens": "3"},
         "python -m sglang.launch_server --model-path org/m --speculative-algorithm EAGLE --speculative-num-draft-tokens 4"),
        ({}, "python -m sglang.launch_server --model-path org/m --speculative-algorithm NGRAM"
         " --speculative-num-draft-tokens 4"),
        ({"speculative": "draft-mtp", "speculative_tokens": "2"},
         "llama-server -m m.gguf --spec-type draft-mtp --spec-draft-n-max 2"),
        ({"draft_model": "d.gguf", "speculative_tokens": "8", "draft_gpu_layers": "99", "draft_kv_cache_type": "q8_0"},
         "llama-server -m m.gguf -md d.gguf -ngld 99 --draft-max 8 --draft-min 1 -ctkd q8_0"),
        ({"draft_model": "hf:org/d:Q8_0", "draft_gpu_layers": "all"}, "llama-server -m m.gguf -hfd org/d:Q8_0 -ngld -1"),
        ({"draft_model": "d.gguf", "draft_cpu_moe_layers": "9"}, "llama-server -m m.gguf -md d.gguf -ncmoed 9"),
        ({"draft_model": "d.gguf", "draft_cpu_moe_layers": "all"}, "llama-server -m m.gguf -md d.gguf -cmoed"),
        ({}, "llama-server -m m.gguf --spec-type ngram-mod --spec-draft-n-max 16"),
        ({"speculative": "draft-mtp"}, "llama-server -m m.gguf --spec-type ngram-mod,draft-mtp"),
    ],
)  # fmt: skip
def test_lines_of_others(expected: dict[str, str], line: str) -> None:
    keys = read_command(line).keys
    assert expected == {key: value for key, value in keys.items() if key.startswith(("speculative", "draft"))}


def test_a_configuration_that_is_no_json() -> None:
    with pytest.raises(UsageError) as caught:
        read_command("vllm serve org/m --speculative-config mtp")
    assert "--speculative-config mtp is not read" == caught.value.message
    assert 'write it as {"method": "mtp", "num_speculative_tokens": 2}' == caught.value.hint


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("speculative: mtp is not estimated for transformers", {"engine": "transformers", **MTP}),
        ("speculative: eagle3 is not estimated for mlx",
         {"engine": "mlx", "quant": None, "gpu": "m3-ultra-96gb", "speculative": "eagle3"}),
    ],
)  # fmt: skip
def test_engines_without_it(message: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        answered(**request_)
    assert message == caught.value.message
    assert (caught.value.hint or "").startswith("use --engine llama.cpp or vllm or sglang")


@given(
    name=st.sampled_from(["vllm", "sglang", "exllamav3"]), tokens=st.integers(1, 6), context=st.sampled_from([100, 4096, 30000]),
    parallel=st.integers(1, 5), cards=st.sampled_from(["h100-sxm-80gb", "2xh100-sxm-80gb"]), eager=st.booleans(),
    model=st.sampled_from([("qwen3.6-27b", None), ("qwen3.5-35b-a3b", None), ("qwen3-8b", "qwen3-0.6b")]),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_speculation_never_needs_less(
    name: str, tokens: int, context: int, parallel: int, cards: str, eager: bool, model: tuple[str, str | None]
) -> None:
    """On any device; and the terms of each part add up to it."""
    asked: dict[str, Any] = {
        "engine": name, "gpu": cards, "model": model[0], "images": None if model[1] else 0, "context": context,
        "parallel": parallel, "enforce_eager": None if name == "exllamav3" else eager,
    }  # fmt: skip
    method: dict[str, Any] = {"draft_model": model[1]} if model[1] else {"speculative": "mtp"}
    plain, found = answered(**asked), answered(**asked, **method, speculative_tokens=tokens)
    for more, less in zip(found.estimate.gpus, plain.estimate.gpus, strict=True):
        assert more.total_bytes > less.total_bytes or (name == "exllamav3" and more.device != "gpu0")
        assert more.total_bytes >= less.total_bytes
        assert more.low_bytes <= more.total_bytes <= more.high_bytes
    devices = (*found.estimate.gpus, found.estimate.host)
    sums = dict.fromkeys(("weights", "kv_cache", "compute"), 0)
    for term in terms(found.deployment):
        if term.part in sums:
            sums[term.part] += term.bytes
    assert sums == {part: sum(getattr(one, f"{part}_bytes") for one in devices) for part in sums}


def test_copies_in_sglang() -> None:
    """Copies of a model have a draft each; with copies of the attention layers, ranks share the draft's experts too."""
    asked = {"engine": "sglang", "model": "qwen3.6-27b", "quant": "bf16", "context": 8192, "speculative": "mtp"}
    alone = answered(**asked, gpu="h200", parallel=2).estimate.gpus[0]
    copied = answered(**asked, gpu="2xh200", parallel=4, data_parallel=2).estimate.gpus
    assert [(alone.weights_bytes, alone.kv_cache_bytes)] * 2 == [
        (one.weights_bytes, one.kv_cache_bytes) for one in copied
    ]
    shared = {"engine": "sglang", "model": "deepseek-v3", "gpu": "8xh200", "data_parallel": 8, "expert_parallel": True}
    shared["quant"] = "fp8-block"
    weights = added(**shared, speculative="mtp", speculative_tokens=1)[0] / 8
    # An eighth of 257 experts of 3 x 7,168 x 2,048 weights in 8 bits, and all of the attention and the joining matrix.
    assert 257 * 3 * 7168 * 2048 / 8 < weights < 1.3 * 257 * 3 * 7168 * 2048 / 8
