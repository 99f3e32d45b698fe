"""The vision tower's compute buffer, reserved beside the language model's on the first GPU.

ggml-org/llama.cpp v0.5.0 ``tools/mtmd/clip.cpp``: one image or tile at a time, laid out for the largest the tower is warmed
up with. The terms are checked against the warm-up of the Qwen3-VL towers at 1472 x 1472 pixels (ggml-org/llama.cpp pull
request 22673: 223.30 MiB; a Qwen3.6-27B log: 248.10 MiB).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model, VisionTower

WARM_UP_TOKENS = 46 * 46
"""Image tokens a tower of native resolution is warmed up with (``set_warmup_n_tokens(46*46)``, the Qwen-VL family)."""

MOST_TOKENS = 1024
"""Most image tokens of a tower scaled by its longest side (``set_limit_image_tokens(8, 1024)``, Pixtral)."""


def vision_compute_bytes(model: Model, flash_attention: bool) -> int:
    """Bytes of the tower's compute buffer; 0 without a tower whose inside is known.

    Widest is the attention (residual, fused query, key and value, and the turned query and key: six times the width), the
    feed-forward network (residual, normed input and the inner width, three of those when gated), or the projector. The
    pixels themselves lie beside it.
    """
    tower = model.vision
    if tower is None or not tower.layers:
        return 0
    merge = int(tower.settings.get("merge", 1)) ** 2
    patches = _patches(tower, merge)
    inner = tower.ffn * (3 if tower.settings.get("gated") else 1)
    floats = patches * max(6 * tower.hidden, 2 * tower.hidden + inner)
    if not flash_attention:
        floats = max(floats, patches * 5 * tower.hidden + tower.heads * patches * patches)
    floats = max(floats, 2 * model.hidden * patches // merge)
    return 4 * (floats + 3 * patches * tower.patch**2)


def _patches(tower: VisionTower, merge: int) -> int:
    """Patches of what is encoded at a time."""
    kind = tower.image_tokens["rule"]
    if kind == "native":
        most = int(tower.image_tokens["max_pixels"]) // (tower.patch**2 * merge)
        return min(WARM_UP_TOKENS, most) * merge
    if kind == "longest_side" or not tower.image_size:
        return MOST_TOKENS * merge
    return (tower.image_size // tower.patch) ** 2 + (1 if tower.settings.get("class_token") else 0)
