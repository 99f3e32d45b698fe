"""Launch commands of mlx-lm, and of mlx-vlm for models that read images: conversion and generation, written and read.

ml-explore/mlx-lm at d78bf58e2 (2026-08-22): ``mlx_lm/convert.py``, ``generate.py``; Blaizzy/mlx-vlm at 9b13f5227.
"""

from __future__ import annotations

from vramfit.engines.mlx.estimate import BITS
from vramfit.engines.naming import file_stem, is_own, is_stored, repository
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch.words import Process

CACHE_BITS = {kind: str(bits) for kind, bits in BITS.items()}
"""Value of ``--kv-bits`` for each quantized cache type."""
CACHE_OF = {bits: kind for kind, bits in CACHE_BITS.items()}
"""Quantized cache type by the value of ``--kv-bits``."""
GROUP = 64
"""Number of weights of a group, if the conversion does not state it."""

CONVERT_FLAGS = (
    Flag("--hf-path", "source"),
    Flag("--mlx-path", "model"),
    Flag("--quantize", "quantize", ("-q",), SWITCH),
    Flag("--q-bits", "bits"),
    Flag("--q-group-size", "group"),
    Flag("--q-mode", "mode"),
)
DRAFT_FLAGS = (
    Flag("--draft-model", "draft_model"),
    Flag("--num-draft-tokens", "speculative_tokens"),
    Flag("--draft-kind", "draft_kind"),
    Flag("--draft-block-size", "draft_block"),
)
"""Flags of what drafts; the last two are mlx-vlm's, whose blocks begin with the token that was accepted last."""
GENERATE_FLAGS = (
    Flag("--model", "model"),
    Flag("--prompt", "prompt", ("-p",)),
    Flag("--max-kv-size", "context"),
    Flag("--kv-bits", "kv_cache_type", spell=lambda kind: CACHE_BITS[kind], read=lambda text: CACHE_OF.get(text, text)),
    *DRAFT_FLAGS,
)
SERVER_FLAGS = (
    Flag("--model", "model", ("--model-path",)),
    Flag("--decode-concurrency", "parallel"),
    Flag("--kv-bits", "kv_cache_type", read=lambda text: CACHE_OF.get(text, text)),
    Flag("--max-kv-size", "context"),
    *DRAFT_FLAGS,
)
"""Flags of the servers; those of the cache are mlx-vlm's, whose server alone has them."""
OTHERS = neutral(
    "--verbose --ignore-chat-template --use-default-chat-template --trust-remote-code --pipeline --no-pipeline"
    " --no-trust-remote-code --tokenizer-only --dequantize",
    "--max-tokens -m --temp --temperature --top-p --min-p --top-k --seed --system-prompt --host --port"
    " --chat-template --dtype --upload-repo --allowed-origins --log-level --chat-template-args --chat-template-config"
    " --prefill-response --min-tokens-to-keep --xtc-probability --xtc-threshold --prompt-concurrency --prefill-step-size"
    " --quant-predicate --kv-group-size --quantized-kv-start --prompt-cache-file --resize-shape"
    " --eos-tokens --thinking-budget --thinking-start-token --thinking-end-token",
    "--extra-eos-token --image --audio --video",
)
"""Flags that do not change the memory of mlx-lm ``server.py`` and ``generate.py``, and of mlx-vlm's."""
UNMODELLED = neutral(
    "",
    "--adapter-path --prompt-cache-size --prompt-cache-bytes --prompt-cache-total-bytes --kv-quant-scheme"
    " --cache-limit-gb",
)


def _programs(package: str) -> tuple[Program, Program, Program]:
    """Converter, generator and server of a package, as scripts, as modules and as words of the package's script."""
    convert, generate, serve = (f"{package}.{name}" for name in ("convert", "generate", "server"))
    return (
        Program((convert,), CONVERT_FLAGS, also=_also(package, "convert"), shortens=True, neutral=OTHERS),
        Program(
            (generate,), GENERATE_FLAGS, (*_also(package, "generate"), *_also(package, "chat"), (f"{package}.chat",)),
            shortens=True, neutral=OTHERS, unmodelled=UNMODELLED,
        ),
        Program((serve,), SERVER_FLAGS, _also(package, "server"), shortens=True, neutral=OTHERS, unmodelled=UNMODELLED),
    )  # fmt: skip


