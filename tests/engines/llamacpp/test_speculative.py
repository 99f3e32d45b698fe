"""Speculative decoding in llama.cpp: the draft's context and the states to go back to, against logs and measured cards."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue
from vramfit.answer import Answer, answer
from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.speculative import states_each
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.units import MIB

HYBRID = {"gpu": "rtx3090ti", "model": "qwen3.8-27b", "quant": "Q4_K_M", "images": 0, "prompt_tokens": 400}


def answered(**request: Any) -> Answer:
    """The answer for Qwen3.8 27B in Q4_K_M on an RTX 3090 Ti unless the request says otherwise; None drops a key."""
    raw = {key: value for key, value in {**HYBRID, **request}.items() if value is not None}
    return answer(resolve(parse_request(raw), catalogue())[0])


def parts(found: Answer) -> tuple[int, ...]:
    """Weights, cache, compute and overhead over the GPUs, in MiB."""
    gpus = found.estimate.gpus
    sums = [
        [gpu.weights_bytes for gpu in gpus],
        [gpu.kv_cache_bytes for gpu in gpus],
        [gpu.compute_bytes for gpu in gpus],
        [gpu.overhead_bytes for gpu in gpus],
    ]
    return tuple([round(sum(one) / MIB) for one in sums])


def more(**request: Any) -> tuple[int, ...]:
    """What speculation adds to each part, in MiB."""
    plain = {key: value for key, value in request.items() if not key.startswith(("speculative", "draft"))}
    pairs = zip(parts(answered(**request)), parts(answered(**plain)), strict=True)
    return tuple([with_draft - without for with_draft, without in pairs])


def test_a_log_of_a_prediction_head() -> None:
    """UD-Q5_K_M, 8,192 tokens, Vulkan, 2,048 a step, two tokens ahead: states 449 MiB, draft's cache 32, its compute 520.

    HilbertraumAI/HilbertRaum eval/results/hardware/i9-9900x-rtx-3090-24gb-128gb/issue399-np2 (September 2026): model
    18,163, context 960 (of it states 449, where they are 150 without), compute 568, MTP context 552.
    """
    asked = {
        "gpu": "rtx3090", "quant": "UD-Q5_K_M", "context": 8192, "ubatch": 2048, "backend": "vulkan",
    }  # fmt: skip
    speculating = {"speculative": "mtp", "speculative_tokens": 2}
    assert (17715, 662, 520, 150) == parts(answered(**asked))
    assert (18014, 993, 1040, 150) == parts(answered(**asked, **speculating))
    made = [term for term in terms(answered(**asked, **speculating).deployment) if term.device == "gpu0"]
    found = {"kv_cache": 0.0, "compute": 0.0, "weights": 0.0, "overhead": 0.0}
    for term in made:
        if term.name.startswith("prediction head: "):
            found[term.part] += term.bytes / MIB
    assert 32 == found["kv_cache"]
    assert 520 == round(found["compute"])
    assert 299 == round(found["weights"])


@pytest.mark.parametrize(
    ("measured", "ours", "request_"),
    [
        # sudoingX/qwen38-mtp README.md, August 2026: memory of the card with MTP less that without.
        (1292, (251, 811, 200, 0), {"context": 131072, "speculative_tokens": 2}),
        (1932, (251, 1323, 328, 0), {"context": 262144, "speculative_tokens": 2}),
        (1630, (251, 1110, 200, 0), {"gpu": "rtx3090", "context": 131072, "speculative_tokens": 4}),
        (
            1468,
            (431, 811, 200, 0),
            {"gpu": "rtxpro6000maxq", "quant": "Q8_0", "context": 131072, "speculative_tokens": 2},
        ),
    ],
)
def test_measured_cards(measured: int, ours: tuple[int, ...], request_: dict[str, Any]) -> None:
    """Weights of the head, F16 cache and one state a token ahead, its buffer: within a twentieth of what was measured."""
    found = more(kv_cache_type="q4_0", speculative="mtp", **request_)
    assert ours == found
    assert abs(sum(found) - measured) <= measured / 20


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # Each token ahead is one more state of 149.6 MiB for every sequence.
        (512, {"speculative_tokens": 3}),
        (662, {"speculative_tokens": 4}),
        (1026, {"speculative_tokens": 3, "parallel": 2}),
        (482, {"speculative_tokens": 3, "draft_kv_cache_type": "q8_0"}),
    ],
)
def test_states_and_draft_cache(expected: int, request_: dict[str, Any]) -> None:
    """At 16,384 tokens the draft's F16 cache takes 64 MiB a sequence, beside the states."""
    found = more(context=16384, speculative="mtp", **request_)
    assert expected == found[1]


