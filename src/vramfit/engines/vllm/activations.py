"""The peak of vLLM's profile run: one step of as many tokens as a step may hold, then one draw of tokens.

At start-up vLLM runs the model on dummy inputs and keeps free what that took (0.33.0 ``v1/worker/gpu_worker.py``
``determine_available_memory``, ``v1/worker/gpu_model_runner.py`` ``profile_run``, ``_dummy_sampler_run``). The larger of

- a layer: ``tokens x 2 B x (3 hidden + the wider of attention and feed-forward / ranks)``. With 20,000 and 29,000 tokens
  Llama-3.1-8B took 2.07 and 2.99 GiB where this gives 2.06 and 2.99 (vllm-project/vllm issue 10517);
- the sampler: rows of logits over the whole vocabulary, however the model is cut;
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
SAMPLER_BYTES = 14
"""Per row and vocabulary entry: the 16-bit logits, their float32 copy, probabilities, and random numbers to divide them
by (0.33.0 ``v1/sample/sampler.py``, ``v1/sample/ops/topk_topp_sampler.py`` ``forward_native``, ``random_sample``)."""
SAMPLER_BYTES_SORTING = 39
"""The same where the vocabulary is sorted for top-p, as versions before 0.9 did and cards without the kernels still do:
38.6-39.3 in nine start-up logs of vocabularies of 100,352 to 151,936 (among them vllm-project/vllm issues 15815 and
PR 10511)."""


def step_tokens(gpu: Gpu) -> int:
    """``max_num_batched_tokens`` of the server when none is given (``engine/arg_utils.py`` ``get_batch_defaults``)."""
    if gpu.memory_bytes >= 160 * GIB:
        return 16384
    return 8192 if _large(gpu) else 2048


def step_sequences(gpu: Gpu) -> int:
    """``max_num_seqs`` when none is given (same function)."""
    return 1024 if _large(gpu) else 256


def _large(gpu: Gpu) -> bool:
    return gpu.memory_bytes >= 70 * GIB and "a100" not in gpu.name.lower() and gpu.compute_capability != GB10


def peak_bytes(
    model: Model, tokens: int, sequences: int, ranks: int, images: int, image_size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Activation peak of one rank in bytes, and the same with a sampler that sorts."""
    if not model.layers:
        return 0, 0
    layer = tokens * ACTIVATION_BYTES * (3 * model.hidden + _widest_layer(model, ranks))
    peak = max(layer, _vision_bytes(model, tokens, images, image_size))
    rows = min(tokens, sequences) * model.vocab if model.traits.head else 0
    return max(peak, rows * SAMPLER_BYTES), max(peak, rows * SAMPLER_BYTES_SORTING)


def _vision_bytes(model: Model, tokens: int, images: int, size: tuple[int, int] | None) -> int:
    """Encoder activations over as many images as one step holds, one at least.

    They are the largest the model takes, unless ``--limit-mm-per-prompt`` gives width and height (0.33.0
    ``config/multimodal.py`` ``ImageDummyOptions``).
    """
    if model.vision is None or not images:
        return 0
    # Images read by cross-attention put no tokens into the prompt; the encoder's own are counted then.
    each = tokens_of_image(model, size) or image_patches(model.vision, size)
    return encoder_bytes(model, max(1, tokens // max(1, each)), size)


@per_model
def _widest_layer(model: Model, ranks: int) -> int:
    """Elements per token on one rank beside the residual stream, in the layer that has most."""
    return max([_widest(group, model.hidden, ranks) for group in model.layers])


def _widest(group: Layers, hidden: int, ranks: int) -> int:
    """Elements per token on one rank beside the residual stream."""
    mixing = max((_mixer(mixer) for mixer in group.mixers), default=0) // ranks
    network = group.feed_forward
    if isinstance(network, FeedForward):
        return max(mixing, 3 * network.width // ranks)
    if isinstance(network, Experts):
        # The buffers of fused_moe: gate and up or, in the same place, each expert's output; and their product.
        one = max(2 * network.width // ranks, network.latent or hidden) + network.width // ranks
        dense = 3 * (network.shared_width + network.dense_width) // ranks
        return max(mixing, network.active * one, dense)
    return mixing


def _mixer(mixer: Mixer) -> int:
    """Elements per token that a mixer has at once: of a latent the expanded keys beside those that go on."""
    own = mixer.widths
    if isinstance(mixer, LatentAttention):
        return own.working + mixer.heads * mixer.nope_dim
    return own.working or own.query + own.output
