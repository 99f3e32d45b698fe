"""Deployment keys of llama.cpp, which the programs built on it have too: their declarations, and the record of their values."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.units import GIB
from vramfit.workload.keys import Group, Key

MOST_SEQUENCES = 256
"""Largest number of sequences of one context (``LLAMA_MAX_SEQ``, ggml-org/llama.cpp v0.5.0 ``src/llama-cparams.h``)."""

KV_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Element types that a cache may have, the default first."""


def _mebibytes(spelling: str) -> str:
    """Size with its unit: llama-server counts this one in MiB, and -1 is no limit."""
    word = spelling.strip()
    return "unlimited" if word == "-1" else f"{word}MiB" if word.isdecimal() else word


class LlamaCppKeys(Record):
    """Values of llama.cpp's own deployment keys."""

    of_any_publisher = True
    """False for a program that makes the files of its types itself; no key, and the same for all instances."""

    fitted_from = 0
    """Context that was shortened because it did not fit; 0 if none was. No key: it is set where the context is chosen."""

    batch: int = 2048
    ubatch: int = 512
    unified_kv: bool = False
    swa_full: bool = False
    outputs: str = "slots"
    backend: str | None = None
    """Backend of all GPUs; None for the usual one of each GPU's vendor."""
    split_mode: str = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] | None = None
    """Proportions of the model, one for each GPU; None to use the proportions of their memory."""
    override_tensor: tuple[str, ...] | None = None
    """Patterns of tensor names with the buffers that they are placed in, ``PATTERN=BUFFER``; None for none."""
    mmproj: str = "gpu"
    kv_offload: bool = True
    """False if caches and states stay in RAM (``--no-kv-offload``)."""
    context_checkpoints: int = 32
    """Largest number of states of a slot that the server keeps in RAM."""
    checkpoint_min_step: int = 8192
    """Smallest number of tokens between two of these states; 0 for one after each batch."""
    adapter_bytes: int = 0
    """Size of the LoRA adapters that are loaded beside the model."""
    cache_ram: int | str = 8 * GIB
    """Bytes of RAM that the server may fill with past prompts; ``unlimited`` for no bound."""
    draft_kv_cache_type: str = "f16"
    draft_kv_cache_type_v: str | None = None
    """Element type of V in the draft's cache; None for that of K."""
    draft_gpu_layers: int | str = "all"
    """Number of layers of a draft model on the GPUs, or ``all``."""
    draft_cpu_moe_layers: int | str = 0
    """Number of layers of a draft, from the first on, whose routed experts stay in host memory, or ``all``."""