def test_a_draft_model_is_one_more_model() -> None:
    """Its weights in its own quantization, cache and buffer are those of the model alone; states are not multiplied."""
    asked: dict[str, Any] = {"gpu": "rtx4090", "model": "qwen2.5-32b", "context": 8192, "images": None}
    alone = answered(**{**asked, "model": "qwen2.5-0.5b", "quant": "Q8_0"}).estimate.gpus[0]
    drafted = answered(**asked, speculative="draft", draft_model="qwen2.5-0.5b:Q8_0")
    plain = answered(**asked).estimate.gpus[0]
    both = drafted.estimate.gpus[0]
    assert both.weights_bytes == plain.weights_bytes + alone.weights_bytes
    assert both.kv_cache_bytes == plain.kv_cache_bytes + alone.kv_cache_bytes
    # The model's own buffer has room for the logits of the drafted tokens.
    assert 0 <= both.compute_bytes - plain.compute_bytes - alone.compute_bytes <= 4 * MIB
    assert "Qwen2.5 0.5B in Q8_0 (0.49 GiB) drafts 3 tokens ahead" in " ".join(drafted.estimate.assumptions)


def test_a_draft_takes_the_model_s_quantization_where_its_name_states_none() -> None:
    asked: dict[str, Any] = {"model": "qwen2.5-32b", "images": None}
    same = answered(**asked, quant="Q5_K_M", draft_model="qwen2.5-0.5b")
    stated = answered(**asked, quant="Q5_K_M", draft_model="qwen2.5-0.5b:Q5_K_M")
    assert same.estimate.gpus == stated.estimate.gpus
    assert "draft" == same.deployment.workload.speculative


def test_draft_layers_in_ram() -> None:
    asked: dict[str, Any] = {"model": "qwen2.5-32b", "images": None, "draft_model": "qwen2.5-0.5b"}
    on_gpu, in_ram = answered(**asked), answered(**asked, draft_gpu_layers=0)
    assert in_ram.estimate.gpus[0].weights_bytes < on_gpu.estimate.gpus[0].weights_bytes
    assert in_ram.estimate.host.weights_bytes > on_gpu.estimate.host.weights_bytes


@pytest.mark.parametrize(("experts", "share"), [(0, 0), (12, 12), ("all", 48), (99, 48)])
def test_experts_of_a_draft_in_ram(experts: int | str, share: int) -> None:
    """Layers of a draft that is a mixture, from the first on; the model's own stay."""
    asked: dict[str, Any] = {
        "model": "qwen3-235b-a22b",
        "images": None,
        "draft_model": "qwen3-30b-a3b:Q8_0",
        "gpu": "4xh100-sxm",
    }
    on_gpu, in_ram = answered(**asked).estimate, answered(**asked, draft_cpu_moe_layers=experts).estimate
    each = 3 * 128 * 2048 * 768 * 34 // 32
    assert in_ram.host.weights_bytes - on_gpu.host.weights_bytes == share * each
    assert sum(gpu.weights_bytes for gpu in on_gpu.gpus) - sum(gpu.weights_bytes for gpu in in_ram.gpus) == share * each


