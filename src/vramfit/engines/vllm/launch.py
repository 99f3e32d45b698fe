"""Flags of ``vllm serve``, for writing commands and for reading them.

vLLM 0.33.0: ``engine/arg_utils.py``, ``entrypoints/common/cli_args.py``, ``config/cache.py``, ``config/multimodal.py``.
"""

from __future__ import annotations

from vramfit.engines.naming import pools, ranks
from vramfit.engines.serving import WIDE, checkpoint, machines, share_text, switched, with_quant, with_variables
from vramfit.engines.vllm.flags import NEUTRAL, REFUSED, UNMODELLED
from vramfit.launch import SWITCH, WORDS, Flag, Program
from vramfit.launch.write import line
from vramfit.workload.common import FITTING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.servers import PositionKeys, ServerKeys
    from vramfit.launch.words import Process

CACHES = {"int8": "int8_per_token_head"}
"""vLLM's names of cache types that differ from vramfit's."""
CACHE_OF = {
    "auto": None, "float16": "f16", "bfloat16": "bf16", "int8_per_token_head": "int8", "fp8_ds_mla": "fp8",
    "nvfp4_ds_mla": "nvfp4",
}  # fmt: skip
"""Cache types by vLLM's names that differ; None for ``auto``, the element type of the model."""
TEXT_METHODS = ("ngram", "ngram_gpu", "suffix")
BRACKETED = tuple([f"[{method}]" for method in TEXT_METHODS])
"""Values of ``--speculative-model`` that are no model (vLLM before 0.8, ``vllm/engine/arg_utils.py``)."""
"""Methods that draft from the text alone, which take no memory."""
DECIDED = ("max_num_seqs", "tensor_parallel", "pipeline_parallel", "max_batched_tokens")
"""Settings that the estimate decides and a command states."""
JOINS_MACHINES = (0, 11, 1)
"""First release with ``--nnodes`` (``engine/arg_utils.py``; 0.11.0 has none, 0.15.0 has it)."""
ROPE_PARAMETERS = (0, 15)
"""First release that was read in which a configuration has ``rope_parameters``; 0.11.0 has ``rope_scaling``."""
POOLING = "pooling"
RAY_PORT = 6379
"""Port of a Ray cluster's head, its own default."""
SCALES = {"k": 1000, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
"""Factors of the letters after a count (``human_readable_int``): decimal for small letters, binary for capitals."""


def _cache_text(kind: str) -> str:
    return "auto" if kind in WIDE else CACHES.get(kind, kind)


def _count(text: str) -> str:
    """Read a count with or without a letter, ``32k`` or ``25.6k``; other text is returned for the key to refuse."""
    scale, number = SCALES.get(text[-1:]), text[:-1]
    if scale is None or not number.replace(".", "", 1).isdecimal():
        return text
    return str(round(float(number) * scale))


def _bytes(text: str) -> str:
    """Read a size in bytes, with or without a letter."""
    count = _count(text)
    return f"{count}B" if count.isdecimal() else text


def _context(text: str) -> str:
    """Read a context; ``auto`` and -1 stand for the longest that fits on the card, at most the model's own."""
    return FITTING if text in ("auto", "-1") else _count(text)


def _gib_text(size: int) -> str:
    """Write a size in GiB."""
    return f"{size / 2**30:.12g}"


def _images_text(images: tuple[int, tuple[int, int] | None]) -> str:
    count, size = images
    limit = str(count) if size is None else '{{"count": {}, "width": {}, "height": {}}}'.format(count, *size)
    return f'{{"image": {limit}}}'


def _images(text: str) -> dict[str, Any]:
    """Read ``images`` and ``image_size`` from JSON, or the number from ``image=2,video=1`` of releases before 0.9.

    Raises ``UsageError`` for any other text.
    """
    import json

    from vramfit.errors import UsageError

    pairs = [part.partition("=") for part in text.split(",")]
    if all(equals and count.isdecimal() for _, equals, count in pairs):
        counts = {kind.strip(): count for kind, _, count in pairs}
        return {"images": counts["image"]} if "image" in counts else {}
    try:
        limit = json.loads(text).get("image")
        limit = limit if isinstance(limit, dict) else {"count": limit}
        keys = {} if limit["count"] is None else {"images": str(limit["count"])}
        if {"width", "height"} <= set(limit):
            keys["image_size"] = f"{limit['width']}x{limit['height']}"
    except (ValueError, AttributeError, KeyError, RecursionError):
        raise UsageError(f"--limit-mm-per-prompt {text} is not read", 'write it as {"image": 2}') from None
    return keys


def _overrides(text: str) -> dict[str, Any]:
    from vramfit.engines.positions import read_overrides

    return read_overrides(text, "--hf-overrides")


def _rope(text: str) -> dict[str, Any]:
    from vramfit.engines.positions import read_rope

    return read_rope(text, "--rope-scaling")


def _overrides_text(scaling: tuple[str, str]) -> str:
    from vramfit.engines.positions import overrides_text

    return overrides_text(*scaling)


def _scaling(keys: PositionKeys) -> tuple[str, str] | None:
    """Value of ``rope_scaling``, and the field of a configuration that a release has RoPE's parameters in."""
    if keys.rope_scaling is None:
        return None
    from vramfit.engines.servers import version

    return keys.rope_scaling, "rope_parameters" if (
        version(keys) or ROPE_PARAMETERS
    ) >= ROPE_PARAMETERS else "rope_scaling"


def _drafts_text(values: tuple[str, int, str | None]) -> str:
    method, tokens, name = values
    word = {"draft": "draft_model"}.get(method, method)
    model = "" if name is None else f', "model": "{name}"'
    return f'{{"method": "{word}", "num_speculative_tokens": {tokens}{model}}}'


def _drafts(text: str) -> dict[str, Any]:
    """Read the keys of speculative decoding from JSON; raises ``UsageError`` for any other text.

    Methods that draft from the text alone (``ngram``, ``suffix``) take no memory, and are no keys. The methods of single
    models (``qwen3_next_mtp``, ``deepseek_mtp``) are ``mtp``; a model without a method is a draft model.
    """
    import json

    from vramfit.errors import UsageError

    try:
        stated = json.loads(text)
        method, model, tokens = stated.get("method"), stated.get("model"), stated.get("num_speculative_tokens")
    except (ValueError, AttributeError, RecursionError):
        hint = 'write it as {"method": "mtp", "num_speculative_tokens": 2}'
        raise UsageError(f"--speculative-config {text} is not read", hint) from None
    if method in TEXT_METHODS:
        return {}
    if isinstance(method, str) and method.endswith("_mtp"):
        method = "mtp"
    keys = {"speculative": method or "draft", "draft_model": None if method == "mtp" else model}
    keys["speculative_tokens"] = None if tokens is None else str(tokens)
    return {key: value for key, value in keys.items() if value is not None}


CALLS = ("vllm.LLM", "vllm.entrypoints.llm.LLM", "vllm.EngineArgs", "vllm.AsyncEngineArgs",
         "vllm.engine.arg_utils.EngineArgs", "vllm.engine.arg_utils.AsyncEngineArgs")  # fmt: skip
OFFLINE = ("--max-num-batched-tokens", "16384")
"""Tokens of a step where a script states none: four times those of a server on most cards, twice on cards of 70 GiB and
more (``LLM_CLASS`` of ``get_batch_defaults``, vLLM 0.11 ``vllm/engine/arg_utils.py``: 8,192 and 16,384). The larger one
counts on every card, for a script does not name its card."""
SERVE = Program(
    ("vllm", "serve"),
    (
        Flag("--dtype", "dtype"),
        Flag("--quantization", "quantization", ("-q",)),
        Flag("--max-model-len", "context", read=_context, of_model="context"),
        Flag("--hf-overrides", "overrides", spell=_overrides_text, read=_overrides),
        Flag("--rope-scaling", "rope", read=_rope),
        Flag("--max-num-seqs", "max_num_seqs", read=_count),
        Flag("--tensor-parallel-size", "tensor_parallel", ("-tp",)),
        Flag("--pipeline-parallel-size", "pipeline_parallel", ("-pp",)),
        Flag("--data-parallel-size", "data_parallel", ("-dp",)),
        Flag("--enable-expert-parallel", "expert_parallel", ("-ep",), SWITCH, off=("--no-enable-expert-parallel",)),
        Flag("--max-num-batched-tokens", "max_batched_tokens", read=_count),
        Flag("--gpu-memory-utilization", "gpu_memory_utilization", ("--device-memory-utilization",), spell=share_text),
        Flag("--kv-cache-memory-bytes", "kv_cache_memory", ("--kv-cache-memory",), read=_bytes),
        Flag("--kv-cache-dtype", "kv_cache_type", spell=_cache_text, read=lambda text: CACHE_OF.get(text, text)),
        Flag("--limit-mm-per-prompt", "limit", spell=_images_text, read=_images),
        Flag("--speculative-config", "drafts", ("-sc",), spell=_drafts_text, read=_drafts),
        Flag("--spec-method", "drafts_by", part_of="drafts"),
        Flag("--spec-model", "drafts_with", ("--speculative-model",), part_of="drafts"),
        Flag("--spec-tokens", "drafts_ahead", ("--num-speculative-tokens",), part_of="drafts"),
        Flag("--enforce-eager", "enforce_eager", ("-O0",), SWITCH, off=("--no-enforce-eager",)),
        Flag("--language-model-only", "text_only", (), SWITCH, off=("--no-language-model-only",)),
        Flag("--lora-modules", "modules", kind=WORDS),
        Flag("--swap-space", "swap_space", read=lambda text: f"{text}GiB"),
        Flag("--cpu-offload-gb", "cpu_offload", spell=_gib_text, read=lambda text: f"{text}GiB"),
        Flag("--enable-lora", "adapters", (), SWITCH, off=("--no-enable-lora",)),
        Flag("--max-loras", "max_loras"),
        Flag("--max-lora-rank", "max_lora_rank"),
        Flag("--nnodes", "nodes", ("-n",)),
        Flag("--master-addr", "first_machine"),
        Flag("--node-rank", "machine", ("-r",)),
        Flag("--headless", "waits", (), SWITCH),
        Flag("--runner", "runner"),
        Flag("--convert", "convert"),
        Flag("--distributed-executor-backend", "executor"),
    ),
    also=(
        ("python", "-m", "vllm.entrypoints.openai.api_server"),
        ("python", "-m", "vllm.entrypoints.api_server"),
        ("python", "-m", "vllm.entrypoints.cli.main", "serve"),
        ("python", "-m", "vllm", "serve"),
        ("python", "api_server.py"),
        ("api_server.py",),
    ),
    positional="model",
    variables=(Flag("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "long_context", spell=lambda allowed: "1", read=switched),),
    named=("--model", "--model-tag"),
    shortens=True,
    settings=("--config",),
    images=(
        "vllm/vllm-openai",
        "vllm-openai",
        "vllm/vllm-openai-rocm",
        "rocm/vllm-openai",
        "opea/vllm",
        "opea/vllm-rocm",
        "llm-d/llm-d-cuda",
        "llm-d/llm-d",
        "rayproject/ray-llm",
        "kserve/huggingfaceserver",
    ),
    releases=("vllm/vllm-openai", "vllm/vllm-openai-rocm"),
    calls=dict.fromkeys(CALLS, "model"),
    call_flags=OFFLINE,
    refused=REFUSED,
    unmodelled=UNMODELLED,
    neutral=NEUTRAL,
)


def command(deployment: Deployment, estimate: Estimate, keys: PositionKeys) -> str:
    """Write the line that starts the server, or one for each machine, with every setting that the estimate assumed."""
    work, latent = deployment.workload, deployment.model.has_latent_attention
    values = {
        **with_dtype(deployment, checkpoint(deployment)),
        "context": work.context,
        "overrides": _scaling(keys),
        "long_context": keys.long_context or None,
        **{name: estimate.settings[name] for name in DECIDED},
        "gpu_memory_utilization": estimate.settings["gpu_memory_utilization"],
        "kv_cache_memory": keys.kv_cache_memory_bytes,
        "kv_cache_type": "nvfp4_ds_mla" if work.kv_cache_type == "nvfp4" and latent else work.kv_cache_type,
        "limit": (work.images, work.image_size) if work.images else None,
        "drafts": None if work.draft is None else _drafting(deployment),
        "enforce_eager": keys.enforce_eager,
        "data_parallel": keys.data_parallel if (keys.data_parallel or 1) > 1 else None,
        "expert_parallel": keys.expert_parallel,
        "cpu_offload": keys.cpu_offload_bytes or None,
        **_pooling(deployment),
        "adapters": keys.max_loras > 0,
        "max_loras": keys.max_loras or None,
        "max_lora_rank": keys.max_lora_rank if keys.max_loras else None,
    }
    count = machines(estimate)
    if count == 1:
        return line(with_variables(SERVE, values))
    return _on_machines(values, count, len(deployment.gpus) // count, keys)


def _pooling(deployment: Deployment) -> dict[str, object]:
    """Values of the flags by which a model gives vectors or scores instead of text (``config/model.py`` ``RunnerOption``)."""
    if pools(deployment.model):
        return {"runner": POOLING, "convert": "embed"}
    return {"runner": POOLING, "convert": "classify"} if ranks(deployment.model) else {}


def with_dtype(deployment: Deployment, values: dict[str, object]) -> dict[str, object]:
    """Flags for a checkpoint with an element type in which the card and the model start, where they state one."""
    if "dtype" not in values:
        return values
    from vramfit.engines.vllm.element_types import dtype

    return {**values, "dtype": dtype(deployment)}


def _on_machines(values: dict[str, object], count: int, each: int, keys: ServerKeys) -> str:
    """Lines for several machines with ``each`` GPUs, the first machine's first.

    The server joins them by itself (``--nnodes``); releases before that join a cluster of Ray.
    """
    from vramfit.engines.machines import NAMES
    from vramfit.engines.servers import version

    stated = version(keys)
    if stated is None or stated >= JOINS_MACHINES:
        values.update({"nodes": count, "first_machine": NAMES[0]})
        ranks = [{**values, "machine": rank, "waits": rank > 0} for rank in range(count)]
        return "\n".join([line(with_variables(SERVE, one)) for one in ranks])
    started = [
        f"ray start --head --port={RAY_PORT} --num-gpus={each}",
        *[f"ray start --address={NAMES[0]}:{RAY_PORT} --num-gpus={each}"] * (count - 1),
    ]
    return "\n".join([*started, line(with_variables(SERVE, {**values, "executor": "ray"}))])


def _drafting(deployment: Deployment) -> tuple[str, int, str | None]:
    """Method, number of tokens and draft model of a deployment that speculates."""
    from vramfit.engines.speculative import drafting

    draft = drafting(deployment.workload)
    return draft.method, deployment.workload.speculative_tokens or 0, draft.repository


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts a server; None if no line does.

    A line without a context uses the model's. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(SERVE, given)
    if keys is None:
        return None
    for name in ("limit", "rope", "overrides"):
        keys.update(keys.pop(name, {}))
    for name in ("runner", "convert"):
        keys.pop(name, None)
    if keys.pop("text_only", False):
        keys["images"] = "0"
    _read_drafts(keys)
    _read_adapters(keys)
    keys.setdefault("context", "max")
    machines = [one for one in given if one.words[:2] == ("ray", "start")]
    if len(machines) > 1:
        keys.setdefault("nodes", str(len(machines)))
    return with_quant(keys)


def _read_drafts(keys: dict[str, Any]) -> None:
    """Replace what the flags say of speculative decoding by deployment keys; the single flags count for more."""
    names = {"drafts_by": "speculative", "drafts_with": "draft_model", "drafts_ahead": "speculative_tokens"}
    keys.update(keys.pop("drafts", {}))
    if keys.get("drafts_with") in BRACKETED:  # releases before 0.8 had one flag for both
        keys["drafts_by"] = keys.pop("drafts_with").strip("[]")
    single = {name: keys.pop(flag) for flag, name in names.items() if flag in keys}
    if not single:
        return
    method = single.get("speculative", "")
    if method in TEXT_METHODS:
        return
    if method.endswith("_mtp"):
        single["speculative"] = "mtp"
    keys.update({"speculative": "draft", **single})


def _read_adapters(keys: dict[str, Any]) -> None:
    """Replace the flags for adapters by deployment keys: none are held unless they are enabled."""
    keys.pop("modules", None)
    if keys.pop("adapters", False):
        keys.setdefault("max_loras", "1")
        return
    keys.pop("max_loras", None)
    keys.pop("max_lora_rank", None)
