"""Deployment keys from the values of llama.cpp's flags, as far as several flags together say one."""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.units import whole
from vramfit.workload.common import FITTING, LARGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNFITTED = ("override_tensor", "cpu_moe_layers", "tensor_split")
"""Keys with which ``--fit`` gives up, so that every layer is on the GPUs unless the line states their number
(``common/fit.cpp``)."""
MARGIN = "1024"
"""Number of MiB that ``--fit`` leaves free on each GPU (``common/common.h``, ``fit_params_target``)."""
EXPERTS, DENSE = "\\.ffn_(up|down|gate|gate_up)_(ch|)exps", "\\.ffn_(up|down|gate|gate_up)\\."
"""Patterns of ``-ncmoe`` and ``-ncffn`` (``common/common.h``, ``LLM_FFN_EXPS_REGEX``)."""


def placed(keys: dict[str, Any]) -> None:
    """Put devices and what is left to ``--fit`` into keys; raises ``UsageError`` for what they cannot say."""
    fits = keys.pop("fit", "on") == "on" and not any(name in keys for name in UNFITTED)
    target, device = keys.pop("fit_target", MARGIN), keys.pop("device", None)
    if device == "none":
        keys["gpu_layers"] = "0"
    elif device is not None:
        names = device.split(",")
        numbers = [name.lstrip("".join(map(chr, range(65, 123)))) for name in names]
        if len(numbers) == 1 and numbers[0].isdecimal():
            keys.update({"split_mode": "none", "main_gpu": numbers[0]})
        elif numbers != [str(number) for number in range(len(numbers))]:
            raise UsageError(f"-dev {device} names some of the GPUs", "name just these with -g, and leave -dev out")
    if fits and "gpu_layers" not in keys and set(target.split(",")) != {MARGIN}:
        raise UsageError(f"--fit-target {target} is not modelled", f"auto leaves {MARGIN} MiB free; state -ngl")
    keys.setdefault("gpu_layers", "auto" if fits else "all")


def named(keys: dict[str, Any], repository: str | None) -> None:
    """Put the model's repository, file in it or address into keys.

    Raises ``UsageError`` for a server that has none of them, but a file or a folder with the models to choose from.
    """
    file, url, several = keys.pop("repository_file", None), keys.pop("url", None), keys.pop("models", None)
    if "model" in keys:
        return
    if several is not None and repository is None and url is None:
        raise UsageError(
            f"the models of this server are in {several}, and it loads the one that a client asks for",
            "ask for each of them: llama-server -m FILE with the settings of its section",
        )
    if repository is not None:
        keys["model"] = f"hf:{repository}" if file is None else f"hf:{repository.partition(':')[0]}:{file}"
    elif url is not None:
        keys["model"] = url


def in_ram(keys: dict[str, Any]) -> None:
    """Put what is kept in RAM into keys: experts, networks of dense layers, and the size of adapters.

    The first pattern of a line decides, whichever flag it comes from (``common/arg.cpp``: ``-ot``, ``-ncmoe`` and
    ``-ncffn`` add to one list), and as keys ``override_tensor`` comes first.
    """
    if keys.pop("all_experts", False):
        keys["cpu_moe_layers"] = "all"
    if keys.pop("all_draft_experts", False):
        keys["draft_cpu_moe_layers"] = "all"
    dense = keys.pop("ram_ffn_layers", "0")
    given, experts = keys.get("override_tensor", ()), keys.get("cpu_moe_layers")
    if given and experts is not None and list(keys).index("cpu_moe_layers") < list(keys).index("override_tensor"):
        del keys["cpu_moe_layers"]
        given = (f"{_blocks(experts)}{EXPERTS}=CPU", *given)
    if whole(dense):
        given = (*given, f"{_blocks(dense)}{DENSE}=CPU")
    if given:
        keys["override_tensor"] = given
    sizes = keys.pop("adapters", ())
    if sizes:
        keys["adapter_size"] = str(sum(sizes))


MOST_LAYERS = 1000
"""Layers that a pattern names; llama.cpp has at most 512 (``LLAMA_MAX_LAYERS``)."""


def _blocks(layers: str) -> str:
    """Pattern of the first layers' names; of every layer's for ``all``."""
    number = whole(layers)
    if number is None:
        return ""
    return f"blk\\.({'|'.join(map(str, range(min(number, MOST_LAYERS))))})"


def context_of(keys: dict[str, Any]) -> str:
    """Take the cells out of keys, and return the tokens of one slot.

    What is no number is returned for the key to refuse. Without cells, ``--fit`` chooses a context for each slot.
    """
    cells, slots = keys.pop("cells", None), "1" if keys.get("unified_kv") else keys["parallel"]
    if cells is None:
        if keys.get("fit", "on") == "on" and keys.get("split_mode") != "tensor":
            return FITTING
        cells = "0"
    if cells == "0":
        return LARGEST if slots in ("1", "") else f"{LARGEST}/{slots}"
    number, count = whole(cells), whole(slots)
    return str(number // count) if number is not None and count else cells
