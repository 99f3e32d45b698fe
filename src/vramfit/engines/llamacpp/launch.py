"""Commands of llama.cpp's programs, written and read by the tables of ``flags``."""

from __future__ import annotations

from vramfit.engines.llamacpp.flags import SERVER
from vramfit.engines.llamacpp.placement import asked_cells
from vramfit.engines.naming import file_stem, own_file, pools, projector_file, ranks
from vramfit.launch import write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.launch import Program
    from vramfit.launch.words import Process

SLOTS = 4
"""Default number of slots: ``-np -1``, with one unified cache (``tools/server/server.cpp``)."""
SERVER_RAM = ("context_checkpoints", "checkpoint_min_step", "cache_ram")
"""Keys of what the server keeps in RAM beside the model."""
ADAPTER_FILE = "adapter.gguf"
"""Name of the adapter in commands, where only its size is known."""


def command(deployment: Deployment, estimate: Estimate, keys: LlamaCppKeys) -> str:
    """Write the line that starts the server with every setting that the estimate assumed."""
    values = _values(deployment, estimate, keys)
    if keys.outputs == "batch" and deployment.workload.parallel == 1:
        return _of_console(values)
    return line(write.words(SERVER, values))


def command_in(program: Program, deployment: Deployment, estimate: Estimate, keys: LlamaCppKeys) -> str | None:
    """Write the line in a program of llama.cpp or in koboldcpp; None for any other.

    A setting that the program has no flag for is left out.
    """
    from vramfit.engines.llamacpp import bench, kobold, programs

    values = _values(deployment, estimate, keys)
    if program.words == SERVER.words:
        return line(write.words(SERVER, values))
    if program.words == programs.CONSOLE.words:
        return _of_console(values)
    if program.words == bench.BENCH.words:
        return bench.command(values)
    return kobold.command(values, deployment.workload, keys) if program.words == kobold.KOBOLD.words else None


def _of_console(values: Mapping[str, object]) -> str:
    """Write the line of the console, which has no slots, and settings of its own that the server's flags do not make."""
    from vramfit.engines.llamacpp.programs import CONSOLE

    return line(write.words(CONSOLE, {**values, **dict.fromkeys(("parallel", "unified_kv", *SERVER_RAM))}))


def _values(deployment: Deployment, estimate: Estimate, keys: LlamaCppKeys) -> dict[str, object]:
    """Values of the flags for every setting that the estimate assumed."""
    work, model, decided = deployment.workload, deployment.model, estimate.settings
    layers = decided.get("gpu_layers", work.gpu_layers)
    experts = decided.get("cpu_moe_layers", work.cpu_moe_layers)
    return {
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
        "embeds": pools(model),
        "ranks": ranks(model),
    }


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
    experts = keys.draft_cpu_moe_layers
    values["draft_cpu_moe_layers"] = (experts if isinstance(experts, int) else draft.model.layer_count) or None
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
    from vramfit.engines.llamacpp import programs
    from vramfit.engines.llamacpp.reading import context_of, in_ram, named, placed
    from vramfit.engines.llamacpp.variables import with_variables
    from vramfit.launch.read import first

    keys = first(with_variables(programs.SERVER), given)
    if keys is None:
        console = first(with_variables(programs.CONSOLE), given)
        if console is None:
            from vramfit.engines.llamacpp import bench, kobold

            found = bench.read(given)
            return kobold.read(given) if found is None else found
        keys = {**programs.CONSOLE_KEYS, **console}
    repository, left_out = keys.pop("repository", None), keys.pop("no_projector", False)
    named(keys, repository)
    if left_out:
        keys["mmproj"] = "off"
    elif "projector" not in keys and repository is None:
        keys["images"] = 0
    elif keys.get("projector_in_ram"):
        keys["mmproj"] = "host"
    for name in ("projector", "projector_in_ram", "embeds", "ranks"):
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
    keys["context"] = context_of(keys)
    placed(keys)
    return keys
