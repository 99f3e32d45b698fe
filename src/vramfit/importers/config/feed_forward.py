"""The feed-forward network of each layer by the fields of a configuration: what activations follow from."""

from __future__ import annotations

from vramfit.importers.config.fields import first, whole
from vramfit.model.architecture import Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section


def network(section: Section, layer: int) -> FeedForward | Experts | None:
    """The network of a layer: a mixture of experts where fields place one there, else a dense one.

    None where no width is stated. Widths here size activations; the tensors are those of the model's class.
    """
    width = whole(section, "ffn", layer)
    experts = whole(section, "experts", layer)
    if experts and experts > 1 and _is_mixture(section, layer):
        own = whole(section, "expert_width", layer) or width or 0
        shared = whole(section, "shared_width", layer)
        if shared is None:
            shared = (
                first(section, ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"), layer) or 0
            ) * own
        return Experts(experts, min(experts, whole(section, "active", layer) or 1), own, shared)
    if width is None:
        hidden = whole(section, "hidden", layer)
        width = None if hidden is None else 4 * hidden
    return FeedForward(width) if width else None


def _is_mixture(section: Section, layer: int) -> bool:
    """Whether a layer of a model with experts has them, by the fields that say so, in the order they override."""
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