def _also(package: str, name: str) -> tuple[tuple[str, ...], ...]:
    """Other words that start a program of a package."""
    module, dashed = ("python", "-m"), package.replace("_", "-")
    return (
        (*module, f"{package}.{name}"), (package, name), (*module, package, name), (dashed, name), (f"{dashed}.{name}",),
    )  # fmt: skip


TEXT, VISION = _programs("mlx_lm"), _programs("mlx_vlm")


def command(deployment: Deployment, _estimate: Estimate) -> str:
    """Write the lines that convert the model, if its scheme is MLX's own, and generate with it or serve several at once."""
    work, scheme = deployment.workload, deployment.scheme
    drafts = _drafting(deployment)
    convert, generate, serve = TEXT if deployment.model.vision is None and "draft_kind" not in drafts else VISION
    model, lines = repository(deployment), []
    if scheme.family == "mlx" and not (is_own(deployment) or is_stored(deployment)):
        model = file_stem(deployment)
        values = {"source": repository(deployment), "model": model, "quantize": True, **scheme.settings}
        lines.append(line(write.words(convert, values)))
    quantized = work.kv_cache_type in CACHE_BITS
    # Only a rotating cache limits the context, and it cannot be quantized (``RotatingKVCache.to_quantized``).
    values = {
        "model": model,
        "prompt": "-",
        "context": None if quantized else work.context,
        "kv_cache_type": work.kv_cache_type if quantized else None,
        **drafts,
    }
    if work.parallel > 1:
        context = values["context"] if serve is VISION[-1] else None
        served = {**values, "context": context, "parallel": work.parallel}
        return "\n".join([*lines, line(write.words(serve, served))])
    return "\n".join([*lines, line(write.words(generate, values))])


def _drafting(deployment: Deployment) -> dict[str, object]:
    """Values of the flags for what drafts; none without speculative decoding."""
    work = deployment.workload
    if work.draft is None:
        return {}
    from vramfit.engines.speculative import drafting

    draft, tokens = drafting(work), work.speculative_tokens or 0
    if draft.method == "mtp":
        # The head's folder is what mlx-vlm's ``speculative.drafters`` split of the model.
        return {"draft_model": f"{file_stem(deployment)}-mtp", "draft_kind": "mtp", "draft_block": tokens + 1}
    return {"draft_model": draft.repository, "speculative_tokens": tokens}


def limits_context(deployment: Deployment) -> bool:
    """Return True if a flag of the command holds it to the context: not of mlx-lm's server, nor of a quantized cache."""
    work = deployment.workload
    return work.kv_cache_type not in CACHE_BITS and (work.parallel == 1 or deployment.model.vision is not None)


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of a conversion and of a generator or server; None if no line starts one of the latter.

    Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import values

    converted: dict[str, Any] = {}
    keys: dict[str, Any] | None = None
    for process in given:
        for convert, *started in (TEXT, VISION):
            converted = values(convert, process) or converted
            for program in started:
                found = values(program, process)
                keys = keys if found is None else found
    if keys is None:
        return None
    keys.pop("prompt", None)
    _with_draft(keys)
    if "source" in converted and keys.get("model") == converted.get("model"):
        keys["model"] = converted["source"]
        if converted.get("quantize"):
            keys["quant"] = _quant(converted)
    return keys


def _with_draft(keys: dict[str, Any]) -> None:
    """Put what drafts into keys: a prediction head has a folder of its own, and is the model's."""
    kind, block = keys.pop("draft_kind", None), keys.pop("draft_block", None)
    if "draft_model" not in keys:
        keys.pop("speculative_tokens", None)
        return
    if kind is not None:
        keys["speculative"] = kind
    if kind == "mtp":
        del keys["draft_model"]
    if block is not None and block.isdecimal():
        keys["speculative_tokens"] = str(max(1, int(block) - 1))


def _quant(converted: dict[str, Any]) -> str:
    """Name of the scheme that a conversion produces."""
    mode, group = converted.get("mode", "affine"), converted.get("group", str(GROUP))
    if mode != "affine":
        return f"mlx-{mode}"
    return f"mlx-{converted.get('bits', '4')}bit" + ("" if group == str(GROUP) else f"-g{group}")
