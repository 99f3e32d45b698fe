"""GPUs as llama.cpp sees them, and what a process takes of each in addition to weights, cache and graph.

That is the context, the workspaces, and the buffer of the vision tower.

A CUDA context reserves stack memory for every thread that can be resident, so it grows with the number of
multiprocessors. 40 MiB plus 3.4 MiB for each multiprocessor is a line through the memory that single processes used in
addition to llama.cpp's own buffers. Readings, with the number of multiprocessors in brackets: A40 (84) 297 MiB by the
driver's per-process counter; RTX 4090 (128) 451-456 and RTX PRO 6000 (188) 708-712 MiB "unaccounted" in llama.cpp's exit
table (ggml-org/llama.cpp pull request 15860); a card of 8151 MiB (26-30) 153-167.

The buffer of the vision tower is on the first GPU, in addition to that of the language model (ggml-org/llama.cpp v0.5.0
``tools/mtmd/clip.cpp``). It is for one image or tile at a time, of the largest size in the warm-up of the tower. The
formula was checked against the warm-up of the Qwen3-VL towers at 1472 x 1472 pixels (ggml-org/llama.cpp pull request
22673: 223.30 MiB; a Qwen3.6-27B log: 248.10 MiB).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.cuda import cores_per_multiprocessor
from vramfit.engines.interface import Share, View
from vramfit.errors import UsageError
from vramfit.hardware import each
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.hardware import Gpu
    from vramfit.model.architecture import Model
    from vramfit.model.encoder import VisionTower
    from vramfit.workload.common import Workload

BACKEND_OF_VENDOR = {"nvidia": "cuda", "custom": "cuda", "amd": "rocm", "apple": "metal", "intel": "vulkan"}
"""Backend that the cards of each vendor usually run with. For Intel it is Vulkan, because SYCL needs a toolkit."""

CUDA_BASE_BYTES = 40 * MIB
CUDA_BYTES_PER_MULTIPROCESSOR = round(3.4 * MIB)
CUDA_UNKNOWN = (150, 350, 650)
"""Low, expected and high MiB of a CUDA device whose number of cores is not known: the range from A40 to RTX 4090 above."""

OTHER_BACKENDS = {"rocm": (250, 475, 1200), "metal": (0, 0, 150), "vulkan": (50, 150, 500), "sycl": (100, 250, 600)}
"""Low, expected and high MiB of the other backends. ROCm: 1.90 GiB in addition to the buffers of four devices
(tmac1973/llama-toolchest pull request 163). Metal: 0-1 MiB unaccounted in the exit tables of an M5 Max
(TheTom/turboquant_plus @ba52ad10) and an M3 Max. Vulkan and SYCL: set between Metal and ROCm, because no measurement on a
card without other programs is known."""

WARM_UP_TOKENS = 46 * 46
"""Number of image tokens in the warm-up of a tower of native resolution (``set_warmup_n_tokens(46*46)``, the Qwen-VL
family)."""

LARGEST_TOKENS = 4096
"""Largest number of image tokens of a tower of native resolution (``set_limit_image_tokens(8, 4096)``, the Qwen-VL
family)."""

MOST_TOKENS = 1024
"""Largest number of image tokens of a tower that scales images to a longest side (``set_limit_image_tokens(8, 1024)``,
Pixtral)."""


class Cards(Record):
    """Properties of the GPUs that llama.cpp's estimate depends on."""

    backends: tuple[str, ...]
    """Backend of each GPU."""
    usable: tuple[int, ...]
    """Usable bytes of each GPU, as proportions of the split. They are 1 for equal cards if only the proportions matter."""
    context_bytes: tuple[int, ...]
    """Bytes of a process's context on each GPU, if the placement depends on the memory that it leaves free; else 0."""

    def only(self, number: int) -> Cards:
        """Properties of a single one of the GPUs."""
        return Cards((self.backends[number],), (self.usable[number],), (self.context_bytes[number],))


