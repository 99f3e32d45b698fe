"""An engine from outside the program: one folder and one registration, and every command knows it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests import command
from tests.catalogued import catalogue
from tests.command import report, validator, vramfit
from tests.engines.outside import NAME, REGISTRATION
from tests.registering import registered
from vramfit._record import replace
from vramfit.cli.options import read
from vramfit.engines import engine, engine_of_family, estimate, names
from vramfit.engines.commands import read_command
from vramfit.engines.keys import every_key, parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import CannotTell, UsageError
from vramfit.recommend.attempts import Attempts
from vramfit.recommend.choices import Criteria, engines
from vramfit.units import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LLAMA = ("-g", "rtx4090", "-m", "llama-2-7b", "--engine", NAME)
WEIGHTS = 2 * 6_738_415_616
"""Llama 2 7B in 16 bits, of which a token takes 32 x 2 x 4096 x 2 bytes of cache."""
TOKEN = 524_288


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine registered, and its name among those that reports may have."""
    monkeypatch.setattr(command, "validator", partial(validator, engines=(NAME,)))
    with registered(REGISTRATION):
        yield


def own_keys() -> set[str]:
    return {"page_tokens", "prefetch", "lanes"}


def test_it_is_there_for_as_long_as_it_is_registered() -> None:
    """And leaves nothing behind: no name, no key, no family."""
    before, keys, family = names(), list(every_key()), engine_of_family("hqq")
    with registered(REGISTRATION):
        assert (*before, NAME) == names()
        assert own_keys() == set(every_key()) - set(keys)
        assert NAME == engine_of_family("hqq")
        assert engine(NAME).title == "Paged Toy"
    assert (before, keys, family) == (names(), list(every_key()), engine_of_family("hqq"))
    with pytest.raises(CannotTell):
        engine(NAME)
    with pytest.raises(UsageError, match='unknown key "page_tokens"'):
        parse_request({"page_tokens": "16"})


def test_it_is_unregistered_when_a_test_fails() -> None:
    before = names()
    with pytest.raises(ZeroDivisionError), registered(REGISTRATION):
        raise ZeroDivisionError
    assert before == names()


def test_one_of_the_same_name_is_replaced() -> None:
    """In its place, so that nothing else moves."""
    with registered(replace(REGISTRATION, name="vllm")):
        assert "Paged Toy" == engine("vllm").title
        replaced = names()
    assert replaced == names()
    assert "vLLM" == engine("vllm").title


@pytest.mark.usefixtures("known")
def test_its_keys_stand_among_the_others() -> None:
    """Where its group says; the engine's choices have its name."""
    order = list(every_key())
    assert ["cuda_graph_max_bs", "page_tokens", "prefetch", "lanes", "speculative"] == order[
        order.index("cuda_graph_max_bs") : order.index("speculative") + 1
    ]
    assert names() == every_key()["engine"].words
    assert {"page_tokens": "32", "prefetch": "true", "json": True} == read(
        ["check", "-pt", "32", "--prefetch", "--json"]
    )


@pytest.mark.usefixtures("known")
def test_list_engines_has_it() -> None:
    """With what it can be asked for."""
    (found,) = [one for one in json.loads(vramfit("list", "engines", "--json").out)["engines"] if one["id"] == NAME]
    assert found == {
        "id": NAME, "modelled": True, "classes": {"fp16": "fp16", "int8": "Q8_0", "int4": "Q4_K_M"},
        "quant_families": ["plain", "gguf", "hqq"], "cache_types": ["f16"], "tasks": ["inference"],
    }  # fmt: skip
    (hqq,) = [one for one in json.loads(vramfit("list", "quants", "--json").out)["quants"] if one["id"] == "hqq-int4"]
    assert NAME in hqq["engines"]


