"""Whether two installations print the same bytes: ``python -m tests.benchmarks.same BEFORE_PY AFTER_PY [--all]``.

For work on the speed of commands that answer for many deployments. Each command runs with both interpreters, each with a
cache of its own, and the hash of what it prints on stdout and stderr is compared with its exit code. ``--all`` adds whole
matrices of every engine. A command whose output differs is printed, and the exit code is 1.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from itertools import cycle, islice

FORMATS = ("plain", "csv", "json", "ndjson", "markdown")
ENGINES = (
    "llama.cpp",
    "vllm",
    "sglang",
    "ollama",
    "mlx",
    "exllamav2",
    "exllamav3",
    "tensorrt-llm",
    "diffusers",
    "comfyui",
)
WHOLE = "matrix -g * -m *"
MATRICES = (
    *[f"{WHOLE} --format {style}" for style in FORMATS],
    "matrix -g rtx40* -m qwen3-* --format table",
    "matrix -g * -m llama-3* --quant best --format csv",
    "matrix -g * -m qwen3-* --quant best --engine vllm",
    "matrix -g * -m gemma-3* --quant Q4_K_M --quant Q8_0 --ram 64GiB",
    "matrix -g 2xrtx4090 -g 8xh100-sxm -g m4-max-128gb -g nonesuch-gpu -m *",
    "matrix -g 2xrtx4090 -g 8xh100-sxm -g rtx3060-12gb -g custom:24GiB -m * --engine llama.cpp",
    "matrix -g rtx* -m * --task qlora --sequence-length 1024",
    "matrix -g rx* -m *coder* --platform windows --reserve 1.5GiB --context 16384",
    "matrix -g jetson* -g m* -m *8b* --gpu-layers 10 --format json",
    "matrix -g * -m phi* --parallel 8 --context 2048 --engine sglang --no-header",
    "matrix -g * -m deepseek* --level fits --flash-attention off --format ndjson",
    "matrix -g strix-halo* -g m4* -m *7b* --ram 32GiB --format csv",
    "matrix -g a100* -g l4 -m flux* -m sd* -m wan*",
)
CARDS = (
    "rtx4090", "rtx3060-12gb", "rtx5090", "t4", "a100-80gb-sxm", "h100-sxm", "l4", "rx7900xtx", "arc-b580", "m4-max-128gb",
    "2xrtx3090", "4xl40s", "8xh100-sxm", "gtx1080ti", "rtx4060ti-16gb", "custom:48GiB", "jetson-orin-nano-8gb", "mi300x",
    "rtx2060-6gb", "v100-32gb", "m1-8gb", "rtx6000-ada",
)  # fmt: skip
MODELS = (
    "llama-3.3-70b", "qwen3-8b", "gpt-oss-20b", "gpt-oss-120b", "deepseek-r1", "gemma-3-27b", "qwen3-30b-a3b", "phi-4",
    "mixtral-8x7b", "qwen2.5-coder-32b", "llava-1.6-13b", "qwen3-0.6b", "llama-3.1-405b", "mistral-small-3.2-24b",
    "bge-m3", "qwen3-vl-8b", "command-r-plus", "falcon-180b", "kimi-k2", "glm-4.5-air", "whisper-large-v3", "nonesuch",
)  # fmt: skip
OF_CARD = (
    "", "--use code", "--use vision --context 16384", "--min-speed 40", "--engine vllm --limit 5", "--ram 64GiB",
    "--use embedding", "--task qlora", "--level tight --min-quality severe", "--engine llama.cpp --context 32768",
    "--parallel 4 --json",
)  # fmt: skip
OF_MODEL = (
    "", "--budget 2000", "--engine vllm --parallel 16", "--vendor amd", "--max-cards 2 --limit 20", "--quant Q4_K_M",
    "--ram 128GiB", "--task lora", "--min-speed 30 --context 16384", "--max-price 900 --json", "--level tight",
    "--engine llama.cpp --min-quality near-lossless",
)  # fmt: skip


def commands(*, everything: bool) -> list[str]:
    """Commands to compare: matrices, and recommendations for cards and models, three for each."""
    found = [*MATRICES]
    if everything:
        found += [f"{WHOLE} --engine {engine}" for engine in ENGINES]
    for names, option, choices in ((CARDS, "-g", OF_CARD), (MODELS, "-m", OF_MODEL)):
        wishes = cycle(choices[1:])
        for name in names:
            found += [f"recommend {option} {name} {wish}".strip() for wish in (choices[0], *islice(wishes, 2))]
    return found


def answer(python: str, command: str, home: str) -> tuple[str, int]:
    """Hash of what a command prints, and its exit code."""
    variables = {**os.environ, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
    variables.pop("PYTHONPATH", None)
    run = subprocess.Popen(
        [python, "-m", "vramfit", *command.split()],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables, cwd=home,
    )  # fmt: skip
    found = hashlib.sha256()
    assert run.stdout is not None
    while some := run.stdout.read(2**20):
        found.update(some)
    return found.hexdigest(), run.wait()


def main() -> int:
    """Print each command whose answers differ, and how many were compared."""
    given = [one for one in sys.argv[1:] if one != "--all"]
    before, after = map(os.path.abspath, given)
    asked = commands(everything="--all" in sys.argv)
    differing, codes = [], dict[int, int]()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for command in asked:
            old, new = answer(before, command, one), answer(after, command, other)
            codes[new[1]] = codes.get(new[1], 0) + 1
            if old != new:
                differing.append(command)
                print(f"differs: vramfit {command} (exit codes {old[1]} and {new[1]})", flush=True)
    told = ", ".join(f"{count} ended with {code}" for code, count in sorted(codes.items()))
    print(f"{len(asked)} commands, {len(differing)} differ ({told})")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
