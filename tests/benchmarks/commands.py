"""Costs of commands as multiples of a bare interpreter: ``python -m tests.benchmarks.commands [ROUNDS]``.

Every round runs the bare interpreter and each command in turn and divides their processor times, so that what else the
machine does matters little; the figure is the median of the rounds. The aims are those of docs/performance.md. Other
programs that answer a like question are measured in the same rounds where they are installed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys

COMMANDS = {
    "check --json": (2.2, "check --gpu rtx4090 --model llava-1.6-13b --json"),
    "check, a table": (7.0, "check --gpu rtx4090 --model llava-1.6-13b --format table"),
    "check --help": (8.0, "check --help"),
    "a keypress: a GPU": (3.0, "__complete check -g rtx40"),
    "a keypress: a flag": (3.0, "__complete check --kv"),
    "a keypress: a model": (3.0, "__complete check rtx4090 qwen3-"),
    "list models": (6.0, "list models"),
    "show": (6.0, "show rtx4090"),
    "recommend -g": (20.0, "recommend -g rtx4090"),
    "recommend -m": (30.0, "recommend -m llama-3.3-70b"),
    "matrix, one card": (0.0, "matrix -g rtx4090 -m qwen3-*"),
}
"""Aim, 0 for none, and arguments of each command."""
PEERS = {
    "vramcalc": "vramcalc --help", "fitllm": "fitllm --help", "llmfit": "llmfit --help", "ridgepoint": "ridgepoint --help",
    "hf-mem": "hf-mem --help",
}  # fmt: skip
"""Other programs, by their shortest command: their start-up alone is compared."""
BARE_RUNS = 4


def seconds(command: list[str]) -> float:
    """Processor seconds of one run, its output thrown away."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a line per command: median ratio, the least, and the aim."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    folder = os.path.dirname(sys.executable)
    vramfit = os.path.join(folder, "vramfit")
    bare = [sys.executable, "-I", "-c", "pass"]
    commands = {name: [vramfit, *words.split()] for name, (_, words) in COMMANDS.items()}
    for name, words in PEERS.items():
        found = shutil.which(words.split()[0], path=folder)
        if found is not None:
            commands[f"{name} --help"] = [found, *words.split()[1:]]
    for command in (bare, *commands.values()):
        seconds(command)
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        base = statistics.mean(seconds(bare) for _ in range(BARE_RUNS))
        for name, command in commands.items():
            ratios[name].append(seconds(command) / base)
    for name, values in ratios.items():
        aim = COMMANDS.get(name, (0.0, ""))[0]
        wanted = f"   aim {aim:g}" if aim else ""
        print(f"{name:22} {statistics.median(values):6.1f} x   {min(values):6.1f} at least{wanted}")


if __name__ == "__main__":
    main()
