"""Activations of a pipeline: of a step of the denoiser, and of the VAE's decoding.

Results of the denoiser's blocks are counted by its tokens and its width (``steps``), what decoding takes by its pixels
(``decoders``).
"""

from __future__ import annotations

from vramfit.engines.diffusers.components import is_decoder, is_denoiser
from vramfit.engines.diffusers.decoders import WIDE, decoder_of, decodes_in_tiles, usual_size
from vramfit.engines.diffusers.sizes import component_bytes, decodes_wide
from vramfit.engines.diffusers.steps import step_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.model import Model

REFERENCE_TOKENS = 64 * 64
"""Tokens of a reference image, whose area edits bring to 1024 x 1024 whatever they make (diffusers 0.42.1
``pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`` ``VAE_IMAGE_SIZE``, ``flux/pipeline_flux_kontext.py``
``PREFERRED_KONTEXT_RESOLUTIONS``, ``flux2/pipeline_flux2.py``)."""
U_NET_PIXEL, U_NET_LOW, U_NET_HIGH = 560, 0.5, 4
"""Bytes that a U-Net takes at a step for each pixel of an image, in 16 bits, with bounds as shares. SDXL's takes 0.27 GiB beside
its weights for a batch of one at 1024x1024 (huggingface.co/spaces/diffusers/benchmark-analyzer ``collated_results.csv``),
and guidance makes it two; without guidance it is half. SDXL in 16 bits with its components in turn does not run on 6 GB
(huggingface/diffusers issue 4788)."""
HEAD = 128
"""Width of a head of attention in denoisers (FLUX, SD3, Wan, Qwen-Image)."""
PROMPT = 512
"""Tokens of the prompt, which attention has beside those of the image (``max_sequence_length`` of the pipelines)."""
SCORES, SCORES_HIGH = 2, 4
"""Matrices of a score for every pair of tokens that attention in BF16 has at once on GPUs before Ampere, which only PyTorch's
plain kernel runs there, in 32 bits: the fused ones take BF16 from compute capability 8.0 on (pytorch/pytorch
``aten/src/ATen/native/transformers/cuda/sdp_utils.cpp`` ``check_tensor_dtype`` and ``attention.cpp``
``_scaled_dot_product_attention_math``). FLUX.2 klein 4B in BF16 runs out of the 16 GB
of a V100 with its components in turn (black-forest-labs/flux2 issue 35). The bound is not measured."""
DECODER_LOW = 0.6
"""Lower bound of what decoding takes, as a share of ``decoders``."""
UNTILED_HIGH = 1.1
"""Upper bound for a VAE that examples decode in tiles, as a share of what it takes without: not everyone does."""


def knows_activations(model: Model) -> bool:
    """Return True for a pipeline whose denoiser is a U-Net or has a known width."""
    return is_u_net(model) or any(one.width for one in model.components if is_denoiser(one.name))


def is_u_net(model: Model) -> bool:
    """Return True for a pipeline whose denoiser is a U-Net, which has no single width."""
    return any(one.name.startswith("unet") for one in model.components)


def width_of(job: Job[Traits, PipelineKeys]) -> int:
    """Width of the denoiser's residual stream; 0 where it is not known."""
    return max([one.width or 0 for one in job.model.components if is_denoiser(one.name)], default=0)


def output_of(job: Job[Traits, PipelineKeys]) -> tuple[int, int, int]:
    """Width, height and frames of what is made."""
    size, frames = usual_size(job.model)
    width, height = job.keys.output_size or size
    return width, height, job.keys.frames or frames


