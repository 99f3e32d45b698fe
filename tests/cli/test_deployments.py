"""Deployments files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import Ran, process, vramfit
from vramfit.engines.keys import every_key

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
defaults:
  gpu: rtx4090
  quant: int8
deployments:
  - {name: small, model: llama-3.2-1b}
  - name: large
    model: llava-1.6-13b
    quant: fp16
  - {name: everything, model: llama-3.2-1b, quant: null}
"""


def asked(text: str, *arguments: str) -> Ran:
    """``check --file -`` with ``text`` on stdin."""
    return vramfit("check", "--file", "-", *arguments, stdin=text)


def test_a_file_and_stdin_are_the_same(tmp_path: Path) -> None:
    """``-`` reads the same text; ``-f`` is short for it."""
    path = tmp_path / "deployments.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert asked(TEXT, "--json") == vramfit("check", "-f", str(path), "--json")


def test_defaults_are_overridden_by_each_deployment() -> None:
    """``null`` gives a key back to its own default: here all three classes."""
    told = [(e["name"], e["quant"]["scheme"]) for e in asked(TEXT, "--json").estimates]
    assert [
        ("small", "int8"), ("large", "fp16"), ("everything", "fp16"), ("everything", "int8"), ("everything", "nf4"),
    ] == told  # fmt: skip


def test_flags_override_the_file() -> None:
    """Flag before file before defaults."""
    told = asked(TEXT, "--quant", "int8", "--context", "1024", "--json").estimates
    assert {"int8"} == {e["quant"]["scheme"] for e in told}
    assert {1024} == {e["deployment"]["context"] for e in told}


def test_a_list_of_gpus() -> None:
    """``gpu:`` may be a list of mixed cards."""
    (estimate,) = asked("deployments: [{gpu: [rtx4090, rtx3090], model: llama-2-13b, quant: fp16}]", "--json").estimates
    assert ("rtx4090+rtx3090", 2) == (estimate["gpu"]["id"], estimate["gpu"]["count"])


def test_a_deployment_equals_the_same_flags() -> None:
    """The same question, however it is put."""
    keys = {"gpu": "2xrtx3090", "model": "llama-3.1-70b", "quant": "Q4_K_M", "context": 8192, "unified_kv": True}
    flags = ["-g", "2xrtx3090", "-m", "llama-3.1-70b", "--quant", "Q4_K_M", "-c", "8192", "--unified-kv"]
    assert asked(json.dumps({"deployments": [keys]}), "--json") == vramfit("check", *flags, "--json")


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        (0, ["{gpu: rtx4090, model: llama-3.2-1b}"]),
        (1, ["{gpu: rtx4090, model: llama-3.2-1b}", "{gpu: rtx4090, model: llava-1.6-13b}"]),
        (1, ["{gpu: rtx4090, model: llava-1.6-13b}", "{gpu: rtx4090, model: llama-3.2-1b}"]),
        (2, ["{gpu: rtx4900, model: llama-3.2-1b}", "{gpu: rtx4090, model: llava-1.6-13b}"]),
        (2, ["{gpu: rtx4090, model: llama-3.2-1b, bogus: 1}", "{gpu: rtx4090, model: llama-3.2-1b}"]),
        (3, ["{gpu: rtx4090, model: llama-3.2-1b, gpu_layers: auto}", "{gpu: rtx4900, model: llama-3.2-1b}"]),
        (0, ["{gpu: rtx4090, model: llava-1.6-13b, quant: int8}", "{gpu: rtx4090, model: llama-3.2-1b}"]),
        (1, ["{gpu: rtx4090, model: llama-3.1-8b, context: 43000, quant: bf16, level: fits}"]),
        (1, ["{gpu: rtx4090, model: llava-1.6-13b}", "{gpu: rtx4090, model: llava-1.6-13b, name: again}"]),
    ],
)
def test_the_exit_code_is_the_worst(code: int, rows: list[str]) -> None:
    """Over all deployments, whatever the order and the format; of three classes the first decides for its own."""
    text = "deployments: [" + ", ".join(rows) + "]"
    for style in ("json", "ndjson", "plain"):
        assert code == asked(text, "--format", style).code


