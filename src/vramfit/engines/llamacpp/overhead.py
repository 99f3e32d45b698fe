"""What a llama.cpp process takes of a device besides weights, cache and graph: context, workspaces, the vision tower.

A CUDA context keeps stack memory for every thread that can be resident, so it grows with the number of multiprocessors:
40 MiB and 3.4 MiB for each of them is a line through what single processes held beside llama.cpp's own buffers:
A40 (84) 297 MiB by the driver's per-process counter; RTX 4090 (128) 451-456 and RTX PRO 6000 (188) 708-712 MiB
"unaccounted" in llama.cpp's exit table (ggml-org/llama.cpp pull request 15860); a card of 8151 MiB (26-30) 153-167.

The vision tower's buffer is reserved beside the language model's on the first GPU (ggml-org/llama.cpp v0.5.0
``tools/mtmd/clip.cpp``): one image or tile at a time, laid out for the largest the tower is warmed up with. Its terms are
checked against the warm-up of the Qwen3-VL towers at 1472 x 1472 pixels (ggml-org/llama.cpp pull request 22673: 223.30
MiB; a Qwen3.6-27B log: 248.10 MiB).
"""

from __future__ import annotations

from vramfit.engines.cuda import cores_per_multiprocessor
from vramfit.engines.interface import Share
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower

CUDA_BASE_BYTES = 40 * MIB
CUDA_BYTES_PER_MULTIPROCESSOR = round(3.4 * MIB)
CUDA_UNKNOWN = (150, 350, 650)
"""MiB for a CUDA device whose cores are not known: the A40 to RTX 4090 range above."""

OTHER_BACKENDS = {"rocm": (250, 475, 1200), "metal": (0, 0, 150), "vulkan": (50, 150, 500), "sycl": (100, 250, 600)}
"""Low, expected and high MiB. ROCm: 1.90 GiB beside the buffers of four devices (tmac1973/llama-toolchest pull request 163).
Metal: 0-1 MiB unaccounted in the exit tables of an M5 Max (TheTom/turboquant_plus @ba52ad10) and an M3 Max. Vulkan and
SYCL: no reading without other users of the card is known; between Metal's and ROCm's."""

WARM_UP_TOKENS = 46 * 46
"""Image tokens a tower of native resolution is warmed up with (``set_warmup_n_tokens(46*46)``, the Qwen-VL family)."""

LARGEST_TOKENS = 4096
"""Most image tokens of a tower of native resolution (``set_limit_image_tokens(8, 4096)``, the Qwen-VL family)."""

MOST_TOKENS = 1024
"""Most image tokens of a tower scaled by its longest side (``set_limit_image_tokens(8, 1024)``, Pixtral)."""


def context_overhead(gpu: Gpu, backend: str) -> Share:
    """The runtime's own share of a device, before anything that depends on the model."""
    if backend != "cuda":
        low, expected, high = OTHER_BACKENDS[backend]
    elif not gpu.cores:
        low, expected, high = CUDA_UNKNOWN
    else:
        count = gpu.cores // cores_per_multiprocessor(gpu)
        size = CUDA_BASE_BYTES + CUDA_BYTES_PER_MULTIPROCESSOR * count
        return Share(size // 2, size, size * 4 // 3)
    return Share(low * MIB, expected * MIB, high * MIB)


def workspace_bytes(backend: str, widest: int, tokens: int) -> int:
    """The most that conversions of activations and cuBLAS take from pools while running, on top of the context.

    Two copies of the widest activation in 32 bits (``ggml-cuda.cu``: F16 operands and results, or Q8_1 blocks), and
    cuBLAS's own 32 MiB (``ggml-cuda/common.cuh``, ``cublas_handle``; 4 MiB before Hopper).
    """
    if backend not in ("cuda", "rocm"):
        return 0
    return 8 * widest * tokens + 32 * MIB


def vision_compute_bytes(model: Model, flash_attention: bool, size: tuple[int, int] | None = None) -> int:
    """Bytes of the tower's compute buffer; 0 without a tower whose inside is known.

    An image of a ``size`` (width, height) beyond the warm-up makes it grow; a smaller one changes nothing.

    Widest is the attention (residual, fused query, key and value, and the turned query and key: six times the width), the
    feed-forward network (residual, normed input and the inner width, three of those when gated), or the projector. The
    pixels themselves lie beside it.
    """
    tower = model.vision
    if tower is None or not tower.layers:
        return 0
    merge = (tower.merge or 1) ** 2
    patches = max(_patches(tower, merge), _patches_of(tower, merge, size))
    inner = tower.ffn * (3 if tower.gated else 1)
    floats = patches * max(6 * tower.hidden, 2 * tower.hidden + inner)
    if not flash_attention:
        floats = max(floats, patches * 5 * tower.hidden + tower.heads * patches * patches)
    floats = max(floats, 2 * model.hidden * patches // merge)
    return 4 * (floats + 3 * patches * tower.patch**2)


def _patches(tower: VisionTower, merge: int) -> int:
    """Patches of what is encoded at a time."""
    rule = tower.image_tokens
    if rule is not None and rule.rule == "native":
        return min(WARM_UP_TOKENS, rule.most_patches(tower) // merge) * merge
    if (rule is not None and rule.rule == "longest_side") or not tower.image_size:
        return MOST_TOKENS * merge
    return (tower.image_size // tower.patch) ** 2 + (1 if tower.class_token else 0)


def _patches_of(tower: VisionTower, merge: int, size: tuple[int, int] | None) -> int:
    """Patches of an image of that size, where it is encoded whole and at its own resolution; else 0."""
    rule = tower.image_tokens
    if size is None or rule is None or rule.rule != "native":
        return 0
    return min(rule.patches(tower, *size), LARGEST_TOKENS * merge)
