"""Commands of ``llama-bench``, which makes a context just as large as each test needs.

ggml-org/llama.cpp at 08d0baa ``tools/llama-bench/README.md``: a prompt of ``-p`` tokens, ``-n`` generated ones, both behind
``-d`` others, and ``-pg`` of both in one test. Several values of a flag, with commas between, are several tests.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.flags import adapters_bytes, refused, shares_text
from vramfit.engines.llamacpp.programs import CONSOLE_KEYS
from vramfit.engines.llamacpp.reading import in_ram, named, placed
from vramfit.errors import UsageError
from vramfit.launch import Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.units import whole
from vramfit.workload.common import layers_word, switch_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.launch.words import Process

LENGTHS = ("prompt", "generated", "depth", "batch", "ubatch")
"""Names of numbers of tokens; of several the largest needs most."""
PROMPT, GENERATED = "512", "128"
"""Tokens of the two tests that are run where the line says nothing."""


def _slashes(shares: tuple[float, ...]) -> str:
    """Write proportions with slashes between; a comma would separate tests."""
    return shares_text(shares).replace(",", "/")


BENCH = Program(
    ("llama-bench",),
    (
        Flag("-m", "model", ("--model",)),
        Flag("-hf", "repository", ("-hfr", "--hf-repo")),
        Flag("-hff", "repository_file", ("--hf-file",)),
        Flag("-p", "prompt", ("--n-prompt",)),
        Flag("-n", "generated", ("--n-gen",)),
        Flag("-pg", "both"),
        Flag("-d", "depth", ("--n-depth",)),
        Flag("-b", "batch", ("--batch-size",)),
        Flag("-ub", "ubatch", ("--ubatch-size",)),
        Flag("-ctk", "kv_cache_type", ("--cache-type-k",)),
        Flag("-ctv", "kv_cache_type_v", ("--cache-type-v",)),
        Flag("-ngl", "gpu_layers", ("--n-gpu-layers",), read=layers_word),
        Flag("-ncmoe", "cpu_moe_layers", ("--n-cpu-moe",)),
        Flag("-sm", "split_mode", ("--split-mode",)),
        Flag("-mg", "main_gpu", ("--main-gpu",)),
        Flag("-ts", "tensor_split", ("--tensor-split",), spell=_slashes, read=lambda text: text.replace("/", ",")),
        Flag("-fa", "flash_attention", ("--flash-attn",), read=switch_word),
        Flag("-nkvo", "no_kv_offload", ("--no-kv-offload",)),
        Flag(
            "-ot",
            "override_tensor",
            ("--override-tensor",),
            spell=";".join,
            read=lambda text: tuple(text.split(";")),
            many=True,
        ),
        Flag("-dev", "device", ("--device",), read=lambda text: text.replace("/", ",")),
        Flag("--lora", "adapters", (), read=adapters_bytes, many=True),
        Flag("-fitt", "fit_target", ("--fit-target",)),
        Flag("-rpc", "", ("--rpc",), read=refused("--rpc")),
    ),
    neutral=neutral(
        "-v --verbose --progress --no-warmup --offline -nr --no-repack",
        "--numa -r --repetitions --prio --delay -o --output -oe --output-err --n-gen-warmup -fitc --fit-ctx -hft --hf-token"
        " -t --threads -C --cpu-mask --cpu-strict --poll -lm --load-mode -lzm --lazy-mode -mmp --mmap -embd --embeddings"
        " -nopo --no-op-offload --no-host --repack",
    ),
)


def command(values: Mapping[str, object]) -> str:
    """Write the line of its tests from the values of the server's flags, without their lengths, which are the user's."""
    offloaded = {"no_kv_offload": "1" if values["no_kv_offload"] else None}
    return line(write.words(BENCH, {**values, **offloaded}))


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts the program; None if no line does.

    Of several numbers of tokens the largest counts. Raises ``UsageError`` for several values of another flag, which are
    several deployments.
    """
    from vramfit.launch.read import first

    keys = first(BENCH, given)
    if keys is None:
        return None
    for name, value in keys.items():
        if isinstance(value, str) and "," in value and name not in (*LENGTHS, "both", "tensor_split", "device"):
            raise UsageError(f'llama-bench runs a test for each of "{value}"', "ask for one of them at a time")
    prompt, generated = _most(keys.pop("prompt", PROMPT)), _most(keys.pop("generated", GENERATED))
    both = sum([_most(part) for part in keys.pop("both", "0").split(",")])
    tokens = max(prompt, generated, both) + _most(keys.pop("depth", "0"))
    keys |= {name: str(_most(keys[name])) for name in ("batch", "ubatch") if name in keys}
    named(keys, keys.pop("repository", None))
    if "no_kv_offload" in keys:
        keys["kv_offload"] = keys.pop("no_kv_offload") == "0"
    in_ram(keys)
    keys["fit"] = "on" if "fit_target" in keys else "off"
    if keys.get("gpu_layers") == "auto":
        del keys["gpu_layers"]  # -1, which is all of them unless something is fitted
    placed(keys)
    return {**CONSOLE_KEYS, **keys, "context": str(max(tokens, 1)), "images": 0}


def _most(text: str) -> int:
    """Largest of numbers with commas between, or of a range ``first-last``; raises ``UsageError`` for other text."""
    parts = text.replace("-", ",").replace("+", ",").split(",")
    found = [number for part in parts if (number := whole(part)) is not None]
    if len(found) < len(parts):
        raise UsageError(f'"{text}" is no number of tokens', "state one: -p 4096")
    return max(found)
