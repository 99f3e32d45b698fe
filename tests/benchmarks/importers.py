"""What a GGUF file costs beside an entry of the catalogue: ``python -m tests.benchmarks.importers [ROUNDS]``.

Three figures, each from processes of their own that run in turn: the header walk of a vocabulary of 250,000 tokens
(processor seconds and peak memory over those of an interpreter that loads the same modules; the aim is 0.3 s and 40 MB),
and ``check -m ./x.gguf`` as a multiple of ``check`` of an entry, without and with the walk (the aim is 1.5 at most beside
the walk). The last line counts modules of the importers that ``check`` of an entry loads: the aim is none.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.command import environment
from tests.importers import models

TOKENS, MERGES = 250_000, 250_000
WALK = """
import sys
from vramfit.importers.gguf_set import read_gguf_model
from vramfit.importers.source import LocalFolder
if len(sys.argv) > 1:
    read_gguf_model(LocalFolder(sys.argv[1]), "large.gguf")
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
"""Prints its peak memory in KiB: what the system reports of a finished child holds its parent's memory too."""
LOADED = """
import sys, vramfit.__main__ as command
command.main(["check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q8_0", "--json"])
sys.stderr.write(str(len([name for name in sys.modules if name.startswith("vramfit.importers")])))
"""


def cost(command: list[str]) -> tuple[float, bytes]:
    """Processor seconds of one run, and what it prints; modules are compiled once, as an installation has them."""
    variables = environment()
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime, out


def main() -> None:
    """Print a line per figure: the median of the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models.gguf().write(folder / "small.gguf")
        large = models.gguf()
        large.add("tokenizer.ggml.merges", "string[]", [f"token {n}" for n in range(MERGES)])
        large.add("tokenizer.ggml.token_type", "int32[]", [1] * TOKENS)
        large.pairs[:] = [pair for pair in large.pairs if pair[0] != "tokenizer.ggml.tokens"]
        large.add("tokenizer.ggml.tokens", "string[]", [f"<token {n}>" for n in range(TOKENS)])
        large.write(folder / "large.gguf")
        check = [sys.executable, "-m", "vramfit", "check", "-g", "rtx4090", "--quant", "Q8_0", "--json", "-m"]
        commands = {
            "modules alone": [sys.executable, "-c", WALK],
            "walk": [sys.executable, "-c", WALK, name],
            "entry": [*check, "llama-3.1-8b"],
            "small": [*check, str(folder / "small.gguf")],
            "large": [*check, str(folder / "large.gguf")],
        }
        for command in commands.values():
            cost(command)
        found: dict[str, list[tuple[float, bytes]]] = {key: [] for key in commands}
        for _ in range(rounds):
            for key, command in commands.items():
                found[key].append(cost(command))
    seconds = {key: statistics.median(took for took, _ in runs) for key, runs in found.items()}
    peak, bare = (max(int(out) for _, out in found[key]) / 1024 for key in ("walk", "modules alone"))
    walk = seconds["walk"] - seconds["modules alone"]
    beside = (seconds["large"] - walk) / seconds["entry"]
    print(f"walk of {TOKENS:,} tokens       {walk:6.3f} s  {peak:5.1f} MB, {peak - bare:.1f} MB over its modules")
    print(f"a small file / an entry      {seconds['small'] / seconds['entry']:6.2f} x")
    print(f"a large file / an entry      {seconds['large'] / seconds['entry']:6.2f} x, {beside:.2f} x beside the walk")
    run = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, env=environment())
    print(f"importers that an entry loads {run.stderr:>5}")


if __name__ == "__main__":
    main()
