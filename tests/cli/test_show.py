"""``vramfit show``: one entry whole, on a terminal of 80 columns and as JSON."""

from __future__ import annotations

import json

import pytest

from tests.command import vramfit

ENTRIES = [("l4",), ("m4", "max", "128gb"), ("deepseek-v3",), ("gemma-3n-e4b",), ("llava-1.6-13b",), ("flux.1-dev",),
           ("radeon 780m",), ("mi250",), ("tpu v5e",), ("whisper-large-v3",), ("falcon-h1-7b",), ("bge-m3",)]  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_fits_eighty_columns(name: tuple[str, ...]) -> None:
    """With its sources, and no Python in it."""
    ran = vramfit("show", *name, "--color", "never", terminal=True)
    lines = ran.out.splitlines()

    assert (ran.code, ran.err) == (0, "")
    assert max(len(line) for line in lines if "https://" not in line) <= 80
    assert "Sources" in ran.out
    assert not [word for word in ("None", "{", "['", "True", "nan") if word in ran.out]


@pytest.mark.parametrize("name", ENTRIES)
def test_json_is_one_object_whole(name: tuple[str, ...]) -> None:
    """With ``sources``, and the keys its list has."""
    shown = json.loads(vramfit("show", *name, "--json").out)
    kind = shown["kind"]
    ran = vramfit("list", f"{kind}s", "--search", shown["id"], "--json")
    (listed,) = (one for one in json.loads(ran.out)[f"{kind}s"] if one["id"] == shown["id"])

    assert shown["format_version"] == "1.0"
    assert shown["sources"]
    assert set(listed) <= set(shown)


def test_the_page_of_a_card() -> None:
    """Marketed, reported and usable memory, and under which condition each holds."""
    out = vramfit("show", "l4", "--format", "table").out

    for told in (
        "24 GB on the box, GDDR6, ECC on, which takes a sixteenth",
        "22.49 GiB reported by the driver, as read from this device",
        "22.16 GiB usable by a program on Linux, as read",
        "300 GB/s, 192 bits at 12.504 Gbit/s",
        "PCI: 10de:27b8",
        "runpod: $0.78 an hour; 2026-03",
    ):
        assert told in out


def test_the_page_of_a_model() -> None:
    """Parameters counted, and what a token costs."""
    out = vramfit("show", "deepseek-v3", "--format", "table").out

    for told in (
        "671.03 B (671,026,404,352), 37.55 B active per token",
        "68.62 KiB per token at f16",
        "8 of 256 experts",
    ):
        assert told in out


def test_other_formats_have_a_field_per_row() -> None:
    """Dotted paths; lists of objects by number."""
    rows = dict(line.split("\t", 1) for line in vramfit("show", "l4").out.splitlines())
    assert (rows["field"], rows["id"], rows["tflops.fp16"]) == ("value", "l4", "121")
    assert rows["readings.0.by"] == "nvidia-smi"

    assert "id,l4\r\n" in vramfit("show", "l4", "--format", "csv").out
    assert "| marketed_gb | 24 |" in vramfit("show", "l4", "--format", "markdown").out
    (line,) = vramfit("show", "l4", "--format", "ndjson").out.splitlines()
    assert json.loads(line)["id"] == "l4"
    assert not vramfit("show", "l4", "--no-header").out.startswith("field")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("rtx4091",), "unknown-entry", "did you mean rtx4090"),
        (("3060",), "ambiguous-name", "rtx3060-8gb and rtx3060-12gb"),
        (("qwen3",), "ambiguous-name", "qwen3-0.6b"),
        (("l4", "--kind", "model"), "unknown-model", 'no model is called "l4"'),
        (("l4", "--kind", "card"), "usage", "gpu, model"),
    ],
)
def test_names_that_are_not_one_entry(arguments: tuple[str, ...], code: str, message: str) -> None:
    """Exit 2, the usual error, as an object under --json."""
    ran = vramfit("show", *arguments, "--json")

    assert ran.code == 2
    assert json.loads(ran.out)["error"]["code"] == code
    assert message in ran.err


def test_without_a_name() -> None:
    """A usage error."""
    ran = vramfit("show")

    assert ran.code == 2
    assert ran.err.startswith("error: ")


def test_a_rented_card_s_instances_are_named() -> None:
    """So that a price can be looked up where it is asked."""
    told = vramfit("show", "rtxa6000", "--format", "table")
    assert "hyperstack: $0.50 (n3-RTX-A6000x1), $1.00 for 2 (n3-RTX-A6000x2)" in " ".join(told.out.split())
