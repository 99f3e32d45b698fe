"""The stored model cut where llama.cpp cuts it: input tensors, each layer with its experts apart, output, projector.

Everything a placement needs is summed here once per model and scheme, so that trying another placement is a few sums.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record
from vramfit.model.architecture import Experts
from vramfit.quantization import SCHEMES, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme, Stored

INPUT_TENSORS = ("token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight")
"""Tensors of the input layer, which stay in host memory whatever is offloaded (ggml-org/llama.cpp v0.5.0
``src/llama-arch.cpp``, ``LLM_TENSOR_LAYER_INPUT``, and ``src/llama-model.cpp`` ``load_tensors``)."""

FILE_TYPES = {"mxfp4": "MXFP4_MOE"}
"""File types of schemes that GGUF has under another name: experts in MXFP4, the rest in Q8_0, as ``llama-quantize`` does."""

FIRST_LAYER_TENSORS = ("per_layer_model_proj.weight", "per_layer_proj_norm.weight")
"""Tensors of the whole model that are loaded with its first layer (``src/models/gemma3n.cpp``, created for block 0)."""

VISION_PARTS = ("vision", "projector")


@record
class Checkpoint:
    """Bytes of a stored model by where llama.cpp may put them; every tensor is in exactly one part."""

    input_bytes: int
    """Embeddings looked up on the host."""
    layer_bytes: tuple[int, ...]
    """Each layer with its routed experts."""
    expert_bytes: tuple[int, ...]
    """The routed experts of each layer, what ``--n-cpu-moe`` keeps on the host; 0 in dense layers."""
    active_share: tuple[float, ...]
    """Share of each layer's routed experts one token reads; 1.0 in dense layers."""
    output_bytes: int
    """Final norm and output head; for a tied model the copy of the embedding is in ``tied_bytes``."""
    tied_bytes: int
    """The embedding again, which llama.cpp loads a second time as the head of a tied model; 0 for an untied one."""
    vision_bytes: int
    """Vision tower and projector: the mmproj file."""
    head_bytes: int
    """The output matrix alone, the tied embedding for a tied model."""
    layer_tensors: tuple[dict[str, int], ...]
    """Bytes of each tensor of each layer by name, for the copies a partial offload makes."""

    @property
    def file_bytes(self) -> int:
        """All tensors of the language model's file and of the mmproj file, each once."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes + self.vision_bytes


@per_model
def checkpoint(model: Model, scheme: Scheme) -> Checkpoint:
    """The parts of ``model`` stored as ``scheme``."""
    return _cut(model, store(model, gguf_scheme(scheme)))


def gguf_scheme(scheme: Scheme) -> Scheme:
    """The GGUF file type that holds a scheme of another family: ``bf16`` is the file type ``BF16``, MXFP4 ``MXFP4_MOE``."""
    name = FILE_TYPES.get(scheme.family) or (scheme.settings["type"] if scheme.family == "plain" else "")
    return SCHEMES[name] if name else scheme


def _cut(model: Model, stored: tuple[Stored, ...]) -> Checkpoint:
    count = model.layer_count
    layer, expert = [0] * count, [0] * count
    tensors: list[dict[str, int]] = [{} for _ in range(count)]
    before = output = vision = embedding = head = 0
    for row in stored:
        tensor = row.tensor
        each = row.bytes_each * tensor.copies
        if row.layers:
            routed = "_exps." in tensor.name
            for index in row.layers:
                layer[index] += each
                if routed:
                    expert[index] += each
                tensors[index][tensor.name] = each
        elif tensor.part in VISION_PARTS:
            vision += row.total_bytes
        elif tensor.part != "text":
            continue
        elif tensor.name in INPUT_TENSORS:
            before += row.total_bytes
            if tensor.name == "token_embd.weight":
                embedding = row.total_bytes
        elif tensor.name in FIRST_LAYER_TENSORS:
            layer[0] += row.total_bytes
        else:
            output += row.total_bytes
            if tensor.name == "output.weight":
                head = row.total_bytes
    return Checkpoint(
        before, tuple(layer), tuple(expert), _active_share(model), output, embedding if model.tied else 0, vision,
        head or embedding, tuple(tensors),
    )  # fmt: skip


def _active_share(model: Model) -> tuple[float, ...]:
    share = [1.0] * model.layer_count
    for group in model.layers:
        if isinstance(group.feed_forward, Experts):
            for index in group.indices:
                share[index] = group.feed_forward.active / group.feed_forward.count
    return tuple(share)
