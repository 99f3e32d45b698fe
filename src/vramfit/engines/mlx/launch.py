"""Launch commands of mlx-lm, and of mlx-vlm for models that read images: conversion and generation, written and read.

ml-explore/mlx-lm at d78bf58e2 (2026-08-22): ``mlx_lm/convert.py``, ``generate.py``; Blaizzy/mlx-vlm at 9b13f5227.
"""

from __future__ import annotations

from vramfit.engines.mlx.estimate import BITS
from vramfit.engines.naming import DTYPES, PLAIN, file_stem, is_own, is_stored, repository
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment
    from vramfit.launch.words import Process
    from vramfit.workload.common import Workload

CACHE_BITS = {kind: str(bits) for kind, bits in BITS.items()}
"""Value of ``--kv-bits`` for each quantized cache type."""
CACHE_OF = {bits: kind for kind, bits in CACHE_BITS.items()}
"""Quantized cache type by the value of ``--kv-bits``."""
GROUP = 64
"""Number of weights of a group, if the conversion does not state it."""

CONVERT_FLAGS = (
    Flag("--hf-path", "source", ("--model",)),
    Flag("--mlx-path", "model"),
    Flag("--quantize", "quantize", ("-q",), SWITCH),
    Flag("--q-bits", "bits"),
    Flag("--q-group-size", "group"),
    Flag("--q-mode", "mode"),
    Flag("--dtype", "dtype"),
)
MODEL_FLAG = Flag("--model", "model")
CONTEXT_FLAG = Flag("--max-kv-size", "context")
BITS_FLAG = Flag(
    "--kv-bits", "kv_cache_type", spell=lambda kind: CACHE_BITS[kind], read=lambda text: CACHE_OF.get(text, text)
)
STEP_FLAG = Flag("--prefill-step-size", "max_batched_tokens")
GENERATE_FLAGS = (MODEL_FLAG, Flag("--prompt", "prompt", ("-p",)), CONTEXT_FLAG, BITS_FLAG)
"""Flags of both generators beside those of what drafts."""
SERVED_FLAG = Flag("--model", "model", ("--model-path",))
TEXT_DRAFT_FLAGS = (Flag("--draft-model", "draft_model"), Flag("--num-draft-tokens", "speculative_tokens"))
"""Flags of mlx-lm's generator and server for a whole model that drafts; its chat has none (``mlx_lm/chat.py``)."""
VISION_DRAFT_FLAGS = (
    Flag("--draft-model", "draft_model"),
    Flag("--draft-kind", "draft_kind"),
    Flag("--draft-block-size", "draft_block"),
)
"""Flags of mlx-vlm's generator and server for a drafter made for the model, whose blocks begin with the token that was
accepted last (``generate/dispatch.py``, ``server/cli.py``); its chat has none (``chat.py``)."""
OTHERS = neutral(
    "--verbose --ignore-chat-template --use-default-chat-template --trust-remote-code --pipeline --no-pipeline"
    " --no-trust-remote-code --tokenizer-only --dequantize -d --diffusion-full-canvas --chat --skip-special-tokens"
    " --force-download --enable-thinking --reload --mtp",
    "--max-tokens -m --temp --temperature --top-p --min-p --top-k --seed --system-prompt --host --port"
    " --chat-template --dtype --upload-repo --allowed-origins --log-level --chat-template-args --chat-template-config"
    " --prefill-response --min-tokens-to-keep --xtc-probability --xtc-threshold --prompt-concurrency"
    " --quant-predicate --kv-group-size --quantized-kv-start --prompt-cache-file"
    " --thinking-budget --thinking-start-token --thinking-end-token --thinking-eos-token --thinking-mode --revision"
    " --quant-method --calibration --calibration-data --mtp-output --output-modality --output --ref-audio --task --size"
    " --steps --workflow --num-frames --last-image --reference --guidance --fps --system --max-denoising-steps"
    " --block-length --num-to-transfer --max-transfer-per-step --editing-threshold --max-post-steps --stability-steps"
    " --diffusion-min-canvas-length --diffusion-max-canvas-length --diffusion-sampler --threshold --min-threshold"
    " --repetition-penalty --repetition-context-size --presence-penalty --presence-context-size --frequency-penalty"
    " --frequency-context-size --gen-kwargs --model-dir --log-progress-interval --top-logprobs-k --api-key",
    "--extra-eos-token --image --audio --video --eos-tokens --resize-shape",
)
"""Flags that do not change the memory: mlx-lm 0.32.2 ``convert.py``, ``generate.py``, ``server.py`` and ``chat.py``, mlx-vlm
0.7.10 ``convert.py``, ``generate/dispatch.py``, ``server/cli.py`` and ``chat.py``, each flag of which is in these tables."""
UNMODELLED = neutral(
    "--quantize-activations -qa",
    "--adapter-path --prompt-cache-size --prompt-cache-bytes --prompt-cache-total-bytes --kv-quant-scheme"
    " --cache-limit-gb --kv-key-bits --kv-value-bits --kv-key-scheme --kv-value-scheme --expert-cache-gb"
    " --vision-cache-size --min-pixels --max-pixels --video-num-frames --video-min-frames --video-max-frames"
    " --processor-kwargs --image-model --tts-model --stt-model --embedding-model --decision-model --reranker-model"
    " --prompt-expansion-model",
)
"""Flags that may change it: what mixes bits, how many pixels a picture has, and models that are loaded beside."""


