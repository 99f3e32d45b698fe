"""Peak of vLLM's profile run: a step with the largest number of tokens, and then the sampling of one token each.

At start-up vLLM runs the model on dummy inputs and reserves the memory that this took (``v1/worker/gpu_worker.py``
``determine_available_memory``, ``v1/worker/gpu_model_runner.py`` ``profile_run``, ``_dummy_sampler_run``). Some buffers
exist throughout (``kept_bytes``): cuBLAS's workspace, that of the experts, the outputs of the vision encoder and the pixels
it has read. The peak is theirs and the larger of

- the forward pass, ``tokens x 2 B x (3 hidden + the wider of attention and feed-forward / ranks)``: with 20,000 and 29,000
  tokens Llama-3.1-8B took 2.07 and 2.99 GiB, and the formula gives 2.06 and 2.99 (vllm-project/vllm issue 10517);
- the sampler, on the last stage of a pipeline only: rows of logits over the whole vocabulary on every rank, beside the
  hidden states of all tokens and two copies of those that are sampled from;

or the peak of the vision encoder. In 32 start-up logs of vLLM 0.15 to 0.19 on H100 the largest error is 5 %
(tests/engines/vllm/logged.yaml).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.vllm.activations import ACTIVATION_BYTES, widest_layer
from vramfit.engines.vllm.release import COUNTS_BYTES
from vramfit.memory.vision import encoder_bytes, image_patches, tokens_of_image
from vramfit.model.architecture import Experts, FeedForward
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.release import Release
    from vramfit.model import Model
    from vramfit.quantization import Scheme

COMPILED_BYTES = 46 * MIB
"""Bytes that a compiled forward pass takes beyond the formula: 44 and 47 MiB in the two start-up logs of 0.19.0 whose peak
is the forward pass of a dense 16-bit model (CodeLlama 7B, Granite 3.3 8B), none in those of V0."""
ALLOCATED_BY_KERNEL = ("flashinfer", "triton")
"""Kernels of experts that allocate their buffers themselves and free them again: FlashInfer's (0.33.0
``fused_moe/experts/flashinfer_cutlass_moe.py``, ``trtllm_*_moe.py`` ``workspace_shapes``), and the Triton kernels for MXFP4
(``gpt_oss_triton_kernels_moe.py``): gpt-oss-20b's peak in 0.19.0 contains no such buffers."""
EIGHT_BIT_ACTIVATIONS = ("fp8", "compressed_tensors")
"""Families of schemes that multiply 8-bit activations: an 8-bit copy of each input exists beside it."""
STREAM_BYTES = 24
"""Bytes of an element of each residual stream of a model that has several (DeepSeek-V4): six float32 copies, fitted to the
shares that start-up logs leave: 5.30 GiB with 8,224 tokens and 1.39 with 2,048 on a GB10, about 2.3 with 4,096 on two RTX
PRO 6000 and 4.0 with 8,192 on two H20 (vLLM 0.25.0 to 0.29)."""
VIDEOS = {"qwen2_vl": 16384, "qwen2_5_vl": 16384}
"""Tokens of two frames of the largest size, by ``model_type``, for models whose largest item is a video: such is encoded in
place of images (``models/qwen2_vl.py`` ``get_max_video_tokens``; ``max_pixels`` 12,845,056 of Qwen2.5-VL's
``preprocessor_config.json``). The videos of other models are no larger than their images."""
FRAME_PAIRS = 7
"""Half the largest number of frames of that video, which is shorter if it exceeds the context (``models/qwen2_vl.py``
``_MAX_FRAMES_PER_VIDEO``, ``get_num_frames_with_most_features``)."""
DEEP_OUTPUTS = {"qwen3_vl_text": 4, "qwen3_vl_moe_text": 4}
"""Widths of the vision encoder's outputs as multiples of the hidden width, by ``model_type``, where they are not 1: outputs
of inner layers are kept beside those of the last (``models/qwen3_vl.py`` ``deepstack_visual_indexes``)."""


class Step(Record):
    """Largest step of a server."""

    tokens: int
    rows: int
    """Number of sequences, each of which a token is sampled for."""
    images: int
    """Number of images of a sequence; 0 if the server takes none."""
    image_size: tuple[int, int] | None
    """Width and height of each in pixels; None for the largest that the model takes."""
    context: int
    """Tokens that a sequence may hold, which a dummy video fills."""


class Rank(Record):
    """Place of one GPU in a server, and facts of the card that the peak depends on."""

    ranks: int
    """Number of GPUs that each layer is split over."""
    stages: int
    first: bool
    """True if the GPU has the first layers, and so the embedding and the vision encoder."""
    last: bool
    """True if the GPU has the last layers, and so the head and the sampler."""
    expert_parallel: bool
    experts_kernel: str
    """Kernel that runs the experts; one of ``ALLOCATED_BY_KERNEL``, or another name."""
    multiprocessors: int
    """Number of the card's multiprocessors; 0 where no buffer depends on it."""
    workspace_bytes: int
    """Bytes of cuBLAS's workspace."""