def test_equal_deployments_do_not_hide_each_other() -> None:
    """Two that differ in nothing but what was asked of them: one row of one class, and three rows."""
    three, one = "{gpu: rtx4090, model: llava-1.6-13b}", "{gpu: rtx4090, model: llava-1.6-13b, quant: int8}"
    for rows in ([three, one], [one, three]):
        assert 1 == asked(f"deployments: [{', '.join(rows)}]").code


def test_any_is_for_each_deployment() -> None:
    """A row that fits saves its own deployment, not its neighbour's."""
    good, bad = "{gpu: rtx4090, model: llava-1.6-13b}", "{gpu: rtx4090, model: llama-3.1-405b}"
    assert 0 == asked(f"deployments: [{good}]", "--any").code
    assert 1 == asked(f"deployments: [{good}, {bad}]", "--any").code
    assert 1 == asked(f"deployments: [{bad}, {good}]", "--any").code


def test_an_error_stands_in_its_place() -> None:
    """The others are answered, each failure is one line on stderr, and its object carries its name."""
    text = """
deployments:
  - {name: a, gpu: rtx4090, model: llama-3.2-1b, quant: fp16}
  - {name: b, gpu: rtx4900, model: llama-3.2-1b}
  - {gpu: rtx4090, model: llama-3.2-1b, contxt: 1}
  - {name: d, gpu: rtx4090, model: llama-3.2-1b, quant: fp16}
"""
    whole, lines = asked(text, "--json"), asked(text, "--format", "ndjson")
    for ran, entries in ((whole, whole.estimates), (lines, lines.lines)):
        assert 2 == ran.code
        assert ["a", "b", None, "d"] == [entry.get("name") for entry in entries]
        assert ["unknown-gpu", "usage"] == [entry["error"]["code"] for entry in entries if "error" in entry]
        assert 2 == ran.err.count("error: ")
        assert 'no GPU is called "rtx4900"' in ran.err
        assert 'unknown key "contxt"' in ran.err


def test_an_error_in_the_row_formats() -> None:
    """A line of its own there too, so that lines and deployments still match."""
    text = (
        "deployments: [{name: a, gpu: rtx4900, model: llama-3.2-1b}, {gpu: rtx4090, model: llama-3.2-1b, quant: fp16}]"
    )
    lines = asked(text, "--format", "plain").out.splitlines()
    assert 3 == len(lines)
    assert lines[1].startswith("a\t")
    assert "unknown-gpu" in lines[1]
    assert 3 == len(asked(text, "--format", "csv").out.splitlines())
    assert "rtx4900" in asked(text, "--format", "table").out + asked(text, "--format", "table").err


