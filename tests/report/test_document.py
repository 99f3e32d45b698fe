"""The plain-data form of a report."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from tests.command import validator
from tests.samples import Catalogue
from vramfit import __version__
from vramfit.checks import check
from vramfit.engines.keys import every_key, parse_request
from vramfit.errors import CannotTell, UnknownGpu
from vramfit.report import document, error_document, estimate_object


def told(**request: Any) -> Any:
    """The first estimate of Llama 2 13B on an RTX 4090, unless the request says otherwise, as the report has it."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b", "quant": "int8", **request}
    estimate = estimate_object(next(check(parse_request(raw), Catalogue())))
    validator("estimate").validate(estimate)
    return estimate


def test_keys_in_the_contract_s_order() -> None:
    """Additions stand between or behind; the documented ones keep their order."""
    order = [
        "name", "gpu", "model", "engine", "quant", "deployment", "required_bytes", "breakdown", "devices", "verdict",
        "headroom_bytes", "limits", "rule_of_thumb", "throughput", "quality", "remedies", "assumptions",
    ]  # fmt: skip
    assert order == [key for key in told() if key in order]


def test_every_deployment_key_is_reported() -> None:
    """In the order of their declaration, with the value used."""
    assert list(every_key("inference")) == list(told()["deployment"])


@pytest.mark.parametrize(
    ("expected", "key", "raw"),
    [
        ("rtx4090", "gpu", "rtx4090"),
        (["rtx3060-12gb", "rtx4090"], "gpu", ["rtx3060-12gb", "rtx4090"]),
        ("64GiB", "ram", "64GiB"),
        ("60GiB", "ram", "60GB"),
        (None, "ram", None),
        ("1536MiB", "reserve", "1.5GiB"),
        ("0B", "reserve", "0B"),
        ("off", "flash_attention", "off"),
        (20, "gpu_layers", 20),
        (99, "gpu_layers", 99),
        ("nightly", "name", "nightly"),
        ("bf16", "kv_cache_type_v", "bf16"),
    ],
)
def test_deployment_values_can_be_asked_again(expected: object, key: str, raw: object) -> None:
    """Written as a deployments file would have them."""
    assert expected == told(**{key: raw})["deployment"][key]


def test_names() -> None:
    """The label of the request, here and in the deployment; null without one."""
    assert (None, "nightly") == (told()["name"], told(name="nightly")["name"])


def test_several_of_a_card() -> None:
    """``count`` says how many; sizes are one card's."""
    gpu = told(gpu="2xrtx3090")["gpu"]
    assert ("rtx3090", 2, 24) == (gpu["id"], gpu["count"], gpu["marketed_gb"])
    assert "gpus" not in gpu


def test_mixed_cards() -> None:
    """The smallest stands for the set, and ``gpus`` lists the kinds."""
    gpu = told(gpu=["rtx4090", "2xrtx3060-12gb"])["gpu"]
    assert ("rtx4090+rtx3060-12gb", 3, 12) == (gpu["id"], gpu["count"], gpu["marketed_gb"])
    assert [("rtx4090", 1), ("rtx3060-12gb", 2)] == [(one["id"], one["count"]) for one in gpu["gpus"]]


def test_quant() -> None:
    """Class, scheme, and the average bits over all tensors: above 8 for int8, since some stay 16-bit."""
    quant = told()["quant"]
    assert ("int8", "int8") == (quant["class"], quant["scheme"])
    assert 8 < quant["bits_per_weight"] < 8.5
    assert quant["checkpoint_bytes"] == told()["breakdown"]["weights"]
    assert 16.0 == told(quant="fp16")["quant"]["bits_per_weight"]


def test_the_host_s_share() -> None:
    """Its memory is unknown unless ``ram`` was given."""
    assert (None, None) == tuple(told()["devices"][-1][key] for key in ("usable_bytes", "headroom_bytes"))
    host = told(gpu_layers=10, ram="64GiB")["devices"][-1]
    assert 64 * 2**30 == host["usable_bytes"] == host["total_bytes"] + host["headroom_bytes"]


def test_an_unknown_speed_is_null() -> None:
    """Never 0: training decodes nothing."""
    assert told(task="qlora", quant="nf4")["throughput"] is None
    throughput = told()["throughput"]
    assert throughput["prefill_tokens_per_second"] is None
    rate = throughput["decode_tokens_per_second"]
    assert rate["low"] < rate["expected"] < rate["high"]


def test_what_exceeds_has_no_speed_of_what_fits() -> None:
    """It does not run as it is placed: what it does instead is told apart."""
    found = told(quant="fp16")
    assert ("exceeds", None) == (found["verdict"], found["throughput"])
    assert found["if_tried"]["decode_tokens_per_second"] < 10
    assert told()["throughput"]["decode_tokens_per_second"]["expected"] > 5


def test_the_machine_s_memory_is_the_host_s() -> None:
    """What a device shares with the CPU is known by the device, and counted once."""
    raw = {"model": "llama-3.1-70b", "quant": "Q4_K_M", "gpu_layers": 0}
    small, large = (
        estimate_object(next(check(parse_request({"gpu": gpu, **raw}), catalogue())))
        for gpu in ("m2-8gb", "m2-max-64gb")
    )
    gpu, host = small["devices"]
    assert host["usable_bytes"] == 8 * 2**30 - gpu["total_bytes"]
    assert host["headroom_bytes"] == host["usable_bytes"] - host["total_bytes"] < -(2**30)
    assert ["exceeds", "fits"] == [small["verdict"], large["verdict"]]


def test_notes_stand_among_the_assumptions() -> None:
    """A context beyond the model's is answered, and said."""
    assert any("4,096 tokens the model supports" in line for line in told(context=8192)["assumptions"])
    assert not any("tokens the model supports" in line for line in told()["assumptions"])


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("fits", ["fits", "fits"]),
        ("tight", ["fits", "tight"]),
        ("exceeds", ["tight", "exceeds", "fits"]),
        ("unknown", ["fits", "unknown", "exceeds"]),
        ("unknown", []),
    ],
)
def test_document_tells_the_worst(expected: str, words: list[str]) -> None:
    """One word for the whole report; what cannot be told is the worst."""
    whole = document([{"verdict": word} for word in words])
    assert expected == whole["verdict"]
    assert ["format_version", "vramfit_version", "estimates", "verdict"] == list(whole)
    assert ("1.1", __version__) == (whole["format_version"], whole["vramfit_version"])


def test_error_document() -> None:
    """The contract's object; with its name where a file gave one."""
    error = UnknownGpu('no GPU is called "rtx4900"', "did you mean rtx4090?")
    body = {"code": "unknown-gpu", "message": 'no GPU is called "rtx4900"', "hint": "did you mean rtx4090?"}
    assert {"format_version": "1.0", "error": body} == error_document(error)
    assert {"format_version": "1.0", "name": "a", "error": body} == error_document(error, name="a")
    assert error_document(CannotTell("no"))["error"]["hint"] is None
    validator("error").validate(error_document(error, name="a"))


def test_sizes_written_with_a_letter_alone_are_noted_as_what_they_were_read() -> None:
    """The contract reads ``24G`` as GiB, and says so."""
    notes = told(ram="64g", reserve="512M", file_size="13GB")["assumptions"]

    assert [note for note in notes if "is read as" in note] == [
        "ram: 64g is read as 64 GiB",
        "reserve: 512M is read as 512 MiB",
    ]