class Peak(Record):
    """Parts of the profile run's peak on one rank, in bytes."""

    kept_bytes: int
    """Bytes of buffers that exist throughout the run."""
    forward_bytes: int
    """Further bytes of the forward pass."""
    sampler_bytes: int
    """Further bytes of the sampler; 0 on a stage that has none."""
    encoder_bytes: int
    """Bytes of the vision encoder's own peak, before the other two."""
    counts_bytes: int
    """Bytes of the sampler's statistics of each sequence, which stay allocated."""

    @property
    def total_bytes(self) -> int:
        """Bytes that the run adds to the weights at its peak."""
        return (
            max(self.kept_bytes + max(self.forward_bytes, self.sampler_bytes), self.encoder_bytes) + self.counts_bytes
        )


def peak(model: Model, scheme: Scheme, step: Step, rank: Rank, release: Release) -> Peak:
    """Compute the peak of the profile run on one rank; all parts are 0 for a model without layers."""
    if not model.layers:
        return Peak(0, 0, 0, 0, 0)
    workspace = experts_bytes(model, step.tokens, rank)
    kept_workspace = release.keeps_workspace and rank.experts_kernel not in ALLOCATED_BY_KERNEL
    v2 = release.v2(model)
    images, seen, pixels = _encoded(model, step) if rank.first else (0, 0, 0)
    states = step.tokens * ACTIVATION_BYTES * model.hidden
    forward = _forward(model, scheme, step.tokens, rank, kept_workspace)
    if not kept_workspace:
        forward = max(forward, workspace + 3 * states)
    forward += COMPILED_BYTES if release.compiled else 0
    forward += step.tokens * STREAM_BYTES * (model.traits.hyper_connections or 0) * model.hidden
    # Stages send each other the hidden states and the residual stream.
    forward += 2 * states if rank.stages > 1 else 0
    sampler = counts = 0
    if rank.last and model.traits.head:
        rows = min(step.tokens, step.rows)
        sampler = rows * model.vocab * release.sampler_bytes(model) + states
        sampler += 2 * rows * ACTIVATION_BYTES * model.hidden
        if release.candidate_rows:
            sampler += min(rank.multiprocessors, rows) * 4 * model.vocab
        counts = int(step.rows * model.vocab * COUNTS_BYTES) if v2 else 0
    # The V2 runner frees the pixels before it runs the language model.
    kept = rank.workspace_bytes + seen + (0 if v2 else pixels) + (workspace if kept_workspace else 0)
    encoder = encoder_bytes(model, images, step.image_size)
    return Peak(kept, forward, sampler, encoder + pixels + seen if encoder else 0, counts)


def experts_bytes(model: Model, tokens: int, rank: Rank) -> int:
    """Bytes of the buffers of routed experts on one rank; 0 for a model without them.

    Each token has a row for each of its experts in two buffers: the wider of gate and up together and the input, and the
    wider of their product and the input (``fused_moe/fused_moe.py`` ``TritonExperts.workspace_shapes``; those of Marlin
    and CUTLASS are as large).
    """
    most = 0
    for group in model.layers:
        network = group.feed_forward
        if isinstance(network, Experts):
            width = network.width if rank.expert_parallel else -(-network.width // rank.ranks)
            inputs = network.latent or model.hidden
            gates = (2 if network.gated else 1) * width
            most = max(most, network.active * (max(width, inputs) + max(gates, inputs)))
    return tokens * ACTIVATION_BYTES * most


def _forward(model: Model, scheme: Scheme, tokens: int, rank: Rank, separate: bool) -> int:
    """Bytes of the forward pass beside what is kept; ``separate`` if the experts' buffers are among that."""
    wide = widest_layer(model, rank.ranks, not separate)
    forward = tokens * ACTIVATION_BYTES * (3 * model.hidden + wide)
    if scheme.family in EIGHT_BIT_ACTIVATIONS and scheme.precision == "int8":
        dense = [
            group.feed_forward.width // rank.ranks
            for group in model.layers
            if isinstance(group.feed_forward, FeedForward)
        ]
        forward += tokens * (max(dense, default=0) + model.hidden)
    return forward


def _encoded(model: Model, step: Step) -> tuple[int, int, int]:
    """Number of images encoded at once, bytes of the encoder's outputs for them, and of the 16-bit pixels that it read.

    As many of the largest images as a step has tokens for are encoded, at least one (``v1/worker/gpu_model_runner.py``
    ``profile_run``, ``multimodal/encoder_budget.py``). A video counts as images
    with as many tokens.
    """
    tower = model.vision
    if tower is None or not step.images:
        return 0, 0, 0
    patches, kind = image_patches(tower, step.image_size), model.architecture.model_type or ""
    each = max(1, tokens_of_image(model, step.image_size) or patches)
    count = max(1, step.tokens // each)
    frames = VIDEOS.get(kind, 0)
    if frames:
        count = max(count, max(1, min(FRAME_PAIRS, step.context // frames)) * frames // each)
    outputs = count * each * ACTIVATION_BYTES * model.hidden * DEEP_OUTPUTS.get(kind, 1)
    return count, outputs, count * patches * ACTIVATION_BYTES * 3 * tower.patch**2 * (tower.frames or 1)
