"""Memory of a pipeline that makes images or videos: its components, and the activations of the largest of their turns.

The text encoders run once, the denoiser at every step, the VAE at the end, so that their activations never add up. Which
weights are on the GPU beside them is the mode of offloading's to say (``OFFLOADS``).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.diffusers.components import ENCODER_BITS, LESS_OF_MIX, is_decoder, is_denoiser, is_text_encoder
from vramfit.engines.diffusers.decoders import WIDE, decoder_of, decodes_in_tiles, usual_size
from vramfit.engines.diffusers.kept import cast_share, embeddings_of, unconverted_of
from vramfit.engines.diffusers.steps import step_of
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Share
from vramfit.errors import CannotTell
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.hardware import Gpu
    from vramfit.model import Model

REFERENCE_TOKENS = 64 * 64
"""Tokens of a reference image, whose area edits bring to 1024 x 1024 whatever they make (diffusers 0.42.1
``pipelines/qwenimage/pipeline_qwenimage_edit_plus.py`` ``VAE_IMAGE_SIZE``, ``flux/pipeline_flux_kontext.py``
``PREFERRED_KONTEXT_RESOLUTIONS``, ``flux2/pipeline_flux2.py``)."""
READING, READING_HIGH = 0.02, 0.15
"""Share of a text encoder's weights that its activations take, with an upper bound. A pipeline keeps the results of all
layers (``output_hidden_states``): 1,024 tokens of L layers of width d are 2,048 L d bytes, and the weights 24 L d² or so,
of which they are 2 % at d = 4,096. CogView4 reads with 16.35 GiB of weights, and takes 20 GB with its components in turn
(card of CogView4-6B)."""
U_NET_PIXEL, U_NET_LOW, U_NET_HIGH = 560, 0.5, 4
"""Bytes that a U-Net takes at a step for each pixel of an image, in 16 bits, with bounds as shares. SDXL's takes 0.27 GiB beside
its weights for a batch of one at 1024x1024 (huggingface.co/spaces/diffusers/benchmark-analyzer ``collated_results.csv``),
and guidance makes it two; without guidance it is half. SDXL in 16 bits with its components in turn does not run on 6 GB
(huggingface/diffusers issue 4788)."""
FUSED_FROM = (8, 0)
"""Compute capability from which attention in BF16 has a fused kernel."""
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
GROUP_SHARE = 0.1
"""Share of the denoiser that is on the GPU when it is copied block by block, two blocks at a time: two of twenty, which is
few for a denoiser (FLUX.1 has 57, Wan2.1 14B 40). Not measured."""
LAYER_SHARE = 0.03
"""Share of it when it is copied layer by layer. Not measured."""


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
QUANTIZED = ("int8", "nf4")
"""Forms of the text encoders that bitsandbytes makes."""
SEQUENTIAL = "bitsandbytes does not run layer by layer from RAM (huggingface/diffusers issue 10800)"


SVDQUANT_ON = {"int4": ((7, 5), (8, 0), (8, 6), (8, 9)), "fp4": ((12, 0), (12, 1))}
"""Compute capabilities with kernels of SVDQuant, by its kind (nunchaku-tech/nunchaku at 3a3cc3d
``docs/source/installation/installation.rst`` and ``faq/model.rst``)."""
SVDQUANT_NVIDIA = (
    "nunchaku runs on GPUs of NVIDIA's alone (nunchaku-tech/nunchaku docs/source/installation/installation.rst)"
)
SVDQUANT_ELSE = {
    "int4": "nunchaku has INT4 for Turing, Ampere and Ada; svdq-fp4 is for the RTX 50 (docs/source/faq/model.rst)",
    "fp4": "nunchaku has FP4 for the RTX 50; svdq-int4 is for Turing, Ampere and Ada (docs/source/faq/model.rst)",
}


class Traits(Record):
    """Properties of the GPU that an estimate depends on."""

    room_bytes: int
    """Bytes that weights and activations may have."""
    plain_attention: bool
    """True where attention in BF16 has no fused kernel."""
    capability: tuple[int, int] | None
    """Compute capability; None for a GPU that is not NVIDIA's, or that is known by its memory alone."""
    other_vendor: bool
    """True for a GPU that is known not to be NVIDIA's."""
    quantizes: bool
    """True if the engine quantizes what it loads; one that reads quantized files decodes in 16 bits what others do in 32."""


