"""From a request to resolved deployments: defaults filled in, nothing guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue, gpu, model
from vramfit._record import replace
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.quants import nearer, scheme_of
from vramfit.engines.resolve import engine_name, kinds_of_sets, published, resolve
from vramfit.errors import CannotTell, UnsupportedScheme, UsageError, VramfitError
from vramfit.model.origin import Origin
from vramfit.units import GIB
from vramfit.workload.common import Workload

if TYPE_CHECKING:
    from vramfit.hardware import Gpu


def resolved(**request: Any) -> Any:
    """Deployments of a request that names an RTX 4090 and Llama 2 7B unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", **request}
    return resolve(parse_request(raw), Catalogue())


def test_the_three_classes_in_order() -> None:
    """Without ``quant`` the answer has a row for each class, fp16 first: the exit code follows it."""
    assert ["fp16", "int8", "nf4"] == [d.scheme.id for d in resolved()]
    assert ["fp16", "int8", "int4"] == [d.scheme.precision for d in resolved()]
    assert ["F16", "Q8_0", "Q4_K_M"] == [d.scheme.id for d in resolved(engine="llama.cpp")]


@pytest.mark.parametrize(
    ("engine", "scheme", "quant"),
    [
        ("transformers", "int8", "int8"),
        ("transformers", "nf4", "int4"),
        ("transformers", "nf4", "bnb-4bit"),
        ("transformers", "bf16", "BFLOAT16"),
        ("llama.cpp", "Q4_K_M", "Q4_K_M"),
        ("llama.cpp", "Q4_K_M", "q4_k_m"),
        ("llama.cpp", "Q8_0", "q8_0"),
    ],
)
def test_one_quant_is_one_row_in_its_engine(engine: str, scheme: str, quant: str) -> None:
    """A GGUF file type means llama.cpp, everything else transformers; spelling does not matter."""
    (deployment,) = resolved(quant=quant)
    assert (engine, scheme) == (deployment.engine, deployment.scheme.id)


def test_defaults() -> None:
    """What the contract's default column says, for a text model."""
    (deployment,) = resolved(quant="fp16")
    assert Workload(context=4096) == deployment.workload
    assert ("rtx4090",) == tuple(gpu.id for gpu in deployment.gpus)
    assert "llama-2-7b" == deployment.model.id
    assert 6_738_415_616 == deployment.model_parameters


@pytest.mark.parametrize(("expected", "model"), [(4096, "llama-3.1-8b"), (2048, "recurrent"), (4096, "llama-2-7b")])
def test_default_context(expected: int, model: str) -> None:
    """4096 tokens, or the model's maximum where that is less."""
    assert expected == resolved(model=model)[0].workload.context


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (1, {"model": "llava-1.5-7b"}),
        (0, {"model": "llava-1.5-7b", "images": 0}),
        (3, {"model": "llava-1.5-7b", "images": 3}),
        (0, {"model": "llama-2-7b"}),
        (0, {"model": "llava-1.5-7b", "task": "lora"}),
    ],
)
def test_default_images(expected: int, request_: dict[str, Any]) -> None:
    """One for a vision model that answers, none for any other."""
    assert expected == resolved(**request_)[0].workload.images


def test_kv_cache_type_v_follows_k() -> None:
    """V alone can differ; not given, it is as K."""
    work = resolved(engine="llama.cpp", quant="Q4_K_M", kv_cache_type="q8_0")[0].workload
    assert ("q8_0", "q8_0") == (work.kv_cache_type, work.kv_cache_type_v)
    work = resolved(engine="llama.cpp", quant="Q4_K_M", kv_cache_type="q8_0", kv_cache_type_v="q4_0")[0].workload
    assert ("q8_0", "q4_0") == (work.kv_cache_type, work.kv_cache_type_v)


def test_apple_hardware_is_macos() -> None:
    """Nobody need say so, and no other platform can be asked."""
    catalogue = Catalogue({"rtx4090": {"vendor": "apple"}})
    asked = {"gpu": ("rtx4090",), "model": "llama-2-7b"}
    assert "macos" == resolve(asked, catalogue)[0].workload.platform
    with pytest.raises(UsageError, match="runs macOS, not linux"):
        resolve({**asked, "platform": "linux"}, catalogue)
    assert "linux" == resolved()[0].workload.platform


def test_several_gpus_are_devices_in_the_order_asked() -> None:
    """A count repeats a card; several names mix cards."""
    assert ["rtx3090", "rtx3090"] == [gpu.id for gpu in resolved(gpu="2xrtx3090")[0].gpus]
    mixed = resolved(gpu=["rtx3060-12gb", "2xrtx3090"])[0].gpus
    assert ["rtx3060-12gb", "rtx3090", "rtx3090"] == [gpu.id for gpu in mixed]