def test_ndjson_rows_come_one_by_one() -> None:
    """A file whose first deployment is good and whose last is not still prints the first."""
    text = "deployments: [{gpu: rtx4090, model: llama-3.2-1b, quant: fp16}, {gpu: x, model: y}]"
    first, second = asked(text, "--format", "ndjson").lines
    assert "fits" == first["verdict"]
    assert "error" in second


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("<stdin>:3:1", "deployments: []\ndefaults: {}\ndeployments: []\n"),
        ("<stdin>:2:8", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ndeployments: [*c, *c]\n"),
        ("<stdin>:2:", "deployments:\n\t- {gpu: rtx4090}\n"),
        ("<stdin>:", "deployments: [{gpu: rtx4090"),
        ("<stdin>:1:", "deployments: " + "[" * 500 + "]" * 500),
        ("<stdin>:1:", "<<: {deployments: []}"),
        ("<stdin>", "just text"),
        ("<stdin>", "[]"),
        ("<stdin>", ""),
        ("<stdin>", "deployments: {}"),
        ("<stdin>", "deployments: []"),
        ("<stdin>", "defaults: [gpu]\ndeployments: [{}]"),
        ("<stdin>", "deployment: [{}]"),
        ("<stdin>", "--- {deployments: []}\n--- {deployments: []}\n"),
        ("<stdin>", "deployments: [\x00]"),
    ],
)
def test_yaml_traps(where: str, text: str) -> None:
    """What YAML 1.1 would misread or multiply is refused, told with its place; exit 4, or 2 for an unknown key."""
    ran = asked(text, "--json")
    assert ran.code in (2, 4), ran
    error = ran.document["error"]
    assert where in error["message"]
    assert ran.err.startswith(f"error: {error['message']}\n")
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("message", "entry"),
    [
        ("<stdin>:4:36 deployments[1].gpu: duplicate key", "{gpu: rtx4090, model: llama-2-7b, gpu: rtx3090}"),
        ("<stdin>:4:45 deployments[1].context: 1e9", "{gpu: rtx4090, model: llama-2-7b, context: 1e9}"),
        ("<stdin>:4:45 deployments[1].context: 010", "{gpu: rtx4090, model: llama-2-7b, context: 010}"),
        ("<stdin>:4:53 deployments[1].flash_attention: on", "{gpu: rtx4090, model: llama-2-7b, flash_attention: on}"),
        ("<stdin>:4:42 deployments[1].name: 2026-11-23", "{gpu: rtx4090, model: llama-2-7b, name: 2026-11-23}"),
        ("<stdin>:4:9 deployments[1].name: the tag", "{name: !!python/object/apply:os.system [ls]}"),
        ("<stdin>:4:12 deployments[1].gpu[1]: no is a boolean", "{gpu: [x, no], model: llama-2-7b}"),
        ("<stdin>:4:3 deployments[1]: a merge key", "{<<: {gpu: rtx4090}}"),
        ("<stdin>: deployment 2 is not a mapping", "3"),
        ("<stdin>: deployment 2 is not a mapping", "[gpu]"),
        ("<stdin>: deployment 2 is not a mapping", "null"),
    ],
)
def test_a_trap_in_one_deployment_is_its_own_error(message: str, entry: str) -> None:
    """It stands in its place with its place in the file, exit 4; those before and after it are answered."""
    good = "{gpu: rtx4090, model: llama-3.2-1b, quant: fp16}"
    text = f"deployments:\n- {good}\n-\n {entry}\n- {good}\n"
    for ran in (asked(text, "--json"), asked(text, "--format", "ndjson")):
        assert 4 == ran.code
        before, error, after = ran.lines if "\n{" in ran.out else ran.estimates
        assert ("fits", "fits") == (before["verdict"], after["verdict"])
        assert "input" == error["error"]["code"]
        assert message in error["error"]["message"]
        assert ran.err.startswith(f"error: deployment: {error['error']['message']}\n")


@pytest.mark.parametrize("entry", ["tensor_split: 3,1", "tensor_split: [3, 1]", 'tensor_split: "3,1"'])
@pytest.mark.parametrize(
    "form", ["- {{{}, gpu: 2xrtx3090, model: llama-2-7b}}", "- gpu: 2xrtx3090\n  model: llama-2-7b\n  {}"]
)
def test_shares_are_read_however_they_are_written(entry: str, form: str) -> None:
    """YAML has no number ``3,1``, and between braces its comma ends a value: the key reads what was written."""
    (estimate,) = asked(f"defaults: {{quant: Q8_0}}\ndeployments:\n{form.format(entry)}\n", "--json").estimates
    assert "3,1" == estimate["deployment"]["tensor_split"]


def test_duplicate_keys_name_both_lines() -> None:
    """PyYAML would silently take the last."""
    ran = asked("deployments:\n  - gpu: rtx4090\n    model: llama-2-7b\n    gpu: rtx3090\n", "--json")
    assert 4 == ran.code
    error = ran.estimates[0]["error"]
    assert '<stdin>:4:5 deployments[0].gpu: duplicate key "gpu"' == error["message"]
    assert "line 2" in error["hint"]


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    """In its place, exit 2."""
    ran = asked("deployments: [{gpu: rtx4090, model: llama-2-7b, contxt: 1, name: a}]", "--json")
    assert 2 == ran.code
    (entry,) = ran.estimates
    assert 'unknown key "contxt"' == entry["error"]["message"]
    assert "context" in entry["error"]["hint"]


