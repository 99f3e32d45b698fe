"""Tables of flags and variables of llama.cpp's programs.

ggml-org/llama.cpp at 0c1e570 (2026, ``common/arg.cpp``); spellings, neutral flags and variables also from its
``tools/server/README.md`` at 00dc805.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.launch import OPTIONAL, SWITCH, Flag, Program, neutral
from vramfit.units import MIB
from vramfit.workload.common import layers_word, switch_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def shares_text(shares: tuple[float, ...]) -> str:
    """Write proportions separated by commas, ``3,1``."""
    return ",".join([f"{share:g}" for share in shares])


REFUSED = {
    "--rpc": (
        "--rpc adds the devices of other machines, whose memory is not known here",
        "name those cards with -g beside the others, in the order of the devices, and leave --rpc out",
    ),
    "-dr": (
        "-dr names a model of Docker Hub, which is not read here",
        "name the repository that it comes from as -hf",
    ),
    "--moe-cache-mib": (
        "--moe-cache-mib keeps experts on the GPU in a way that is not modelled",
        "leave it out, and give its size as --reserve",
    ),
    "--kv-unified-per-slot": (
        "--kv-unified-per-slot sizes the cache of all slots by the number of slots",
        "leave it out, and give -c as that number of tokens times the number of slots, with -kvu",
    ),
    "--spec-draft-override-tensor": (
        "--spec-draft-override-tensor moves tensors of the draft in a way that is not modelled",
        "leave it out, and place the draft with --spec-draft-ngl",
    ),
    "--spec-draft-n-cpu-moe": (
        "--spec-draft-n-cpu-moe moves experts of the draft in a way that is not modelled",
        "leave it out, and place the draft with --spec-draft-ngl",
    ),
}
"""Flags that move memory in a way that is not modelled, with the reason and what to ask instead."""


REFUSED_TOO = {
    "--spec-draft-override-tensor": ("-otd", "--override-tensor-draft"),
    "--spec-draft-n-cpu-moe": ("--spec-draft-ncmoe", "-ncmoed", "--n-cpu-moe-draft"),
}
"""Other spellings of flags of ``REFUSED``."""


def refused(flag: str) -> Callable[[str], None]:
    """Reader of a flag of ``REFUSED``: it raises ``UsageError``."""

    def read(text: str) -> None:
        raise UsageError(*REFUSED[flag])

    return read


def adapters_bytes(text: str) -> tuple[int, ...]:
    """Sizes of the files of adapters that stand with commas between, each with a scale behind a colon or without.

    Raises ``UsageError`` for a file that is not on this machine.
    """
    import os

    sizes = []
    for name in text.split(","):
        path, colon, scale = name.rpartition(":")
        file = path if colon and scale.replace(".", "", 1).lstrip("-").isdigit() else name
        if not os.path.isfile(file):
            raise UsageError(
                f"the adapter {file} is not on this machine, so its size is not known",
                "leave --lora out, and give the size of all adapters as --adapter-size",
            )
        sizes.append(os.path.getsize(file))
    return tuple(sizes)


def cache_text(size: int | str) -> str:
    """Write a size of the prompt cache in MiB, and -1 for one without a bound."""
    return "-1" if isinstance(size, str) else str(-(-size // MIB))


_SPEC_TYPES = {"mtp": "draft-mtp", "eagle3": "draft-eagle3", "draft": "draft-simple"}
"""Words of ``--spec-type`` for the methods that take memory; drafts from n-grams of the text take none."""


def draft_layers(text: str) -> str:
    """Number of layers of a draft on the GPU; ``auto`` and -1 are taken for all, which is what fits with the model."""
    return "all" if text in ("auto", "-1", "-2") else text


def spec_type(text: str) -> str | None:
    """Method of ``--spec-type``, whose words stand with commas between; None for n-grams alone, and for ``none``."""
    words = [word for word in text.split(",") if word != "none" and not word.startswith("ngram")]
    return words[0] if words else None


def commas(text: str) -> str:
    """Proportions with commas between; llama.cpp takes a slash for one."""
    return text.replace("/", ",")


def one_pattern(text: str) -> tuple[str, ...]:
    """The patterns of one flag."""
    return (text,)


MAPPING = neutral("--mlock --mmap --no-mmap --direct-io --no-direct-io", "")

SERVER = Program(
    ("llama-server",),
    (
        Flag("-m", "model", ("--model",)),
        Flag("-hf", "repository", ("-hfr", "--hf-repo")),
        Flag("-c", "cells", ("--ctx-size",), of_model="context"),
        Flag("-np", "parallel", ("--parallel",)),
        Flag("-ot", "override_tensor", ("--override-tensor",), spell=",".join, read=one_pattern, many=True),
        Flag("-ngl", "gpu_layers", ("--gpu-layers", "--n-gpu-layers"), read=layers_word),
        Flag("--n-cpu-moe", "cpu_moe_layers", ("-ncmoe",)),
        Flag("--cpu-moe", "all_experts", ("-cmoe",), SWITCH),
        Flag("-sm", "split_mode", ("--split-mode",)),
        Flag("-mg", "main_gpu", ("--main-gpu",)),
        Flag("-ts", "tensor_split", ("--tensor-split",), spell=shares_text, read=commas),
        Flag("-b", "batch", ("--batch-size",)),
        Flag("-ub", "ubatch", ("--ubatch-size",)),
        Flag("-fa", "flash_attention", ("--flash-attn",), OPTIONAL, read=switch_word, on="on"),
        Flag("-ctk", "kv_cache_type", ("--cache-type-k",)),
        Flag("-ctv", "kv_cache_type_v", ("--cache-type-v",)),
        Flag("--kv-unified", "unified_kv", ("-kvu",), SWITCH, off=("-no-kvu", "--no-kv-unified")),
        Flag("--swa-full", "swa_full", (), SWITCH),
        Flag("--no-kv-offload", "no_kv_offload", ("-nkvo",), SWITCH, off=("-kvo", "--kv-offload")),
        Flag("--spec-type", "speculative", (), spell=_SPEC_TYPES.__getitem__, read=spec_type),
        Flag("--spec-draft-n-max", "speculative_tokens", ("--draft", "--draft-n", "--draft-max")),
        Flag("--spec-draft-model", "draft_model", ("-md", "--model-draft")),
        Flag("--spec-draft-hf", "draft_repository", ("-hfd", "-hfrd", "--hf-repo-draft")),
        Flag("--spec-draft-type-k", "draft_kv_cache_type", ("-ctkd", "--cache-type-k-draft")),
        Flag("--spec-draft-type-v", "draft_kv_cache_type_v", ("-ctvd", "--cache-type-v-draft")),
        Flag(
            "--spec-draft-ngl",
            "draft_gpu_layers",
            ("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft"),
            read=draft_layers,
        ),
        Flag("--mmproj", "projector", ("-mm", "--mmproj-url", "-mmu")),
        Flag("--no-mmproj-offload", "projector_in_ram", (), SWITCH, off=("--mmproj-offload",)),
        Flag("--no-mmproj", "no_projector", ("--no-mmproj-auto",), SWITCH, off=("--mmproj-auto",)),
        Flag("--ctx-checkpoints", "context_checkpoints", ("-ctxcp", "--swa-checkpoints")),
        Flag("--cache-ram", "cache_ram", ("-cram",), spell=cache_text),
        Flag("-fit", "fit", ("--fit",), read=switch_word),
        Flag("-fitt", "fit_target", ("--fit-target",)),
        Flag("-dev", "device", ("--device",)),
        Flag("--checkpoint-min-step", "checkpoint_min_step", ("-cms",)),
        Flag("--lora", "adapters", ("--lora-scaled",), read=adapters_bytes, many=True),
        Flag("-hff", "repository_file", ("--hf-file",)),
        Flag("-mu", "url", ("--model-url",)),
        Flag("-ncffn", "ram_ffn_layers", ("--n-cpu-ffn",)),
        *[Flag(flag, "", REFUSED_TOO.get(flag, ()), read=refused(flag)) for flag in REFUSED],
        Flag("--docker-repo", "", read=refused("-dr")),
    ),
    also=(("llama", "serve"), ("server",), ("llama-cpp-server",)),
    prefix="LLAMA_ARG_",
    images=("ggml-org/llama.cpp:server", "ggerganov/llama.cpp:server"),
    neutral=neutral(
        "--perf --no-perf -e --escape --no-escape --check-tensors --log-disable --log-jsonl --no-log-jsonl -v"
        " --verbose"
        " --log-verbose --offline --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps --ignore-eos"
        " --context-shift --no-context-shift -sp --special --warmup --no-warmup --spm-infill -cb --cont-batching"
        " -nocb"
        " --no-cont-batching --reuse-port --cors-credentials --no-cors-credentials --ui --webui --no-ui --no-webui"
        " --cache-prompt --no-cache-prompt --metrics --props --slots --no-slots --jinja --no-jinja"
        " --reasoning-preserve"
        " --no-reasoning-preserve -ag --agent -no-ag --no-agent --prefill-assistant --no-prefill-assistant"
        " --spec-draft-backend-sampling --no-spec-draft-backend-sampling --spec-default --repack -nr --no-repack"
        " --no-host"
        " --op-offload --no-op-offload --cache-idle-slots --no-cache-idle-slots --embedding --embeddings --rerank"
        " --reranking"
        " --lora-init-without-apply --models-autoload --no-models-autoload --skip-chat-parsing --no-skip-chat-parsing"
        " -bs --backend-sampling --version --completion-bash -cl --cache-list"
        " --ui-mcp-proxy --no-ui-mcp-proxy --webui-mcp-proxy --no-webui-mcp-proxy --list-devices --verbose-prompt"
        " --log-enable --no-mmproj-use-gpu"
        " --mlock --mmap --no-mmap -dio --direct-io --no-direct-io",
        "-t --threads -tb --threads-batch -C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll -Cb"
        " --cpu-mask-batch -Crb"
        " --cpu-range-batch --cpu-strict-batch --prio-batch --poll-batch -n --predict --n-predict --keep -dt"
        " --defrag-thold"
        " --numa -hft --hf-token --log-file --log-colors -lv --verbosity --log-verbosity --samplers -s --seed"
        " --sampler-seq"
        " --sampling-seq --temp --temperature --top-k --top-p --min-p --top-nsigma --top-n-sigma --xtc-probability"
        " --xtc-threshold --typical --typical-p --repeat-last-n --repeat-penalty --presence-penalty"
        " --frequency-penalty"
        " --dry-multiplier --dry-base --dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker"
        " --adaptive-target"
        " --adaptive-decay --dynatemp-range --dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias"
        " --grammar"
        " --grammar-file -j --json-schema -jf --json-schema-file -r --reverse-prompt -a --alias --tags"
        " --embd-normalize"
        " --host --port --path --cors-origins --cors-methods --cors-headers --api-prefix --ui-config --webui-config"
        " --ui-config-file --webui-config-file --tools --tools-runtime --mcp-servers-config --mcp-servers-json"
        " --api-key"
        " --api-key-file --ssl-key-file --ssl-cert-file --chat-template --chat-template-file"
        " --chat-template-kwargs -to"
        " --timeout --sse-ping-interval --threads-http --cache-reuse --slot-save-path --media-path"
        " --reasoning-format -rea"
        " --reasoning --reasoning-effort --reasoning-budget --reasoning-budget-message -sps"
        " --slot-prompt-similarity -fitc"
        " --fit-ctx --control-vector --control-vector-scaled --rope-scaling --rope-scale --rope-freq-base"
        " --rope-freq-scale"
        " --yarn-orig-ctx --yarn-ext-factor --yarn-attn-factor --yarn-beta-slow --yarn-beta-fast -lm --load-mode -lzm"
        " --lazy-mode --override-kv --pooling --image-min-tokens --image-max-tokens --mtmd-batch-max-tokens"
        " --video-fps"
        " --video-timestamp-interval --video-ffmpeg-dir --sleep-idle-seconds --log-prompts-dir --models-dir"
        " --models-preset"
        " --models-max"
        " --spec-draft-n-min --draft-min --draft-n-min --spec-draft-p-split --draft-p-split --spec-draft-p-min"
        " --draft-p-min"
        " --spec-draft-sampling --spec-synth-len --spec-synth-rates --spec-draft-threads -td --threads-draft"
        " --spec-draft-threads-batch -tbd --threads-batch-draft --spec-draft-cpu-mask -Cd --cpu-mask-draft"
        " --spec-draft-cpu-range -Crd --cpu-range-draft --spec-draft-cpu-strict --cpu-strict-draft --spec-draft-prio"
        " --prio-draft --spec-draft-poll --poll-draft --spec-ngram-mod-n-min --spec-ngram-mod-n-max"
        " --spec-ngram-mod-n-match --spec-ngram-simple-size-n --spec-ngram-simple-size-m --spec-ngram-simple-min-hits"
        " --spec-ngram-map-k-size-n --spec-ngram-map-k-size-m --spec-ngram-map-k-min-hits --spec-ngram-map-k4v-size-n"
        " --spec-ngram-map-k4v-size-m --spec-ngram-map-k4v-min-hits --spec-ngram-size-n --spec-ngram-size-m"
        " --spec-ngram-min-hits --spec-draft-cpu-mask-batch -Cbd --cpu-mask-batch-draft --spec-draft-cpu-strict-batch"
        " --cpu-strict-batch-draft --spec-draft-prio-batch --prio-batch-draft --spec-draft-poll-batch --poll-batch-draft"
        " -lcs --lookup-cache-static -lcd --lookup-cache-dynamic",
    )
    | {"--control-vector-layer-range": 2},
)
"""A control vector is one row for each layer, less than 2 MiB; sampling on the GPU adds a few rows of logits."""


CONSOLE = Program(
    ("llama-cli",),
    SERVER.flags,
    also=(("llama", "cli"), ("main",), ("llama-mtmd-cli",), ("llama-completion",)),
    images=("ggml-org/llama.cpp:light", "ggerganov/llama.cpp:light"),
    neutral={
        **SERVER.neutral,
        **neutral(
            "-cnv --conversation -no-cnv --no-conversation -st --single-turn -i --interactive -mli --multiline-input"
            " -if --interactive-first --no-perf --instruct -ins --interactive-specials --simple-io -co --color"
            " --no-display-prompt --display-prompt --show-timings --no-show-timings",
            "--in-prefix --in-suffix -bf --binary-file --prompt-cache -p --prompt -f --file -sys --system-prompt"
            " -sysf --system-prompt-file --image",
        ),
    },
)
"""The program for a console: one sequence, logits of a whole batch, and nothing kept in RAM for later prompts."""
CONSOLE_KEYS = {"parallel": "1", "outputs": "batch", "context_checkpoints": "0", "cache_ram": "0"}