@pytest.mark.usefixtures("known")
def test_check_answers_for_it() -> None:
    """Every figure by hand, with its own key in a short flag, and the report is the contract's."""
    (found,) = report(*LLAMA, "--quant", "fp16", "-c", "1000", "-pt", "256").estimates
    validator("estimate", engines=(NAME,)).validate(found)
    parts = {"weights": WEIGHTS, "kv_cache": 1024 * TOKEN, "compute": 256 * MIB, "overhead": 100 * MIB}
    assert (NAME, "fits", parts) == (found["engine"], found["verdict"], found["breakdown"])
    total = sum(parts.values())
    assert {"low": total - 178 * MIB, "expected": total, "high": total + 356 * MIB} == found["required_bytes"]
    # 95 % of the 24,080 MiB that a program can have, and its own context beside them.
    limit = 22_876 * MIB + 100 * MIB
    assert limit == found["devices"][0]["usable_bytes"]
    assert limit - total == found["headroom_bytes"]
    asked = found["deployment"]
    assert (256, False, "wide") == (asked["page_tokens"], asked["prefetch"], asked["lanes"])
    assert {"the cache is 4 pages of 256 tokens", "NVIDIA GeForce RTX 4090 was seen"} <= set(found["assumptions"])
    # Weights and the cache of half the context, at half of 1,008.4 GB/s.
    rate = 504.2e9 / (WEIGHTS + 500 * TOKEN)
    assert {"low": 18.3, "expected": float(f"{rate:.3g}"), "high": 73.4} == found["throughput"][
        "decode_tokens_per_second"
    ]


