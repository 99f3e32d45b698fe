"""``vramfit verify``: what is missing is asked for, what cannot be read is one line, and what is saved names nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.command import vramfit
from tests.verify.asking import HERE

if TYPE_CHECKING:
    from pathlib import Path

LOG = (HERE / "logs" / "llamacpp-b5192-glm.log").read_text("utf-8")
VLLM = (HERE / "logs" / "vllm-0.19-debug.log").read_text("utf-8")
SGLANG = (HERE / "logs" / "sglang-0.5-qwen3-32b.log").read_text("utf-8")

UNTYPED = LOG.replace("IQ4_XS - 4.25 bpw", "IQ9_Z").replace("-IQ4_XS", "")


@pytest.mark.parametrize(
    ("arguments", "log", "code", "message"),
    [
        ((), "", 2, "no log was given"),
        (("-",), "", 4, "no start-up lines with memory figures were found in the log"),
        (("-",), "hello\n", 4, "no start-up lines with memory figures were found in the log"),
        (("/no/such/file",), "", 4, "cannot read /no/such/file: No such file or directory"),
        (("/",), "", 4, "cannot read /: Is a directory"),
        (("-",), "load_tensors: CUDA0 model buffer size = 1.00 MiB\n", 3, "the log does not name the model"),
        (
            ("-", "--offline"),
            LOG.replace("GLM", "Nobodys"),
            3,
            "no model is known by the name that the log has: THUDM_Nobodys-Z1-32B-0414-IQ4_XS",
        ),
        (("-",), SGLANG, 3, "the log does not name the GPU"),
        (("-",), VLLM, 3, "the log does not name the GPU"),
        (("-", "--quant", "Q9"), LOG, 2, 'unknown quant "Q9"'),
        (("-", "-g", "nope"), LOG, 2, 'no GPU is called "nope"'),
        (("-", "-m", "nope"), LOG, 2, 'no model is called "nope"'),
        (("-", "--engine", "vllm"), LOG, 4, "no start-up lines with memory figures were found in the log"),
        (("-",), UNTYPED, 3, 'the log\'s file type: unknown quant "IQ9_Z"'),
    ],
)  # fmt: skip
def test_errors(arguments: tuple[str, ...], log: str, code: int, message: str) -> None:
    """One line, a hint, and the contract's code; under ``--json`` the object too."""
    ran = vramfit("verify", *arguments, stdin=log)

    assert (ran.code, ran.err.splitlines()[0]) == (code, f"error: {message}")
    assert ran.err.splitlines()[1].startswith("hint: ")
    as_json = vramfit("verify", *arguments, "--json", stdin=log)
    assert as_json.code == code
    assert json.loads(as_json.out)["error"]["message"] == message


def test_a_key_that_is_unknown() -> None:
    ran = vramfit("verify", "-", "--contxt", "4k", stdin=LOG)
    assert ran.code == 2


def test_what_is_given_counts_for_more() -> None:
    """Here another context than the log's, which its cache contradicts."""
    ran = vramfit("verify", "-", "--context", "16k", "--json", stdin=LOG)
    report = json.loads(ran.out)
    (cache,) = [one for one in report["figures"] if one["name"] == "KV cache"]

    assert report["deployment"]["context"] == "16k"
    assert cache["error"] == -0.5


def test_control_characters_are_escaped() -> None:
    """A version and a name from a log cannot send anything to the terminal."""
    named = VLLM.replace("v0.19.0)", "v0.19.0\x9b31m\x08)")
    ran = vramfit("verify", "-", "-g", "h100-sxm", "--format", "table", stdin=named)

    assert ran.code == 0
    assert not [one for one in ran.out if one != "\n" and not one.isprintable()]


def test_what_is_saved(tmp_path: Path) -> None:
    """Engine, version, model, keys, GPU and figures; nothing of the path, the host or the user."""
    log = LOG.replace("/models/", "/home/alice/secret-project/").replace("llama-server-1", "alice-laptop")
    ran = vramfit("verify", "-", "--save", str(tmp_path), "--format", "table", stdin=log)
    (path,) = tmp_path.iterdir()
    text = path.read_text("utf-8")

    assert ran.err == f"saved {path}\n"
    assert not [word for word in ("alice", "secret", "laptop", "home", "THUDM_") if word in text + path.name]
    saved = yaml.safe_load(text)
    assert saved["deployment"] == {
        "gpu": "rtx3090ti", "model": "glm-4-32b-0414", "engine": "llama.cpp", "outputs": "batch", "context": "32768",
        "batch": "2048", "ubatch": "512", "kv_cache_type": "f16", "kv_cache_type_v": "f16", "backend": "cuda",
        "images": "0", "quant": "IQ4_XS",
    }  # fmt: skip
    assert saved["engine_version"] == "b5192"
    assert {"name": "KV cache", "device": "gpu0", "unit": "bytes", "logged": 2046820352, "estimated": 2046820352} in (
        saved["figures"]
    )


def test_a_row_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = vramfit("verify", "-", "--save", str(tmp_path / "file"), stdin=LOG)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(f"error: cannot write {tmp_path / 'file'}")


def test_help_says_the_codes() -> None:
    """What each exit code means, and that keys may be given."""
    ran = vramfit("verify", "--help")
    words = " ".join(ran.out.split())
    assert (
        "Exit code: 0 if every figure that has bounds is inside of them, 1 if one is outside, 3 if the log lacks"
        in words
    )
    assert "--save" in words
    assert "--gpu-memory-utilization" in words
