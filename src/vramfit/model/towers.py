"""The tensors of what looks and listens: vision tower, audio encoder, and the projectors into the language model.

A tower is a plain transformer encoder; how kinds differ is data, the ``towers:`` of ``data/models.yaml`` merged with
what the entry states. The settings read here, with the value that holds when they are absent:

``frames`` (1)
    images a patch spans in time, 1 or 2: the patch kernel of the Qwen-VL family is three-dimensional.
``patch_bias`` (true), ``class_token`` (false)
    bias of the patch projection; a learned token before the patches.
``positions`` (none)
    rows of the learned position table; ``grid`` is one for each patch of the trained image, and the class token.
``pre_norm``, ``post_norm`` (false)
    a norm before the first and behind the last layer.
``norm_bias``, ``qkv_bias``, ``o_bias``, ``mlp_bias`` (true), ``k_bias`` (as ``qkv_bias``)
    biases; norms without one are RMSNorms.
``norms`` (``[ln1, ln2]``)
    the norms of a layer.
``fused_qkv``, ``gated``, ``layer_scale`` (false)
    one matrix for query, key and value; three MLP matrices instead of two; two vectors that scale a layer's branches.
``qk_norm`` (none)
    ``head`` or ``projection``, as in the language model.
``merge`` (1)
    patches a side that become one token; the width ``merged`` of a projector is ``merge`` squared times the tower's.
``projector``
    the steps into the language model: ``{name, linear: [in, out], bias}``, ``{name, norm: width, bias}`` or
    ``{name, shape: [...]}``, with ``copies``; widths are numbers or ``tower``, ``merged``, ``ffn``, ``text``.
``extra``
    further tensors of the tower in the same notation.
``parameters``
    for a tower that is not modelled: its parameter count, all there is.
"""

from __future__ import annotations

from vramfit.model.architecture import Tensor
from vramfit.model.attention import linear, norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.model.architecture import VisionTower
    from vramfit.model.attention import Row


