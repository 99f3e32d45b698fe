"""What would make it fit: changed deployments, each proved by estimating it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue
from vramfit.check import Checked, check
from vramfit.engines.resolve import resolve
from vramfit.remedies.answer import answer
from vramfit.units import GIB
from vramfit.workload import parse_request

if TYPE_CHECKING:
    from vramfit.remedies import Remedy


def row(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Checked:
    """The first row of Llama 2 13B in fp16 on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b", "quant": "fp16", **request}
    return next(check(parse_request(raw), Catalogue(changes)))


def offered(**request: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kind and changes of each remedy, in the order offered."""
    return [(r.proposal.kind, dict(r.proposal.changes)) for r in row(**request).remedies]


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
    assert kinds.index("multi-gpu") < kinds.index("cloud-gpu") < kinds.index("smaller-model")


def test_nothing_to_remedy() -> None:
    """What fits comfortably is left alone; what is tight is not."""
    assert [] == offered(quant="int8")
    asked: dict[str, Any] = {"gpu": "rtx3060-12gb", "quant": "int8", "model": "llama-3.1-8b"}
    limits = row(**asked).limits
    assert limits is not None
    tight = row(**asked, context=limits.max_context)
    assert "tight" == tight.answer.verdict.word
    assert tight.remedies


def test_quantize_offers_the_classes_below() -> None:
    """Best quality first, in the asked engine."""
    changes = [change for kind, change in offered() if kind == "quantize"]
    assert [{"quant": "int8"}, {"quant": "nf4"}] == changes
    changes = [change for kind, change in offered(engine="llama.cpp", quant="F16") if kind == "quantize"]
    assert [{"quant": "Q8_0"}, {"quant": "Q4_K_M"}] == changes


def test_a_remedy_names_its_quant_where_none_was_asked() -> None:
    """Put on a request for all three classes it must mean this row."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b"}
    first = next(check(parse_request(raw), Catalogue()))
    assert all("quant" in remedy.proposal.changes for remedy in first.remedies)


def test_offload_keeps_as_many_layers_as_fit() -> None:
    """In llama.cpp at the same precision; one layer more would not do."""
    changes = of_kind("offload-layers").proposal.changes
    assert ("llama.cpp", "F16") == (changes["engine"], changes["quant"])
    asked = {"gpu": ("rtx4090",), "model": "llama-2-13b", **changes}
    assert answer(resolve(asked, Catalogue())[0]).reached
    more = {**asked, "gpu_layers": changes["gpu_layers"] + 1}
    assert not answer(resolve(more, Catalogue())[0]).reached


def test_several_cards_are_the_fewest_that_do() -> None:
    """Two RTX 4090 or three RTX 3060 for 26 GB and a cache; mixed cards are not multiplied."""
    assert ("multi-gpu", {"gpu": "2xrtx4090"}) in offered()
    assert ("multi-gpu", {"gpu": "3xrtx3060-12gb"}) in offered(gpu="rtx3060-12gb")
    assert not answer(
        resolve({"gpu": ("2xrtx3060-12gb",), "model": "llama-2-13b", "quant": "fp16"}, Catalogue())[0]
    ).reached
    assert not [kind for kind, _ in offered(gpu=["rtx4090", "rtx3060-12gb"], quant="fp32") if kind == "multi-gpu"]


def test_bigger_cards_are_the_cheapest_first() -> None:
    """Each with more memory than the one before, of those people own."""
    changes = [change["gpu"] for kind, change in offered() if kind == "bigger-gpu"]
    assert ["rtx5090", "rtx6000ada"] == changes


def test_a_rented_card_is_dated() -> None:
    """Prices move weekly."""
    remedy = of_kind("cloud-gpu")
    assert {"gpu": "a100-sxm4-80gb"} == remedy.proposal.changes
    assert "about $1.50 per hour at example, as of 2026-11" == remedy.proposal.cost


def test_smaller_models() -> None:
    """The largest sibling that fits as asked, and one to fine-tune on this very card."""
    assert {"model": "llama-2-7b"} == of_kind("smaller-model").proposal.changes
    tuned = of_kind("finetune-smaller")
    assert {"model": "llama-2-7b", "engine": "transformers", "quant": "nf4", "task": "qlora"} == tuned.proposal.changes
    assert ("rtx4090",) == tuple(gpu.id for gpu in tuned.proposal.answer.deployment.gpus)


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"level": "fits"}, {"gpu": "rtx3060-12gb"}, {"gpu": "rtx3060-12gb", "quant": "int8"}, {"engine": "llama.cpp"},
        {"model": "mixtral-8x7b"}, {"model": "llava-1.5-7b", "gpu": "rtx3060-12gb"}, {"task": "lora", "quant": "bf16"},
        {"context": 4096, "parallel": 16, "quant": "int8"}, {"gpu": "2xrtx3060-12gb"},
    ],
)  # fmt: skip
def test_every_remedy_is_proved(request_: dict[str, Any]) -> None:
    """Each reaches the asked level, carries the answer of its own estimate, and says what it costs."""
    asked = row(**request_)
    for remedy in asked.remedies:
        proposal = remedy.proposal
        assert proposal.answer.reached
        assert proposal.answer.deployment.workload.level == asked.answer.deployment.workload.level
        assert proposal.summary
        assert proposal.cost
        assert remedy.command
        again = answer(proposal.answer.deployment)
        assert (again.required_bytes, again.verdict) == (proposal.answer.required_bytes, proposal.answer.verdict)


def test_remedies_are_for_the_same_work() -> None:
    """A remedy changes what it says and nothing else: context, sequences and cache type stay."""
    for remedy in row(context=4000, parallel=2, gpu_layers="all", reserve="1GiB").remedies:
        work = remedy.proposal.answer.deployment.workload
        assert (4000, 2, "f16", GIB) == (work.context, work.parallel, work.kv_cache_type, work.reserve_bytes)