@pytest.mark.usefixtures("known")
def test_its_terms_add_up() -> None:
    """Its own, and the runtime's share, which every engine's terms have."""
    request = {"gpu": ["rtx4090", "rtx3090"], "model": "llama-2-7b", "engine": NAME, "quant": "fp16", "page_tokens": 64}
    (deployment,) = resolve(parse_request(request), catalogue())
    found = estimate(deployment)
    made = [(term.device, term.part, term.name, term.bytes, term.source) for term in terms(deployment)]
    assert made == [
        (gpu.device, part, name, size, "made up")
        for gpu in found.gpus
        for part, name, size in (
            ("weights", "a share of the file", WEIGHTS // 2),
            ("kv_cache", "pages", 4096 * TOKEN),
            ("compute", "buffer", 256 * MIB),
            ("overhead", "runtime", 100 * MIB),
        )
    ]
    assert [sum(size for device, *_, size, _ in made if device == gpu.device) for gpu in found.gpus] == [
        gpu.total_bytes for gpu in found.gpus
    ]


@pytest.mark.usefixtures("known")
def test_the_three_classes_and_a_scheme_of_its_own() -> None:
    """Its schemes for the classes; a quantization of its family is asked of it without a word."""
    rows = report(*LLAMA).estimates
    assert ["fp16", "Q8_0", "Q4_K_M"] == [row["quant"]["scheme"] for row in rows]
    (own,) = report("-g", "rtx4090", "-m", "llama-2-7b", "--quant", "hqq-int4").estimates
    assert NAME == own["engine"]


@pytest.mark.usefixtures("known")
def test_two_gpus_share_evenly() -> None:
    """And its own default of two sequences."""
    (found,) = report("-g", "2xrtx4090", *LLAMA[2:], "--quant", "fp16").estimates
    assert 2 == found["deployment"]["parallel"]
    first, second, host = found["devices"]
    assert (WEIGHTS // 2, 4096 * TOKEN) == (first["weights_bytes"], first["kv_cache_bytes"])
    assert {**first, "device": "gpu1"} == second
    assert 0 == host["total_bytes"]


@pytest.mark.usefixtures("known")
def test_a_deployments_file_has_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "deployments.yaml"
    path.write_text(
        f"deployments: [{{gpu: rtx4090, model: llama-2-7b, engine: {NAME}, quant: fp16, page_tokens: 64, lanes: narrow}}]"
    )
    (found,) = report("--file", str(path)).estimates
    assert (64, "narrow", 64 * MIB) == (
        found["deployment"]["page_tokens"], found["deployment"]["lanes"], found["breakdown"]["compute"]
    )  # fmt: skip


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("code", "said", "more"),
    [
        (2, "keeps every layer on the GPUs", ("--gpu-layers", "3")),
        (2, "has no cache type q8_0", ("--kv-cache-type", "q8_0")),
        (2, "does not run task lora", ("--task", "lora")),
        (2, 'cannot load quant "awq"', ("--quant", "awq")),
        (2, "does not run on Apple", ("-g", "m4-max-64gb")),
        (2, 'page_tokens: "0" is not a valid value', ("-pt", "0")),
    ],
)
def test_what_it_refuses(code: int, said: str, more: tuple[str, ...]) -> None:
    """One line and a hint, as of any engine."""
    given = LLAMA[2:] if "-g" in more else LLAMA
    ran = vramfit("check", *given, *more, "--json")
    assert (code, True) == (ran.code, said in ran.document["error"]["message"])
    assert ran.document["error"]["hint"]


@pytest.mark.usefixtures("known")
def test_matrix_and_check_say_the_same() -> None:
    """A sweep groups GPUs by the view of an engine that it never heard of."""
    cards = ("rtx4090", "rtx3090", "rtx3060-12gb", "2xrtx3060-12gb", "mi300x", "m4-max-64gb")
    asked = ("-m", "llama-2-7b", "--engine", NAME, "--quant", "fp16")
    cells = json.loads(vramfit("matrix", *[word for card in cards for word in ("-g", card)], *asked, "--json").out)[
        "cells"
    ]
    checks = [vramfit("check", "-g", card, *asked, "--json").document for card in cards]
    told = [one["estimates"][0] if "estimates" in one else None for one in checks]
    assert [one and one["verdict"] for one in told] == [
        None if cell["verdict"] == "unknown" else cell["verdict"] for cell in cells
    ]
    assert [one and one["required_bytes"]["expected"] for one in told] == [cell["required_bytes"] for cell in cells]
    assert told[-1] is None
    assert {"fits", "exceeds"} <= {one["verdict"] for one in told if one}


@pytest.mark.usefixtures("known")
def test_recommend_tries_it() -> None:
    """Asked for by name, every recommendation is for it; without a word, it is the last that is tried."""
    found = json.loads(vramfit("recommend", "-g", "rtx4090", "--engine", NAME, "--limit", "3", "--json").out)
    assert [NAME] * 3 == [one["deployment"]["engine"] for one in found["recommendations"]]
    criteria = Criteria({}, 0.0, False, False, Attempts())
    assert NAME == engines(catalogue().gpus("rtx4090"), criteria)[-1]


def remedies(gpu: str, *more: str, engine_name: str = NAME) -> list[dict[str, Any]]:
    """The remedies of a question that does not fit."""
    ran = vramfit("check", "-g", gpu, "--engine", engine_name, *more, "--json")
    (found,) = ran.estimates
    assert "exceeds" == found["verdict"]
    return list(found["remedies"])


@pytest.mark.usefixtures("known")
def test_its_command_is_written() -> None:
    """With every setting that the estimate assumed."""
    found = remedies("rtx4090", "-m", "llama-2-13b", "--quant", "fp16", "-c", "2000", "-pt", "32")
    commands = {one["changes"]["quant"]: one["command"] for one in found if one["kind"] == "quantize"}
    assert "paged-toy llama-2-13b-Q8_0 --tokens 2000 --slots 1 --page 32 --lanes wide" in commands.values()


@pytest.mark.usefixtures("known")
def test_its_command_is_read() -> None:
    """By its own table of flags, and by no other engine's."""
    found = read_command("paged-toy llama-2-13b-Q8_0 --tokens 2000 --page=32 --prefetch")
    keys = {"model": "llama-2-13b-Q8_0", "context": "2000", "page_tokens": "32", "prefetch": True}
    assert (NAME, keys) == (found.engine, found.keys)


@pytest.mark.usefixtures("known")
def test_its_own_settings_are_remedies() -> None:
    """A layer held twice is what is too much: 30,633 MiB of weights and a 32nd of them, of 31,616."""
    found = remedies("custom:32.5GiB@1000GB/s", "-m", "llama-3.1-8b", "--quant", "fp32", "--prefetch", "-c", "512")
    (setting,) = [one for one in found if one["kind"] == "engine-setting" and "prefetch" in one["changes"]]
    assert (False, "hold no layer twice") == (setting["changes"]["prefetch"], setting["summary"])
    assert "--prefetch" not in setting["command"]


@pytest.mark.usefixtures("known")
def test_it_is_a_remedy_for_another_engine() -> None:
    """With all remedies asked for, where it needs less than the asked one."""
    asked = ("-m", "llama-3.1-8b", "--quant", "fp16", "-c", "40960")
    found = remedies("rtx4090", *asked, "--all-remedies", engine_name="transformers")
    assert NAME in {one["changes"].get("engine") for one in found}
