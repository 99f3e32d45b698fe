"""GGUF files as llama.cpp's converter and ``llama-quantize`` write them: exact bytes, tensor by tensor.

The 16-bit file comes first: ggml-org/llama.cpp ``conversion/base.py`` ``prepare_tensors`` keeps vectors, norms, routers
and other small tensors 32-bit, and ``conversion/deepseek.py`` splits MLA's ``attn_kv_b`` in two. Then
``llama-quantize`` picks a type for each remaining tensor (``gguf_mix``) and falls
back where rows do not divide (``gguf_layout``).

Without an importance matrix unless the scheme says otherwise, as ``llama-quantize`` runs when given none. The choice
changes bytes only of Q4_0, Q5_0, IQ4_NL, IQ4_XS and IQ3_XXS. Types that *require* a matrix are laid out by the same
rules, which is what ``llama-quantize --dry-run`` prints; IQ3_XXS is the one whose size then differs (4 % for an 8B
model).

A model that was released with experts in MXFP4 keeps those in every file: ``conversion/gpt_oss.py`` copies them as they
are, and publishers leave them so (bartowski/openai_gpt-oss-20b-GGUF: "all quants keep the feed forward networks at
mxfp4"; unsloth/gpt-oss-120b-GGUF: 58.46 GiB as Q4_K_M, 60.88 as F16). Laid out are then the other tensors alone.

Layers are those of the language model: files that carry prediction heads besides (MTP) count these too, which may move
a type by a layer.

Vision and audio towers are no part of this file: they go to a second one, the ``mmproj``, 16-bit whatever the type of
the first. Their rows are returned too, so that what a runtime loads can be summed; ``checkpoint_bytes`` leaves them
out.
"""

from __future__ import annotations

from vramfit.model import Tensor, tensors
from vramfit.quantization import Stored
from vramfit.quantization.gguf_layout import (
    RELEASED,
    as_released,
    is_stacked,
    is_vector,
    kept_class,
    stored,
    tensor_bytes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme

HEADS = ("token_embd.weight", "output.weight")
UNIFORM = {"F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "F16"}
"""File types without a mix, and how they keep what is never quantized: three that the converter writes itself, and
llama-quantize's Q8_0, from which no rule departs."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Store every tensor of the text model under the file type, and the towers' as the ``mmproj`` file holds them."""
    text: list[Tensor] = []
    towers: list[Tensor] = []
    for tensor in tensors(model):
        if tensor.name == "attn_kv_b.weight":
            text += _split_latent(model, tensor)
        else:
            (text if tensor.part == "text" else towers).append(tensor)
    rows = _own_file(model, text, scheme)
    clip = model.vision is not None and model.vision.kind == "clip"
    if model.vision is not None and clip:
        towers = _as_llava_keeps(towers, model.vision.layers)
    rows += [_tower(tensor, clip) for tensor in towers]
    return tuple(rows)


def idle_bytes(model: Model, scheme: Scheme, rows: tuple[Stored, ...]) -> int:
    """Bytes of a publisher's file that are loaded with no row: its prediction head."""
    from vramfit.quantization.mixes import head_bytes

    return head_bytes(model, scheme, rows)


def _own_file(model: Model, text: list[Tensor], scheme: Scheme) -> list[Stored]:
    """Rows of the model's own file: of a stock type, or of a publisher's mix made from those of one."""
    imatrix = scheme.settings.get("imatrix", False)
    if "mix" in scheme.settings:
        from vramfit.quantization.mixes import as_mixed, mix_of

        mix = mix_of(model, scheme)
        if mix is not None:
            return as_mixed(model, _text(model, text, mix.base, imatrix), mix)
    if "parts" in scheme.settings:
        from vramfit.quantization.gguf_parts import retyped

        return retyped(_text(model, text, "F16", imatrix), scheme.settings["parts"])
    rows = _text(model, text, scheme.settings["type"], imatrix)
    if "apex" in scheme.settings:
        from vramfit.quantization import gguf_apex

        return gguf_apex.retyped(model, rows, scheme.settings["apex"])
    experts = scheme.settings.get("experts")
    if experts is not None:
        rows = [stored(row.tensor, experts, row.layers) if is_stacked(row.tensor) else row for row in rows]
    ends = scheme.settings.get("ends")
    if ends is None:
        return rows
    types = dict(zip(HEADS, ends, strict=True))
    if "output.weight" not in [row.tensor.name for row in rows]:
        types["token_embd.weight"] = types["output.weight"]  # llama-quantize takes a tied embedding for the head
    return [stored(row.tensor, types[row.tensor.name], row.layers) if row.tensor.name in types else row for row in rows]


def _text(model: Model, text: list[Tensor], file_type: str, imatrix: bool) -> list[Stored]:
    """Rows of the model's own file in a stock type."""
    if file_type not in UNIFORM:
        from vramfit.quantization.gguf_mix import mixed

        return mixed(model, text, file_type, imatrix)
    kept = {"float32": "F32", "float": UNIFORM[file_type]}
    return [
        stored(
            tensor,
            RELEASED if as_released(model, tensor, file_type) else kept.get(kept_class(tensor), file_type),
            tensor.layers,
        )
        for tensor in text
    ]


def _split_latent(model: Model, tensor: Tensor) -> list[Tensor]:
    """MLA's ``attn_kv_b`` as the two tensors GGUF stores, one matrix per head each."""
    from vramfit.model.mixers import LatentAttention

    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, LatentAttention) and group.indices[0] in tensor.layers:
                key = (mixer.nope_dim, mixer.kv_rank, mixer.heads)
                value = (mixer.kv_rank, mixer.value_dim, mixer.heads)
                return [
                    Tensor("attn_k_b.weight", key, tensor.layers, linear=True),
                    Tensor("attn_v_b.weight", value, tensor.layers, linear=True),
                ]
    return [tensor]


def _as_llava_keeps(towers: list[Tensor], layers: int) -> list[Tensor]:
    """A CLIP tower without what LLaVA does not read: it takes the output of the last layer but one.

    ``tools/mtmd/legacy-models/convert_image_encoder_to_gguf.py`` leaves out the last layer and the norm behind it, and
    a LLaVA 1.5 7B ``mmproj`` so comes to the 595.49 MiB that github.com/ollama/ollama/issues/2706 shows.
    """
    kept = []
    for tensor in towers:
        if tensor.part == "vision" and tensor.copies == layers:
            kept.append(Tensor(tensor.name, tensor.shape, part="vision", linear=tensor.linear, copies=layers - 1))
        elif not tensor.name.startswith("v.post_ln."):
            kept.append(tensor)
    return kept


def _tower(tensor: Tensor, legacy: bool) -> Stored:
    """A tensor of the ``mmproj`` file: vectors and position tables 32-bit, the rest 16-bit.

    ``conversion/base.py`` ``prepare_tensors``; the ``legacy`` script of the CLIP towers narrows position tables too.
    """
    # One number for a whole network stands for its matrices, though it looks like a vector.
    whole = tensor.part == "component" or tensor.name.endswith(".unmodelled")
    table = ".position_embd" in tensor.name and not legacy
    kind = "F32" if table or (is_vector(tensor.shape) and not whole) else "F16"
    return Stored(tensor, kind, tensor_bytes(kind, tensor.elements), tensor.layers)
