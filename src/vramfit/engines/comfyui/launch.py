"""Flags of ComfyUI's server, as deployment keys (Comfy-Org/ComfyUI at a125cd84 ``comfy/cli_args.py``)."""

from __future__ import annotations

from vramfit.errors import CannotTell, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.launch.words import Process

SCRIPT = "main.py"
PLACES = {
    "--gpu-only": "none", "--highvram": "none", "--normalvram": "partial", "--lowvram": "group", "--novram": "sequential",
}  # fmt: skip
"""Modes of offloading by the flags, of which one may be given."""
SCHEMES = {"--fp8_e4m3fn-unet": "fp8", "--fp8_e5m2-unet": "fp8", "--fp32-unet": "fp32"}
ENCODERS = {"--fp8_e4m3fn-text-enc": "fp8", "--fp8_e5m2-text-enc": "fp8"}
KNOWN = (
    *PLACES, *SCHEMES, *ENCODERS, "--reserve-vram", "--disable-smart-memory", "--use-sage-attention", "--cpu-vae", "--bf16-unet",
    "--fp16-unet", "--preview-method", "--cache-none", "--use-pytorch-cross-attention", "--disable-xformers", "--async-offload",
)  # fmt: skip
"""Flags that tell the program from others whose script has the same name."""


def read(given: Sequence[Process]) -> dict[str, object] | None:
    """Deployment keys of the first process that starts ComfyUI; None if none does.

    The command does not say what it runs: the model is asked beside it. Raises ``CannotTell`` for one that leaves out the
    GPU, and ``UsageError`` for a size that cannot be read.
    """
    for one in given:
        words = [str(word) for word in one.words]
        if _starts(words):
            return _keys(words)
    return None


def _starts(words: list[str]) -> bool:
    """True for words that start the server: its script in its folder or with one of its flags, or its own launcher."""
    if words[:2] == ["comfy", "launch"]:
        return True
    scripts = [word for word in words[:3] if word.rpartition("/")[2] == SCRIPT]
    return bool(scripts) and ("comfyui" in scripts[0].lower() or any(word.partition("=")[0] in KNOWN for word in words))


def _keys(words: list[str]) -> dict[str, object]:
    """Deployment keys that the flags state."""
    if "--cpu" in words:
        raise CannotTell("with --cpu no GPU is used", "leave the flag out to ask for a GPU")
    keys: dict[str, object] = {}
    for key, table in (("component_offload", PLACES), ("quant", SCHEMES), ("text_encoder", ENCODERS)):
        stated = [table[word] for word in words if word in table]
        keys.update({key: stated[-1]} if stated else {})
    for number, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag == "--reserve-vram":
            size = value or (words[number + 1] if number + 1 < len(words) else "")
            if not size.replace(".", "", 1).isdecimal():
                raise UsageError(f"--reserve-vram {size} is no number of gigabytes", "for example --reserve-vram 2")
            keys["reserve"] = f"{size}GiB"
    return keys