class Turn(Record):
    """Weights on the GPU at a time, and activations beside them."""

    weights_bytes: int
    low_bytes: int
    expected_bytes: int
    high_bytes: int


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
    if "bitsandbytes" in _families(job) and fixed:
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
    gpus = (gpu, *[DeviceMemory(f"gpu{number}", 0, 0, 0, 0, 0, 0) for number in idle])
    stored = sum([row.total_bytes for row in job.checkpoint.stored])
    refusal = svdquant_refusal(job) or refused_sequential(job, offload, fixed)
    return Estimate(gpus, host, stored, tuple(notes), settings, idle=idle, refusal=refusal)


def refused_sequential(job: Job[Traits, PipelineKeys], offload: str, fixed: tuple[str, ...]) -> str | None:
    """Reason for which a pipeline does not run layer by layer from RAM; None where it does, or is not asked to."""
    return SEQUENTIAL if offload == "sequential" and "bitsandbytes" in _families(job) and fixed else None


def svdquant_refusal(job: Job[Traits, PipelineKeys]) -> str | None:
    """Reason for which a GPU has no kernels of SVDQuant's scheme; None where it has, and for other schemes."""
    capability, kind = job.traits.capability, str(job.scheme.settings.get("type"))
    if job.scheme.family != "svdquant":
        return None
    if job.traits.other_vendor:
        return SVDQUANT_NVIDIA
    fitting = SVDQUANT_ON.get(kind, ())
    return None if capability is None or capability in fitting else SVDQUANT_ELSE[kind]


def _families(job: Job[Traits, PipelineKeys]) -> tuple[str, ...]:
    """Families of the denoiser's scheme and of that of the text encoders."""
    return (job.scheme.family, "bitsandbytes" if job.keys.text_encoder in QUANTIZED else "plain")


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
    elif offload != "none" and fixed and "bitsandbytes" in _families(job):
        notes.append(LOADED)
    if offload == "none":
        notes.append("every component stays on the GPU; component_offload lets those wait in RAM whose turn it is not")
    if job.gpu_count > 1:
        notes.append("a pipeline runs on one GPU; the others stay idle")
    return notes


def component_bytes(job: Job[Traits, PipelineKeys]) -> dict[str, int]:
    """Bytes of each component as it is loaded, text encoders in the form that is asked of them."""
    bits = ENCODER_BITS.get(job.keys.text_encoder)
    described = {one.name: one.architecture for one in job.model.components}
    found = {}
    for row in job.checkpoint.stored:
        name, elements = row.tensor.name, row.tensor.elements
        found[name] = row.total_bytes
        if is_decoder(name) and decodes_wide(job):
            found[name] = 2 * WIDE * elements
        if bits is not None and is_text_encoder(name):
            kept = embeddings_of(described[name])
            kept += unconverted_of(described[name]) if job.traits.quantizes else 0
            found[name] = min(row.total_bytes, round((elements - kept) * bits / 8) + 2 * kept)
    return found


def least_share(job: Job[Traits, PipelineKeys]) -> float:
    """Share of a denoiser in FP8 where all of its layers are in 8 bits: as torchao quantizes it, and not by a cast."""
    shares = [cast_share(one.architecture) for one in job.model.components if is_denoiser(one.name)]
    return 1 / (1 + max(shares, default=0)) if job.traits.quantizes and job.scheme.family == "fp8" else 1


def wider_bytes(job: Job[Traits, PipelineKeys]) -> int:
    """Bytes by which matrices that bitsandbytes leaves out of the text encoders are larger in 32 bits than in 16."""
    encoders = [one for one in job.model.components if is_text_encoder(one.name)]
    return sum([2 * unconverted_of(one.architecture) for one in encoders]) if job.keys.text_encoder in QUANTIZED else 0


