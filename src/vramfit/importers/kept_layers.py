"""Layers that a quantized repository leaves in 16 bits, or in 8, as its settings state them.

Where a repository's weights are read, their header says so of every tensor. Where only the configuration is there, its lists
of modules do: ``modules_to_not_convert`` (transformers: AWQ, FP8, bitsandbytes), ``ignored_layers``, ``ignore``
(compressed-tensors, ModelOpt), ``exclude_modules`` and ``quantized_layers`` (ModelOpt's ``hf_quant_config.json``), and
``dynamic`` (GPTQModel, ``-:`` before what is left out). A pattern is a name, a beginning or an end of one at a dot, a glob, or
after ``re:`` a regular expression. Groups of compressed-tensors state layers by name or by class (``Linear``).

The names are those of modules in transformers, which the model's own tensors do not have here: each kind of layer
(``quantization.recipes``) is looked up by the names that it goes by.
"""

from __future__ import annotations

import re
from fnmatch import translate

from vramfit._record import Record
from vramfit.quantization.checkpoint import Checkpoint, Stored, keep
from vramfit.quantization.linears import half
from vramfit.quantization.nvfp4 import fp8_bytes, matrix_bytes
from vramfit.quantization.recipes import (
    ATTENTION,
    DENSE,
    EXPERTS,
    GATES,
    OTHER,
    RECURRENT,
    SHARED,
    kind_of,
    recurrent_layers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

LISTS = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "modules_to_not_quantize")
STEMS = ("model.layers.", "model.language_model.layers.", "language_model.model.layers.", "backbone.layers.", "layers.")
"""Beginnings of the names of a layer's modules, before its number."""
MODULES = {
    EXPERTS: ("mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj", "ffn.experts.0.w2"),
    SHARED: (
        "mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj", "mixer.shared_experts.down_proj",
        "ffn.shared_experts.w2", "block_sparse_moe.shared_experts.down_proj",
    ),
    DENSE: ("mlp.down_proj", "mixer.down_proj", "feed_forward.down_proj", "block_sparse_moe.mlp.down_proj"),
    ATTENTION: ("self_attn.q_proj", "self_attn.q_b_proj", "self_attn.qkv_proj", "attn.wq_b", "mixer.q_proj"),
    RECURRENT: ("linear_attn.out_proj", "mixer.out_proj", "mamba.out_proj"),
    GATES: ("linear_attn.in_proj_a", "linear_attn.in_proj_ba"),
}  # fmt: skip
"""Names of a module of each kind within its layer."""
BESIDE = ("experts.0.down_proj", "moe.experts.0.down_proj")
"""Names of an expert where a dense network stands beside the experts, which then is ``mlp`` (Gemma 4 26B-A4B)."""
OUTPUTS = ("self_attn.o_proj", "attn.wo_b", "mixer.o_proj")
"""Names of attention's output projection, which some leave quantized alone."""
HEADS = ("lm_head", "language_model.lm_head", "model.lm_head", "head")
FAMILIES = ("awq", "gptq", "compressed_tensors", "nvfp4", "mxfp4", "fp8")
"""Families of schemes whose checkpoints have such lists."""
OWN, EIGHT, HALF = "own", "fp8", "half"


class Stated(Record):
    """Modules as settings list them."""

    left: tuple[re.Pattern[str], ...]
    """Modules in 16 bits."""
    eight: tuple[re.Pattern[str], ...]
    """Modules in 8-bit floats beside a scheme of fewer bits."""
    own: tuple[re.Pattern[str], ...] | None
    """Modules in the scheme; None for every linear layer that is not left out."""