def make_view(gpus: tuple[Gpu, ...], work: Workload, keys: LlamaCppKeys, sizes: bool) -> View[Cards]:
    """Make the view of the GPUs; ``sizes`` is True if the placement depends on the memory of equal cards.

    Raises ``UsageError`` for a card that llama.cpp or the requested backend does not run on.
    """
    backends = each(lambda gpu: keys.backend or usual_backend(gpu), gpus)
    if keys.backend or keys.split_mode != "layer" or keys.main_gpu or keys.tensor_split is not None:
        from vramfit.engines.llamacpp import split

        split.check(gpus, keys, backends)
    shares = [context_overhead(gpu, backend) for gpu, backend in zip(gpus, backends, strict=True)]
    usable, context = (1,) * len(gpus), (0,) * len(gpus)
    if sizes or gpus.count(gpus[0]) < len(gpus):
        usable = each(lambda gpu: offered_bytes(gpu, work.platform, keys.backend), gpus)
    if sizes:
        context = tuple([share.expected for share in shares])
    return View(Cards(backends, usable, context), tuple(shares))


def offered_bytes(gpu: Gpu, platform: str, backend: str | None) -> int:
    """Bytes that a backend offers of an otherwise idle GPU; None stands for the usual backend of its vendor."""
    from vramfit.hardware import usable_bytes

    if backend == "vulkan" and platform == "windows" and gpu.vendor == "nvidia":
        from vramfit.engines.llamacpp.vulkan import windows_bytes

        return windows_bytes(gpu)
    return usable_bytes(gpu, platform)


def surely_runs(gpu: Gpu) -> bool:
    """Return True for GPUs that need no look at the rules: all but Intel's, TPUs, and CUDA cards below 5.0."""
    return gpu.vendor in ("amd", "apple", "custom") or (gpu.compute_capability or (0, 0)) >= (5, 0)


def usual_backend(gpu: Gpu) -> str:
    """Usual backend of a card; raises ``UsageError`` for a card that llama.cpp does not run on."""
    if gpu.vendor not in BACKEND_OF_VENDOR:
        raise UsageError(f"llama.cpp does not run on {gpu.name}", "choose a GPU of NVIDIA, AMD, Apple or Intel")
    return BACKEND_OF_VENDOR[gpu.vendor]


def context_overhead(gpu: Gpu, backend: str) -> Share:
    """Bytes that the runtime takes of a device for any model."""
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
    """Upper bound of the bytes that conversions of activations and cuBLAS take while running, in addition to the context.

    It is two copies of the widest activation, ``widest`` elements per token in 32 bits (``ggml-cuda.cu``: F16 operands
    and results, or Q8_1 blocks), and 32 MiB of cuBLAS (``ggml-cuda/common.cuh``, ``cublas_handle``; 4 MiB before Hopper).
    Backends other than CUDA and ROCm take none.
    """
    if backend not in ("cuda", "rocm"):
        return 0
    return 8 * widest * tokens + 32 * MIB


def vision_compute_bytes(model: Model, flash_attention: bool, size: tuple[int, int] | None = None) -> int:
    """Bytes of the vision tower's compute buffer; 0 without a tower, or if the tower is not modelled.

    An image of ``size`` (width and height in pixels) that exceeds the warm-up enlarges the buffer; a smaller one does not
    change it.

    The widest part is either the attention (residual, fused query, key and value, and the rotated query and key: six
    times the width), the feed-forward network (residual, normalised input and the inner width, three of those if gated),
    or the projector. The pixels are stored in addition.
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
    """Number of patches of the image or tile in the warm-up."""
    rule = tower.image_tokens
    if rule is not None and rule.rule == "native":
        return min(WARM_UP_TOKENS, rule.most_patches(tower) // merge) * merge
    if (rule is not None and rule.rule == "longest_side") or not tower.image_size:
        return MOST_TOKENS * merge
    return (tower.image_size // tower.patch) ** 2 + (1 if tower.class_token else 0)


def _patches_of(tower: VisionTower, merge: int, size: tuple[int, int] | None) -> int:
    """Number of patches of an image of that size, if it is encoded whole and at its native resolution; else 0."""
    rule = tower.image_tokens
    if size is None or rule is None or rule.rule != "native":
        return 0
    return min(rule.patches(tower, *size), LARGEST_TOKENS * merge)