def test_gpu_or_model_beside_a_file_is_refused() -> None:
    """Which of the two would be meant cannot be told."""
    assert 2 == asked(TEXT, "-g", "rtx4090").code
    assert 2 == asked(TEXT, "-m", "llama-2-7b").code


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ("not UTF-8", b"deployments: [{gpu: \xff\xfe}]"),
        ("not UTF-8", "deployments: [{gpu: ä}]".encode("latin-1")),
    ],
)
def test_a_file_that_is_not_utf_8(said: str, content: bytes, tmp_path: Path) -> None:
    """Exit 4, one line; from a file and from stdin, whatever the locale."""
    path = tmp_path / "deployments.yaml"
    path.write_bytes(content)
    ran = vramfit("check", "--file", str(path))
    assert 4 == ran.code
    assert f"cannot read {path}: {said} text" == ran.err.splitlines()[0].removeprefix("error: ")
    for variables in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONUTF8": "1"}):
        told = process("check", "--file", "-", stdin=content, variables=variables)
        assert 4 == told.returncode, told
        assert said in told.stderr.decode()


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Windows editors write one; it is not part of the first key."""
    path = tmp_path / "deployments.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert asked(TEXT, "--json") == vramfit("check", "--file", str(path), "--json")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A directory, a missing file, a file without permission to read: exit 4, with the reason."""
    assert "Is a directory" in (ran := vramfit("check", "--file", str(tmp_path))).err
    assert 4 == ran.code
    assert "No such file" in (ran := vramfit("check", "--file", str(tmp_path / "none.yaml"))).err
    assert 4 == ran.code


def test_a_file_name_with_a_null_byte() -> None:
    """No operating system has one: still one line."""
    ran = vramfit("check", "--file", "a\0b")
    assert 4 == ran.code
    assert 1 == ran.err.count("error: ")


def test_a_closed_stdin() -> None:
    """Nothing was piped in."""
    told = process("check", "--file", "-")
    assert 4 == told.returncode
    assert b"Traceback" not in told.stderr


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**20),
    st.floats(allow_nan=True),
    st.text(max_size=10),
    st.sampled_from(
        [word for key in every_key().values() for word in key.words] + ["rtx4090", "llama-3.2-1b", "fp16", "8GiB", "-1"]
    ),
    st.lists(st.sampled_from(["rtx4090", "rtx3090", "x", ""]), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
NAMES = st.one_of(st.sampled_from(list(every_key())), st.text(max_size=8))


@settings(max_examples=80)
@given(st.dictionaries(NAMES, VALUES, max_size=6), st.dictionaries(NAMES, VALUES, max_size=3), st.booleans())
def test_any_deployment_is_answered_or_refused(keys: dict[str, Any], defaults: dict[str, Any], sensible: bool) -> None:
    """Random keys and values, as YAML and as JSON: never an internal error, always valid output."""
    base = {"gpu": "rtx4090", "model": "llama-3.2-1b"} if sensible else {}
    document = {"defaults": defaults, "deployments": [{**base, **keys}, {"gpu": "rtx4090", "model": "llama-3.2-1b"}]}
    for text in (yaml.safe_dump(document, allow_unicode=True), json.dumps(document)):
        ran = asked(text, "--json")
        assert ran.code in (0, 1, 2, 3, 4), ran
        assert "error" in ran.document or ran.estimates


@settings(max_examples=150)
@given(st.text(max_size=60))
def test_any_text_is_answered_or_refused(text: str) -> None:
    """As a whole file, and as the value of a key."""
    flow, block = (
        f"deployments: [{{gpu: rtx4090, model: {text}}}]",
        f"deployments:\n- gpu: {text}\n  model: llama-3.2-1b\n",
    )
    for whole in (text, flow, block):
        ran = asked(whole, "--json")
        assert ran.code in (0, 1, 2, 3, 4), ran
