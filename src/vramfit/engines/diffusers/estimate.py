"""Memory of a pipeline that makes images or videos: its components, and the activations of the largest of their turns.

The text encoders run once, the denoiser at every step, the VAE at the end, so that their activations never add up. Which
weights are on the GPU beside them is the mode of offloading's to say (``OFFLOADS``).
"""

from __future__ import annotations

from vramfit.engines.diffusers.activations import (
    REFERENCE_TOKENS,
    falls_back,
    knows_activations,
    masks_bytes,
    output_of,
    tiled,
    tokens_of,
)
from vramfit.engines.diffusers.components import LESS_OF_MIX, is_denoiser, is_text_encoder
from vramfit.engines.diffusers.sizes import component_bytes, least_share, quantized_bytes, wider_bytes
from vramfit.engines.diffusers.support import families, refused_sequential, svdquant_refusal
from vramfit.engines.diffusers.turns import partly, turns
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, first_alone
from vramfit.errors import CannotTell
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys

PARTLY = (
    "the running component is not whole on the GPU: ComfyUI leaves what does not fit in RAM and copies it at every step"
    " (Comfy-Org/ComfyUI comfy/model_management.py load_models_gpu)"
)
AGAIN = (
    "decoding does not fit as a whole: ComfyUI then decodes in tiles, which is slower"
    " (Comfy-Org/ComfyUI comfy/sd.py VAE.decode)"
)
MASKS = (
    "attention has masks of all pairs of tokens, which grow with the square of the video; ComfyUI has none"
    " (diffusers 0.42.1 models/transformers/transformer_hunyuan_video15.py)"
)
LINGERS = (
    "a monitor may show more: ComfyUI leaves components on the GPU until another needs the room, up to {} of weights here"
    " (Comfy-Org/ComfyUI comfy/model_management.py free_memory)"
)
STAYS = (
    "bitsandbytes moves no component of 8 bits, which stays on the GPU in every turn, so that this takes no less than 16 bits"
    " in turn: FLUX.1 reserves 23.4 GiB and 23.3 (diffusers-quantization-benchmarks); torchao-int8 and fp8 take turns"
)
LOADED = (
    "bitsandbytes quantizes on the GPU, where all that it quantizes is together before components take turns, unless it is"
    ' loaded with device_map="cpu"'
)


def estimate(job: Job[Traits, PipelineKeys], usual_offload: str, fixed: tuple[str, ...]) -> Estimate:
    """Estimate the memory of one process; the second GPU and further ones are not used.

    ``fixed`` are the schemes whose components stay on the GPU whatever the mode of offloading is.
    """
    keys = job.keys
    offload = keys.component_offload or usual_offload
    sizes = component_bytes(job)
    known = knows_activations(job.model)
    on_gpu = {name: size for name, size in sizes.items() if not (is_text_encoder(name) and keys.text_encoder == "ram")}
    found = turns(job, on_gpu, "model" if offload == "partial" else offload, fixed)
    unfitted = found
    if offload == "partial":
        found = tuple([partly(turn, job.traits.room_bytes) for turn in found])
    largest = max(found, key=lambda turn: turn.weights_bytes + turn.expected_bytes)
    if not known and largest.weights_bytes <= job.traits.room_bytes:
        raise CannotTell(
            f"{job.model.name} has activations that are not modelled yet",
            f"its weights take {gib(largest.weights_bytes)} of the GPU in {job.scheme.id}; see `vramfit show {job.model.id}`",
        )
    # A script may free the text encoders once the prompt is read; the least is the denoiser alone.
    denoiser = max([size for name, size in on_gpu.items() if is_denoiser(name)], default=largest.weights_bytes)
    kept = 1 - LESS_OF_MIX if job.scheme.id.endswith("_K_M") else least_share(job)
    low = max([round(min(turn.weights_bytes, denoiser) * kept) + turn.low_bytes for turn in found])
    high = max([turn.weights_bytes + turn.high_bytes for turn in (*found, *unfitted)])
    if "bitsandbytes" in families(job) and fixed:
        high = max(high, quantized_bytes(job, on_gpu)) + wider_bytes(job)
    gpu = DeviceMemory("gpu0", largest.weights_bytes, 0, largest.expected_bytes, 0, low, high, largest.weights_bytes)
    waiting = sum(sizes.values()) - largest.weights_bytes
    host = NOTHING if not waiting else DeviceMemory("host", waiting, 0, 0, 0, waiting, waiting)
    width, height, frames = output_of(job)
    settings = {"component_offload": offload, "output_size": (width, height), "frames": frames}
    notes = _notes(job, offload, fixed)
    if found != unfitted:
        notes.append(PARTLY)
    elif offload == "partial" and sum(on_gpu.values()) > largest.weights_bytes:
        notes.append(LINGERS.format(gib(min(sum(on_gpu.values()), job.traits.room_bytes))))
    idle = tuple(range(1, job.gpu_count))
    gpus = first_alone(gpu, job.gpu_count)
    stored = sum([row.total_bytes for row in job.checkpoint.stored])
    refusal = svdquant_refusal(job) or refused_sequential(job, offload, fixed)
    return Estimate(gpus, host, stored, tuple(notes), settings, idle=idle, refusal=refusal)


def _notes(job: Job[Traits, PipelineKeys], offload: str, fixed: tuple[str, ...]) -> list[str]:
    """Assumptions of the estimate."""
    width, height, frames = output_of(job)
    made = f"{width}x{height}" + (f" and {frames} frames" if frames > 1 else "")
    count = "one" if job.workload.parallel == 1 else f"{job.workload.parallel:,}"
    notes = [f"activations are those of {made}, {count} at a time; output_size, frames and parallel state others"]
    if job.workload.images:
        notes.append(f"each reference image adds {REFERENCE_TOKENS:,} tokens to those of what is made")
    if falls_back(job):
        notes.append(AGAIN)
    elif tiled(job):
        notes.append("the VAE decodes in tiles (vae.enable_tiling)")
    if masks_bytes(job, tokens_of(job)):
        notes.append(MASKS)
    if offload != "none" and {job.scheme.id, job.keys.text_encoder} & {*fixed}:
        notes.append(STAYS)
    elif offload != "none" and fixed and "bitsandbytes" in families(job):
        notes.append(LOADED)
    if offload == "none":
        notes.append("every component stays on the GPU; component_offload lets those wait in RAM whose turn it is not")
    if job.gpu_count > 1:
        notes.append("a pipeline runs on one GPU; the others stay idle")
    return notes