def test_the_layers_that_ngl_counts() -> None:
    """With a head they are one more: all 66 of Qwen3.8 27B, and 65 leave one of the model's own in RAM."""
    whole = answered(speculative="mtp").estimate.gpus
    assert whole == answered(speculative="mtp", gpu_layers=66).estimate.gpus
    assert answered(speculative="mtp", gpu_layers=65).estimate.host.weights_bytes > 0
    assert whole[0].weights_bytes > answered(speculative="mtp", gpu_layers=65).estimate.gpus[0].weights_bytes


def test_the_head_is_on_the_last_card() -> None:
    """Behind the last layer, on the device of that (``-sm layer``)."""
    cards: dict[str, Any] = {"gpu": "2xrtx3090", "context": 8192}
    plain, found = answered(**cards).estimate, answered(**cards, speculative="mtp").estimate
    grown = [after.weights_bytes - before.weights_bytes for after, before in zip(found.gpus, plain.gpus, strict=True)]
    assert [0, 251] == [round(size / MIB) for size in grown]


def test_experts_of_a_head_in_ram() -> None:
    asked: dict[str, Any] = {"model": "qwen3.6-35b-a3b", "speculative": "mtp"}
    head = [answered(**asked, cpu_moe_layers=layers).estimate.host.weights_bytes for layers in (40, "all")]
    assert 350 < (head[1] - head[0]) / MIB < 500
    assert (
        answered(**asked, draft_cpu_moe_layers="all").estimate.host.weights_bytes
        > answered(**asked).estimate.host.weights_bytes
    )


