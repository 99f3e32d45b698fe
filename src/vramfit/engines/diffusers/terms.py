"""Terms of an estimate for a pipeline: the weights of the largest turn, what waits in RAM, and that turn's activations."""

from __future__ import annotations

from vramfit.engines.diffusers.activations import (
    SCORES,
    U_NET_PIXEL,
    decoded,
    denoising,
    falls_back,
    is_u_net,
    left_for_decoding,
    masks_bytes,
    output_of,
    pixel_bytes,
    scores_bytes,
    tiled,
    tokens_of,
    width_of,
)
from vramfit.engines.diffusers.components import is_text_encoder
from vramfit.engines.diffusers.sizes import component_bytes
from vramfit.engines.diffusers.steps import step_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.engines.terms import Ledger

WEIGHTS = "diffusers 0.42.1 pipelines/pipeline_utils.py"
TOKENS = "engines/diffusers/steps.py STEPS, with its sources"
U_NET = "engines/diffusers/activations.py U_NET_PIXEL, with its source"
READINGS = "engines/diffusers/turns.py READING, with its source"
PIXELS = "engines/diffusers/decoders.py DECODERS, with their sources"


def account(job: Job[Traits, PipelineKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: the weights on the GPU and in RAM, and the activations of the largest turn."""
    gpu, host = estimate.gpus[0], estimate.host
    sizes = component_bytes(job)
    if estimate.settings["component_offload"] == "none":
        in_ram = {name for name in sizes if is_text_encoder(name) and job.keys.text_encoder == "ram"}
        on_gpu = {_word(name): size for name, size in sizes.items() if name not in in_ram}
        ledger.add_sum("weights", "gpu0", "components", gpu.weights_bytes, WEIGHTS, "every component at once", **on_gpu)
        waiting = {_word(name): sizes[name] for name in in_ram}
        ledger.add_sum("weights", "host", "components in RAM", host.weights_bytes, WEIGHTS, **waiting)
    else:
        note = "the largest component, or the blocks of it that are on the GPU at once"
        ledger.add("weights", "gpu0", "components", "turn", gpu.weights_bytes, WEIGHTS, note, turn=gpu.weights_bytes)
        words = {_word(name): size for name, size in sizes.items()}
        formula = f"{' + '.join(words)} - turn"
        ledger.add(
            "weights",
            "host",
            "components in RAM",
            formula,
            host.weights_bytes,
            WEIGHTS,
            turn=gpu.weights_bytes,
            **words,
        )
    _activations(job, gpu.compute_bytes, ledger)


def _activations(job: Job[Traits, PipelineKeys], size: int, ledger: Ledger) -> None:
    """Add the activations of the turn that is the largest: of the denoiser, of the text encoder, or of the VAE."""
    images = job.workload.parallel
    tokens = tokens_of(job)
    step, scores = step_of(job.model), SCORES * scores_bytes(job, tokens) + masks_bytes(job, tokens)
    if not size:
        return
    if size == denoising(job)[1] and is_u_net(job.model):
        width, height, _ = output_of(job)
        wide = size // (width * height * images * U_NET_PIXEL)
        ledger.add(
            "compute", "gpu0", "activations of the denoiser", "width × height × bytes_a_pixel × wide × images", size, U_NET,
            "wide is 2 for elements of 32 bits", width=width, height=height, bytes_a_pixel=U_NET_PIXEL, wide=wide, images=images,
        )  # fmt: skip
        return
    if size == denoising(job)[1]:
        ledger.add(
            "compute", "gpu0", "activations of the denoiser", "tokens × width × 2 × results × images + scores", size, TOKENS,
            f"patches of {step.patch} x {step.patch} pixels, {step.frames} frames of a video in one",
            tokens=tokens, width=width_of(job), results=step.results, images=images, scores=scores,
        )  # fmt: skip
        return
    if falls_back(job) and size == left_for_decoding(job):
        room = job.traits.room_bytes
        ledger.add(
            "compute", "gpu0", "activations of the VAE", "room - decoder", size, PIXELS,
            "the whole does not fit, so that it fills the GPU and is decoded again in tiles", room=room, decoder=room - size,
        )  # fmt: skip
        return
    width, height, frames = decoded(job, tiled(job))
    if size == width * height * frames * pixel_bytes(job) * images:
        ledger.add(
            "compute", "gpu0", "activations of the VAE", "decoded_width × decoded_height × frames × bytes_a_pixel × images",
            size, PIXELS, "an image, or a tile or a few frames of a video at once", decoded_width=width,
            decoded_height=height, frames=frames, bytes_a_pixel=pixel_bytes(job), images=images,
        )  # fmt: skip
        return
    ledger.add(
        "compute", "gpu0", "activations of the text encoder", "read", size, READINGS,
        "results of all its layers for the prompt, as a share of its weights", read=size,
    )  # fmt: skip


def _word(name: str) -> str:
    """Name of a component as a formula has it: letters, digits and underlines."""
    return "".join([letter if letter.isalnum() else "_" for letter in name])
