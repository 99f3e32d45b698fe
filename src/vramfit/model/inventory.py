"""Inventory of a model: the tensors it has when loaded, derived from its architecture.

A head tied to the embedding is listed once. Multi-token prediction heads and rotary tables are not listed: files may
contain them, but a loaded model does not need them. Layers with equal tensors share a row. The differences between
architectures are data: the ``Traits`` of the model.
"""

from __future__ import annotations

from vramfit.model.architecture import Attention, Experts, Tensor
from vramfit.model.attention import attention, compressed_attention, latent_attention, linear, norm
from vramfit.model.feed_forward import dense, experts
from vramfit.model.mixers import (
    CompressedAttention,
    FixedState,
    LatentAttention,
    LinearAttention,
    ShortConvolution,
    StateSpace,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Layers, Model
    from vramfit.model.attention import Row
    from vramfit.model.mixers import Mixer
    from vramfit.model.traits import Traits

BUFFERS = ("exp_probs_b.bias", "layer_output_scale.weight", "ffn_gate_tid2eid.weight")
"""Tensors that files store and no optimizer trains: they take memory, but do not count as parameters."""


def tensors(model: Model) -> tuple[Tensor, ...]:
    """Tensors of the model in order: embedding, layers, head, vision tower, projector, audio encoder, components."""
    traits = model.traits
    result: list[Tensor] = []
    if model.vocab:
        result += [Tensor(name, shape, linear=flag) for name, shape, flag in _embedding(model)]
    result += _repeated(model)
    if model.vocab:
        result += [Tensor(name, shape, linear=flag) for name, shape, flag in _head(model)]
    for extra in traits.extra:
        result.append(Tensor(extra.name, extra.shape, linear=extra.linear, copies=extra.copies))
    if model.vision is not None:
        from vramfit.model.towers import vision_tensors

        result += vision_tensors(model.vision, model.hidden)
    if model.audio is not None:
        from vramfit.model.towers import audio_tensors

        result += audio_tensors(model.audio, model.hidden)
    for component in model.components:
        result.append(Tensor(component.name, (component.parameters,), part="component"))
    return tuple(result)


def resting_parameters(model: Model) -> int:
    """Number of parameters of the experts that the router leaves out for one token; 0 without experts.

    Embedding, head and towers are not among them, although some vendors leave these out of their "active" figure too.
    """
    resting = 0
    for group in model.layers:
        network = group.feed_forward
        if isinstance(network, Experts):
            matrices = 3 if network.gated else 2
            one = matrices * (network.latent or model.hidden) * network.width
            if model.traits.expert_bias:
                one += (matrices - 1) * network.width + (network.latent or model.hidden)
            resting += len(group.indices) * (network.count - network.active) * one
    return resting


def _repeated(model: Model) -> list[Tensor]:
    """Tensors of all layers; those with the same name and shape share a row."""
    rows: dict[tuple[str, tuple[int, ...], bool], tuple[int, ...]] = {}
    for group in model.layers:
        for row in _layer(group, model):
            known = rows.get(row)
            rows[row] = tuple(sorted(known + group.indices)) if known else group.indices
    if not model.traits.first_attn_norm:
        first = ("attn_norm.weight", (model.hidden,), False)
        rows[first] = rows[first][1:]
    counted = model.traits.selection_bias == "counted"
    return [
        Tensor(name, shape, layers, "text", flag, name in BUFFERS and not counted)
        for (name, shape, flag), layers in rows.items()
    ]


def _layer(group: Layers, model: Model) -> list[Row]:
    """Rows of one layer of a group."""
    hidden, traits, network = model.hidden, model.traits, group.feed_forward
    names = traits.norms
    biased = traits.norm_bias
    rows: list[Row] = []
    for name in names:
        # Some layers found by architecture search (Nemotron Super) lack attention or feed-forward network, and with it
        # that half's norm. A block with a single norm keeps it.
        if len(names) > 1 and (not group.mixers if name.startswith("attn") else network is None):
            continue
        rows += norm(name, hidden, biased)
    for mixer in group.mixers:
        rows += _mixer(mixer, hidden, traits)
    if isinstance(network, Experts):
        rows += experts(network, hidden, traits)
    elif network is not None:
        rows += dense(network, hidden, traits)
    if traits.per_layer_embedding:
        width = traits.per_layer_embedding
        rows += linear("inp_gate", hidden, width) + linear("proj", width, hidden) + norm("post_norm", hidden)
    if traits.hyper_connections:
        for name in ("hc_attn", "hc_ffn"):
            rows += _mixing(name, traits.hyper_connections, hidden, (2 + traits.hyper_connections), 3)
    if traits.layer_scale:
        rows.append(("layer_output_scale.weight", (1,), False))
    if traits.residual_scale:
        rows += [("attn_residual_scale", (hidden, 4), False), ("ffn_residual_scale", (hidden, 4), False)]
    if traits.altup:
        rows += _altup(traits.altup, hidden)
    if traits.laurel:
        rank = traits.laurel
        rows += linear("laurel_l", hidden, rank) + linear("laurel_r", rank, hidden) + norm("laurel_post_norm", hidden)
    return rows


def _mixer(mixer: Mixer, hidden: int, traits: Traits) -> list[Row]:
    """Rows of one token mixer."""
    if isinstance(mixer, Attention):
        if not traits.attention_weights:
            return []
        return attention(mixer, hidden, traits)
    if isinstance(mixer, LatentAttention):
        return latent_attention(mixer, hidden, traits)
    if isinstance(mixer, CompressedAttention):
        return compressed_attention(mixer, hidden)
    from vramfit.model import recurrent

    if isinstance(mixer, StateSpace):
        return recurrent.state_space(mixer, hidden, traits)
    if isinstance(mixer, LinearAttention):
        return recurrent.linear_attention(mixer, hidden, traits)
    if isinstance(mixer, ShortConvolution):
        return recurrent.short_convolution(mixer, hidden)
    if isinstance(mixer, FixedState):
        return []  # what leaves the state is of the attention beside it
    raise TypeError(f"not a token mixer: {mixer!r}")


def _mixing(name: str, streams: int, hidden: int, uses: int, scales: int) -> list[Row]:
    """Rows of hyper-connections, which compute the weights for reading, writing and mixing ``streams`` residuals."""
    return [
        (f"{name}_fn.weight", (streams * hidden, uses * streams), False),
        (f"{name}_base.weight", (uses * streams,), False),
        (f"{name}_scale.weight", (scales,), False),
    ]


def _altup(streams: int, hidden: int) -> list[Row]:
    """Rows of alternating updates (Gemma 3n), which predict and correct ``streams`` residual streams around a layer."""
    rows: list[Row] = [("altup_correct_scale.weight", (hidden,), False)]
    rows += linear("altup_correct_coef", streams, streams) + linear("altup_predict_coef", streams, streams * streams)
    return rows + linear("altup_router", hidden, streams) + norm("altup_router_norm", hidden)


def _embedding(model: Model) -> list[Row]:
    """Rows of the tensors before the first layer."""
    hidden, traits = model.hidden, model.traits
    rows: list[Row] = [("token_embd.weight", (hidden, model.vocab + (traits.extra_embeddings or 0)), False)]
    if traits.positions:
        rows.append(("position_embd.weight", (hidden, traits.positions), False))
    if traits.token_types:
        rows.append(("token_types.weight", (hidden, traits.token_types), False))
    if traits.embedding_norm:
        rows += norm("token_embd_norm", hidden, traits.norm_bias)
    if traits.per_layer_embedding:
        width = traits.per_layer_embedding * model.layer_count
        rows.append(("per_layer_token_embd.weight", (width, traits.per_layer_vocab or 0), False))
        rows += linear("per_layer_model_proj", hidden, width)
        rows += norm("per_layer_proj_norm", traits.per_layer_embedding)
    if traits.altup:
        # Each further stream has a matrix into it and one out of it, fused over the streams like in llama.cpp.
        for name in ("altup_proj", "altup_unembd_proj"):
            rows.append((f"{name}.weight", (hidden, hidden, traits.altup - 1), True))
    return rows


def _head(model: Model) -> list[Row]:
    """Rows of the tensors after the last layer."""
    hidden, traits = model.hidden, model.traits
    rows: list[Row] = []
    if traits.hyper_connections:
        rows += _mixing("output_hc", traits.hyper_connections, hidden, 1, 1)
    if traits.output_norm:
        rows += norm("output_norm", hidden, traits.norm_bias)
    if traits.head:
        if not model.tied:
            rows += linear("output", hidden, model.vocab)
        if traits.output_bias:
            rows.append(("output.bias", (model.vocab,), False))
    if traits.pooler or traits.classifier:
        rows += linear("cls", hidden, hidden, bias=True)
    if traits.classifier:
        rows += linear("cls.output", hidden, 1, bias=True)
    return rows
