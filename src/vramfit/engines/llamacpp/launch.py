"""Commands of llama.cpp's programs, written and read by the tables of ``flags``."""

from __future__ import annotations

from vramfit.engines.llamacpp.flags import CONSOLE, CONSOLE_KEYS, SERVER
from vramfit.engines.llamacpp.placement import asked_cells
from vramfit.engines.naming import file_stem, own_file, projector_file
from vramfit.errors import UsageError
from vramfit.launch import write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.llamacpp import LlamaCppKeys
    from vramfit.launch.read import Process

SLOTS = 4
"""Default number of slots: ``-np -1``, with one unified cache (``tools/server/server.cpp``)."""
SERVER_RAM = ("context_checkpoints", "checkpoint_min_step", "cache_ram")
"""Keys of what the server keeps in RAM beside the model."""
UNFITTED = ("override_tensor", "cpu_moe_layers", "tensor_split")
"""Keys with which ``--fit`` gives up, so that every layer is on the GPUs unless the line states their number
(``common/fit.cpp``)."""
MARGIN = "1024"
"""Number of MiB that ``--fit`` leaves free on each GPU (``common/common.h``, ``fit_params_target``)."""
EXPERTS, DENSE = "\\.ffn_(up|down|gate|gate_up)_(ch|)exps", "\\.ffn_(up|down|gate|gate_up)\\."
"""Patterns of ``-ncmoe`` and ``-ncffn`` (``common/common.h``, ``LLM_FFN_EXPS_REGEX``)."""
ADAPTER_FILE = "adapter.gguf"
"""Name of the adapter in commands, where only its size is known."""
LARGEST = "max"
"""Context of a command that states none, or 0: that of the model."""


def command(deployment: Deployment, estimate: Estimate, keys: LlamaCppKeys) -> str:
    """Write the line that starts the server with every setting that the estimate assumed."""
    work, model, decided = deployment.workload, deployment.model, estimate.settings
    layers = decided.get("gpu_layers", work.gpu_layers)
    experts = decided.get("cpu_moe_layers", work.cpu_moe_layers)
    values = {
        **_file(deployment),
        "cells": asked_cells(work, keys),
        "parallel": work.parallel,
        "gpu_layers": layers if isinstance(layers, int) else model.layer_count + 1 + _head_layers(deployment),
        "cpu_moe_layers": (experts if isinstance(experts, int) else model.layer_count) or None,
        "split_mode": None if keys.split_mode == "layer" else keys.split_mode,
        "main_gpu": keys.main_gpu or None,
        "tensor_split": keys.tensor_split,
        "batch": keys.batch,
        "ubatch": keys.ubatch,
        "flash_attention": "on" if work.flash_attention else "off",
        "adapters": ADAPTER_FILE if keys.adapter_bytes else None,
        "kv_cache_type": work.kv_cache_type,
        "kv_cache_type_v": work.kv_cache_type_v,
        "override_tensor": keys.override_tensor,
        "unified_kv": keys.unified_kv,
        "swa_full": keys.swa_full,
        "no_kv_offload": not keys.kv_offload,
        **_drafting(deployment, keys),
        "projector_in_ram": bool(keys.mmproj == "host" and work.images and model.vision is not None),
        "no_projector": keys.mmproj == "off" or _leaves_out_projector(deployment),
        **server_ram(keys),
    }
    return line(write.words(SERVER, values))


def server_ram(keys: LlamaCppKeys) -> dict[str, object]:
    """Values of the flags for what the server keeps in RAM, where they differ from its defaults."""
    usual = type(keys)()
    return {name: value for name in SERVER_RAM if (value := getattr(keys, name)) != getattr(usual, name)}


def _head_layers(deployment: Deployment) -> int:
    """Number of layers that ``-ngl`` counts behind the model's own: those of a prediction head that is used."""
    return deployment.model.mtp_layers if deployment.workload.speculative == "mtp" else 0


def _drafting(deployment: Deployment, keys: LlamaCppKeys) -> dict[str, Any]:
    """Values of the flags for what drafts; none without speculative decoding."""
    work = deployment.workload
    if work.draft is None:
        return {}
    from vramfit.engines.speculative import drafting

    draft = drafting(work)
    values: dict[str, Any] = {"speculative": draft.method, "speculative_tokens": work.speculative_tokens}
    if draft.method != "mtp" or draft.beside:
        origin = draft.model.origin
        path = None if origin is None else origin.path
        values["draft_model"] = path or f"{draft.model.id}-{draft.checkpoint.scheme.id}.gguf"
        values["draft_gpu_layers"] = None if keys.draft_gpu_layers == "all" else keys.draft_gpu_layers
    if (keys.draft_kv_cache_type, keys.draft_kv_cache_type_v) != ("f16", None):
        values["draft_kv_cache_type"] = keys.draft_kv_cache_type
        values["draft_kv_cache_type_v"] = keys.draft_kv_cache_type_v
    return values