def checkpoint_of(model: Model, scheme: Scheme, settings: Mapping[str, Any], file: str) -> Checkpoint | None:
    """Checkpoint of a model whose ``file`` states the scheme and what it leaves out; None where it does not say what.

    FP8 without a list leaves nothing but the head. Other schemes without one have it in a file that is missing.
    """
    stated = _stated(settings)
    lists = bool(stated.left or stated.eight or stated.own)
    if scheme.family not in FAMILIES or not (lists or scheme.family == "fp8"):
        return None
    recurrent = recurrent_layers(model)
    beside = any(group.experts is not None and group.experts.dense_width for group in model.layers)
    rows: list[Stored] = []
    for row in Checkpoint(model, scheme).stored:
        kind = kind_of(row.tensor, recurrent)
        if kind == OTHER:
            rows.append(row)
        elif not row.layers:
            rows.append(_as(row, scheme, _form(HEADS, stated, HALF), ()))
        else:
            by_form: dict[str, list[int]] = {}
            for layer in row.layers:
                by_form.setdefault(_form(_names(row.tensor, kind, layer, beside), stated, OWN), []).append(layer)
            rows += [_as(row, scheme, form, tuple(layers)) for form, layers in by_form.items()]
    found = Checkpoint(model, scheme, tuple(rows), file)
    keep(found)
    return found


def _names(tensor: Tensor, kind: int, layer: int, beside: bool) -> list[str]:
    """Names that a tensor's module may go by; ``beside`` means that a dense network stands beside the experts."""
    own = OUTPUTS if tensor.name == "attn_output.weight" else MODULES[kind]
    if beside and kind == EXPERTS:
        own = BESIDE
    return [f"{stem}{layer}.{name}" for stem in STEMS for name in own]


def _form(names: Iterable[str], stated: Stated, otherwise: str) -> str:
    """Form of a module under the first of its names that is listed, else ``otherwise``."""
    listed = list(names)
    if _listed(listed, stated.left):
        return HALF
    if _listed(listed, stated.eight):
        return EIGHT
    if stated.own is None:
        return otherwise
    return OWN if _listed(listed, stated.own) else HALF


def _listed(names: Iterable[str], patterns: tuple[re.Pattern[str], ...]) -> bool:
    return any(pattern.search(name) for pattern in patterns for name in names)


def _as(row: Stored, scheme: Scheme, form: str, layers: tuple[int, ...]) -> Stored:
    """Row of a tensor in a form, in some of its layers."""
    tensor = row.tensor
    if form == HALF:
        return Stored(tensor, half(tensor).type, half(tensor).bytes_each, layers)
    if form == EIGHT:
        return Stored(tensor, "FP8", fp8_bytes(tensor), layers)
    if scheme.family == "nvfp4":
        return Stored(tensor, "NVFP4", matrix_bytes(tensor), layers)
    return Stored(tensor, row.type, row.bytes_each, layers)


def _stated(settings: Mapping[str, Any]) -> Stated:
    left: list[re.Pattern[str]] = []
    for key in LISTS:
        found = settings.get(key)
        left += [_pattern(str(name)) for name in found] if isinstance(found, list) else []
    dynamic = settings.get("dynamic")
    if isinstance(dynamic, dict):
        left += [_pattern(f"re:{name[2:]}") for name in dynamic if name.startswith("-:")]
    own: list[re.Pattern[str]] = []
    eight: list[re.Pattern[str]] = []
    named = False
    for names, bits in _groups(settings):
        if "Linear" in names:
            continue
        named = True
        (eight if bits == 8 else own).extend([_pattern(name) for name in names])
    return Stated(tuple(left), tuple(eight) if own else (), tuple(own or eight) if named else None)


def _groups(settings: Mapping[str, Any]) -> list[tuple[list[str], int]]:
    """Names of modules and bits of their weights, group by group."""
    found: list[tuple[list[str], int]] = []
    groups = settings.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        targets = group.get("targets") if isinstance(group, dict) else None
        if isinstance(weights, dict) and isinstance(targets, list):
            found.append(([str(name) for name in targets], 8 if weights.get("num_bits") == 8 else 4))
    layers = settings.get("quantized_layers")
    if isinstance(layers, dict) and not found:
        for name, one in layers.items():
            algorithm = str(one.get("quant_algo", "")) if isinstance(one, dict) else ""
            found.append(([str(name)], 8 if "FP4" not in algorithm else 4))
    return found


def _pattern(text: str) -> re.Pattern[str]:
    """Regular expression of a pattern; one that is none matches nothing."""
    try:
        if text.startswith("re:"):
            return re.compile(f"^(?:{text[3:]})")
        if "*" in text:
            return re.compile(f"^(?:{translate(text)})")
        return re.compile(rf"(^|\.){re.escape(text)}(\.|$)")
    except re.error:
        return re.compile(r"(?!)")
