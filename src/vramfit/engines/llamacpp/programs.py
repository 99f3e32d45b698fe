"""Programs of llama.cpp as their commands are read: the flags that are written, and those that move no memory.

Sources are those of ``flags``. A command that is written has none of the flags here, so that they are loaded where one
is read.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.llamacpp import flags
from vramfit.launch import Program, neutral

MAPPING = neutral("--mlock --mmap --no-mmap --direct-io --no-direct-io", "")
"""Flags of how the file is mapped."""

SERVER = replace(
    flags.SERVER,
    neutral=neutral(
        "--perf --no-perf -e --escape --no-escape --check-tensors --log-disable --log-jsonl --no-log-jsonl -v"
        " --verbose --log-verbose --offline --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps"
        " --ignore-eos --context-shift --no-context-shift -sp --special --warmup --no-warmup --spm-infill -cb"
        " --cont-batching -nocb --no-cont-batching --reuse-port --cors-credentials --no-cors-credentials --ui --webui"
        " --no-ui --no-webui --cache-prompt --no-cache-prompt --metrics --props --slots --no-slots --jinja --no-jinja"
        " --reasoning-preserve --no-reasoning-preserve -ag --agent -no-ag --no-agent --prefill-assistant"
        " --no-prefill-assistant --spec-draft-backend-sampling --no-spec-draft-backend-sampling --spec-default"
        " --repack -nr --no-repack --no-host --op-offload --no-op-offload --cache-idle-slots --no-cache-idle-slots"
        " --lora-init-without-apply --models-autoload"
        " --no-models-autoload --skip-chat-parsing --no-skip-chat-parsing -bs --backend-sampling --version"
        " --completion-bash -cl --cache-list --ui-mcp-proxy --no-ui-mcp-proxy --webui-mcp-proxy --no-webui-mcp-proxy"
        " --list-devices --verbose-prompt --log-enable --no-mmproj-use-gpu --mlock --mmap --no-mmap -dio --direct-io"
        " --no-direct-io",
        "-t --threads -tb --threads-batch -C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll -Cb"
        " --cpu-mask-batch -Crb --cpu-range-batch --cpu-strict-batch --prio-batch --poll-batch -n --predict"
        " --n-predict --keep -dt --defrag-thold --numa -hft --hf-token --log-file --log-colors -lv --verbosity"
        " --log-verbosity --samplers -s --seed --sampler-seq --sampling-seq --temp --temperature --top-k --top-p"
        " --min-p --top-nsigma --top-n-sigma --xtc-probability --xtc-threshold --typical --typical-p --repeat-last-n"
        " --repeat-penalty --presence-penalty --frequency-penalty --dry-multiplier --dry-base --dry-allowed-length"
        " --dry-penalty-last-n --dry-sequence-breaker --adaptive-target --adaptive-decay --dynatemp-range"
        " --dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias --grammar --grammar-file -j"
        " --json-schema -jf --json-schema-file -r --reverse-prompt -a --alias --tags --embd-normalize --host --port"
        " --path --cors-origins --cors-methods --cors-headers --api-prefix --ui-config --webui-config --ui-config-file"
        " --webui-config-file --tools --tools-runtime --mcp-servers-config --mcp-servers-json --api-key --api-key-file"
        " --ssl-key-file --ssl-cert-file --chat-template --chat-template-file --chat-template-kwargs -to --timeout"
        " --sse-ping-interval --threads-http --cache-reuse --slot-save-path --media-path --reasoning-format -rea"
        " --reasoning --reasoning-effort --reasoning-budget --reasoning-budget-message -sps --slot-prompt-similarity"
        " -fitc --fit-ctx --control-vector --control-vector-scaled --rope-scaling --rope-scale --rope-freq-base"
        " --rope-freq-scale --yarn-orig-ctx --yarn-ext-factor --yarn-attn-factor --yarn-beta-slow --yarn-beta-fast -lm"
        " --load-mode -lzm --lazy-mode --override-kv --pooling --image-min-tokens --image-max-tokens"
        " --mtmd-batch-max-tokens --video-fps --video-timestamp-interval --video-ffmpeg-dir --sleep-idle-seconds"
        " --log-prompts-dir --models-max --spec-draft-n-min --draft-min --draft-n-min"
        " --spec-draft-p-split --draft-p-split --spec-draft-p-min --draft-p-min --spec-draft-sampling --spec-synth-len"
        " --spec-synth-rates --spec-draft-threads -td --threads-draft --spec-draft-threads-batch -tbd"
        " --threads-batch-draft --spec-draft-cpu-mask -Cd --cpu-mask-draft --spec-draft-cpu-range -Crd"
        " --cpu-range-draft --spec-draft-cpu-strict --cpu-strict-draft --spec-draft-prio --prio-draft"
        " --spec-draft-poll --poll-draft --spec-ngram-mod-n-min --spec-ngram-mod-n-max --spec-ngram-mod-n-match"
        " --spec-ngram-simple-size-n --spec-ngram-simple-size-m --spec-ngram-simple-min-hits --spec-ngram-map-k-size-n"
        " --spec-ngram-map-k-size-m --spec-ngram-map-k-min-hits --spec-ngram-map-k4v-size-n"
        " --spec-ngram-map-k4v-size-m --spec-ngram-map-k4v-min-hits --spec-ngram-size-n --spec-ngram-size-m"
        " --spec-ngram-min-hits --spec-draft-cpu-mask-batch -Cbd --cpu-mask-batch-draft --spec-draft-cpu-strict-batch"
        " --cpu-strict-batch-draft --spec-draft-prio-batch --prio-batch-draft --spec-draft-poll-batch"
        " --poll-batch-draft -lcs --lookup-cache-static -lcd --lookup-cache-dynamic",
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
