"""Sizes of a step of vLLM and the activations of its parts; SGLang, whose layers come from vLLM, takes its peak from here.

The peak of vLLM's own profile run is in ``profile_run``.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines.cuda import GB10
from vramfit.engines.vllm.release import SAMPLER_BYTES, SORTING_BYTES
from vramfit.memory.vision import encoder_bytes, image_patches, tokens_of_image
from vramfit.model.architecture import Experts, FeedForward
from vramfit.model.mixers import LatentAttention
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.release import Release
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.model.mixers import Mixer

ACTIVATION_BYTES = 2
"""Bytes of an activation in fp16 or bf16."""


SMALL_STEPS_OF_A100_SINCE = (0, 9)
"""First release whose defaults on an A100 are those of smaller cards (0.8.5 and 0.9.2 ``engine/arg_utils.py``)."""


def step_tokens(gpu: Gpu, release: Release) -> int:
    """Default of ``max_num_batched_tokens`` in the server (``engine/arg_utils.py`` ``get_batch_defaults``)."""
    if gpu.memory_bytes >= 160 * GIB and release.numbers >= (0, 28):
        return 16384
    return 8192 if _large(gpu, release) else 2048


def step_sequences(gpu: Gpu, release: Release) -> int:
    """Default of ``max_num_seqs`` in the server (``engine/arg_utils.py`` ``get_batch_defaults``)."""
    return 1024 if _large(gpu, release) else 256


def _large(gpu: Gpu, release: Release) -> bool:
    """True for a card that larger steps are the default on; A100 is excepted after 0.8, and GB10 from 0.31 on."""
    if gpu.memory_bytes < 70 * GIB or not release.compiled:
        return False
    if "a100" in gpu.name.lower():
        return release.numbers < SMALL_STEPS_OF_A100_SINCE
    return gpu.compute_capability != GB10 or release.numbers < (0, 31)


def peak_bytes(
    model: Model, tokens: int, sequences: int, ranks: int, images: int, image_size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Peak bytes of one rank's activations in a step, and the peak with a sampler that sorts.

    ``tokens`` and ``sequences`` are the largest numbers of a step; ``image_size`` is width and height in pixels, or None
    for the largest image. Both results are 0 for a model without layers.
    """
    if not model.layers:
        return 0, 0
    layer = tokens * ACTIVATION_BYTES * (3 * model.hidden + widest_layer(model, ranks))
    peak = max(layer, vision_bytes(model, tokens, images, image_size))
    rows = min(tokens, sequences) * model.vocab if model.traits.head else 0
    return max(peak, rows * SAMPLER_BYTES), max(peak, rows * SORTING_BYTES)


def vision_bytes(model: Model, tokens: int, images: int, size: tuple[int, int] | None) -> int:
    """Bytes of the vision encoder's activations over all images of one step, at least one.

    The images have the largest size that the model accepts, unless ``--limit-mm-per-prompt`` states width and height
    (0.33.0 ``config/multimodal.py`` ``ImageDummyOptions``).
    """
    if model.vision is None or not images:
        return 0
    # Images read by cross-attention take no prompt tokens, so the tokens of the encoder are used.
    each = tokens_of_image(model, size) or image_patches(model.vision, size)
    return encoder_bytes(model, max(1, tokens // max(1, each)), size)


@per_model
def widest_layer(model: Model, ranks: int, routed: bool = True) -> int:
    """Elements per token on one rank in the layer that needs most, without the residual stream.

    ``routed`` is False to leave routed experts out, whose buffers are counted elsewhere.
    """
    return max([_widest(group, model.hidden, ranks, routed) for group in model.layers])


def _widest(group: Layers, hidden: int, ranks: int, routed: bool) -> int:
    """Elements per token on one rank that a layer needs in addition to the residual stream."""
    mixing = max((_mixer(mixer) for mixer in group.mixers), default=0) // ranks
    network = group.feed_forward
    if isinstance(network, FeedForward):
        return max(mixing, 3 * network.width // ranks)
    if isinstance(network, Experts):
        # fused_moe has two buffers: one for gate and up, which later contains each expert's output, and one for their
        # product.
        one = max(2 * network.width // ranks, network.latent or hidden) + network.width // ranks
        dense = 3 * (network.shared_width + network.dense_width) // ranks
        return max(mixing, network.active * one if routed else 0, dense)
    return mixing


def _mixer(mixer: Mixer) -> int:
    """Elements per token that a mixer needs at the same time; latent attention also has a copy of its expanded keys."""
    own = mixer.widths
    if isinstance(mixer, LatentAttention):
        return own.working + mixer.heads * mixer.nope_dim
    return own.working or own.query + own.output