@pytest.mark.parametrize(
    ("message", "hint", "request_"),
    [
        (
            "Llama 3.1 8B has no prediction head (MTP) that is known",
            "use --speculative draft --draft-model ID with a smaller model of the same vocabulary",
            {"model": "llama-3.1-8b", "images": None, "speculative": "mtp"},
        ),
        (
            "speculative: draft needs a draft_model", "name it: --draft-model ID, repository or file",
            {"speculative": "draft"},
        ),
        (
            "speculative: eagle3 needs a draft_model", "name it: --draft-model ID, repository or file",
            {"speculative": "eagle3"},
        ),
        (
            "Llama 3.2 1B has 128,256 tokens and Qwen2.5 32B 152,064: it cannot draft for it",
            "take a draft_model of the same family, whose vocabulary is the same",
            {"model": "qwen2.5-32b", "images": None, "draft_model": "llama-3.2-1b"},
        ),
        (
            "speculative_tokens says nothing without a draft", "add --speculative mtp, eagle3 or draft",
            {"speculative_tokens": 2},
        ),
        (
            "llama.cpp does not run the prediction head of DeepSeek R1 671B",
            "use --speculative draft with a draft_model, or another engine",
            {"model": "deepseek-r1", "quant": "IQ1_S", "images": None, "speculative": "mtp"},
        ),
        (
            "speculative: draft is not estimated for ollama", "use --engine llama.cpp",
            {"engine": "ollama", "model": "qwen2.5-32b", "images": None, "draft_model": "qwen2.5-0.5b"},
        ),
        (
            "Ollama has no setting for the draft's cache or layers", "use --engine llama.cpp for these",
            {"engine": "ollama", "speculative": "mtp", "draft_kv_cache_type": "q8_0"},
        ),
    ],
)  # fmt: skip
def test_refusals(message: str, hint: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        answered(**request_)
    assert (message, hint) == (caught.value.message, caught.value.hint)


def test_a_whole_model_named_for_a_head_drafts() -> None:
    """``speculative: mtp`` with a draft model that has no head means that model."""
    asked: dict[str, Any] = {"model": "qwen2.5-32b", "images": None, "draft_model": "qwen2.5-0.5b"}
    assert answered(**asked, speculative="mtp").estimate.gpus == answered(**asked).estimate.gpus


def test_the_size_of_a_file_holds_its_head() -> None:
    """A stated size is that of the whole file, so the head adds no weights to it."""
    sized: dict[str, Any] = {"file_size": "17.1GB", "context": 8192}
    found = more(**sized, speculative="mtp")
    assert 0 == found[0]
    assert found[1] > 0


def test_assumptions() -> None:
    found = " | ".join(answered(speculative="mtp", speculative_tokens=1, kv_cache_type="q8_0").estimate.assumptions)
    assert (
        "the model's prediction head (MTP, 0.25 GiB) drafts 1 token ahead; its cache is f16, whatever type the model's has "
        "(draft_kv_cache_type) | each sequence keeps 2 recurrent states instead of one, to take back drafted tokens"
    ) in found
    idle = " | ".join(answered(model="qwen3.6-27b").estimate.assumptions)
    assert (
        "the model has a prediction head (MTP): 0.25 GiB more in files that keep it, which llama.cpp loads only with "
        "--speculative mtp since August 2026, and always before"
    ) in idle
    assert "prediction head" not in " ".join(answered(model="qwen3-8b", images=None).estimate.assumptions)


def test_remedies_draft_less_or_not_at_all() -> None:
    """On a card that is a little short, fewer tokens ahead, an 8-bit draft cache and no speculation each make room."""
    request = parse_request(
        {
            "gpu": "custom:17.5GiB@1008GB/s", "model": "qwen3.8-27b", "quant": "Q4_K_M", "context": 32768, "images": 0,
            "kv_cache_type": "q4_0", "speculative": "mtp", "speculative_tokens": 8,
        }
    )  # fmt: skip
    (found,) = check(request, catalogue(), all_remedies=True)
    assert "exceeds" == found.answer.verdict.word
    changes = [dict(remedy.changes) for remedy in found.remedies if remedy.proposal.kind == "engine-setting"]
    assert {"speculative": None, "speculative_tokens": None, "draft_model": None} in changes
    assert {"speculative_tokens": 1} in changes
    for remedy in found.remedies:
        again = answer(resolve({**request, **_typed(remedy.changes)}, catalogue())[0])
        assert (remedy.proposal.answer.verdict.word, remedy.proposal.answer.required_bytes) == (
            again.verdict.word, again.required_bytes,
        )  # fmt: skip


def _typed(changes: Any) -> dict[str, Any]:
    """Changes as a request has them: a GPU is a tuple of names."""
    return {key: (value,) if key == "gpu" else value for key, value in changes.items()}


def test_limits_hold_with_a_draft() -> None:
    """The longest context that fits is shorter with speculation, and it is the longest: one more token does not fit."""
    request = parse_request({**HYBRID, "context": 4096, "speculative": "mtp"})
    (found,) = check(request, catalogue())
    plain = parse_request({**HYBRID, "context": 4096})
    (without,) = check(plain, catalogue())
    assert found.limits is not None
    assert without.limits is not None
    longest = found.limits.max_context
    assert longest < without.limits.max_context
    assert answered(context=longest, speculative="mtp").margin_bytes >= 0
    assert answered(context=longest + 256, speculative="mtp").margin_bytes < 0


def test_command() -> None:
    assert (
        "llama-server -m qwen3.8-27b-Q4_K_M.gguf -c 4096 -np 1 -ngl 66 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16"
        " --spec-type draft-mtp --spec-draft-n-max 2"
    ) == answered(speculative="mtp", speculative_tokens=2).command
    assert (
        "llama-server -m qwen2.5-32b-Q4_K_M.gguf -c 4096 -np 1 -ngl 65 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16"
        " --spec-type draft-simple --spec-draft-n-max 3 --spec-draft-model qwen2.5-0.5b-Q4_K_M.gguf"
        " --spec-draft-type-k q8_0 --spec-draft-ngl 10"
    ) == answered(
        model="qwen2.5-32b", images=None, draft_model="qwen2.5-0.5b", draft_kv_cache_type="q8_0", draft_gpu_layers=10
    ).command
    assert (
        " --spec-draft-n-cpu-moe 48"
        in answered(model="qwen3-32b", images=None, draft_model="qwen3-30b-a3b", draft_cpu_moe_layers="all").command
    )


@given(
    tokens=st.integers(1, 8), context=st.sampled_from([512, 4096, 40000]), parallel=st.integers(1, 3),
    layers=st.sampled_from(["all", "auto", 0, 30]), cards=st.sampled_from(["rtx3090", "2xrtx4060ti-16gb"]),
    model=st.sampled_from([("qwen3.5-9b", None), ("qwen3.6-35b-a3b", None), ("qwen3-8b", "qwen3-0.6b")]),
    flash=st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_speculation_never_needs_less(
    tokens: int, context: int, parallel: int, layers: Any, cards: str, model: tuple[str, str | None], flash: bool
) -> None:
    """Over all devices; the parts of every device add up to its total, and its terms to the parts."""
    asked: dict[str, Any] = {
        "gpu": cards, "model": model[0], "images": None if model[1] else 0, "context": context, "parallel": parallel,
        "prompt_tokens": None, "flash_attention": flash, "gpu_layers": layers,
    }  # fmt: skip
    method: dict[str, Any] = {"speculative": "draft", "draft_model": model[1]} if model[1] else {"speculative": "mtp"}
    plain, found = answered(**asked), answered(**asked, **method, speculative_tokens=tokens)
    whole = [sum(one.total_bytes for one in (*each.estimate.gpus, each.estimate.host)) for each in (found, plain)]
    assert whole[0] > whole[1]
    added = dict.fromkeys(("weights", "kv_cache", "compute", "overhead"), 0)
    for term in terms(found.deployment):
        added[term.part] += term.bytes
    devices = (*found.estimate.gpus, found.estimate.host)
    assert added == {part: sum(getattr(one, f"{part}_bytes") for one in devices) for part in added}
    assert all(one.low_bytes <= one.total_bytes <= one.high_bytes for one in found.estimate.gpus)


@pytest.mark.parametrize(
    ("keys", "kind", "weights_mib"),
    [
        # 420 million parameters: 8.5 bits each, and 16.
        ({"speculative": "mtp"}, "Q8_0", 425),
        ({"draft_model": "mtp-gemma-4-26B-A4B-it-BF16.gguf"}, "BF16", 800),
        ({"speculative": "draft", "draft_model": "google/gemma-4-26B-A4B-it-assistant"}, "Q8_0", 425),
    ],
)
def test_an_assistant_reads_the_caches_of_its_model(keys: dict[str, Any], kind: str, weights_mib: int) -> None:
    asked = {"model": "gemma-4-26b-a4b", "gpu": "rtx3090", "context": 8192}
    without, found = parts(answered(**asked)), parts(answered(**asked, **keys))
    more = [one - other for one, other in zip(found, without, strict=True)]
    notes = answered(**asked, **keys).estimate.assumptions

    assert (weights_mib, 0, 0) == (more[0], more[1], more[3])
    assert 0 < more[2] < 200
    assert [note for note in notes if note.startswith(f"the assistant in {kind} (")]
    assert "--spec-type draft-mtp --spec-draft-n-max 3 --spec-draft-model gemma-4-26b-a4b-assistant-" in (
        answered(**asked, **keys).command
    )


def test_a_model_without_a_known_assistant() -> None:
    with pytest.raises(UsageError, match=r"Gemma 4 E4B has no prediction head"):
        answered(model="gemma-4-e4b", speculative="mtp")


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (4, {"model": "qwen3.5-9b", "speculative": "mtp"}),
        (6, {"model": "qwen3.5-9b", "speculative": "mtp", "speculative_tokens": 5}),
        # An architecture that cannot go back, and a draft model, behind whose tokens the model is evaluated again.
        (1, {"model": "qwen3-coder-next", "speculative": "mtp"}),
        (1, {"model": "qwen3.5-9b", "speculative": "draft", "draft_model": "qwen3.5-0.8b"}),
        (1, {"model": "llama-3.1-8b", "speculative": "draft", "draft_model": "llama-3.2-1b"}),
    ],
)
def test_states_to_go_back_to(expected: int, request_: dict[str, Any]) -> None:
    asked = {"gpu": "h200", "engine": "llama.cpp", "quant": "Q4_K_M", **request_}
    found = resolve(parse_request(asked), catalogue())[0]
    assert expected == states_each(found.model, found.workload)
