"""``vramfit compare``: two sides by keys, by commands and by names of a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report, vramfit

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
deployments:
  - {name: chat, gpu: rtx4090, model: llama-3.1-8b, quant: Q4_K_M}
  - {name: long, gpu: rtx4090, model: llama-3.1-8b, quant: Q4_K_M, context: 32768, parallel: 2}
  - {name: wrong, gpu: rtx4090, model: llama-3.1-8b, quant: Q4_K_N}
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with three deployments, one of which cannot be answered."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    file = tmp_path / "f.yaml"
    file.write_text(FILE, encoding="utf-8")
    return str(file)


def figures(document: dict[str, Any]) -> dict[str, tuple[Any, Any, Any]]:
    """Both values and the difference of each figure."""
    return {one["name"]: (one["a"], one["b"], one["difference"]) for one in document["figures"]}


def test_names_of_a_file(path: str) -> None:
    """Keys that differ, and figures that are those of a check."""
    document = json.loads(vramfit("compare", "chat", "long", "--file", path, "--json").out)
    a, b = report("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M").estimates[0], report(
        "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M", "--context", "32768", "--parallel", "2"
    ).estimates[0]  # fmt: skip
    found = figures(document)

    assert [one["name"] for one in document["deployments"]] == ["chat", "long"]
    assert {one["key"]: (one["a"], one["b"]) for one in document["keys"]} == {
        "context": (4096, 32768),
        "parallel": (1, 2),
    }
    assert found["weights"] == (a["breakdown"]["weights"], b["breakdown"]["weights"], 0)
    assert found["needed"][:2] == (a["required_bytes"]["expected"], b["required_bytes"]["expected"])
    assert found["needed"][2] == found["needed"][1] - found["needed"][0]
    assert found["longest context"][:2] == (a["limits"]["max_context"], b["limits"]["max_context"])
    assert found["requests in the cache"] == (None, None, None)


def test_keys_over_those_of_the_command_line() -> None:
    """Words with equals signs, a dash for a line below, commas between or blanks."""
    sides = ("quant=fp16", "quant=Q4_K_M,kv-cache-type=q8_0")
    ran = vramfit("compare", *sides, "-g", "rtx4090", "-m", "llama-3.1-8b", "--json")
    document = json.loads(ran.out)

    assert (ran.code, ran.err) == (0, "")
    assert {"name": "engine", "a": "transformers", "b": "llama.cpp", "differs": True} in document["words"]
    assert {"key": "kv_cache_type", "a": "f16", "b": "q8_0"} in document["keys"]


def test_launch_commands() -> None:
    """Two servers, each with its own flags; a figure that one engine lacks is null."""
    sides = ("vllm serve Qwen/Qwen3-8B --max-model-len 8192", "llama-server -m Qwen3-8B-Q8_0.gguf -c 8192")
    ran = vramfit("compare", *sides, "-g", "rtx4090", "--json", "--offline")
    document = json.loads(ran.out)
    concurrent = figures(document)["requests in the cache"]

    assert ran.code == 0
    assert [one["deployment"]["engine"] for one in document["deployments"]] == ["vllm", "llama.cpp"]
    assert concurrent[0] > 1
    assert concurrent[1:] == (None, None)


def test_for_people(path: str) -> None:
    """What differs first, then the cost with the difference; equal sides say so."""
    ran = vramfit("compare", "chat", "long", "--file", path, terminal=True)
    same = vramfit("compare", "chat", "chat", "--file", path, terminal=True)

    assert ran.out.startswith(
        "A: chat  ✓ fits, 18.15 GiB free\nB: long  ✓ fits, 10.62 GiB free\n\n"
        "What differs\n            A      B\n  context   4,096  32,768\n"
    )
    assert "Nothing differs in the keys." in same.out
    assert " same\n" in same.out


def test_what_one_engine_lacks_and_a_change_below_a_decimal() -> None:
    """One GPU or machine of a server is no difference from an engine that has no such key; no figure is a signed zero."""
    sides = ("vllm serve Qwen/Qwen3-8B --max-model-len 8192", "llama-server -m Qwen3-8B-Q8_0.gguf -c 8192")
    servers = vramfit("compare", *sides, "-g", "rtx4090", "--offline", terminal=True).out
    caches = ("kv-cache-type=f16", "kv-cache-type=fp8")
    asked = ("-g", "rtx4090", "-m", "qwen3-8b", "--engine", "vllm")
    small = vramfit("compare", *caches, *asked, terminal=True).out

    assert "  max_num_seqs" in servers
    assert "tensor_parallel" not in servers
    assert "nodes" not in servers
    assert "  requests in the cache  " in servers
    overhead = next(line for line in small.splitlines() if line.startswith("  overhead "))
    assert overhead.split()[-2].lstrip("-0.").isdigit()


def test_formats(path: str) -> None:
    """Rows of words, keys and figures; Markdown with two tables."""
    plain = vramfit("compare", "chat", "long", "--file", path, "--format", "plain").out.splitlines()
    markdown = vramfit("compare", "chat", "long", "--file", path, "--format", "markdown").out

    assert plain[0] == "kind\tname\tunit\ta\tb\tdifference"
    assert "key\tcontext\t\t4096\t32768\t" in plain
    assert "| context | 4,096 | 32,768 |" in markdown
    assert "| What it costs | A | B | B - A |" in markdown


def test_the_worse_exit_code(path: str) -> None:
    """A side that does not fit is a one, as in a check."""
    ran = vramfit("compare", "quant=fp16", "quant=int8", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json")
    assert ran.code == 1


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (("chat", "lng"), 2, 'no deployment is called "lng"', "the file has chat, long, wrong"),
        (("chat",), 2, "two deployments are compared; 1 named", "the file has chat, long, wrong"),
        ((), 2, "two deployments are compared; 0 named", "the file has chat, long, wrong"),
        (("chat", "wrong"), 2, 'unknown quant "Q4_K_N"', None),
    ],
)
def test_what_a_file_cannot_answer(
    path: str, words: tuple[str, ...], code: int, message: str, hint: str | None
) -> None:
    """One line, and the names that there are."""
    ran = vramfit("compare", *words, "--file", path)
    lines = ran.err.splitlines()

    assert (ran.code, ran.out, len(lines)) == (code, "", 2)
    assert message.split('"', maxsplit=1)[0] in lines[0]
    assert hint is None or lines[1] == f"hint: {hint}"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("quant=fp16",), "error: two deployments are compared; 1 given\n"),
        (("quant=fp16", "int8"), 'error: "int8" is neither a launch command nor keys\n'),
        (("quant=fp16", "nosuchserver --model x"), 'error: no engine is known that "nosuchserver" starts\n'),
        (("a", "b", "--file", "none.yaml"), "error: cannot read none.yaml: No such file or directory\n"),
    ],
)
def test_what_is_no_side(words: tuple[str, ...], error: str) -> None:
    """Each with its next step."""
    keys = () if "--file" in words else ("-g", "rtx4090", "-m", "llama-3.1-8b")
    ran = vramfit("compare", *words, *keys)

    assert ran.code in (2, 4)
    assert ran.err.startswith(error)
    assert ran.err.splitlines()[1].startswith("hint: ")