def turns(
    job: Job[Traits, PipelineKeys], sizes: dict[str, int], offload: str, fixed: tuple[str, ...]
) -> tuple[Turn, ...]:
    """Turns of the text encoders, the denoiser and the VAE, each with the weights that are on the GPU in it."""
    encoder, denoiser = job.keys.text_encoder, job.scheme
    stays = sum(
        [size for name, size in sizes.items()
         if (is_denoiser(name) and denoiser.id in fixed) or (is_text_encoder(name) and encoder in fixed)]
    )  # fmt: skip
    largest = {
        "text": max(
            [
                size
                for name, size in sizes.items()
                if not is_denoiser(name) and not is_decoder(name) and not (is_text_encoder(name) and encoder in fixed)
            ],
            default=0,
        ),
        "denoiser": max(
            [size for name, size in sizes.items() if is_denoiser(name) and denoiser.id not in fixed], default=0
        ),
        "vae": max([size for name, size in sizes.items() if is_decoder(name)], default=0),
    }
    share = {"group": GROUP_SHARE, "sequential": LAYER_SHARE}.get(offload, 1.0)
    shares = {
        # Blocks of bitsandbytes are not copied one by one: their components move as wholes.
        "text": 1.0 if encoder in QUANTIZED and fixed else share,
        "denoiser": 1.0 if denoiser.family == "bitsandbytes" else share,
        "vae": 1.0,
    }
    weights = {name: round(size * shares[name]) + stays for name, size in largest.items()}
    step, decoded = denoising(job), decoding(job)
    if offload == "none":
        weights = dict.fromkeys(largest, sum(sizes.values()))
        if output_of(job)[2] == 1:
            # PyTorch keeps a step's blocks, which are smaller than an image's tensors as it is decoded, and too small for
            # them; those of a video are large. accelerate empties the cache between turns.
            decoded = (*decoded[:2], decoded[2] + step[1])
    reading = max([size for name, size in sizes.items() if is_text_encoder(name)], default=0)
    return (
        Turn(weights["text"], 0, round(READING * reading), round(READING_HIGH * reading)),
        Turn(weights["denoiser"], *step),
        Turn(weights["vae"], *decoded),
    )


def quantized_bytes(job: Job[Traits, PipelineKeys], sizes: dict[str, int]) -> int:
    """Bytes of the components that bitsandbytes quantizes, which it does on the GPU.

    They are there together until components take turns, unless a script loads them into RAM: FLUX.1 and T5 in NF4 take
    12.38 GiB then, and no more later (huggingface.co/datasets/derekl35/diffusers-quantization-benchmarks).
    """
    return sum(
        [size for name, size in sizes.items()
         if (is_denoiser(name) and job.scheme.family == "bitsandbytes")
         or (is_text_encoder(name) and job.keys.text_encoder in QUANTIZED)]
    )  # fmt: skip


def partly(turn: Turn, room_bytes: int) -> Turn:
    """Turn with as many of its weights on the GPU as leave room for its activations."""
    fitting = max(0, room_bytes - turn.high_bytes)
    return Turn(min(turn.weights_bytes, fitting), turn.low_bytes, turn.expected_bytes, turn.high_bytes)


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


def decodes_wide(job: Job[Traits, PipelineKeys]) -> bool:
    """True if the VAE is in 32 bits."""
    wide = decoder_of(job.model).wide
    return job.traits.quantizes and ("*" in wide or job.scheme.id in wide)


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


def knows_activations(model: Model) -> bool:
    """Return True for a pipeline whose denoiser is a U-Net or has a known width."""
    return is_u_net(model) or any(one.width for one in model.components if is_denoiser(one.name))


def is_u_net(model: Model) -> bool:
    """Return True for a pipeline whose denoiser is a U-Net, which has no single width."""
    return any(one.name.startswith("unet") for one in model.components)


def width_of(job: Job[Traits, PipelineKeys]) -> int:
    """Width of the denoiser's residual stream; 0 where it is not known."""
    return max([one.width or 0 for one in job.model.components if is_denoiser(one.name)], default=0)


def plain_attention(gpu: Gpu) -> bool:
    """True for a GPU of NVIDIA's before Ampere, on which attention in BF16 has no fused kernel."""
    capability = gpu.compute_capability
    return capability is not None and capability < FUSED_FROM


def runtime_share(gpu: Gpu) -> Share:
    """Bytes that the context and workspaces of a PyTorch process take of a GPU."""
    from vramfit.engines import cuda

    own, workspace = cuda.context_share(gpu), cuda.workspace_bytes(gpu)
    return Share(own.low, own.expected + workspace, own.high + workspace)