@pytest.mark.parametrize(("scheme", "task"), [("bf16", "full"), ("bf16", "lora"), ("nf4-single", "qlora")])
def test_training_is_one_row(scheme: str, task: str) -> None:
    """Fine-tuning has one usual way to store the base weights, not three classes."""
    assert [scheme] == [d.scheme.id for d in resolved(task=task)]


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("missing --gpu", {"gpu": None}),
        ("missing --model", {"model": None}),
        ('no GPU is called "rtx4900"', {"gpu": "rtx4900"}),
        ('no model is called "llama-9"', {"model": "llama-9"}),
        ('unknown quant "int7"', {"quant": "int7"}),
        ("transformers has no cache type q8_0", {"engine": "transformers", "kv_cache_type": "q8_0"}),
        ("llama.cpp has no cache type fp8", {"engine": "llama.cpp", "quant": "Q4_K_M", "kv_cache_type": "fp8"}),
        ("llama.cpp does not run task qlora", {"engine": "llama.cpp", "task": "qlora"}),
        ('model "llama-2-7b" takes no images', {"images": 1}),
        ('transformers cannot load quant "Q4_K_M"', {"engine": "transformers", "quant": "Q4_K_M"}),
        ('llama.cpp cannot load quant "nf4"', {"engine": "llama.cpp", "quant": "nf4"}),
    ],
)
def test_refusals(message: str, request_: dict[str, Any]) -> None:
    """What means nothing is a usage error that names the key's value and tells what would do."""
    with pytest.raises(UsageError) as caught:
        resolved(**request_)
    assert message == caught.value.message
    assert caught.value.exit_code == 2


def test_the_hint_for_a_quant_of_another_engine() -> None:
    """It lists what the asked engine takes."""
    with pytest.raises(UnsupportedScheme) as caught:
        resolved(engine="transformers", quant="Q4_K_M")
    assert "fp16, int8, int4" in (caught.value.hint or "")


def test_an_empty_request_is_refused() -> None:
    """Not answered for some default card."""
    with pytest.raises(VramfitError):
        resolve({}, Catalogue())


@pytest.mark.parametrize(
    ("chosen", "asked", "stated"),
    [
        # Nothing was asked, or nothing stated.
        ("awq", None, "awq"),
        ("stored", None, "stored"),
        ("awq", "stored", "awq"),
        ("int4", "int4", None),
        ("int4", "int4", "stored"),
        ("stored", "stored", None),
        (None, None, None),
        # A class is met by what has its precision, and by nothing else.
        ("awq", "int4", "awq"),
        ("int8", "int8", "awq"),
        ("fp16", "fp16", "awq"),
        # A family by its kinds, and by a kind of that precision.
        ("fbgemm_fp8", "fp8", "fbgemm_fp8"),
        ("gptq-int8", "gptq-int8", "gptq"),
        ("fp8", "fp8", "awq"),
        ("Q4_K_M", "Q4_K_M", "awq"),
    ],
)
def test_what_a_repository_states_and_what_was_asked(chosen: str | None, asked: str | None, stated: str | None) -> None:
    """The repository's own scheme where it is one kind of what was asked."""
    assert chosen == nearer(asked, stated)


def test_sets_that_are_refused_are_together_by_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that fills in nothing for small cards says why; the others are apart from them."""

    def filled(_: object, request: object, gpus: tuple[Gpu, ...], model: object, scheme: object) -> dict[str, object]:
        if gpus[0].memory_bytes < 20 * GIB:
            raise UsageError("too small", "take another")
        return {}

    monkeypatch.setattr(type(engine("ollama")), "defaults", filled)
    sets = [(gpu(name),) for name in ("rtx3060-12gb", "rtx4090", "rtx3060-12gb", "rtx3090")]
    request = parse_request({"gpu": "rtx4090", "model": "llama-2-7b", "engine": "ollama", "quant": "Q4_K_M"})
    assert list(kinds_of_sets(request, sets, model("llama-2-7b"))) == [[0, 2], [1, 3]]


def test_how_a_model_is_stored_may_be_unknown() -> None:
    """Its files say why; a model of the catalogue was read from none."""
    read = replace(model("llama-2-7b"), origin=Origin("config", "disk", stored_gap="its method is not known"))
    with pytest.raises(CannotTell, match="its method is not known"):
        scheme_of("stored", engine("transformers"), read)
    with pytest.raises(UsageError, match="llama-2-7b is not read from a file"):
        scheme_of("stored", engine("transformers"), model("llama-2-7b"))


@pytest.mark.parametrize(
    ("expected", "quant", "known"),
    [
        ("second/awq", "awq", {"first/gptq": {"quant": "gptq-int4"}, "second/awq": {"quant": "awq"}}),
        ("first/gptq", "gptq-int4", {"first/gptq": {"quant": "gptq-int4"}, "second/awq": {"quant": "awq"}}),
        (None, "awq", {"first/gptq": {"quant": "gptq-int4"}, "third": {}}),
        (None, "awq", {}),
    ],
)
def test_the_files_of_the_scheme_are_named(
    expected: str | None, quant: str, known: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones the catalogue knows in it, and none in another."""
    catalogue = Catalogue({})
    monkeypatch.setattr(catalogue, "published", lambda _: known, raising=False)
    asked = parse_request({"gpu": "rtx4090", "model": "llama-2-7b", "quant": quant, "engine": "vllm"})
    found = published(resolve(asked, Catalogue({}))[0], catalogue)

    assert expected == (None if found.reference is None else found.reference.repository)


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ("transformers", None),
        ("transformers", "f16"),
        ("llama.cpp", "q8_0"),
        ("llama.cpp", "q4_0"),
        ("vllm", "fp8"),
        ("exllamav2", "int4"),
    ],
)
def test_a_cache_type_chooses_an_engine_that_has_it(expected: str, kind: str | None) -> None:
    """The default engine where it has the type itself, or none is asked for."""
    asked = parse_request({"gpu": "rtx4090", "model": "llama-2-7b"})
    assert expected == engine_name(asked if kind is None else {**asked, "kv_cache_type": kind})
