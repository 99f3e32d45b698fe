"""Words of a name that speak of another model than the one beside them: of another architecture, size, part, context or form."""

from __future__ import annotations

from vramfit.catalogue.packaging import STYLES

CHANGED = frozenset((
    "vl", "vlm", "mllm", "v", "vision", "visual", "omni", "omni2", "audio", "speech", "tts", "asr", "voice", "ocr", "image",
    "video", "llava", "ultravox", "bunny", "cambrian", "minigpt", "mmproj", "clip", "encoder", "tokenizer",
    "embedding", "embed", "embeddings", "embedder", "reranker", "rerank", "retriever", "reward", "rm", "prm", "orm",
    "classifier", "seqcls", "sae", "saes", "rwkv", "retnet", "blt", "bitnet", "ternary", "aqlm", "vptq", "quip",
    "draft", "drafter", "speculator", "speculative", "eagle", "eagle2", "eagle3", "medusa", "dflash", "dspark", "assistant",
    "hass", "hydra", "lora", "qlora", "dora", "lokr", "loha", "peft", "delta", "adapter", "adapters", "control", "steering",
    "reap", "pruned", "prune", "merge", "merged", "upscaled", "upscale", "expanded", "stack", "franken", "passthrough",
    "moe", "experts", "sparse", "linear", "mamba", "hybrid", "mini", "lite", "nano", "tiny", "small",
    "next", "max", "pro", "air", "flash", "diffusion", "1m", "longctx", "yarn", "prolong", "gradient", "megabeam", "deep", "wide",
    "domino", "dflare", "vispec", "orthrus", "spec", "slice", "sliced", "dense", "recurrent", "latent",
    "mm", "sa2va", "ovis", "sam2", "sam3", "gaze", "ream", "svd", "asvd", "tomoe",
    "flexrank", "sculpt", "upcycled", "grafted", "onnx", "openvino", "mamba2", "h",
))  # fmt: skip
"""Words that speak of another architecture, of another size, of a part of a model, of a longer context, or of a form of
weights that no engine here loads."""

PARTS = (
    "franken", "merge", "prun", "expand", "upscal", "shrink", "shrunk", "layers", "draft", "specul", "eagle", "dflash", "dspark",
    "mtpv", "ovis", "blip", "instructblip", "long", "wmix", "reap",
    "forced", "align", "embed", "rerank", "retriev", "nemoretriev", "reward", "classif", "colbert", "colqwen", "speech", "audio",
)  # fmt: skip
"""Beginnings of further such words."""
UNITS = ("k", "l", "layer", "layers", "x", "experts", "pct")
"""Units of the numbers that speak of a context, of layers, of several models, of experts or of a share of a model."""


def is_version(word: str) -> bool:
    """True for a word that may stand behind any model: ``v4``, ``2507``, the grade of an edit."""
    return word in STYLES or word.removeprefix("v").replace(".", "", 1).isdecimal()


def is_change(word: str) -> bool:
    """True for a word that speaks of another architecture, size or form than the base's."""
    changed = any(part in CHANGED for part in word.split("."))  # ``speculator.eagle3``
    return changed or word.startswith(PARTS) or is_size(word) or is_scheme(word) or is_count(word)


def is_scheme(word: str) -> bool:
    """True for a word that names a quantization which is not known: ``oq4e``."""
    return any(word[at] == "q" and word[at + 1].isdecimal() for at in range(len(word) - 1))


def is_count(word: str) -> bool:
    """True for a context (``262k``), a number of layers (``28layers``, ``12l``), of models (``4x``, ``x4``) or of experts.

    ``224e`` counts experts; ``2e`` is half of a learning rate (``2e-5``).
    """
    numbers = [word.removesuffix(unit) for unit in UNITS if word.endswith(unit)]
    numbers.append(word[1:] if word.startswith("x") else "")
    return any(number.isdecimal() for number in numbers) or (
        word.endswith("e") and len(word) > 3 and word[:-1].isdecimal()
    )


def is_size(word: str) -> bool:
    """True for ``8b``, ``0.6b``, ``135m``, ``a3b`` and ``8x7b``."""
    number, unit = word.removeprefix("a").removeprefix("e"), word[-1:]
    if unit not in ("b", "m", "t") or len(number) < 2:
        return False
    return all(part.replace(".", "", 1).isdecimal() for part in number[:-1].split("x"))
