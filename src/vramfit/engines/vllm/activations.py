"""Peak of vLLM's profile run: a step with the largest number of tokens, and then the sampling of one token each.

At start-up vLLM runs the model on dummy inputs and reserves the memory that this took (0.33.0 ``v1/worker/gpu_worker.py``
``determine_available_memory``, ``v1/worker/gpu_model_runner.py`` ``profile_run``, ``_dummy_sampler_run``). The peak is the
largest of

- a layer: ``tokens x 2 B x (3 hidden + the wider of attention and feed-forward / ranks)``. With 20,000 and 29,000 tokens
  Llama-3.1-8B took 2.07 and 2.99 GiB, and the formula gives 2.06 and 2.99 (vllm-project/vllm issue 10517);
- the sampler: rows of logits over the whole vocabulary, on every rank;
- the vision encoder on the images of one step.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines.cuda import GB10
from vramfit.memory.vision import encoder_bytes, image_patches, tokens_of_image
from vramfit.model.architecture import (
    Experts,
    FeedForward,
    LatentAttention,
)
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.model.mixers import Mixer

ACTIVATION_BYTES = 2
"""Bytes of an activation in fp16 or bf16."""
SAMPLER_BYTES = 14
"""Bytes per row and vocabulary entry: 16-bit logits, their float32 copy, probabilities, and random numbers to divide them
by (0.33.0 ``v1/sample/sampler.py``, ``v1/sample/ops/topk_topp_sampler.py`` ``forward_native``, ``random_sample``)."""
SAMPLER_BYTES_SORTING = 39
"""Bytes per row and vocabulary entry if the vocabulary is sorted for top-p, which versions before 0.9 did and which cards
without the kernels still do: 38.6-39.3 in nine start-up logs of vocabularies of 100,352 to 151,936
(among them vllm-project/vllm issues 15815 and PR 10511)."""


def step_tokens(gpu: Gpu) -> int:
    """Default of ``max_num_batched_tokens`` in the server (``engine/arg_utils.py`` ``get_batch_defaults``)."""
    if gpu.memory_bytes >= 160 * GIB:
        return 16384
    return 8192 if _large(gpu) else 2048


def step_sequences(gpu: Gpu) -> int:
    """Default of ``max_num_seqs`` in the server (``engine/arg_utils.py`` ``get_batch_defaults``)."""
    return 1024 if _large(gpu) else 256


def _large(gpu: Gpu) -> bool:
    return gpu.memory_bytes >= 70 * GIB and "a100" not in gpu.name.lower() and gpu.compute_capability != GB10


def peak_bytes(
    model: Model, tokens: int, sequences: int, ranks: int, images: int, image_size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Peak bytes of one rank's activations in a step, and the peak with a sampler that sorts.

    ``tokens`` and ``sequences`` are the largest numbers of a step; ``image_size`` is width and height in pixels, or None
    for the largest image. Both results are 0 for a model without layers.
    """
    if not model.layers:
        return 0, 0
    layer = tokens * ACTIVATION_BYTES * (3 * model.hidden + _widest_layer(model, ranks))
    peak = max(layer, _vision_bytes(model, tokens, images, image_size))
    rows = min(tokens, sequences) * model.vocab if model.traits.head else 0
    return max(peak, rows * SAMPLER_BYTES), max(peak, rows * SAMPLER_BYTES_SORTING)


def _vision_bytes(model: Model, tokens: int, images: int, size: tuple[int, int] | None) -> int:
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
def _widest_layer(model: Model, ranks: int) -> int:
    """Elements per token on one rank in the layer that needs most, without the residual stream."""
    return max([_widest(group, model.hidden, ranks) for group in model.layers])


def _widest(group: Layers, hidden: int, ranks: int) -> int:
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
        return max(mixing, network.active * one, dense)
    return mixing


def _mixer(mixer: Mixer) -> int:
    """Elements per token that a mixer needs at the same time; latent attention also has a copy of its expanded keys."""
    own = mixer.widths
    if isinstance(mixer, LatentAttention):
        return own.working + mixer.heads * mixer.nope_dim
    return own.working or own.query + own.output
