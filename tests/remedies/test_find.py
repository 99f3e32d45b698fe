"""What would make it fit: changed deployments, each proved by estimating it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.each import each
from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.checks import Checked, check
from vramfit.engines import engine, names, pipeline_engines
from vramfit.engines.keys import parse_request
from vramfit.engines.pipelines import SPEECH_GROUPS
from vramfit.engines.resolve import resolve
from vramfit.remedies import MOST
from vramfit.sources import open_catalogue
from vramfit.units import GIB

if TYPE_CHECKING:
    from vramfit.remedies import Remedy


def row(changes: dict[str, dict[str, Any]] | None = None, *, everything: bool = False, **request: Any) -> Checked:
    """The first row of Llama 2 13B in fp16 on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b", "quant": "fp16", **request}
    return next(check(parse_request(raw), Catalogue(changes), all_remedies=everything))


def offered(**request: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kind and changes of each remedy, in the order offered."""
    return [(r.proposal.kind, dict(r.changes)) for r in row(**request).remedies]


def of_kind(kind: str, **request: Any) -> Remedy:
    """The first remedy of a kind."""
    return next(r for r in row(**request).remedies if r.proposal.kind == kind)


def test_every_kind_for_the_usual_case() -> None:
    """Free before paid, the same model before another."""
    kinds = list(dict.fromkeys(kind for kind, _ in offered()))
    assert {
        "quantize", "offload-layers", "multi-gpu", "bigger-gpu", "cloud-gpu", "smaller-model", "finetune-smaller",
    } <= set(kinds)  # fmt: skip
    assert kinds.index("quantize") < kinds.index("offload-layers") < kinds.index("multi-gpu")
    assert kinds.index("cloud-gpu") < kinds.index("smaller-model") < kinds.index("finetune-smaller")


def test_nothing_to_remedy() -> None:
    """What fits comfortably is left alone; what is tight gets what fits comfortably."""
    assert [] == offered(quant="int8")
    asked: dict[str, Any] = {"gpu": "rtx3060-12gb", "quant": "int8", "model": "llama-3.1-8b"}
    limits = row(**asked).limits
    assert limits is not None
    tight = row(**asked, context=limits.max_context)
    assert "tight" == tight.answer.verdict.word
    assert tight.remedies
    assert {"fits"} == {remedy.proposal.answer.verdict.word for remedy in tight.remedies}


def test_quantize_offers_the_classes_below_and_the_best_file() -> None:
    """Best quality first, in the asked engine, and as a GGUF file where that is another's."""
    changes = [change for kind, change in offered() if kind == "quantize"]
    assert [{"engine": "llama.cpp", "quant": "Q8_0"}, {"quant": "int8"}, {"quant": "nf4"}] == changes
    changes = [change for kind, change in offered(engine="llama.cpp", quant="F16") if kind == "quantize"]
    assert [{"quant": "Q8_0"}, {"quant": "Q4_K_M"}] == changes


def test_a_file_says_what_it_weighs() -> None:
    """13.83 GB: the GGUF of Llama 2 13B in Q8_0 (TheBloke/Llama-2-13B-GGUF lists 13.83 GB)."""
    remedy = of_kind("quantize")
    assert "quantize to Q8_0, a file of 13.8 GB, and run llama.cpp" == remedy.proposal.summary


def test_every_scheme_where_all_are_asked_for() -> None:
    """Each that the engine loads and fits, as many as there are, the best few of which are the default."""
    few = {tuple(sorted(r.changes.items())) for r in row().remedies}
    told = row(everything=True).remedies
    assert few <= {tuple(sorted(r.changes.items())) for r in told}
    quants = {r.changes.get("quant") for r in told if r.proposal.kind == "quantize"}
    assert {"int8", "nf4", "awq", "gptq-int4", "hqq-int8", "Q8_0", "Q6_K", "Q4_K_M", "IQ4_XS", "Q2_K"} <= quants
    assert not {"TQ1_0", "MXFP4_MOE", "fp16", "F16"} & quants
    assert len(told) > MOST >= len(row().remedies)


def test_a_release_in_four_bits_is_offered_first() -> None:
    """The precision a mixture was released in loses nothing, whatever its width."""
    changes = {"mixtral-8x7b": {"dtype": "mxfp4"}}
    remedies = row(changes, model="mixtral-8x7b", gpu="rtx5090").remedies
    first = next(r for r in remedies if r.proposal.kind == "quantize")
    assert ("MXFP4_MOE", "reference") == (first.changes["quant"], first.quality[0])


def test_a_remedy_names_its_quant_where_none_was_asked() -> None:
    """Put on a request for all three classes it must mean this row."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b"}
    first = next(check(parse_request(raw), Catalogue()))
    assert all("quant" in remedy.changes for remedy in first.remedies)


@pytest.mark.parametrize("request_", [{}, {"engine": "llama.cpp", "quant": "F16"}, {"gpu": "2xrtx3060-12gb"}])
def test_offload_keeps_as_many_layers_as_fit(request_: dict[str, Any]) -> None:
    """In llama.cpp at the same precision, with the whole margin; two layers more would not do."""
    changes = of_kind("offload-layers", **request_).changes
    asked = {"gpu": "rtx4090", "model": "llama-2-13b", "engine": "llama.cpp", "quant": "F16", **request_, **changes}
    assert ("llama.cpp", "F16") == (asked["engine"], asked["quant"])
    found = answer(resolve(parse_request(asked), Catalogue())[0])
    assert "fits" == found.verdict.word
    layers = changes["gpu_layers"]
    assert isinstance(layers, int)
    more = {**asked, "gpu_layers": layers + 2}
    assert "fits" != answer(resolve(parse_request(more), Catalogue())[0]).verdict.word


def test_offload_keeps_as_many_experts_as_fit() -> None:
    """Of a mixture the experts alone go to RAM: attention and cache stay on the GPU."""
    asked: dict[str, Any] = {"model": "mixtral-8x7b", "quant": "Q4_K_M"}
    remedy = of_kind("offload-experts", **asked)
    count = remedy.changes["cpu_moe_layers"]
    assert isinstance(count, int)
    assert 0 < count < 32
    fewer = {"gpu": "rtx4090", **asked, "cpu_moe_layers": count - 2}
    assert "fits" != answer(resolve(parse_request(fewer), Catalogue())[0]).verdict.word
    assert remedy.proposal.answer.estimate.host.weights_bytes > 0


def test_ollama_places_experts_by_itself() -> None:
    """It has no setting for them, so the remedy is to leave the placement to it, and says what comes of that."""
    remedy = of_kind("offload-experts", model="mixtral-8x7b", quant="Q4_K_M", engine="ollama")
    assert "auto" == remedy.changes["gpu_layers"]
    count = remedy.proposal.answer.estimate.settings["cpu_moe_layers"]
    assert f"the experts of {count} of 32 layers in RAM" in remedy.proposal.summary
    assert "num_gpu" not in remedy.command


def test_the_cheaper_of_two_ways_to_the_same_deployment() -> None:
    """A card that can be bought or rented stands once in a combination, the way that costs less."""
    changes: dict[str, dict[str, Any]] = {
        "rtx6000ada": {"rents": [{"provider": "example", "usd_per_hour": 0.5, "as_of": "2026-11"}]},
        "mixtral-8x7b": {"released": None},
    }
    told = row(changes, model="mixtral-8x7b").remedies
    both = [r for r in told if (r.proposal.kind, r.changes.get("gpu")) == ("quantize", "rtx6000ada")]
    assert [0.5] == [r.proposal.cloud["usd_per_hour"] for r in both if r.proposal.cloud is not None]
    assert 1 == len(both)


def test_offload_into_shared_memory_is_none() -> None:
    """Where GPU and CPU have one memory, both parts must go into it."""
    shared = {"rtx4090": {"unified": True}}
    assert "offload-layers" in [r.proposal.kind for r in row().remedies]
    assert "offload-layers" not in [r.proposal.kind for r in row(shared).remedies]


def test_host_memory_counts_where_it_is_known() -> None:
    """Six GiB of layers do not go into four of RAM."""
    assert "offload-layers" in [kind for kind, _ in offered(ram="64GiB")]
    assert "offload-layers" not in [kind for kind, _ in offered(ram="1GiB")]


def test_several_cards_are_the_fewest_that_do() -> None:
    """Two RTX 4090 or three RTX 3060 for 26 GB and a cache; mixed cards are not multiplied."""
    assert ("multi-gpu", {"gpu": "2xrtx4090"}) in offered()
    assert ("multi-gpu", {"gpu": "3xrtx3060-12gb"}) in offered(gpu="rtx3060-12gb")
    assert not answer(
        resolve({"gpu": ("2xrtx3060-12gb",), "model": "llama-2-13b", "quant": "fp16"}, Catalogue())[0]
    ).reached
    assert not [kind for kind, _ in offered(gpu=["rtx4090", "rtx3060-12gb"], quant="fp32") if kind == "multi-gpu"]


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("the cards work one after another: no faster, and little crosses PCIe at 32 GB/s", {}),
        ("the cards work at the same time and sum twice per layer over PCIe at 32 GB/s", {"engine": "vllm"}),
        ("states are gathered over PCIe at 32 GB/s in every step", {"task": "full", "quant": "bf16", "gpu": "rtx4090"}),
    ],
)
def test_several_cards_tell_what_their_link_does(words: str, request_: dict[str, Any]) -> None:
    """Layers in a row, split layers, sharded states."""
    assert words in of_kind("multi-gpu", **{"model": "llama-2-7b", "gpu": "rtx3060-12gb", **request_}).proposal.trade


def test_tensor_parallel_moves_with_the_cards() -> None:
    """A pinned split of one is no split of two."""
    changes = of_kind("multi-gpu", engine="vllm", tensor_parallel=1).changes
    assert {"gpu": "2xrtx4090", "tensor_parallel": 2} == {key: changes[key] for key in ("gpu", "tensor_parallel")}


def test_two_machines_where_eight_cards_do_not_do() -> None:
    """Tensor parallel inside each, pipeline parallel between them, in an engine that can; of cards that servers have."""
    served: dict[str, dict[str, Any]] = {"rtx3060-12gb": {"segment": "datacenter"}}
    asked: dict[str, Any] = {"model": "mixtral-8x7b", "gpu": "rtx3060-12gb"}
    changes = next(r for r in row(served, **asked).remedies if r.proposal.kind == "multi-node").changes
    assert "multi-node" not in [kind for kind, _ in offered(**asked)]
    assert "multi-node" in [r.proposal.kind for r in row(everything=True, **asked).remedies]
    expected = {"gpu": "16xrtx3060-12gb", "engine": "vllm", "tensor_parallel": 8, "pipeline_parallel": 2}
    assert expected == {key: changes[key] for key in expected}


def test_bigger_cards_are_the_cheapest_first() -> None:
    """Each with more memory than the one before, of those people own."""
    changes = [change["gpu"] for kind, change in offered() if kind == "bigger-gpu"]
    assert ["rtx5090", "rtx6000ada"] == changes


def test_a_rented_card_is_dated() -> None:
    """Prices move weekly."""
    remedy = of_kind("cloud-gpu")
    assert {"gpu": "a100-sxm4-80gb"} == remedy.changes
    assert "about $1.50/h at example (one-card), as of 2026-11" == remedy.proposal.trade
    assert {
        "provider": "example", "instance": "one-card", "gpus": 1, "usd_per_hour": 1.5, "as_of": "2026-11",
    } == remedy.proposal.cloud  # fmt: skip


def test_a_rented_instance_of_several_cards() -> None:
    """Where no single one does; the price is the instance's."""
    rents = [
        {"provider": "example", "usd_per_hour": 1.5, "as_of": "2026-11"},
        {"provider": "example", "instance": "two-cards", "gpus": 2, "usd_per_hour": 3.5, "as_of": "2026-11"},
    ]
    changes = {"a100-sxm4-80gb": {"rents": rents}}
    told = row(changes, model="mixtral-8x7b", everything=True).remedies
    rented = [r.changes["gpu"] for r in told if r.proposal.kind == "cloud-gpu"]
    assert ["2xa100-sxm4-80gb"] == rented


def test_smaller_models() -> None:
    """The largest sibling that fits as asked, and one to fine-tune on this very card."""
    assert {"model": "llama-2-7b"} == of_kind("smaller-model").changes
    tuned = of_kind("finetune-smaller")
    assert {"model": "llama-2-7b", "engine": "transformers", "quant": "nf4", "task": "qlora"} == tuned.changes
    assert ("rtx4090",) == tuple(gpu.id for gpu in tuned.proposal.answer.deployment.gpus)
    peak = tuned.proposal.answer.estimate.gpus[0].total_bytes / GIB
    assert f"{peak:.1f} GiB at samples of 2,048 tokens" in tuned.proposal.trade


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"level": "fits"}, {"gpu": "rtx3060-12gb"}, {"gpu": "rtx3060-12gb", "quant": "int8"}, {"engine": "llama.cpp"},
        {"model": "mixtral-8x7b"}, {"model": "llava-1.5-7b", "gpu": "rtx3060-12gb"}, {"task": "lora", "quant": "bf16"},
        {"context": 4096, "parallel": 16, "quant": "int8"}, {"gpu": "2xrtx3060-12gb"}, {"engine": "vllm"},
        {"engine": "sglang", "gpu": "rtx3090"}, {"model": "sliding", "context": 131072, "parallel": 8},
        {"model": "latent", "gpu": "rtx3060-12gb", "context": 163840, "engine": "llama.cpp", "quant": "Q8_0"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("everything", [False, True])
def test_every_remedy_is_proved(request_: dict[str, Any], everything: bool) -> None:
    """Each reaches the asked level, carries the answer of its own estimate, and says what it costs."""
    asked = row(everything=everything, **request_)
    costs = [remedy.cost for remedy in asked.remedies]
    assert sorted(costs) == costs
    for remedy in asked.remedies:
        proposal = remedy.proposal
        assert proposal.answer.reached
        assert proposal.answer.deployment.workload.level == asked.answer.deployment.workload.level
        assert proposal.summary
        assert proposal.trade
        assert remedy.command
        again = answer(proposal.answer.deployment)
        assert (again.required_bytes, again.verdict) == (proposal.answer.required_bytes, proposal.answer.verdict)


def test_remedies_are_for_the_same_work() -> None:
    """A remedy changes what it says and nothing else: context, sequences and cache type stay."""
    for remedy in each(row(context=4000, parallel=2, gpu_layers="all", reserve="1GiB").remedies):
        work = remedy.proposal.answer.deployment.workload
        assert (4000, 2, "f16", GIB) == (work.context, work.parallel, work.kv_cache_type, work.reserve_bytes)


def test_rows_share_their_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantizing to int8 is the second row: it is estimated once."""
    import vramfit.checks
    import vramfit.remedies

    asked: list[str] = []

    def counted(deployment: Any) -> Any:
        work = deployment.workload
        if (work.context, work.parallel, work.task) == (4096, 1, "inference"):
            asked.append(f"{deployment.scheme.id} {deployment.model.id} {len(deployment.gpus)}x{deployment.gpus[0].id}")
        return answer(deployment)

    monkeypatch.setattr(vramfit.checks, "answer", counted)
    monkeypatch.setattr(vramfit.remedies, "answer", counted)
    list(check(parse_request({"gpu": "rtx4090", "model": "llama-2-13b"}), Catalogue()))
    assert {"int8 llama-2-13b 1xrtx4090", "nf4 llama-2-13b 1xrtx4090", "Q8_0 llama-2-13b 1xrtx4090"} <= set(asked)
    assert sorted(set(asked)) == sorted(asked)


@pytest.mark.parametrize(
    ("request_", "usable", "summary"),
    [
        (
            {"gpu": "m2-pro-16gb", "model": "gemma-4-12b", "quant": "mlx-4bit", "images": 0, "context": 2048},
            "13GiB", "raise the wired limit to 13 GiB (sudo sysctl iogpu.wired_limit_mb=13312)",
        ),
        (
            {"gpu": "strix-halo-128gb", "model": "qwen3-next-80b-a3b", "quant": "Q8_0", "context": 8192},
            "120GiB", "raise the GTT limit to 120 GiB (kernel parameter ttm.pages_limit=31457280)",
        ),
        (
            {"gpu": "radeon-890m", "model": "qwen3-30b-a3b", "quant": "Q8_0", "ram": "48GiB"},
            "45GiB", "raise the GTT limit to 45 GiB (kernel parameter ttm.pages_limit=11796480)",
        ),
    ],
)  # fmt: skip
def test_a_shared_memory_s_limit_is_raised(request_: dict[str, Any], usable: str, summary: str) -> None:
    """And what it promises is what a check with that limit says."""
    first = next(check(parse_request(request_), open_catalogue()))
    (found,) = [remedy for remedy in first.remedies if "usable" in remedy.proposal.changes]
    again = next(check(parse_request({**request_, "usable": usable}), open_catalogue()))

    assert (found.proposal.changes, found.proposal.summary) == ({"usable": usable}, summary)
    assert found.proposal.answer.verdict.headroom_bytes == again.answer.verdict.headroom_bytes > 0


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu": "m2-pro-16gb", "model": "gemma-4-12b", "quant": "mlx-4bit", "images": 0, "usable": "12GiB"},
        {"gpu": "strix-halo-128gb", "model": "qwen3-next-80b-a3b", "quant": "Q8_0", "platform": "windows"},
        {"gpu": "jetson-orin-nano-8gb", "model": "llama-3.1-8b", "quant": "Q4_K_M"},
        {"gpu": "m2-pro-16gb", "model": "llama-3.3-70b", "quant": "mlx-4bit"},
    ],
)
def test_a_limit_that_is_stated_or_no_owner_s_is_not_raised(request_: dict[str, Any]) -> None:
    first = next(check(parse_request(request_), open_catalogue()))

    assert first.answer.verdict.word == "exceeds"
    assert [remedy for remedy in first.remedies if "usable" in remedy.proposal.changes] == []


@pytest.mark.parametrize("name", names())
def test_every_engine_has_something_to_offer(name: str) -> None:
    """Its own scheme of fewer bits among the rest, whether a table has it or its name makes it (``exl2-8.0``).

    openai-whisper has 32 bits alone, and a smaller model.
    """
    speech = SPEECH_GROUPS[0] in engine(name).groups
    gpu = "gtx1650-gddr6" if speech else "m1-16gb" if name == "mlx" else "rtx3060-12gb"
    model = "whisper-large-v3" if speech else "flux.1-dev" if name in pipeline_engines() else "llama-2-13b"
    # ComfyUI moves what finds no room to RAM unless it is started otherwise, and then needs no remedy.
    placed = {"component_offload": "none"} if name in pipeline_engines() else {}
    context = {} if speech else {"context": 1024}
    request = parse_request({"gpu": gpu, "model": model, "quant": "fp16", "engine": name, **context, **placed})
    found = next(check(request, open_catalogue()))
    assert "exceeds" == found.answer.verdict.word
    assert ("smaller-model" if name == "openai-whisper" else "quantize") in {
        remedy.proposal.kind for remedy in found.remedies
    }


@pytest.mark.parametrize("quant", ["int4", "Q4_K_M"])
def test_a_publisher_s_file_is_promised_as_it_is_asked_for(quant: str) -> None:
    """bartowski makes Q4_K_M by a recipe of his own: a class means his file too, and another model's file is named."""
    model = "bartowski/Qwen3.6-35B-A3B-GGUF"
    request = parse_request({"gpu": "rtx4000ada", "model": model, "engine": "llama.cpp", "quant": quant})
    asked = next(check(request, open_catalogue()))
    assert asked.answer.deployment.scheme.id == "bartowski-Q4_K_M"
    assert len(asked.remedies) > 5
    for remedy in each(asked.remedies):
        changes = {key: value for key, value in remedy.changes.items() if value is not None}
        again = parse_request({"gpu": "rtx4000ada", "model": model, "engine": "llama.cpp", "quant": quant, **changes})
        found = answer(resolve(again, open_catalogue())[0])
        assert remedy.proposal.answer.required_bytes == found.required_bytes
        assert remedy.proposal.answer.deployment.scheme.id == found.deployment.scheme.id
