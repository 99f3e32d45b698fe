"""Memory of a pipeline that makes images or videos: its components, and the activations of the largest of their turns.

The text encoders run once, the denoiser at every step, the VAE at the end, so that their activations never add up. Which
weights are on the GPU beside them is the mode of offloading's to say (``OFFLOADS``).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.diffusers.components import ENCODER_BITS, is_denoiser, is_text_encoder
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers import PipelineKeys
    from vramfit.engines.interface import Job
    from vramfit.hardware import Gpu

IMAGE_SIZE, VIDEO_SIZE, VIDEO_FRAMES = (1024, 1024), (1280, 720), 81
"""Size of what is made where none is asked, and frames of a video (diffusers 0.42.1, defaults of the Wan pipelines)."""

PATCH = 16
"""Pixels of a side of the patch that is a denoiser's token: eight by the VAE, two by the patches (FLUX, SD3, Wan)."""
FRAMES_A_TOKEN = 4
"""Frames that a video's VAE joins into one (AutoencoderKLWan, AutoencoderKLHunyuanVideo)."""
TENSORS, TENSORS_LOW, TENSORS_HIGH = 40, 20, 60
"""Results of the width of the residual stream that exist at once for each token of a denoiser, in 16 bits, with bounds.
HunyuanVideo needs 60 GB for 720x1280x129 and 45 GB for 544x960x129 (README of Tencent-Hunyuan/HunyuanVideo), 47 for each
token of the difference; Wan2.2 A14B in Q4 22.1 GiB for 1280x720x81 layer by layer (SceneWorks issue 1608), 30."""
VAE_PIXEL, VAE_PIXEL_LOW, VAE_PIXEL_HIGH = 3500, 800, 8000
"""Bytes that a VAE takes for each pixel that it decodes at once, in 16 bits, with bounds. SDXL in fp16 takes 21.7 GB for
four images of 1024x1024 with 6.9 GB of weights (huggingface.co/blog, "Exploring simple optimizations for SDXL"), and
10.7 GB for one of 1280x1280 (siliconflow/onediff issue 408)."""
VAE_FRAMES = 4
"""Frames that a video's VAE decodes at once."""
GROUP_SHARE = 0.1
"""Share of the denoiser that is on the GPU when it is copied block by block, two blocks at a time."""
LAYER_SHARE = 0.03
"""Share of it when it is copied layer by layer."""


class Turn(Record):
    """Activations of the turn that needs most, in bytes."""

    low: int
    expected: int
    high: int
    known: bool
    """False where the denoiser's width is not known, so that only the VAE is counted."""


def estimate(job: Job[None, PipelineKeys], usual_offload: str) -> Estimate:
    """Estimate the memory of one process; the second GPU and further ones are not used."""
    keys = job.keys
    offload = keys.component_offload or usual_offload
    sizes = component_bytes(job)
    on_gpu = {name: size for name, size in sizes.items() if not (is_text_encoder(name) and keys.text_encoder == "ram")}
    resident = _resident(on_gpu, offload)
    turn = activations(job)
    # A script may free the text encoders once the prompt is read; the least is the denoiser alone.
    least = min(resident, max([size for name, size in on_gpu.items() if is_denoiser(name)], default=resident))
    gpu = DeviceMemory("gpu0", resident, 0, turn.expected, 0, least + turn.low, resident + turn.high, resident)
    waiting = sum(sizes.values()) - resident
    host = NOTHING if not waiting else DeviceMemory("host", waiting, 0, 0, 0, waiting, waiting)
    width, height, frames = output_of(job)
    made = f"{width}x{height}" + (f" and {frames} frames" if frames > 1 else "")
    notes = [f"activations are those of {made}, one at a time; output_size and frames state others"]
    if not turn.known:
        notes.append("the denoiser's activations are not known for this pipeline: the need is that of its weights and VAE")
    if offload == "none":
        notes.append("every component stays on the GPU; component_offload lets those wait in RAM whose turn it is not")
    if job.gpu_count > 1:
        notes.append("a pipeline runs on one GPU; the others stay idle")
    return Estimate(
        (gpu,) + tuple([DeviceMemory(f"gpu{n}", 0, 0, 0, 0, 0, 0) for n in range(1, job.gpu_count)]),
        host, sum(row.total_bytes for row in job.checkpoint.stored), tuple(notes),
        {"component_offload": offload, "output_size": (width, height), "frames": frames},
        idle=tuple(range(1, job.gpu_count)),
    )  # fmt: skip


def component_bytes(job: Job[None, PipelineKeys]) -> dict[str, int]:
    """Bytes of each component as it is loaded, text encoders in the form that is asked of them."""
    bits = ENCODER_BITS[job.keys.text_encoder]
    return {
        row.tensor.name: min(row.total_bytes, round(row.tensor.elements * bits / 8))
        if is_text_encoder(row.tensor.name)
        else row.total_bytes
        for row in job.checkpoint.stored
    }


def _resident(sizes: dict[str, int], offload: str) -> int:
    """Bytes of weights on the GPU at once."""
    if offload == "none":
        return sum(sizes.values())
    if offload == "model":
        return max(sizes.values())
    share = GROUP_SHARE if offload == "group" else LAYER_SHARE
    return round(max(sizes.values()) * share)


def output_of(job: Job[None, PipelineKeys]) -> tuple[int, int, int]:
    """Width, height and frames of what is made."""
    moving = job.model.modality == "video-generation"
    width, height = job.keys.output_size or (VIDEO_SIZE if moving else IMAGE_SIZE)
    return width, height, job.keys.frames or (VIDEO_FRAMES if moving else 1)


def activations(job: Job[None, PipelineKeys]) -> Turn:
    """Activations of a step of the denoiser or of the VAE's decoding, whichever are more."""
    width, height, frames = output_of(job)
    pixels = width * height * min(frames, VAE_FRAMES)
    streams = [one.width for one in job.model.components if one.width and is_denoiser(one.name)]
    tokens = (width // PATCH) * (height // PATCH) * -(-frames // FRAMES_A_TOKEN)
    row = 2 * max(streams, default=0) * tokens
    return Turn(
        max(TENSORS_LOW * row, VAE_PIXEL_LOW * width * height),
        max(TENSORS * row, VAE_PIXEL * (pixels if streams else width * height)),
        max(TENSORS_HIGH * row, VAE_PIXEL_HIGH * pixels),
        bool(streams) or any(one.name.startswith("unet") for one in job.model.components),
    )


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context and workspaces of a PyTorch process take of a GPU."""
    from vramfit.engines import cuda

    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    return Share(own.low, own.expected + workspace, own.high + workspace)
