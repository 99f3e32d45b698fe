"""Costs of commands as multiples of a bare interpreter: ``python -m tests.benchmarks.commands [ROUNDS] [FOLDER…]``.

Every round runs the bare interpreter and each command in turn and divides their processor times, so that what else the
machine does matters little; the figures are the median of the rounds, the least, and the least time of a command over the
least of the interpreter, which moves least from run to run. The aims are those of docs/performance.md. Other programs that
answer a like question (``peers``) are measured in the same rounds where a folder has them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import peers

COMMANDS = {
    "check --json": (2.2, "check --gpu rtx4090 --model llava-1.6-13b --json"),
    "check, a table": (7.0, "check --gpu rtx4090 --model llava-1.6-13b --format table"),
    "check --help": (8.0, "check --help"),
    "a keypress: a GPU": (3.0, "__complete check -g rtx40"),
    "a keypress: a flag": (3.0, "__complete check --kv"),
    "a keypress: a model": (3.0, "__complete check rtx4090 qwen3-"),
    "list models": (6.0, "list models"),
    "show": (6.0, "show rtx4090"),
    "recommend -g rtx4090": (20.0, "recommend -g rtx4090"),
    "recommend -m llama-3.3-70b": (30.0, "recommend -m llama-3.3-70b"),
    "matrix, one card": (0.0, "matrix -g rtx4090 -m qwen3-*"),
    f"vramfit: {peers.QUESTION}": (0.0, peers.OURS),
}
"""Aim, 0 for none, and arguments of each command."""
BARE_RUNS = 4


def seconds(command: list[str]) -> tuple[float, int]:
    """Processor seconds and exit code of one run, its output thrown away."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, process.returncode


def main() -> None:
    """Print a row per command, as Markdown: median ratio, the least, that of the least times, the aim, the exit code."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    vramfit = os.path.join(os.path.dirname(sys.executable), "vramfit")
    bare = [sys.executable, "-I", "-c", "pass"]
    aims = {name: aim for name, (aim, _) in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as scratch:
        commands = {name: [vramfit, *words.split()] for name, (_, words) in COMMANDS.items()}
        commands |= dict(peers.commands(sys.argv[2:], Path(scratch)))
        codes = {name: seconds(command)[1] for name, command in commands.items()}
        bases: list[float] = []
        times: dict[str, list[float]] = {name: [] for name in commands}
        ratios: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            here = [seconds(bare)[0] for _ in range(BARE_RUNS)]
            bases += here
            for name, command in commands.items():
                times[name].append(seconds(command)[0])
                ratios[name].append(times[name][-1] / statistics.mean(here))
    print("| command | median | least | least over least | aim | exit code |\n|---|---|---|---|---|---|")
    for name, values in ratios.items():
        least = min(times[name]) / min(bases)
        aim = f"{aims[name]:g}" if aims.get(name) else ""
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {least:.1f} | {aim} | {codes[name]} |")


if __name__ == "__main__":
    main()