def vision_tensors(tower: VisionTower, text: int) -> list[Tensor]:
    """The tensors of a vision tower and of its projector into a language model ``text`` wide."""
    settings = tower.settings
    widths = _widths(tower.hidden, tower.ffn, tower.heads, settings.get("merge", 1) ** 2, text)
    result: list[Tensor] = []
    if tower.layers:
        patch = (tower.patch, tower.patch, 3, tower.hidden)
        stem: list[Row] = [("v.patch_embd.weight", patch, False)]
        if settings.get("frames") == 2:  # GGUF splits the kernel by frame
            stem.append(("v.patch_embd.weight.1", patch, False))
        if settings.get("patch_bias", True):
            stem.append(("v.patch_embd.bias", (tower.hidden,), False))
        if settings.get("class_token"):
            stem.append(("v.class_embd", (tower.hidden,), False))
        positions = settings.get("positions")
        if positions == "grid":
            positions = ((tower.image_size or 0) // tower.patch) ** 2 + settings.get("class_token", False)
        if positions:
            stem.append(("v.position_embd.weight", (tower.hidden, positions), False))
        result += _encoder("v", tower.layers, stem, widths, settings)
    result += _opaque("v.unmodelled", "vision", settings)
    return result + _steps(settings.get("projector", ()), "projector", widths)


def audio_tensors(audio: Mapping[str, Any], text: int) -> list[Tensor]:
    """The tensors of an audio encoder of the Whisper kind and of its projector, or one stand-in for another kind's."""
    result: list[Tensor] = []
    hidden = audio.get("hidden", 0)
    widths = _widths(hidden, audio.get("ffn", 0), audio.get("heads", 0), audio.get("merge", 1), text)
    if audio.get("layers"):
        stem: list[Row] = [
            ("a.conv1d.1.weight", (3, audio["mel_bins"], hidden), False),
            ("a.conv1d.1.bias", (hidden,), False),
            ("a.conv1d.2.weight", (3, hidden, hidden), False),
            ("a.conv1d.2.bias", (hidden,), False),
            ("a.position_embd.weight", (hidden, audio["positions"]), False),
        ]
        result += _encoder("a", audio["layers"], stem, widths, audio)
    result += _opaque("a.unmodelled", "audio", audio)
    return result + _steps(audio.get("projector", ()), "audio", widths)


def _widths(hidden: int, ffn: int, heads: int, merged: int, text: int) -> dict[str, int]:
    """The widths a step of a projector may name, and that of one head."""
    head = hidden // heads if heads else 0
    return {"tower": hidden, "merged": hidden * merged, "ffn": ffn, "text": text, "head": head}


def _encoder(
    prefix: str, layers: int, stem: list[Row], widths: Mapping[str, int], settings: Mapping[str, Any]
) -> list[Tensor]:
    """A transformer encoder: its stem, its layers as copies, and the norms around them."""
    part = "vision" if prefix == "v" else "audio"
    hidden, biased = widths["tower"], settings.get("norm_bias", True)
    rows = list(stem)
    if settings.get("pre_norm"):
        rows += norm(f"{prefix}.pre_ln", hidden, biased)
    tensors = [Tensor(name, shape, (), part, flag) for name, shape, flag in rows]
    for name, shape, flag in _encoder_layer(widths, settings):
        tensors.append(Tensor(f"{prefix}.{name}", shape, (), part, flag, copies=layers))
    if settings.get("post_norm"):
        rows = norm(f"{prefix}.post_ln", hidden, biased)
        tensors += [Tensor(name, shape, (), part, flag) for name, shape, flag in rows]
    return tensors + _steps(settings.get("extra", ()), part, widths)


def _encoder_layer(widths: Mapping[str, int], settings: Mapping[str, Any]) -> list[Row]:
    """The rows of one encoder layer."""
    hidden, ffn = widths["tower"], widths["ffn"]
    biased, bias = settings.get("norm_bias", True), settings.get("qkv_bias", True)
    rows: list[Row] = []
    for name in settings.get("norms", ("ln1", "ln2")):
        rows += norm(name, hidden, biased)
    if settings.get("fused_qkv"):
        rows += linear("attn_qkv", hidden, 3 * hidden, bias)
    else:
        rows += linear("attn_q", hidden, hidden, bias) + linear("attn_k", hidden, hidden, settings.get("k_bias", bias))
        rows += linear("attn_v", hidden, hidden, bias)
    rows += linear("attn_out", hidden, hidden, settings.get("o_bias", True))
    per = settings.get("qk_norm")
    if per:
        width = hidden if per == "projection" else widths["head"]
        rows += norm("attn_q_norm", width) + norm("attn_k_norm", width)
    if settings.get("layer_scale"):
        rows += [("ls1.weight", (hidden,), False), ("ls2.weight", (hidden,), False)]
    with_bias = settings.get("mlp_bias", True)
    if settings.get("gated"):
        rows += linear("ffn_gate", hidden, ffn, with_bias)
    return rows + linear("ffn_up", hidden, ffn, with_bias) + linear("ffn_down", ffn, hidden, with_bias)


def _steps(steps: Sequence[Mapping[str, Any]], part: str, widths: Mapping[str, int]) -> list[Tensor]:
    """The tensors of projector steps, or of other tensors written in their notation."""
    tensors: list[Tensor] = []
    for step in steps:
        if "linear" in step:
            inputs, outputs = [widths.get(width, width) for width in step["linear"]]
            rows = linear(step["name"], inputs, outputs, step.get("bias", False))
        elif "norm" in step:
            rows = norm(step["name"], widths.get(step["norm"], step["norm"]), step.get("bias", False))
        else:
            rows = [(step["name"], tuple([widths.get(width, width) for width in step["shape"]]), False)]
        copies = step.get("copies", 1)
        tensors += [Tensor(name, shape, (), part, flag, copies=copies) for name, shape, flag in rows]
    return tensors


def _opaque(name: str, part: str, settings: Mapping[str, Any]) -> list[Tensor]:
    """One stand-in for a network whose tensors are not modelled, or nothing."""
    return [Tensor(name, (settings["parameters"],), (), part)] if settings.get("parameters") else []