def _file(deployment: Deployment) -> dict[str, object]:
    """Values of the flags for the files: the user's own by path or repository, or usual names of what is to be found.

    A repository is downloaded, with the projector that it has beside the model.
    """
    work, own = deployment.workload, own_file(deployment)
    sees = deployment.model.vision is not None
    projector = projector_file(deployment) if work.images and sees else None
    if own is not None and own.repository is not None:
        kind = own.type_of(deployment.scheme) if deployment.reference is not None else own.quant
        values: dict[str, object] = {"repository": own.repository if kind is None else f"{own.repository}:{kind}"}
        return values if deployment.reference is not None else {**values, "projector": projector}
    if own is not None and own.file is not None and deployment.scheme.family == "gguf":
        return {"model": own.file, "projector": projector}
    return {"model": f"{file_stem(deployment)}.gguf", "projector": projector}


def _leaves_out_projector(deployment: Deployment) -> bool:
    """Return True if a repository's projector would be loaded for no image."""
    own, work = own_file(deployment), deployment.workload
    in_repository = deployment.reference is not None and own is not None and own.repository is not None
    return in_repository and deployment.model.vision is not None and not work.images


def names_known_files(deployment: Deployment) -> bool:
    """Return True if the GGUF file is the user's own or in a repository, and so is the projector that goes with it."""
    own, origin = own_file(deployment), deployment.model.origin
    if own is None or (own.repository is None and (own.file is None or deployment.scheme.family != "gguf")):
        return False
    sees = deployment.workload.images and deployment.model.vision is not None
    return not sees or own.repository is not None or (origin is not None and origin.projector is not None)


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts a server, or else a console; None if no line does.

    Settings that the line leaves out have the program's defaults. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(SERVER, given)
    if keys is None:
        console = first(CONSOLE, given)
        if console is None:
            from vramfit.engines.llamacpp import bench, kobold

            found = bench.read(given)
            return kobold.read(given) if found is None else found
        keys = {**CONSOLE_KEYS, **console}
    repository, left_out = keys.pop("repository", None), keys.pop("no_projector", False)
    named(keys, repository)
    if left_out:
        keys["mmproj"] = "off"
    elif "projector" not in keys and repository is None:
        keys["images"] = 0
    elif keys.get("projector_in_ram"):
        keys["mmproj"] = "host"
    for name in ("projector", "projector_in_ram"):
        keys.pop(name, None)
    if "no_kv_offload" in keys:
        keys["kv_offload"] = not keys.pop("no_kv_offload")
    drafts = keys.pop("draft_repository", None)
    if drafts is not None:
        keys.setdefault("draft_model", f"hf:{drafts}")
    if "speculative" not in keys and "draft_model" not in keys:
        keys.pop("speculative_tokens", None)
    in_ram(keys)
    if keys.get("parallel", "-1") == "-1":
        keys.update({"parallel": str(SLOTS), "unified_kv": keys.get("unified_kv", True)})
    keys["context"] = _context(keys.pop("cells", "0"), "1" if keys.get("unified_kv") else keys["parallel"])
    placed(keys)
    return keys


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
    """Put the model's repository, file in it or address into keys."""
    file, url = keys.pop("repository_file", None), keys.pop("url", None)
    if "model" in keys:
        return
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
    dense = keys.pop("ram_ffn_layers", "0")
    given, experts = keys.get("override_tensor", ()), keys.get("cpu_moe_layers")
    if given and experts is not None and list(keys).index("cpu_moe_layers") < list(keys).index("override_tensor"):
        del keys["cpu_moe_layers"]
        given = (f"{_blocks(experts)}{EXPERTS}=CPU", *given)
    if dense.isdecimal() and int(dense):
        given = (*given, f"{_blocks(dense)}{DENSE}=CPU")
    if given:
        keys["override_tensor"] = given
    sizes = keys.pop("adapters", ())
    if sizes:
        keys["adapter_size"] = str(sum(sizes))


def _blocks(layers: str) -> str:
    """Pattern of the first layers' names; of every layer's for ``all``."""
    if not layers.isdecimal():
        return ""
    return f"blk\\.({'|'.join(map(str, range(int(layers))))})"


def _context(cells: str, slots: str) -> str:
    """Tokens of one slot, of cells that so many slots divide; text that is no number is returned for the key to refuse."""
    if cells == "0":
        return LARGEST if slots in ("1", "") else f"{LARGEST}/{slots}"
    return str(int(cells) // int(slots)) if cells.isdigit() and slots.isdigit() and int(slots) else cells
