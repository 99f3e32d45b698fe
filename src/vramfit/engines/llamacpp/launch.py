"""Flags of ``llama-server``, for writing commands and for reading them.

ggml-org/llama.cpp at 0c1e570 (2026, ``common/arg.cpp``); spellings and neutral flags also from its ``tools/server/README.md``
at 00dc805.
"""

from __future__ import annotations

from vramfit.engines.naming import file_stem, own_file, projector_file
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.workload.common import layers_word, switch_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.llamacpp import LlamaCppKeys
    from vramfit.launch.read import Process

SLOTS = 4
"""Default number of slots: ``-np -1``, with one unified cache (``tools/server/server.cpp``)."""
LARGEST = "max"
"""Context of a command that states none, or 0: that of the model."""


def shares_text(shares: tuple[float, ...]) -> str:
    """Write proportions separated by commas, ``3,1``."""
    return ",".join([f"{share:g}" for share in shares])


MAPPING = neutral("--mlock --mmap --no-mmap --direct-io --no-direct-io", "")

SERVER = Program(
    ("llama-server",),
    (
        Flag("-m", "model", ("--model",)),
        Flag("-hf", "repository", ("-hfr", "--hf-repo")),
        Flag("-c", "cells", ("--ctx-size",)),
        Flag("-np", "parallel", ("--parallel",)),
        Flag("-ngl", "gpu_layers", ("--gpu-layers", "--n-gpu-layers"), read=layers_word),
        Flag("--n-cpu-moe", "cpu_moe_layers", ("-ncmoe",)),
        Flag("--cpu-moe", "all_experts", ("-cmoe",), SWITCH),
        Flag("-sm", "split_mode", ("--split-mode",)),
        Flag("-mg", "main_gpu", ("--main-gpu",)),
        Flag("-ts", "tensor_split", ("--tensor-split",), spell=shares_text, read=lambda text: text.replace("/", ",")),
        Flag("-b", "batch", ("--batch-size",)),
        Flag("-ub", "ubatch", ("--ubatch-size",)),
        Flag("-fa", "flash_attention", ("--flash-attn",), read=switch_word),
        Flag("-ctk", "kv_cache_type", ("--cache-type-k",)),
        Flag("-ctv", "kv_cache_type_v", ("--cache-type-v",)),
        Flag("--kv-unified", "unified_kv", ("-kvu",), SWITCH, off=("-no-kvu", "--no-kv-unified")),
        Flag("--swa-full", "swa_full", (), SWITCH),
        Flag("--mmproj", "projector", ("-mm",)),
        Flag("--no-mmproj", "no_projector", ("--no-mmproj-auto",), SWITCH, off=("--mmproj-auto",)),
    ),
    prefix="LLAMA_ARG_",
    neutral=neutral(
        "--perf --no-perf -e --escape --no-escape --check-tensors --log-disable --log-jsonl --no-log-jsonl -v --verbose"
        " --log-verbose --offline --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps --ignore-eos"
        " --context-shift --no-context-shift -sp --special --warmup --no-warmup --spm-infill -cb --cont-batching -nocb"
        " --no-cont-batching --reuse-port --cors-credentials --no-cors-credentials --ui --webui --no-ui --no-webui"
        " --cache-prompt --no-cache-prompt --metrics --props --slots --no-slots --jinja --no-jinja --reasoning-preserve"
        " --no-reasoning-preserve -ag --agent -no-ag --no-agent --prefill-assistant --no-prefill-assistant",
        "-t --threads -tb --threads-batch -C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll -Cb --cpu-mask-batch -Crb"
        " --cpu-range-batch --cpu-strict-batch --prio-batch --poll-batch -n --predict --n-predict --keep -dt --defrag-thold"
        " --numa -hft --hf-token --log-file --log-colors -lv --verbosity --log-verbosity --samplers -s --seed --sampler-seq"
        " --sampling-seq --temp --temperature --top-k --top-p --min-p --top-nsigma --top-n-sigma --xtc-probability"
        " --xtc-threshold --typical --typical-p --repeat-last-n --repeat-penalty --presence-penalty --frequency-penalty"
        " --dry-multiplier --dry-base --dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker --adaptive-target"
        " --adaptive-decay --dynatemp-range --dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias --grammar"
        " --grammar-file -j --json-schema -jf --json-schema-file -r --reverse-prompt -a --alias --tags --embd-normalize"
        " --host --port --path --cors-origins --cors-methods --cors-headers --api-prefix --ui-config --webui-config"
        " --ui-config-file --webui-config-file --tools --tools-runtime --mcp-servers-config --mcp-servers-json --api-key"
        " --api-key-file --ssl-key-file --ssl-cert-file --chat-template --chat-template-file --chat-template-kwargs -to"
        " --timeout --sse-ping-interval --threads-http --cache-reuse --slot-save-path --media-path --reasoning-format -rea"
        " --reasoning --reasoning-effort --reasoning-budget --reasoning-budget-message -sps --slot-prompt-similarity",
    ),
)


