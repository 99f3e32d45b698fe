"""Conversion of a class's tensors to the program's form: names and order of extents as in GGUF, experts in matrices of
their own.

Classes hold the gate and up matrices of all experts as one tensor, some of them with the inputs before the outputs.
Published checkpoints, serving programs and GGUF hold two, each with its own scales and padding. The tensors made here
are two as well.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.importers.config.language import part_of
from vramfit.importers.gguf_traits import traits
from vramfit.importers.tensor_names import gguf_name, is_position_table, place
from vramfit.model.architecture import Attention, Tensor
from vramfit.model.traits import Traits, read_traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.importers.config.tensors import ClassTensor
    from vramfit.model.architecture import Layers

UP, GATE, DOWN = "ffn_up_exps.weight", "ffn_gate_exps.weight", "ffn_down_exps.weight"
ROUTERS = ("ffn_gate_inp.", "ffn_gate_inp_shexp.")
"""Beginnings of the names of routers and of shared experts' gates. No quantization replaces them, although some
classes hold them as ``nn.Linear``."""
POSITION_TABLE = "v.position_embd.weight"


def tensors_built(rows: list[ClassTensor], language: str, count: int) -> tuple[Tensor, ...]:
    """Convert the tensors of a class into the program's form.

    ``language`` is the dotted path of the language model's configuration, and ``count`` its number of layers.
    """
    result = []
    sandwich = any("feedforward_layernorm" in row.name or "post_mlp" in row.name for row in rows)
    for row in rows:
        part = part_of(row.section) or ("text" if row.section.startswith(language) or not row.section else "projector")
        if not row.section and language and not row.name.split(".")[0].startswith("lm_head"):
            part = "projector"
        shape = tuple(reversed(row.shape)) or (1,)
        numbered = part == "text" and row.stack == count and row.stack > 0
        layer_numbers = row.layers if numbered else ()
        copies = row.each * (1 if numbered or not row.stack else len(row.layers))
        name = _name(row.name, part, sandwich=sandwich)
        # The biases of fused experts have two extents, and are no matrices.
        linear = row.kind in ("linear", "experts") and not row.name.endswith("bias") and not name.startswith(ROUTERS)
        linear = linear and not (part == "vision" and "patch_embed" in name)
        if name != row.name and part == "text":
            shape = (shape[0], *[extent for extent in shape[1:] if extent != 1])
        if copies and all(shape):
            result.append(Tensor(name, shape, layer_numbers, part, linear and len(shape) > 1, row.buffer, copies))
    return tuple(_with_experts_apart(result))


def _name(name: str, part: str, *, sandwich: bool) -> str:
    """Return the name that GGUF has for a tensor, or the tensor's own name where GGUF has none."""
    prefix, _, _, rest = place(name.replace("*", "0"))
    if part == "text":
        return gguf_name(rest, bool(prefix), sandwich) or name
    return POSITION_TABLE if part == "vision" and is_position_table(rest) else name


def _with_experts_apart(tensors: list[Tensor]) -> Iterable[Tensor]:
    """Yield the tensors with the experts' gate and up matrices apart, each with its inputs first."""
    downs = {tensor.layers: tensor.shape for tensor in tensors if tensor.name == DOWN and len(tensor.shape) == 3}
    turned = {
        layers for layers, down in downs.items() if any(_is_turned(t, down) for t in tensors if t.layers == layers)
    }
    fused = {t.layers for t in tensors if t.name == UP and _halves(t, downs.get(t.layers), t.layers in turned)}
    for tensor in tensors:
        shape, is_expert = tensor.shape, "_exps." in tensor.name
        if is_expert and len(shape) == 3 and tensor.layers in turned:
            shape = (shape[1], shape[0], shape[2])
        if tensor.name.startswith("ffn_up_exps.") and tensor.layers in fused:
            at = 1 if tensor.name == UP else 0
            shape = (*shape[:at], shape[at] // 2, *shape[at + 1 :])
            yield replace(tensor, name=tensor.name.replace("ffn_up", "ffn_gate"), shape=shape)
        yield tensor if shape == tensor.shape else replace(tensor, shape=shape)


def _is_turned(tensor: Tensor, down: tuple[int, ...]) -> bool:
    """Return True if a fused gate and up matrix has its inputs before its outputs (gpt-oss, Llama 4).

    ``shape`` is reversed, so a matrix stored like that of ``nn.Linear`` begins with its inputs. The other order is
    recognised by a first extent that is twice the number of inputs of the down matrix.
    """
    return tensor.name == UP and len(tensor.shape) == 3 and (tensor.shape[0], tensor.shape[1]) == (2 * down[1], down[0])


def _halves(tensor: Tensor, down: tuple[int, ...] | None, turned: bool) -> bool:
    """Return True if a tensor is the gate and the up matrix in one."""
    if down is None or len(tensor.shape) != 3:
        return False
    return turned or (tensor.shape[0], tensor.shape[1]) == (down[1], 2 * down[0])


def traits_of(tensors: Iterable[Tensor], groups: tuple[Layers, ...], hidden: int) -> Traits:
    """Derive the traits of a model's blocks from the names and shapes of its tensors."""
    kinds = [mixer for group in groups for mixer in group.mixers if isinstance(mixer, Attention)]
    heads, width = (kinds[0].heads, kinds[0].head_dim) if kinds else (0, 0)
    numbered: dict[int, dict[str, Tensor]] = {}
    around: dict[str, Tensor] = {}
    for tensor in tensors:
        if tensor.part == "text":
            if not tensor.layers:
                around[tensor.name] = tensor
            for layer in tensor.layers:
                numbered.setdefault(layer, {})[tensor.name] = tensor
    return read_traits(traits(numbered, around, hidden, heads, width))