CACHE_KEYS = (
    # --batch-size is llama-server's too, and of others a number of sequences: vramfit.cli.flags reads it.
    Key("batch", "count", "llama.cpp: logical batch", flags=("-b",), default=2048, follows=True),
    Key("ubatch", "count", "llama.cpp: physical batch", flags=("-ub", "--ubatch-size"), default=512, follows=True),
    Key(
        "unified_kv",
        "flag",
        "llama.cpp: one cache shared by all sequences",
        flags=("-kvu", "--kv-unified"),
        default=False,
    ),
    Key("swa_full", "flag", "llama.cpp: full-size cache for sliding-window layers", default=False),
    Key(
        "kv_offload",
        "flag",
        "llama.cpp: caches on the GPUs; --no-kv-offload (-nkvo) leaves them in RAM",
        default=True,
    ),
    Key("outputs", "choice", "llama.cpp: rows of logits reserved", choices=("slots", "batch"), default="slots"),
)
SPLIT_KEYS = (
    Key(
        "backend",
        "choice",
        "llama.cpp: the library it computes with",
        choices=("cuda", "rocm", "metal", "vulkan", "sycl"),
        default_text="the GPU vendor's own; vulkan for Intel",
        decided=True,
    ),
    Key(
        "split_mode",
        "choice",
        "llama.cpp: how several GPUs share the model",
        choices=("layer", "row", "tensor", "none"),
        flags=("-sm",),
        default="layer",
        decided=True,
    ),
    Key(
        "main_gpu",
        "count",
        "llama.cpp: the GPU of split_mode none",
        minimum=0,
        flags=("-mg",),
        default=0,
        decided=True,
    ),
    Key(
        "tensor_split",
        "shares",
        "llama.cpp: proportions of the model for the GPUs, for example 3,1",
        flags=("-ts",),
        default_text="by their memory",
    ),
)
DRAFT_KEYS = (
    Key(
        "draft_kv_cache_type",
        "choice",
        "llama.cpp: element type of the draft's KV cache",
        choices=KV_TYPES,
        flags=("-ctkd", "--cache-type-k-draft", "--spec-draft-type-k"),
        default="f16",
    ),
    Key(
        "draft_kv_cache_type_v",
        "choice",
        "llama.cpp: the same for V alone",
        choices=KV_TYPES,
        flags=("-ctvd", "--cache-type-v-draft", "--spec-draft-type-v"),
        default_text="as draft_kv_cache_type",
    ),
    Key(
        "draft_gpu_layers",
        "count-or-word",
        "llama.cpp: layers of a draft model on the GPU",
        choices=("all",),
        minimum=0,
        flags=("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft", "--spec-draft-ngl"),
        default="all",
    ),
    Key(
        "draft_cpu_moe_layers",
        "count-or-word",
        "llama.cpp: layers of a draft, from the first on, whose experts stay in RAM",
        choices=("all",),
        minimum=0,
        flags=("-ncmoed", "--n-cpu-moe-draft", "--spec-draft-n-cpu-moe", "--spec-draft-ncmoe"),
        default=0,
    ),
)
SPREAD_KEYS = (Key("sched_spread", "flag", "Ollama: over all GPUs even if one is enough", default=False),)
"""Key that Ollama has in addition to those of llama.cpp, whose server it runs."""
PLACING_KEYS = (
    Key(
        "override_tensor",
        "texts",
        "llama.cpp: where the tensors whose names match go, for example ffn_.*_exps=CPU; may be repeated",
        flags=("-ot",),
        default_text="none",
    ),
    Key(
        "mmproj",
        "choice",
        "llama.cpp: where the projector of a vision model goes",
        choices=("gpu", "host", "off"),
        default="gpu",
    ),
)
ADAPTER_KEYS = (
    Key(
        "adapter_size",
        "size",
        "llama.cpp: size of the LoRA adapters that are loaded beside the model",
        default=0,
        field="adapter_bytes",
        decimal=True,
    ),
)
SERVER_KEYS = (
    Key(
        "context_checkpoints",
        "count",
        "llama.cpp: states of a slot that the server keeps in RAM, of models with windows or states",
        minimum=0,
        flags=("-ctxcp", "--ctx-checkpoints", "--swa-checkpoints"),
        default=32,
    ),
    Key(
        "checkpoint_min_step",
        "count",
        "llama.cpp: tokens between two of these states at least",
        minimum=0,
        flags=("-cms",),
        default=8192,
    ),
    Key(
        "cache_ram",
        "size",
        "llama.cpp: RAM that the server may fill with past prompts, in MiB or as a size",
        choices=("unlimited",),
        flags=("-cram",),
        default=8 * GIB,
        default_text="8GiB",
        read=_mebibytes,
    ),
)
TITLE = "llama.cpp and Ollama"
GROUPS = (
    Group(CACHE_KEYS, 10, TITLE),
    Group(PLACING_KEYS, 25, TITLE),
    Group(ADAPTER_KEYS, 26, TITLE),
    Group(SPLIT_KEYS, 30, TITLE),
    Group(SPREAD_KEYS, 35, TITLE),
    Group(SERVER_KEYS, 36, TITLE),
    Group(DRAFT_KEYS, 51, TITLE),
)
