"""Splits of a model over GPUs other than by layers: everything on one GPU, or every matrix divided by rows.

``row`` divides the dense matrices; norms, experts, caches and the graph stay on the GPU of their layer (ggml-org/llama.cpp
pull requests 10026 and 13919). llama.cpp calls it deprecated (v0.5.0 ``docs/multi-gpu.md``): builds since June 2026 have it
only for SYCL (pull request 24216), older ones for CUDA and ROCm too. The rules for the division are those of v0.5.0
``ggml/src/ggml-sycl/ggml-sycl.cpp`` (``get_row_split``), which came from CUDA.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.interface import DeviceMemory
from vramfit.engines.llamacpp.placement import HOST, Plan, Resident, gguf_file
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.placement import Placement
    from vramfit.hardware import Gpu

CUTTING = ("cuda", "rocm", "sycl")
"""Backends that can divide matrices by rows."""

VENDORS = {"cuda": ("nvidia", "custom"), "rocm": ("amd",), "metal": ("apple",), "sycl": ("intel", "nvidia", "amd")}
"""Vendors whose cards each backend runs on; Vulkan runs on all cards except Apple's."""

ROUNDED_ROWS = {"F16": 1, "BF16": 1, "F32": 1, "Q5_0": 64, "Q5_1": 64, "Q8_0": 64, "Q6_K": 64}
"""Number of rows that a part is rounded down to a multiple of (``get_row_rounding``); 128 for all other types."""


def check(gpus: Sequence[Gpu], keys: LlamaCppKeys, backends: Sequence[str]) -> None:
    """Raise ``UsageError`` for a combination of GPUs and settings that llama.cpp refuses."""
    for gpu, backend in zip(gpus, backends, strict=True):
        driven = gpu.vendor != "apple" if backend == "vulkan" else gpu.vendor in VENDORS[backend]
        if not driven:
            raise UsageError(f"backend {backend} does not drive {gpu.name}", "leave backend out for the vendor's own")
    if keys.main_gpu >= len(gpus):
        raise UsageError(f"main_gpu {keys.main_gpu} is none of {len(gpus)} GPUs", "they count from 0")
    if keys.tensor_split is not None and len(keys.tensor_split) != len(gpus):
        raise UsageError(f"tensor_split names {len(keys.tensor_split)} GPUs of {len(gpus)}", "give one number for each")
    if keys.split_mode == "tensor" and "sycl" in backends:
        raise UsageError("llama.cpp cannot split tensors with sycl", "use --split-mode layer")
    if keys.split_mode == "tensor" and keys.adapter_bytes:
        raise UsageError("split_mode tensor is not modelled with LoRA adapters", "use --split-mode layer")
    if keys.split_mode == "row" and keys.override_tensor:
        raise UsageError("split_mode row is not modelled with tensors placed by name", "use --split-mode layer")
    if keys.split_mode == "row" and not set(backends) <= set(CUTTING):
        raise UsageError(
            f"llama.cpp cannot split rows with {' and '.join(sorted(set(backends) - set(CUTTING)))}",
            "use --split-mode layer",
        )


def on_one(job: Job[Cards, LlamaCppKeys], estimate: Callable[[Job[Cards, LlamaCppKeys]], Estimate]) -> Estimate:
    """Estimate a deployment with everything on ``main_gpu``; llama.cpp ignores the other GPUs (``src/llama.cpp``)."""
    main = job.keys.main_gpu
    own = replace(job.keys, split_mode="layer", main_gpu=0, tensor_split=None)
    alone = estimate(replace(job, workload=replace(job.workload, own=own), traits=job.traits.only(main), gpu_count=1))

    def among_others(found: Estimate) -> tuple[DeviceMemory, ...]:
        gpus = [DeviceMemory(f"gpu{number}", 0, 0, 0, 0, 0, 0) for number in range(job.gpu_count)]
        gpus[main] = replace(found.gpus[0], device=f"gpu{main}")
        return tuple(gpus)

    draft = alone.draft
    if draft is not None:
        draft = replace(draft, gpus=among_others(draft))
    idle = tuple([number for number in range(job.gpu_count) if number != main])
    plan = alone.plan
    if isinstance(plan, Plan):
        plan = replace(plan, first=main)
    return replace(alone, gpus=among_others(alone), idle=idle, plan=plan, draft=draft)


def by_rows(
    job: Job[Cards, LlamaCppKeys], placement: Placement, contents: Mapping[int, Resident]
) -> dict[int, Resident]:
    """Return the contents of the devices after each dense matrix on a GPU is divided by rows over all GPUs."""
    shares = job.keys.tensor_split or job.traits.usable
    moved = dict.fromkeys(contents, 0)
    for row in gguf_file(job.checkpoint).stored:
        tensor = row.tensor
        if tensor.part != "text" or len(tensor.shape) != 2 or not (row.layers or tensor.name == "output.weight"):
            continue
        cut = _cut(tensor.shape[1], row.bytes_each, ROUNDED_ROWS.get(row.type, 128), shares)
        for home in [placement.layer_device[index] for index in row.layers] or [placement.output_device]:
            if home != HOST:
                moved[home] -= row.bytes_each
                for number, size in enumerate(cut):
                    moved[number] += size
    return {
        device: Resident(was.weights_bytes + moved[device], max(0, was.read_bytes + moved[device]), was.cache_bytes)
        for device, was in contents.items()
    }


def _cut(rows: int, size: int, rounding: int, shares: Sequence[float]) -> list[int]:
    """Bytes of a matrix of ``rows`` rows on each GPU."""
    total, reached, low, cut = sum(shares), 0.0, 0, []
    for number, share in enumerate(shares):
        reached += share
        high = rows if number == len(shares) - 1 else int(rows * reached / total) // rounding * rounding
        cut.append((high - low) * size // rows)
        low = high
    return cut
