"""Names of files of a pipeline's denoiser, as ComfyUI, nunchaku and collections of fine-tunes have them.

``qwen_image_fp8_e4m3fn.safetensors``, ``svdq-int4_r32-qwen-image`` and ``juggernautXL_v9Rundiffusionphoto2.safetensors`` name a
model between words of packaging, which low lines join. Loaded for such names alone.
"""

from __future__ import annotations

from vramfit.quantization import find_scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = {
    "fp8": "fp8", "fp8mixed": "fp8", "bf16": "bf16", "fp16": "fp16", "fp32": "fp32", "nvfp4": "nvfp4", "nf4": "nf4",
}  # fmt: skip
"""Schemes by the words that files name them by."""
PACKAGING = frozenset((
    "e4m3fn", "e4m3", "e5m2", "scaled", "mixed", "pruned", "emaonly", "ema", "0.9vae", "vae", "lightning", "4steps", "8steps",
    "v1", "v1.0", "v2", "v2.0", "transformer",
))  # fmt: skip
"""Words behind a model's name that state no scheme, or that of the file's own form."""
RANKS = ("r16", "r32", "r64", "r128")
"""Ranks of SVDQuant's branch (nunchaku-tech on the Hub); the scheme counts with 32."""
KINDS = {"int4": "svdq-int4", "fp4": "svdq-fp4"}


def denoiser_readings(stem: str, is_file: bool, by_svdquant: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Models that a file's name may mean, the nearest first, with the deployment keys that it states.

    They are its words without those of packaging, then the first word of a fine-tune's file.
    """
    words = stem.replace("_", "-").split("-")
    keys: dict[str, str] = {}
    if by_svdquant:
        keys["quant"] = KINDS.get(words[1].lower(), "svdq-int4")
        words = [word for word in words[1:] if word.lower() not in (*KINDS, *RANKS)]
    while len(words) > 1 and (words[-1].lower() in PACKAGING or words[-1].lower() in SCHEMES):
        word = words.pop().lower()
        if word in SCHEMES:
            keys.setdefault("quant", SCHEMES[word])
    if is_file:
        keys["family"] = find_scheme(keys["quant"]).family if "quant" in keys else "plain"
    if words:
        yield "-".join(words), keys
    first = stem.partition("_")[0]
    camel = any(first[at].islower() and first[at + 1].isupper() for at in range(len(first) - 1))
    if is_file and camel and stem != first:
        yield first, keys