def _programs(package: str, flags: Mapping[str, tuple[Flag, ...]]) -> tuple[Program, ...]:
    """Converter, generator, server and chat of a package, as scripts, as modules and as words of the package's script.

    ``flags`` are those of the programs that run a model, by name.
    """
    return (
        Program(
            (f"{package}.convert",), CONVERT_FLAGS, also=_also(package, "convert"), shortens=True,
            neutral={flag: count for flag, count in OTHERS.items() if flag != "--dtype"},
        ),
        *[
            Program(
                (f"{package}.{name}",), own, _also(package, name), shortens=True,
                neutral={**OTHERS, "--verbose": int(name == "generate" and package == "mlx_lm")}, unmodelled=UNMODELLED,
                calls={f"{package}.load": "model", f"{package}.utils.load": "model"} if name == "generate" else {},
            )
            for name, own in flags.items()
        ],
    )  # fmt: skip


def _also(package: str, name: str) -> tuple[tuple[str, ...], ...]:
    """Other words that start a program of a package."""
    module, dashed = ("python", "-m"), package.replace("_", "-")
    return (
        (*module, f"{package}.{name}"), (package, name), (*module, package, name), (dashed, name), (f"{dashed}.{name}",),
    )  # fmt: skip


TEXT = _programs(
    "mlx_lm",
    {
        "generate": (*GENERATE_FLAGS, *TEXT_DRAFT_FLAGS),
        "server": (SERVED_FLAG, Flag("--decode-concurrency", "parallel"), BITS_FLAG, STEP_FLAG, *TEXT_DRAFT_FLAGS),
        "chat": (MODEL_FLAG, CONTEXT_FLAG),
    },
)
VISION = _programs(
    "mlx_vlm",
    {
        "generate": (*GENERATE_FLAGS, STEP_FLAG, *VISION_DRAFT_FLAGS),
        "server": (
            SERVED_FLAG,
            Flag("--max-num-seqs", "parallel"),
            CONTEXT_FLAG,
            BITS_FLAG,
            STEP_FLAG,
            *VISION_DRAFT_FLAGS,
        ),
        "chat": (MODEL_FLAG, CONTEXT_FLAG, BITS_FLAG, STEP_FLAG),
    },
)


def command(deployment: Deployment, program: Program | None = None) -> str:
    """Write the lines that convert the model, if its scheme is MLX's own, and generate with it or serve several at once.

    A program of these packages that is stated is written instead, with those of the settings that it has flags for.
    """
    work = deployment.workload
    package = _package(deployment)
    if program is not None:
        package = VISION if program in VISION else TEXT
    convert, generate, serve, _ = package
    model, lines = repository(deployment), []
    made = _made(deployment)
    if made:
        model = file_stem(deployment)
        lines.append(line(write.words(convert, {"source": repository(deployment), "model": model, **made})))
    quantized = work.kv_cache_type in CACHE_BITS
    # Only a rotating cache limits the context, and it cannot be quantized (``RotatingKVCache.to_quantized``).
    values = {
        "model": model,
        "prompt": "-",
        "context": None if quantized else work.context,
        "kv_cache_type": work.kv_cache_type if quantized else None,
        "max_batched_tokens": _step(work),
        **_drafting(deployment),
    }
    if program is not None:
        return "\n".join([*lines, line(write.words(program, {**values, "parallel": work.parallel}))])
    if _served(work, package):
        context = values["context"] if package is VISION else None
        served = {**values, "context": context, "parallel": work.parallel}
        return "\n".join([*lines, line(write.words(serve, served))])
    return "\n".join([*lines, line(write.words(generate, values))])


def _made(deployment: Deployment) -> dict[str, object]:
    """Values of the conversion's flags where the published weights are not in the scheme: none where they are.

    A model is loaded in the element type that it is stored in, so that 32 bits are made of 16 by a conversion too.
    """
    scheme, native = deployment.scheme, deployment.model.dtype
    if is_own(deployment) or is_stored(deployment):
        return {}
    if scheme.family == "mlx":
        return {"quantize": True, **scheme.settings}
    if scheme.id in DTYPES and "fp32" in (scheme.id, native):
        return {"dtype": DTYPES[scheme.id]}
    return {}


def _step(work: Workload) -> int | None:
    """Number of prompt tokens at a time that the deployment states; None for the program's own."""
    return work.own.max_batched_tokens  # type: ignore[attr-defined, no-any-return]


def _served(work: Workload, package: tuple[Program, ...]) -> bool:
    """Return True for several sequences at once, and for a step of the prompt that only the package's server can state."""
    return work.parallel > 1 or (package is TEXT and _step(work) is not None)


def _package(deployment: Deployment) -> tuple[Program, ...]:
    """Programs that run a deployment: mlx-lm's for text and for a whole model that drafts, else mlx-vlm's.

    mlx-vlm's server runs models of text too, and has the bits of a cache, which mlx-lm's has not (``server.py``).
    """
    work = deployment.workload
    if work.draft is not None:
        from vramfit.engines.speculative import drafting

        return VISION if drafting(work).method == "mtp" else TEXT
    served_quantized = work.parallel > 1 and work.kv_cache_type in CACHE_BITS
    return VISION if served_quantized or deployment.model.vision is not None else TEXT


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
    return work.kv_cache_type not in CACHE_BITS and (_package(deployment) is VISION or not _served(work, TEXT))


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
        elif converted.get("dtype") in PLAIN:
            keys["quant"] = PLAIN[converted["dtype"]]
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
    number = whole(block or "")
    if number is not None:
        keys["speculative_tokens"] = str(max(1, number - 1))


def _quant(converted: dict[str, Any]) -> str:
    """Name of the scheme that a conversion produces."""
    mode, group = converted.get("mode", "affine"), converted.get("group", str(GROUP))
    if mode != "affine":
        return f"mlx-{mode}"
    return f"mlx-{converted.get('bits', '4')}bit" + ("" if group == str(GROUP) else f"-g{group}")
