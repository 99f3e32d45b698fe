"""Feed-forward network of each layer by the fields of a configuration. The size of activations follows from it."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.importers.config.fields import first, whole
from vramfit.model.architecture import Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Layers, Tensor

BARE = ("mlp", "moe")
"""Kinds of layers that consist of a network alone. In a model that has such layers, its other layers have no network
(Nemotron-H)."""
UP, GATE = ("ffn_up.weight", "ffn_up_exps.weight"), "ffn_gate"
"""Names of the matrices into a dense network and into experts, and the beginning of the names of gates beside them."""


def network(section: Section, layer: int, words: Sequence[str] = ()) -> FeedForward | Experts | None:
    """Return the network of a layer: a mixture of experts if the fields place one there, otherwise a dense network.

    ``words`` are the kinds of all layers, if they are known. The result is None if no width is stated, and for a layer
    without a network. These widths size activations only; the tensors are those of the model's class.
    """
    bare = any(word in BARE for word in words)
    if bare and words[layer] not in BARE:
        return None
    width = whole(section, "ffn", layer)
    experts = whole(section, "experts", layer)
    if experts and experts > 1 and (words[layer] == "moe" if bare else _is_mixture(section, layer)):
        own = whole(section, "expert_width", layer) or width or 0
        shared = whole(section, "shared_width", layer)
        if shared is None:
            shared = (
                first(section, ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"), layer) or 0
            ) * own
        active = min(experts, whole(section, "active", layer) or 1)
        return Experts(experts, active, own, shared, latent=whole(section, "expert_latent", layer))
    if width is None:
        hidden = whole(section, "hidden", layer)
        width = None if hidden is None else 4 * hidden
    return FeedForward(width) if width else None


def _is_mixture(section: Section, layer: int) -> bool:
    """Return True if a layer of a model with experts has them. Several fields can say so; the earlier ones asked
    override the later ones."""
    kinds = section("mlp_layer_types")
    if isinstance(kinds, list) and layer < len(kinds):
        return kinds[layer] not in ("dense", "mlp")
    frequency = section("moe_layer_freq")
    if isinstance(frequency, list) and layer < len(frequency):
        return bool(frequency[layer])
    dense = section("first_k_dense_replace")
    if isinstance(dense, int) and layer < dense:
        return False
    step = section("decoder_sparse_step")
    if isinstance(step, int) and step > 0 and (layer + 1) % step:
        return False
    step = section("interleave_moe_layer_step")
    return not (isinstance(step, int) and step > 0 and (layer + 1) % step)


def as_built(groups: tuple[Layers, ...], tensors: Iterable[Tensor], hidden: int) -> tuple[Layers, ...]:
    """Return the layers with details of their networks that the tensors of their class show and the fields do not.

    A network has no gate if the matrix into it is as wide as the network and no gate stands beside it. A dense matrix
    in a layer of experts belongs to a network that runs beside the experts.
    """
    text = [tensor for tensor in tensors if tensor.part == "text" and tensor.layers]
    gates = any(t.name.startswith(GATE) and not t.name.startswith("ffn_gate_inp") for t in text)
    result = []
    for group in groups:
        own = group.feed_forward
        first = group.indices[0]
        dense, routed = (sum(t.elements for t in text if t.name == name and first in t.layers) for name in UP)
        if isinstance(own, Experts):
            ungated = not gates and routed == own.count * own.width * (own.latent or hidden)
            beside = dense // hidden if routed and hidden else 0
            own = replace(own, gated=not ungated, dense_width=beside)
        elif own is not None and not gates and dense == own.width * hidden:
            own = replace(own, gated=False)
        result.append(replace(group, feed_forward=own))
    return tuple(result)
