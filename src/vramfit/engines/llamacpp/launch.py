"""Flags of ``llama-server``, for writing commands and for reading them.

ggml-org/llama.cpp at 0c1e570 (2026, ``common/arg.cpp``); spellings and neutral flags also from its ``tools/server/README.md``
at 00dc805.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.placement import asked_cells
from vramfit.engines.naming import file_stem, own_file, projector_file
from vramfit.errors import UsageError
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.units import MIB
from vramfit.workload.common import layers_word, switch_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.llamacpp import LlamaCppKeys
    from vramfit.launch.read import Process

SLOTS = 4
"""Default number of slots: ``-np -1``, with one unified cache (``tools/server/server.cpp``)."""
SERVER_RAM = ("context_checkpoints", "cache_ram")
"""Keys of what the server keeps in RAM beside the model."""
UNFITTED = ("override_tensor", "cpu_moe_layers", "tensor_split")
"""Keys with which ``--fit`` gives up, so that every layer is on the GPUs unless the line states their number
(``common/fit.cpp``)."""
MARGIN = "1024"
"""Number of MiB that ``--fit`` leaves free on each GPU (``common/common.h``, ``fit_params_target``)."""
LARGEST = "max"
"""Context of a command that states none, or 0: that of the model."""


def shares_text(shares: tuple[float, ...]) -> str:
    """Write proportions separated by commas, ``3,1``."""
    return ",".join([f"{share:g}" for share in shares])


def _refused(flag: str) -> Callable[[str], None]:
    """Reader of a flag that moves memory in a way that is not modelled: it raises ``UsageError``."""

    def read(text: str) -> None:
        raise UsageError(
            f"{flag} of llama-server is not modelled", f"leave it out, and add to reserve what {flag} takes"
        )

    return read


def cache_text(size: int | str) -> str:
    """Write a size of the prompt cache in MiB, and -1 for one without a bound."""
    return "-1" if isinstance(size, str) else str(-(-size // MIB))


_SPEC_TYPES = {"mtp": "draft-mtp", "eagle3": "draft-eagle3", "draft": "draft-simple"}
"""Words of ``--spec-type`` for the methods that take memory; drafts from n-grams of the text take none."""


def _spec_type(text: str) -> str | None:
    """Method of ``--spec-type``, whose words stand with commas between; None for n-grams alone, and for ``none``."""
    words = [word for word in text.split(",") if word != "none" and not word.startswith("ngram")]
    return words[0] if words else None


def _draft_layers(text: str) -> str:
    """Number of layers of a draft on the GPU; ``auto`` and -1 are taken for all, which is what fits with the model."""
    return "all" if text in ("auto", "-1", "-2") else text


MAPPING = neutral("--mlock --mmap --no-mmap --direct-io --no-direct-io", "")

SERVER = Program(
    ("llama-server",),
    (
        Flag("-m", "model", ("--model",)),
        Flag("-hf", "repository", ("-hfr", "--hf-repo")),
        Flag("-c", "cells", ("--ctx-size",)),
        Flag("-np", "parallel", ("--parallel",)),
        Flag("-ot", "override_tensor", ("--override-tensor",), spell=",".join, read=lambda text: (text,), many=True),
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
        Flag("--no-kv-offload", "no_kv_offload", ("-nkvo",), SWITCH, off=("-kvo", "--kv-offload")),
        Flag("--spec-type", "speculative", (), spell=_SPEC_TYPES.__getitem__, read=_spec_type),
        Flag("--spec-draft-n-max", "speculative_tokens", ("--draft", "--draft-n", "--draft-max")),
        Flag("--spec-draft-model", "draft_model", ("-md", "--model-draft")),
        Flag("--spec-draft-hf", "draft_repository", ("-hfd", "-hfrd", "--hf-repo-draft")),
        Flag("--spec-draft-type-k", "draft_kv_cache_type", ("-ctkd", "--cache-type-k-draft")),
        Flag("--spec-draft-type-v", "draft_kv_cache_type_v", ("-ctvd", "--cache-type-v-draft")),
        Flag(
            "--spec-draft-ngl",
            "draft_gpu_layers",
            ("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft"),
            read=_draft_layers,
        ),
        Flag("--mmproj", "projector", ("-mm",)),
        Flag("--no-mmproj-offload", "projector_in_ram", (), SWITCH, off=("--mmproj-offload",)),
        Flag("--no-mmproj", "no_projector", ("--no-mmproj-auto",), SWITCH, off=("--mmproj-auto",)),
        Flag("--ctx-checkpoints", "context_checkpoints", ("-ctxcp", "--swa-checkpoints")),
        Flag("--cache-ram", "cache_ram", ("-cram",), spell=cache_text),
        Flag("-fit", "fit", ("--fit",), read=switch_word),
        Flag("-fitt", "fit_target", ("--fit-target",)),
        Flag("-dev", "device", ("--device",)),
        *[Flag(flag, "", read=_refused(flag)) for flag in ("--rpc", "--lora", "--lora-scaled", "--moe-cache-mib")],
    ),
    prefix="LLAMA_ARG_",
    neutral=neutral(
        "--perf --no-perf -e --escape --no-escape --check-tensors --log-disable --log-jsonl --no-log-jsonl -v --verbose"
        " --log-verbose --offline --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps --ignore-eos"
        " --context-shift --no-context-shift -sp --special --warmup --no-warmup --spm-infill -cb --cont-batching -nocb"
        " --no-cont-batching --reuse-port --cors-credentials --no-cors-credentials --ui --webui --no-ui --no-webui"
        " --cache-prompt --no-cache-prompt --metrics --props --slots --no-slots --jinja --no-jinja --reasoning-preserve"
        " --no-reasoning-preserve -ag --agent -no-ag --no-agent --prefill-assistant --no-prefill-assistant"
        " --spec-draft-backend-sampling --no-spec-draft-backend-sampling --spec-default",
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
        " --reasoning --reasoning-effort --reasoning-budget --reasoning-budget-message -sps --slot-prompt-similarity -fitc"
        " --fit-ctx --control-vector --control-vector-scaled"
        " --spec-draft-n-min --draft-min --draft-n-min --spec-draft-p-split --draft-p-split --spec-draft-p-min --draft-p-min"
        " --spec-draft-sampling --spec-synth-len --spec-synth-rates --spec-draft-threads -td --threads-draft"
        " --spec-draft-threads-batch -tbd --threads-batch-draft --spec-draft-cpu-mask -Cd --cpu-mask-draft"
        " --spec-draft-cpu-range -Crd --cpu-range-draft --spec-draft-cpu-strict --cpu-strict-draft --spec-draft-prio"
        " --prio-draft --spec-draft-poll --poll-draft --spec-ngram-mod-n-min --spec-ngram-mod-n-max"
        " --spec-ngram-mod-n-match --spec-ngram-simple-size-n --spec-ngram-simple-size-m",
    )
    | {"--control-vector-layer-range": 2},
)
"""A control vector is one row for each layer, less than 2 MiB."""


CONSOLE = Program(
    ("llama-cli",),
    SERVER.flags,
    neutral={
        **SERVER.neutral,
        **neutral(
            "-cnv --conversation -no-cnv --no-conversation -st --single-turn -i --interactive -mli --multiline-input"
            " --simple-io -co --color --no-display-prompt --display-prompt --show-timings --no-show-timings",
            "-p --prompt -f --file -sys --system-prompt -sysf --system-prompt-file --image",
        ),
    },
)
"""The program for a console: one sequence, logits of a whole batch, and nothing kept in RAM for later prompts."""
CONSOLE_KEYS = {"parallel": "1", "outputs": "batch", "context_checkpoints": "0", "cache_ram": "0"}


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
    if draft.method != "mtp":
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
            return None
        keys = {**CONSOLE_KEYS, **console}
    repository, left_out = keys.pop("repository", None), keys.pop("no_projector", False)
    if "model" not in keys and repository is not None:
        keys["model"] = f"hf:{repository}"
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
    if keys.pop("all_experts", False):
        keys["cpu_moe_layers"] = "all"
    if keys.get("parallel", "-1") == "-1":
        keys.update({"parallel": str(SLOTS), "unified_kv": keys.get("unified_kv", True)})
    cells = keys.pop("cells", "0")
    keys["context"] = LARGEST if cells == "0" else cells if keys.get("unified_kv") else _share(cells, keys["parallel"])
    _placed(keys)
    return keys


def _placed(keys: dict[str, Any]) -> None:
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


def _share(cells: str, slots: str) -> str:
    """Number of cells of one slot; text that is no number is returned for the key to refuse."""
    return str(int(cells) // int(slots)) if cells.isdigit() and slots.isdigit() and int(slots) else cells