def command(deployment: Deployment, estimate: Estimate, keys: LlamaCppKeys) -> str:
    """Write the line that starts the server with every setting that the estimate assumed."""
    work, model, decided = deployment.workload, deployment.model, estimate.settings
    layers = decided.get("gpu_layers", work.gpu_layers)
    experts = decided.get("cpu_moe_layers", work.cpu_moe_layers)
    values = {
        **_file(deployment),
        "cells": work.context * work.parallel,
        "parallel": work.parallel,
        "gpu_layers": layers if isinstance(layers, int) else model.layer_count + 1,
        "cpu_moe_layers": (experts if isinstance(experts, int) else model.layer_count) or None,
        "split_mode": None if keys.split_mode == "layer" else keys.split_mode,
        "main_gpu": keys.main_gpu or None,
        "tensor_split": keys.tensor_split,
        "batch": keys.batch,
        "ubatch": keys.ubatch,
        "flash_attention": "on" if work.flash_attention else "off",
        "kv_cache_type": work.kv_cache_type,
        "kv_cache_type_v": work.kv_cache_type_v,
        "unified_kv": keys.unified_kv,
        "swa_full": keys.swa_full,
    }
    return line(write.words(SERVER, values))


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
        if deployment.reference is not None:
            return {**values, "no_projector": sees and not work.images}
        return {**values, "projector": projector}
    if own is not None and own.file is not None and deployment.scheme.family == "gguf":
        return {"model": own.file, "projector": projector}
    return {"model": f"{file_stem(deployment)}.gguf", "projector": projector}


def names_known_files(deployment: Deployment) -> bool:
    """Return True if the GGUF file is the user's own or in a repository, and so is the projector that goes with it."""
    own, origin = own_file(deployment), deployment.model.origin
    if own is None or (own.repository is None and (own.file is None or deployment.scheme.family != "gguf")):
        return False
    sees = deployment.workload.images and deployment.model.vision is not None
    return not sees or own.repository is not None or (origin is not None and origin.projector is not None)


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts a server; None if no line does.

    Settings that the line leaves out have the server's defaults. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(SERVER, given)
    if keys is None:
        return None
    repository, left_out = keys.pop("repository", None), keys.pop("no_projector", False)
    if "model" not in keys and repository is not None:
        keys["model"] = f"hf:{repository}"
    if "projector" not in keys and (repository is None or left_out):
        keys["images"] = 0
    keys.pop("projector", None)
    if keys.pop("all_experts", False):
        keys["cpu_moe_layers"] = "all"
    if keys.get("parallel", "-1") == "-1":
        keys.update({"parallel": str(SLOTS), "unified_kv": keys.get("unified_kv", True)})
    cells = keys.pop("cells", "0")
    keys["context"] = _share(cells, keys["parallel"]) if cells != "0" else LARGEST
    keys.setdefault("gpu_layers", "auto")
    return keys


def _share(cells: str, slots: str) -> str:
    """Number of cells of one slot; text that is no number is returned for the key to refuse."""
    return str(int(cells) // int(slots)) if cells.isdigit() and slots.isdigit() and int(slots) else cells
