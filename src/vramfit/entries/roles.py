"""Roles of a model's tensors, and their sums by role, as ``show`` gives them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor

ROLES = (
    ("experts", ("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_latent_")),
    ("shared experts", ("ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp")),
    ("router", ("ffn_gate_inp", "exp_probs_b")),
    ("feed-forward", ("ffn_gate", "ffn_up", "ffn_down", "shared.ffn_")),
    ("attention", ("attn_", "cross_attn_", "indexer.", "compressor.", "shared.attn_")),
    ("recurrent", ("ssm_", "shortconv.")),
    ("per-layer embedding", ("per_layer_", "inp_gate", "proj")),
    ("residual streams", ("altup_", "laurel_", "hc_", "output_hc_")),
    ("embedding", ("token_embd", "token_types", "position_embd")),
    ("head", ("output.", "cls.")),
)
"""Roles of the language model's tensors by the beginnings of their GGUF names; the first that applies."""

OTHER = "other"
PARTS = {"vision": "vision tower", "projector": "projector", "audio": "audio tower"}


def by_role(tensors: tuple[Tensor, ...]) -> dict[str, tuple[int, int]]:
    """Role to how many tensors and how many parameters it has, largest first; components go by their own names."""
    sums: dict[str, tuple[int, int]] = {}
    for tensor in tensors:
        role = role_of(tensor)
        count, parameters = sums.get(role, (0, 0))
        sums[role] = (count + tensor.count, parameters + tensor.parameters)
    return dict(sorted(sums.items(), key=lambda item: -item[1][1]))


def role_of(tensor: Tensor) -> str:
    """Role of one tensor."""
    if tensor.part == "component":
        return tensor.name.replace("_", " ")
    if tensor.part != "text":
        return PARTS.get(tensor.part, tensor.part)
    words = tensor.name.removesuffix(".weight").removesuffix(".bias")
    if words.endswith(("norm", "norm_1", "norm_2")):
        return "norms"
    name = f"{words}."
    return next((role for role, beginnings in ROLES if name.startswith(beginnings)), OTHER)


def vision_parameters(model: Model, tensors: tuple[Tensor, ...]) -> int | None:
    """Parameters of the vision tower and its projector; None for a model without one."""
    if model.vision is None:
        return None
    return sum(tensor.parameters for tensor in tensors if tensor.part in ("vision", "projector"))
