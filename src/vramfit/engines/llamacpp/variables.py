"""Environment variables of llama.cpp's programs, which stand for flags (``LLAMA_ARG_CTX_SIZE`` for ``-c``).

Beside them stand the flags that say in other words what a flag of ``flags`` says, and are never written.

Read in ggml-org/llama.cpp ``tools/server/README.md`` at 00dc805 and ``common/arg.cpp`` at 0c1e570. Commands that are written
have none, so that the table is loaded for reading alone.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines.llamacpp.flags import commas, draft_layers, one_pattern, refused, spec_type
from vramfit.errors import UsageError
from vramfit.launch import Flag, Program
from vramfit.workload.common import layers_word, switch_word


def _truth(text: str) -> bool:
    """True for the words that llama.cpp takes for it in a variable (``is_truthy``)."""
    return text.strip().lower() in ("on", "enabled", "true", "1")


def _if_true(text: str) -> bool | None:
    """True, or None for a variable that turns on what is off without it."""
    return _truth(text) or None


def _if_false(text: str) -> bool | None:
    """True, or None: for a variable that turns off what is on without it."""
    return not _truth(text) or None


def draft_device(text: str) -> str:
    """Number of layers of a draft on the GPU by the word of its device; ``UsageError`` for any device but ``none``."""
    if text != "none":
        raise UsageError(
            f"--spec-draft-device {text} places the draft on GPUs of its own, which is not modelled",
            "leave it out: the draft is then on the model's GPUs",
        )
    return "0"


def projector_device(text: str) -> bool | None:
    """True for ``none``, a projector in RAM; None for the first GPU, which has it anyway; ``UsageError`` for another."""
    if text == "none":
        return True
    if text.endswith("0") and not text[-2:-1].isdecimal():
        return None
    raise UsageError(
        f"--mmproj-device {text} places the projector on another GPU than the first, which is not modelled",
        "leave it out: the projector is then on the first GPU",
    )


DEVICES = (
    Flag("--spec-draft-device", "draft_gpu_layers", ("-devd", "--device-draft"), read=draft_device),
    Flag("--mmproj-device", "projector_in_ram", ("-mmdev",), read=projector_device),
    Flag("--models-preset", "models", ("--models-dir",)),
)
"""Flags that name the device of a part, of which only RAM and the first GPU can be asked, and that of a router's models."""

VARIABLES = tuple(
    [
        Flag(f"LLAMA_ARG_{name}", key, read=read)
        for name, key, read in (
            ("MODEL", "model", None), ("MODEL_URL", "url", None), ("HF_REPO", "repository", None),
            ("HF_FILE", "repository_file", None), ("CTX_SIZE", "cells", None), ("N_PARALLEL", "parallel", None),
            ("OVERRIDE_TENSOR", "override_tensor", one_pattern), ("N_GPU_LAYERS", "gpu_layers", layers_word),
            ("N_CPU_MOE", "cpu_moe_layers", None), ("CPU_MOE", "all_experts", _if_true),
            ("N_CPU_FFN", "ram_ffn_layers", None), ("SPLIT_MODE", "split_mode", None), ("MAIN_GPU", "main_gpu", None),
            ("TENSOR_SPLIT", "tensor_split", commas), ("BATCH", "batch", None), ("UBATCH", "ubatch", None),
            ("FLASH_ATTN", "flash_attention", switch_word), ("CACHE_TYPE_K", "kv_cache_type", None),
            ("CACHE_TYPE_V", "kv_cache_type_v", None), ("KV_UNIFIED", "unified_kv", _truth),
            ("SWA_FULL", "swa_full", _if_true), ("KV_OFFLOAD", "no_kv_offload", _if_false),
            ("NO_KV_OFFLOAD", "no_kv_offload", _if_true), ("SPEC_TYPE", "speculative", spec_type),
            ("SPEC_DRAFT_N_MAX", "speculative_tokens", None), ("DRAFT_MAX", "speculative_tokens", None),
            ("SPEC_DRAFT_MODEL", "draft_model", None), ("MODEL_DRAFT", "draft_model", None),
            ("SPEC_DRAFT_HF_REPO", "draft_repository", None), ("SPEC_DRAFT_CACHE_TYPE_K", "draft_kv_cache_type", None),
            ("SPEC_DRAFT_CACHE_TYPE_V", "draft_kv_cache_type_v", None), ("MMPROJ", "projector", None),
            ("MMPROJ_OFFLOAD", "projector_in_ram", _if_false), ("NO_MMPROJ_OFFLOAD", "projector_in_ram", _if_true),
            ("MMPROJ_AUTO", "no_projector", _if_false), ("CTX_CHECKPOINTS", "context_checkpoints", None),
            ("CHECKPOINT_MIN_SPACING_NT", "checkpoint_min_step", None), ("CACHE_RAM", "cache_ram", None),
            ("FIT", "fit", switch_word), ("FIT_TARGET", "fit_target", None), ("DEVICE", "device", None),
            ("N_GPU_LAYERS_DRAFT", "draft_gpu_layers", draft_layers), ("MMPROJ_URL", "projector", None),
            ("KV_UNIFIED_PER_SLOT", "", refused("--kv-unified-per-slot")),
            ("SPEC_DRAFT_N_CPU_MOE", "draft_cpu_moe_layers", None),
            ("SPEC_DRAFT_CPU_MOE", "all_draft_experts", _if_true),
            ("MODELS_DIR", "models", None), ("MODELS_PRESET", "models", None),
            ("RPC", "", refused("--rpc")), ("MOE_CACHE_MIB", "", refused("--moe-cache-mib")),
        )
    ]
)  # fmt: skip
"""Variables that stand for flags; a flag on the line counts for more (``common_params_parse_ex``)."""

