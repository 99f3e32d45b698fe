"""Odd and hostile launch commands are one line, the right exit code, and no secret."""

from __future__ import annotations

import pytest

from tests.command import vramfit

SECRET = "hf_0123456789abcdef"
ASKED = [
    (2, ["vllm", "serve", "org/x\x1b[31m\n"], '"org/x\\x1b[31m" is no name of a repository'),
    (2, ["sh", "-c", "vllm serve 'x"], "cannot read the command: no closing quotation"),
    (2, ["sh", "-c", "cat <<E\nx"], "cannot read the command: the here-document has no end E"),
    (2, ["sh", "-c", "vllm serve $MODEL"], "$MODEL is not set, and the command depends on it"),
    (2, ["vllm", "serve", "$MODEL"], "$MODEL is not set, and the model depends on it"),
    (2, ["vllm", "serve", "a/b", "--max-model-len", "$(nproc)"], None),
    (2, ["vllm", "serve", "x" * 300_000], "the command has 300,011 characters, more than 131,072"),
    (2, ["vllm", "serve", "a/b", *["-x"] * 2000], "the command has 2,001 words, more than 1,000"),
    (2, ["sh", "-c", "a;" * 60_000], "the command starts more than 500 programs"),
    (2, ["sh", "-c", "sh -c 'a;a;a';" * 400], "the command starts more than 500 programs"),
    (2, ["sudo"] * 20 + ["x"], "more than 8 programs around a program"),
    (2, ["vllm", "serve", "a/b", "--limit-mm-per-prompt", "[" * 50_000], None),
    (2, ["vllm", "serve", "a/b", "--max-model-len", "9" * 5000], None),
    (2, ["vllm", "serve", "a/b", "--max-model-len", "\u202e9"], 'context: "\\u202e9" is not a valid value'),
    (2, ["--"], 'no engine is known that "--" starts'),
    (2, [f"HF_TOKEN={SECRET}", "frobnicate"], 'no engine is known that "frobnicate" starts'),
    (2, [f"HF_TOKEN={SECRET}"], 'no engine is known that "" starts'),
    (2, ["vllm", "serve", "a/b", "--speculative-config", f"{{{SECRET}"], "--speculative-config {*** is not read"),
    (2, ["vllm", "serve", f"https://user:{SECRET}@host/x"], None),
    (4, ["vllm", "serve", "--config", "no.yaml"], "cannot read no.yaml, which the command names: No such file or directory"),
    (4, ["docker", "run", "--env-file", "no.env", "ollama/ollama"], "cannot read no.env, which the command names: "
     "No such file or directory"),
    (4, ["ollama", "create", "x"], "cannot read Modelfile, which the command names: No such file or directory"),
    (3, ["text-generation-launcher", "--model-id", "a/b"], "Text Generation Inference is not modelled yet"),
    (3, ["vllm", "serve", "a/b", "--disable-hybrid-kv-cache-manager"], None),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ASKED)))
def test_one_line_and_the_right_code(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An error, a hint, and nothing else; no control character, and no more of a text than a screen has."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    code, words, message = ASKED[number]
    ran = vramfit("check", "-g", "rtx4090", "--offline", "--", *words)
    lines = ran.err.splitlines()
    assert (code, "", 2) == (ran.code, ran.out, len(lines))
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    assert message is None or f"error: {message}" == lines[0].removesuffix("\\n")
    assert ran.err.replace("\n", "").isprintable()
    assert len(ran.err) < 5000
    assert SECRET not in ran.err


def test_files_of_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A mapping is read, anything else is refused; a bomb of aliases and a file that is too large are too."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.chdir(folder)
    (folder / "good.yaml").write_text("max-model-len: 4096\nenforce-eager: true\n", encoding="utf-8")
    (folder / "list.yaml").write_text("- a\n", encoding="utf-8")
    (folder / "bomb.yaml").write_text("a: &a [x]\nb: [*a, *a]\n", encoding="utf-8")
    (folder / "large.yaml").write_text("a: b\n" * 300_000, encoding="utf-8")
    ran = {
        name: vramfit("check", "-g", "rtx4090", "--offline", "--json", "--", "vllm", "serve", "Qwen/Qwen2.5-7B-Instruct",
                      "--config", f"{name}.yaml")
        for name in ("good", "list", "bomb", "large")
    }  # fmt: skip
    assert [0, 4, 4, 4] == [one.code for one in ran.values()]
    assert (4096, True) == tuple(ran["good"].estimates[0]["deployment"][name] for name in ("context", "enforce_eager"))


def test_what_is_left_out_is_warned_about() -> None:
    """On stderr where no format is named, and in the assumptions always."""
    words = ("--", "vllm", "serve", "Qwen/Qwen2.5-7B-Instruct", "--max-modle-len", "8192")
    note = (
        "--max-modle-len of vllm serve is not known, and left out of the estimate: did you mean --max-model-len or"
        " --max-log-len?"
    )
    assert f"warning: {note}" in vramfit("check", "-g", "rtx4090", "--offline", *words).err.splitlines()
    ran = vramfit("check", "-g", "rtx4090", "--offline", "--json", *words)
    assert "" == ran.err
    assert note == ran.estimates[0]["assumptions"][0]


def test_secrets_are_masked_in_reports() -> None:
    """In the command, and in each remedy's."""
    ran = vramfit(
        "check", "-g", "rtx4090", "--offline", "--json", "--", f"HF_TOKEN={SECRET}", "vllm", "serve",
        "Qwen/Qwen2.5-14B-Instruct", "--api-key", "opensesame", "--max-model-len", "32768",
    )  # fmt: skip
    assert SECRET not in ran.out
    assert "opensesame" not in ran.out
    first = ran.estimates[0]
    assert first["command"] == (
        "HF_TOKEN=$HF_TOKEN vllm serve Qwen/Qwen2.5-14B-Instruct --api-key $API_KEY --max-model-len 32768"
    )
    assert len([one for one in first["remedies"] if "HF_TOKEN=$HF_TOKEN vllm serve" in one["command"]]) >= 3
