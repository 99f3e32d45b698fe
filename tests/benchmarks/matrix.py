"""What the whole matrix costs as a multiple of a bare interpreter: ``python -m tests.benchmarks.matrix [ROUNDS] [ENGINE…]``.

Every GPU of the catalogue against every model in the three classes, one process, its output written to a pipe that is
read and thrown away. Each round runs the bare interpreter and the command in turn and divides their processor times, so
that what else the machine does matters little; the figure is the median. The aim is 105 at most, and 400 MB.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

BARE_RUNS = 10
"""Bare interpreters for each run of the command, since one takes a few milliseconds only."""


def cost(command: list[str]) -> tuple[float, float, int]:
    """Processor seconds, peak memory in MB, and lines of output of one run."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = 0
        while chunk := process.stdout.read(2**20):
            lines += chunk.count(b"\n")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, lines


def main() -> None:
    """Print a line per engine, or for the default one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    engines = sys.argv[2:] or ["transformers"]
    vramfit = os.path.join(os.path.dirname(sys.executable), "vramfit")
    bare = [sys.executable, "-I", "-c", "pass"]
    for engine in engines:
        command = [vramfit, "matrix", "-g", "*", "-m", "*", "--engine", engine, "--no-header"]
        cost(command)
        ratios, peaks, cells = [], [], 0
        for _ in range(rounds):
            base = statistics.mean(cost(bare)[0] for _ in range(BARE_RUNS))
            took, peak, cells = cost(command)
            ratios.append(took / base)
            peaks.append(peak)
        each = f"{max(peaks):5.0f} MB  {cells:,} cells"
        print(f"{engine:13} {statistics.median(ratios):6.0f} x ({min(ratios):.0f} to {max(ratios):.0f})  {each}")


if __name__ == "__main__":
    main()
