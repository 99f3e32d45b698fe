"""What a check costs as a multiple of a bare interpreter: ``python -m tests.benchmarks.startup [ROUNDS]``.

Every round runs each command once, so that a slow moment of the machine hits all of them; the figure is the median of
the rounds' ratios. Run it in the environment vramfit is installed in, with its .pyc files in place.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time

CHECK = ["check", "--gpu", "rtx4090", "--model", "llava-1.6-13b"]
COMMANDS = {
    "check --json": [*CHECK, "--json"],
    "check --json --quant int8": [*CHECK, "--quant", "int8", "--json"],
    "check (plain)": CHECK,
    "check --format table": [*CHECK, "--format", "table"],
    "check --help": ["check", "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run, its output thrown away."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Print a line per command: median ratio to the bare interpreter, and the fastest run in milliseconds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    script = os.path.join(os.path.dirname(sys.executable), "vramfit")
    vramfit = script if os.path.exists(script) else (shutil.which("vramfit") or "vramfit")
    bare = [sys.executable, "-I", "-c", "pass"]
    commands = {name: [vramfit, *arguments] for name, arguments in COMMANDS.items()}
    for command in (bare, *commands.values()):
        seconds(command)
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    fastest = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        base = seconds(bare)
        for name, command in commands.items():
            took = seconds(command)
            ratios[name].append(took / base)
            fastest[name] = min(fastest[name], took)
    for name, values in ratios.items():
        print(f"{name:28} {statistics.median(values):6.2f} x   {fastest[name] * 1000:7.1f} ms at best")


if __name__ == "__main__":
    main()
