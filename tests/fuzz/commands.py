"""Launch commands and argument lists at random: programs with flags of their tables, and commands as people wrote them."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.fuzz.changed import changed
from tests.fuzz.values import WORDS, number
from vramfit.cli.options import COMMANDS, options, spellings
from vramfit.engines import engine, names

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from vramfit.launch import Program
    from vramfit.workload.keys import Key

FOUND = Path(__file__).parent.parent / "launch" / "commands.yaml"
OWN = (
    "llama-server -m ./model.gguf -c 32k -ngl 33 -ctk q8_0 -fa on -ot 'ffn_.*_exps=CPU' --parallel 4",
    "CUDA_VISIBLE_DEVICES=0,1 vllm serve org/name --tensor-parallel-size 2 --max-model-len 8192 --quantization awq",
    "docker run --gpus all -v /a:/b -e HF_TOKEN=x lmsysorg/sglang:latest python3 -m sglang.launch_server --model-path a/b",
    "OLLAMA_CONTEXT_LENGTH=8192 ollama serve & ollama run llama3.1:8b",
    "cat > c.yaml <<EOF\nmodel: a/b\nEOF\nfor i in 1 2; do vllm serve a/b --port 80$i | tee log; done",
    'python - <<EOF\nfrom vllm import LLM\nLLM(model="a/b", max_model_len=4096)\nEOF\n',
)  # fmt: skip
ARGUMENTS = ("max_model_len", "dtype", "x", "tensor_parallel_size", "quantization", "torch_dtype")
SIGNS = (
    "|",
    "&&",
    ";",
    "\\\n",
    "#",
    "<<E\nx\nE\n",
    "> f",
    "$X",
    "${X%%/*}",
    "$((1+2))",
    "`a`",
    "(",
    ")",
    "'",
    '"',
    "$(",
)
MODELS = (
    "a/b",
    "./model.gguf",
    "meta-llama/Llama-3.1-8B-Instruct",
    "llama3.1:8b",
    "/models/x",
    "~/x",
    "$MODEL",
    "${M:-a/b}",
    "",
)
WRAPPED = (
    "{}", "{}", "{}", "nohup {} > log 2>&1 &", "sudo env A=1 {}", "bash -c {!r}", "cd /x && {}", "MODEL=a/b; N=4\n{}",
    "for i in 1 2 3; do\n{}\ndone", "if true; then {}; fi", "{} | tee log", "docker run --gpus all --rm image {}",
    "time {} <<< x",
    "cat > s.sh <<'E'\n{}\nE\nbash s.sh", "uv run {}", "tmux new -d -s a {!r}", "( {} )", "$ {}", "# note\n{} # end", "exec {};",
    "ssh host {!r}", "srun -N 2 {}", "{} && {}", "A=$(nproc) {}", "export M=a/b\n{}", "C=({}); ${{C[@]}}", "eval {!r}",
    "kubectl exec p -- {}",
)  # fmt: skip
"""Lines of a shell around a command."""
CODE = (
    'from vllm import LLM\nllm = LLM(model="a/b", {})\n', "import torch\nm = AutoModelForCausalLM.from_pretrained('a/b', {})\n",
    "python -c \"from vllm import LLM; LLM('a/b', {})\"",
    "python3 - <<EOF\nimport sglang\nsglang.Engine(model_path='a/b', {})\nEOF",
)  # fmt: skip


@cache
def _commands() -> list[str]:
    return [
        *OWN,
        *[one["text"] for one in yaml.safe_load(FOUND.read_text(encoding="utf-8")) if len(one["text"]) < 1500],
    ]


def commands() -> list[bytes]:
    """Sound commands, those that people wrote too."""
    return [text.encode() for text in _commands()]


@cache
def _programs() -> list[tuple[Program, list[str], list[str]]]:
    """Programs of all engines, with their flags and their variables."""
    found = {program.words: program for name in names() for program in engine(name).programs()}
    return [
        # A flag without a spelling is a word by itself, which a written command has in its place.
        (
            one,
            [flag for flag in (*one.table, *one.neutral, *one.unmodelled) if flag],
            [flag.flag for flag in one.variables],
        )
        for one in found.values()
    ]


def command(rng: Random) -> bytes:
    """Command of a program with flags of its table, or one that people wrote, changed as words or as bytes."""
    kind = rng.random()
    if kind < 0.08:
        return changed(commands(), rng)
    if kind < 0.35:
        text = _reworded(rng.choice(_commands()), rng)
    elif kind < 0.42:
        given = ", ".join([f"{rng.choice(ARGUMENTS)}={_literal(rng)}" for _ in range(2)])
        text = rng.choice(CODE).format(given)
    else:
        text = rng.choice(WRAPPED).format(_line(rng), _line(rng))
    return text.encode("utf-8", "replace") if rng.random() < 0.95 else changed([text.encode("utf-8", "replace")], rng)


def _literal(rng: Random) -> str:
    return rng.choice(
        ('"a"', "1", "-1", "None", "True", "x", "2**10", "[1, 2]", "dict(a=1)", "f'{x}'", "0.5", "int('4')", "1 +")
    )


def _line(rng: Random) -> str:
    """One line that starts a program."""
    program, flags, variables = rng.choice(_programs())
    words = [f"{rng.choice(variables)}={_word(rng)}" for _ in range(rng.choice((0, 0, 1)) if variables else 0)]
    words += program.words
    if program.positional and rng.random() < 0.8:
        words.append(rng.choice(MODELS))
    else:
        own = next((flag for flag in program.flags if flag.key in ("model", "repository")), None)
        words += [own.flag, rng.choice(MODELS)] if own is not None else []
    for _ in range(rng.choice((0, 1, 2, 4, 8)) if flags else 0):
        flag = rng.choice(flags)
        known = program.table.get(flag)
        if rng.random() < 0.05:
            flag = flag[: rng.randrange(1, len(flag) + 1)] + rng.choice(("", "x", "=", "_", ".a.b"))
        takes = program.neutral.get(flag, program.unmodelled.get(flag, 1)) if known is None else known.kind != "switch"
        words += _with_value(flag, rng) if takes and rng.random() < 0.95 else [flag]
    return rng.choice((" ", " ", "  ", " \\\n  ")).join(words)


def _with_value(flag: str, rng: Random) -> list[str]:
    value = _word(rng)
    shown = rng.choice((value, value, f"'{value}'", f'"{value}"', f"${{X:-{value}}}"))
    return [f"{flag}={shown}"] if rng.random() < 0.2 else [flag, shown]


def _word(rng: Random) -> str:
    return str(number(rng)) if rng.random() < 0.5 else rng.choice(WORDS) or "''"


def _reworded(text: str, rng: Random) -> str:
    """A command with words of it changed, doubled, moved, taken out, or taken from another."""
    words = text.split(" ")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, what = rng.randrange(len(words)), rng.randrange(6)
        if what == 0:
            del words[at : at + (len(words) > 1)]
        elif what == 1:
            words[at] = _word(rng)
        elif what == 2:
            words.insert(at, rng.choice(words))
        elif what == 3:
            words[at : at + 1] = rng.choice(_commands()).split(" ")[:4]
        elif what == 4:
            words[at] = shlex.quote(words[at])
        else:
            words.insert(at, rng.choice(SIGNS))
    return " ".join(words)


@cache
def _keys() -> dict[str, list[Key]]:
    return {name: list(options(name)) for name in COMMANDS}


GPUS = (
    "rtx4090",
    "2xrtx3090",
    "4090",
    "custom:24GiB",
    "custom:24GiB@1008GB/s",
    "auto",
    "h100-sxm",
    "a,b",
    "",
    "0xrtx4090",
    "\u202e",
)
NAMES = ("llama-3.1-8b", "llama-2-7b", "a/b:Q4_K_M", "hf:a/b@main", "ollama:llama3.1", "./x.gguf", "", "x" * 80)
NUMERAL = ("count", "tokens", "number", "count-or-word")


def value(key: Key, rng: Random) -> str:
    """Value for a key, mostly one of its kind."""
    if rng.random() < 0.15:
        return _word(rng)
    if key.name in ("gpu", "model"):
        return rng.choice(GPUS if key.name == "gpu" else NAMES)
    if key.words and (key.kind != "count-or-word" or rng.random() < 0.3):
        return rng.choice(key.words)
    made: dict[str, Callable[[], str]] = {
        "size": lambda: f"{rng.randrange(1, 99)}{rng.choice(('GiB', 'GB', 'MiB', ' GB', 'G', ''))}",
        "rate": lambda: f"{rng.randrange(1, 999)}GB/s",
        "flag": lambda: rng.choice(("true", "false", "on", "1")),
        "pixels": lambda: f"{rng.randrange(1, 9999)}x{rng.randrange(1, 9999)}",
        "shares": lambda: ",".join([str(rng.randrange(9)) for _ in range(rng.choice((1, 2, 4)))]),
        **dict.fromkeys(NUMERAL, lambda: str(rng.randrange(1, 64)) if key.maximum > 1 else f"0.{rng.randrange(1, 99)}"),
    }
    return made[key.kind]() if key.kind in made else _word(rng)


def arguments(rng: Random) -> bytes:
    """Argument list of a command, one word a line."""
    name = rng.choice(("check", "check", "check", *COMMANDS))
    words = name.split(" ")
    for _ in range(rng.choice((1, 2, 3, 5, 9))):
        key = rng.choice(_keys()[name])
        flag = (
            rng.choice(spellings(key))
            if rng.random() < 0.93
            else rng.choice(("--no-x", "--ctx", "-c", "rtx4090", "--quant_", "--"))
        )
        if key.kind == "switch" or rng.random() < 0.03:
            words.append(flag)
        elif rng.random() < 0.2:
            words.append(f"{flag}={value(key, rng)}")
        else:
            words += [flag, value(key, rng)]
    data = "\n".join(words).encode("utf-8", "surrogateescape")
    return data if rng.random() < 0.95 else changed([data], rng)
