"""Split of every matrix over all GPUs, which then compute each layer together (``--split-mode tensor``).

llama.cpp makes one *meta device* of the GPUs (ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml-backend-meta.cpp``): matrices and
caches are divided by heads or by inner width (``src/llama-model.cpp``, ``llama_meta_device_get_split_state``), norms and
routers are on every GPU, and the residual stream is summed after each attention and each network. A cut is rounded down to
whole blocks, and the remainder goes to another GPU in each layer, so that it evens out over the layers.

A GPU's graph is that of a model with its share of heads, inner widths and vocabulary, and the whole hidden width.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines.llamacpp.compute import Compute, compute
from vramfit.engines.llamacpp.placement import HOST, Resident, gguf_file
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention, Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vramfit.engines.interface import Job
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.placement import Parts, Placement
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.model.mixers import Mixer
    from vramfit.quantization import Checkpoint

LEFT_OUT = (
    "grok", "mpt", "olmoe", "deepseek2", "deepseek4", "glm-dsa", "nemotron_h", "nemotron_h_moe", "granitehybrid", "lfm2moe",
    "minimax-m2", "mistral4", "kimi-linear", "jamba", "falcon-h1", "mamba", "mamba2", "plamo2", "minicpm3", "gemma3n",
    "olmo2", "bitnet", "t5",
)  # fmt: skip
"""Architectures that it is not implemented for (``docs/multi-gpu.md``; ``src/llama-arch.cpp``,
``llm_arch_supports_sm_tensor``)."""

UNSURE_SHARE = 0.06
"""Share by which a GPU may have more than its part of weights and caches: cuts are rounded to whole blocks, of which a
narrow matrix has few; set by hand, no log of a whole model is known."""


def check(model: Model, keys: LlamaCppKeys, flash_attention: bool) -> None:
    """Raise ``UsageError`` for what llama.cpp refuses to split so."""
    if model.architecture.gguf in LEFT_OUT:
        raise UsageError(
            f"llama.cpp cannot split {model.name} by tensors: not implemented for {model.architecture.gguf}",
            "use --split-mode layer",
        )
    if not flash_attention:
        raise UsageError("llama.cpp splits by tensors only with flash attention", "use --flash-attention on")
    if keys.override_tensor or not keys.kv_offload:
        raise UsageError(
            "split_mode tensor is not modelled with tensors or caches placed elsewhere", "use --split-mode layer"
        )


def parts_of_gpus(job: Job[Cards, LlamaCppKeys]) -> tuple[float, ...]:
    """Share of each GPU: as ``tensor_split`` says, or else equal ones, whatever their memory."""
    shares = job.keys.tensor_split or (1.0,) * job.gpu_count
    return tuple([share / sum(shares) for share in shares])


def divided(
    checkpoint: Checkpoint, placement: Placement, contents: Mapping[int, Resident], shares: Sequence[float]
) -> dict[int, Resident]:
    """Contents of all GPUs and the host, from ``contents`` with everything on one GPU."""
    whole, mirrored = contents[0], _mirrored_bytes(checkpoint, placement)
    found = {HOST: contents[HOST]}
    for number, share in enumerate(shares):
        found[number] = Resident(
            mirrored + round((whole.weights_bytes - mirrored) * share),
            min(whole.read_bytes, mirrored + round(max(0, whole.read_bytes - mirrored) * share)),
            round(whole.cache_bytes * share),
        )
    return found


def _mirrored_bytes(checkpoint: Checkpoint, placement: Placement) -> int:
    """Bytes of the tensors that every GPU has whole: norms, biases and routers of the layers on the GPUs."""
    total = 0
    for row in gguf_file(checkpoint).stored:
        whole = len(row.tensor.shape) < 2 or row.tensor.name.startswith("ffn_gate_inp")
        if whole and row.layers:
            count = sum([placement.layer_device[index] != HOST for index in row.layers])
            total += row.bytes_each * row.tensor.copies * count
    return total


def buffers_of_parts(
    job: Job[Cards, LlamaCppKeys], parts: Parts, placement: Placement, shares: Sequence[float], vulkan: bool
) -> Compute:
    """Compute buffers of all GPUs, each with its part of the model, and of the host."""
    found = [compute(_part(job.model, share), job.workload, job.keys, parts, placement, 1, vulkan) for share in shares]
    return Compute(
        tuple([one.gpu_bytes[0] for one in found]),
        max([one.host_bytes for one in found]),
        tuple([one.unpacking_bytes[0] for one in found]),
    )


@per_model
def _part(model: Model, share: float) -> Model:
    """Model with a share of the heads, inner widths and vocabulary, for the graph of one GPU."""
    layers = tuple([_layers(group, share) for group in model.layers])
    return replace(model, layers=layers, vocab=_ceil(model.vocab * share))


def _layers(group: Layers, share: float) -> Layers:
    network = group.feed_forward
    if isinstance(network, FeedForward):
        network = replace(network, width=_ceil(network.width * share))
    elif isinstance(network, Experts):
        network = replace(
            network,
            width=_ceil(network.width * share),
            shared_width=_ceil(network.shared_width * share),
            dense_width=_ceil(network.dense_width * share),
        )
    return replace(group, mixers=tuple(_mixers(group.mixers, share)), feed_forward=network)


def _mixers(mixers: Sequence[Mixer], share: float) -> Iterator[Mixer]:
    from vramfit.model.mixers import LinearAttention

    for mixer in mixers:
        if isinstance(mixer, Attention):
            yield replace(mixer, heads=_ceil(mixer.heads * share), kv_heads=_ceil(mixer.kv_heads * share))
        elif isinstance(mixer, LinearAttention):
            keys, values = _ceil(mixer.key_heads * share), _ceil(mixer.value_heads * share)
            yield replace(mixer, key_heads=keys, value_heads=values)
        else:
            yield mixer


def _ceil(value: float) -> int:
    return -int(-value // 1)


SENTENCE = (
    "every matrix and cache is divided over the GPUs, which compute each layer together (experimental in llama.cpp: "
    "--fit does not run, and cuts are rounded to whole blocks)"
)
