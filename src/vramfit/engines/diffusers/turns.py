"""Turns of a pipeline's components: the weights that are on the GPU in each, by the mode of offloading, and its activations."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.diffusers.activations import decoding, denoising, output_of
from vramfit.engines.diffusers.components import QUANTIZED, is_decoder, is_denoiser, is_text_encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys

READING, READING_HIGH = 0.02, 0.15
"""Share of a text encoder's weights that its activations take, with an upper bound. A pipeline keeps the results of all
layers (``output_hidden_states``): 1,024 tokens of L layers of width d are 2,048 L d bytes, and the weights 24 L d² or so,
of which they are 2 % at d = 4,096. CogView4 reads with 16.35 GiB of weights, and takes 20 GB with its components in turn
(card of CogView4-6B)."""
GROUP_SHARE = 0.1
"""Share of the denoiser that is on the GPU when it is copied block by block, two blocks at a time: two of twenty, which is
few for a denoiser (FLUX.1 has 57, Wan2.1 14B 40). Not measured."""
LAYER_SHARE = 0.03
"""Share of it when it is copied layer by layer. Not measured."""


class Turn(Record):
    """Weights on the GPU at a time, and activations beside them."""

    weights_bytes: int
    low_bytes: int
    expected_bytes: int
    high_bytes: int


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


def partly(turn: Turn, room_bytes: int) -> Turn:
    """Turn with as many of its weights on the GPU as leave room for its activations."""
    fitting = max(0, room_bytes - turn.high_bytes)
    return Turn(min(turn.weights_bytes, fitting), turn.low_bytes, turn.expected_bytes, turn.high_bytes)