QUIET_VARIABLES = (
    "THREADS THREADS_HTTP N_PREDICT PERF ROPE_SCALING_TYPE ROPE_SCALE ROPE_FREQ_BASE ROPE_FREQ_SCALE YARN_ORIG_CTX"
    " YARN_EXT_FACTOR YARN_ATTN_FACTOR YARN_BETA_SLOW YARN_BETA_FAST REPACK NO_HOST DEFRAG_THOLD LOAD_MODE LAZY_MODE NUMA"
    " MLOCK MMAP NO_MMAP FIT_CTX LOG_FILE LOG_JSONL LOG_COLORS OFFLINE LOG_VERBOSITY LOG_PREFIX LOG_TIMESTAMPS TEMPERATURE"
    " TOP_K TOP_P MIN_P REPEAT_PENALTY PRESENCE_PENALTY FREQUENCY_PENALTY CACHE_IDLE_SLOTS CONTEXT_SHIFT POOLING"
    " CONT_BATCHING IMAGE_MIN_TOKENS IMAGE_MAX_TOKENS MTMD_BATCH_MAX_TOKENS ALIAS TAGS HOST PORT REUSE_PORT STATIC_PATH"
    " CORS_ORIGINS CORS_METHODS CORS_HEADERS CORS_CREDENTIALS API_PREFIX UI UI_CONFIG UI_CONFIG_FILE TOOLS AGENT EMBEDDINGS"
    " RERANKING API_KEY_FILE SSL_KEY_FILE SSL_CERT_FILE CHAT_TEMPLATE CHAT_TEMPLATE_FILE CHAT_TEMPLATE_KWARGS TIMEOUT"
    " CACHE_PROMPT CACHE_REUSE ENDPOINT_METRICS ENDPOINT_PROPS ENDPOINT_SLOTS SLOT_SAVE_PATH JINJA THINK THINK_BUDGET"
    " REASONING REASONING_EFFORT PREFILL_ASSISTANT REASONING_PRESERVE BACKEND_SAMPLING VIDEO_FPS VIDEO_TIMESTAMP_INTERVAL"
    " VIDEO_FFMPEG_DIR UI_MCP_PROXY TOOLS_RUNTIME MCP_SERVERS_CONFIG MCP_SERVERS_JSON SSE_PING_INTERVAL"
    " MODELS_MAX MODELS_AUTOLOAD SKIP_CHAT_PARSING SPEC_DRAFT_N_MIN DRAFT_MIN SPEC_SYNTH_LEN SPEC_SYNTH_RATES"
    " SPEC_DRAFT_P_SPLIT SPEC_DRAFT_P_MIN SPEC_DRAFT_BACKEND_SAMPLING SPEC_DRAFT_SAMPLING"
)
"""Names of variables that change no memory, without what they begin with."""


@per_model
def with_variables(program: Program) -> Program:
    """Return the program with its variables, and with the flags that are read alone."""
    quiet = dict.fromkeys([f"LLAMA_ARG_{name}" for name in QUIET_VARIABLES.split()], 1)
    return replace(program, flags=(*program.flags, *DEVICES), variables=VARIABLES, neutral={**program.neutral, **quiet})