def tokens_of(job: Job[Traits, PipelineKeys]) -> int:
    """Tokens that the denoiser has of an image or a video, and of reference images beside it."""
    width, height, frames = output_of(job)
    step = step_of(job.model)
    made = (width // step.patch) * (height // step.patch) * -(-frames // step.frames)
    return made + job.workload.images * REFERENCE_TOKENS


def denoising(job: Job[Traits, PipelineKeys]) -> tuple[int, int, int]:
    """Lowest, expected and highest activations of a step of the denoiser; 0 where its width is not known."""
    tokens = tokens_of(job)
    if is_u_net(job.model):
        width, height, _ = output_of(job)
        taken = width * height * U_NET_PIXEL * job.workload.parallel * (WIDE if job.scheme.id == "fp32" else 1)
        return round(U_NET_LOW * taken), taken, U_NET_HIGH * taken
    step, scores, masks = step_of(job.model), scores_bytes(job, tokens), masks_bytes(job, tokens)
    taken = step.results * 2 * width_of(job) * tokens * job.workload.parallel
    high = step.high * taken * (WIDE if runs_wide(job) else 1)
    return (
        round(step.low * taken) + masks // 2,
        taken + SCORES * scores + masks,
        round(high) + SCORES_HIGH * scores + masks,
    )


def scores_bytes(job: Job[Traits, PipelineKeys], tokens: int) -> int:
    """Bytes of a matrix of scores of every pair of tokens in 32 bits; 0 where a fused kernel needs none."""
    if not job.traits.plain_attention or job.scheme.id in ("fp16", "fp32") or not job.traits.quantizes:
        return 0
    return 4 * (width_of(job) // HEAD) * (tokens + PROMPT) ** 2 * job.workload.parallel


def runs_wide(job: Job[Traits, PipelineKeys]) -> bool:
    """True where ComfyUI may run in 32 bits: without fused attention in BF16 it casts to FP16, where the model allows that.

    Comfy-Org/ComfyUI at 033046cc ``comfy/model_management.py`` ``unet_dtype``; ``comfy/supported_models.py`` names FP16 for Wan,
    and not for HunyuanVideo, Mochi and LTX-Video (``supported_inference_dtypes``).
    """
    return job.traits.plain_attention and not job.traits.quantizes


def masks_bytes(job: Job[Traits, PipelineKeys], tokens: int) -> int:
    """Bytes of the masks of all pairs of tokens that a class of diffusers makes; ComfyUI's own classes make none."""
    masked = step_of(job.model).mask_bytes if job.traits.quantizes else 0
    return masked * (tokens + PROMPT) ** 2 * job.workload.parallel


def tiled(job: Job[Traits, PipelineKeys]) -> bool:
    """True if the VAE decodes in tiles, which ComfyUI does where the whole does not fit."""
    return decodes_in_tiles(job.model, job.keys.vae_tiling) or falls_back(job)


def falls_back(job: Job[Traits, PipelineKeys]) -> bool:
    """True where ComfyUI runs out of memory with the whole and decodes again in tiles (``comfy/sd.py`` ``VAE.decode``)."""
    if job.traits.quantizes or decodes_in_tiles(job.model, job.keys.vae_tiling):
        return False
    width, height, frames = decoded(job, False)
    return width * height * frames * pixel_bytes(job) * job.workload.parallel > left_for_decoding(job)


def left_for_decoding(job: Job[Traits, PipelineKeys]) -> int:
    """Bytes of the GPU that the largest decoder leaves."""
    decoders = [size for name, size in component_bytes(job).items() if is_decoder(name)]
    return max(0, job.traits.room_bytes - max(decoders, default=0))


def decoded(job: Job[Traits, PipelineKeys], in_tiles: bool) -> tuple[int, int, int]:
    """Width, height and frames that the VAE decodes at once, in tiles or not."""
    width, height, frames = output_of(job)
    decoder = decoder_of(job.model)
    if in_tiles:
        width, height = min(width, decoder.tile), min(height, decoder.tile)
    return width, height, min(frames, decoder.frames or frames)


def pixel_bytes(job: Job[Traits, PipelineKeys]) -> int:
    """Bytes that decoding takes for a pixel of a frame, in the width that the engine decodes in."""
    decoder = decoder_of(job.model)
    if decoder.in_comfyui is not None and not job.traits.quantizes:
        return decoder.in_comfyui
    return decoder.pixel_bytes * (WIDE if decodes_wide(job) else 1)


def decoding(job: Job[Traits, PipelineKeys]) -> tuple[int, int, int]:
    """Lowest, expected and highest activations of the VAE's decoding, of an image or of a few frames at once."""
    decoder, in_tiles = decoder_of(job.model), tiled(job)
    (width, height, frames), whole = decoded(job, in_tiles), decoded(job, False)
    row = pixel_bytes(job) * job.workload.parallel
    expected, untiled = width * height * frames * row, whole[0] * whole[1] * whole[2] * row
    high = expected * decoder.high
    if in_tiles and job.keys.vae_tiling is None and job.traits.quantizes:
        high = untiled * UNTILED_HIGH
    low = expected
    if not job.traits.quantizes:  # what does not fit as a whole fills the GPU and is decoded again in tiles
        tile = decoded(job, True)
        low = min(low, tile[0] * tile[1] * tile[2] * row)
        high = min(high, left_for_decoding(job))
        expected = max(expected, left_for_decoding(job)) if falls_back(job) else expected
    return round(low * DECODER_LOW), expected, max(round(high), expected)
