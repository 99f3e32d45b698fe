"""Launch command of ExLlamaV2's chat example, whose cache settings apply to any server built on ExLlamaV2 as well.

turboderp-org/exllamav2 at da07fac: ``exllamav2/model_init.py``, ``examples/chat.py``.
"""

from __future__ import annotations

from vramfit.engines.naming import file_stem, is_own, is_stored, repository
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch.words import Process

CACHE_SWITCHES = {"fp8": "-c8", "int4": "-cq4", "int6": "-cq6", "int8": "-cq8"}
"""Switch that selects each cache type; none is needed for 16 bits."""
LONG = {"-c8": "--cache_8bit", "-cq4": "--cache_q4", "-cq6": "--cache_q6", "-cq8": "--cache_q8"}
LENGTH = ("-l", "--length")
OWN = frozenset([*LENGTH, *LONG, *LONG.values()])
"""Flags by which its chat example differs from that of ExLlamaV3, which is started by the same words."""

CHAT = Program(
    ("python", "examples/chat.py"),
    (
        Flag("-m", "model", ("--model_dir", "--model-dir")),
        Flag("-l", "context", ("--length",)),
        *[Flag(flag, kind, (LONG[flag],), SWITCH) for kind, flag in CACHE_SWITCHES.items()],
        Flag("-mode", "mode", ("--mode",)),
        Flag("-gs", "split", ("--gpu_split",)),
    ),
    also=(("chat.py",), ("python", "chat.py")),
    neutral=neutral(
        "-nsp --no_system_prompt -ncf --no_code_formatting -pt --print_timings -amnesia --amnesia -mli --mli",
        "-un --username -bn --botname -sp --system_prompt -temp --temperature -topk --top_k -topp --top_p"
        " -maxr --max_response_tokens -resc --response_chunk -repp --repetition_penalty",
    ),
)


def command(deployment: Deployment, _estimate: Estimate) -> str:
    """Write the line that starts the chat example, with a cache large enough for every sequence."""
    work, scheme = deployment.workload, deployment.scheme
    in_repository = scheme.family in ("plain", deployment.model.dtype) or is_own(deployment) or is_stored(deployment)
    values = {
        "model": repository(deployment) if in_repository else file_stem(deployment),
        "context": work.context * work.parallel,
        work.kv_cache_type: True,
        "mode": "raw",
        "split": "auto" if len(deployment.gpus) > 1 else None,
    }
    return line(write.words(CHAT, values))


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts the chat example with flags of its own; None if none does.

    A chat has one sequence, whose context is the size of the cache. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(CHAT, [one for one in given if OWN.intersection(one.words)])
    if keys is None:
        return None
    for kind in CACHE_SWITCHES:
        if keys.pop(kind, None):
            keys["kv_cache_type"] = kind
    keys.pop("mode", None)
    keys.pop("split", None)
    return keys
