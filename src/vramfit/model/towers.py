"""Tensors of vision towers, audio encoders, and their projectors into the language model."""

from __future__ import annotations

from vramfit.model.architecture import Tensor
from vramfit.model.attention import linear, norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vramfit.model.attention import Row
    from vramfit.model.encoder import AudioTower, Step, VisionTower


BUFFERS = ("v.std_bias", "v.std_scale")
"""Tensors of a tower that files store and training does not touch (Gemma 4)."""


def vision_tensors(tower: VisionTower, text: int) -> list[Tensor]:
    """Tensors of a vision tower and of its projector into a language model with a hidden width of ``text`` elements.

    A tower that is not modelled becomes a single tensor with all its parameters.
    """
    widths = _widths(tower, (tower.merge or 1) ** 2, text)
    result: list[Tensor] = []
    if tower.layers:
        patch = (tower.patch, tower.patch, 3, tower.hidden)
        stem: list[Row] = [("v.patch_embd.weight", patch, False)]
        if tower.frames == 2:  # GGUF splits the kernel by frame
            stem.append(("v.patch_embd.weight.1", patch, False))
        if tower.patch_bias:
            stem.append(("v.patch_embd.bias", (tower.hidden,), False))
        if tower.class_token:
            stem.append(("v.class_embd", (tower.hidden,), False))
        positions = tower.positions
        if positions == "grid":
            positions = ((tower.image_size or 0) // tower.patch) ** 2 + tower.class_token
        if positions:
            stem.append(("v.position_embd.weight", (tower.hidden, positions), False))
        result += _encoder("v", tower, stem, widths)
    if tower.parameters:
        result.append(Tensor("v.unmodelled", (tower.parameters,), (), "vision"))
    return result + _steps(tower.projector, "projector", widths)


def audio_tensors(audio: AudioTower, text: int) -> list[Tensor]:
    """Tensors of an audio encoder and of its projector into a language model with a hidden width of ``text`` elements.

    An encoder that is not of the Whisper kind becomes a single tensor with all its parameters.
    """
    result: list[Tensor] = []
    hidden = audio.hidden
    widths = _widths(audio, audio.merge or 1, text)
    if audio.layers and audio.mel_bins and isinstance(audio.positions, int):
        stem: list[Row] = [
            ("a.conv1d.1.weight", (3, audio.mel_bins, hidden), False),
            ("a.conv1d.1.bias", (hidden,), False),
            ("a.conv1d.2.weight", (3, hidden, hidden), False),
            ("a.conv1d.2.bias", (hidden,), False),
            ("a.position_embd.weight", (hidden, audio.positions), False),
        ]
        result += _encoder("a", audio, stem, widths)
    if audio.parameters:
        result.append(Tensor("a.unmodelled", (audio.parameters,), (), "audio"))
    return result + _steps(audio.projector, "audio", widths)


def _widths(tower: VisionTower | AudioTower, merged: int, text: int) -> dict[str, int]:
    """Widths that the steps of a projector can name, and the width of one attention head, in elements."""
    head = tower.hidden // tower.heads if tower.heads else 0
    return {"tower": tower.hidden, "merged": tower.hidden * merged, "ffn": tower.ffn, "text": text, "head": head}


def _encoder(prefix: str, tower: VisionTower | AudioTower, stem: list[Row], widths: Mapping[str, int]) -> list[Tensor]:
    """Tensors of a transformer encoder: the stem, the layers as copies, and the norms before and after them."""
    part = "vision" if prefix == "v" else "audio"
    rows = list(stem)
    if tower.pre_norm:
        rows += norm(f"{prefix}.pre_ln", tower.hidden, tower.norm_bias)
    tensors = [Tensor(name, shape, (), part, flag) for name, shape, flag in rows]
    for name, shape, flag in _encoder_layer(tower, widths["head"]):
        tensors.append(Tensor(f"{prefix}.{name}", shape, (), part, flag, copies=tower.layers))
    if tower.post_norm:
        rows = norm(f"{prefix}.post_ln", tower.hidden, tower.norm_bias)
        tensors += [Tensor(name, shape, (), part, flag) for name, shape, flag in rows]
    return tensors + _steps(tower.extra, part, widths)


def _encoder_layer(tower: VisionTower | AudioTower, head: int) -> list[Row]:
    """Rows of one encoder layer."""
    hidden, ffn, bias = tower.hidden, tower.ffn, tower.qkv_bias
    rows: list[Row] = []
    for name in tower.norms:
        rows += norm(name, hidden, tower.norm_bias)
    if tower.fused_qkv:
        rows += linear("attn_qkv", hidden, 3 * hidden, bias)
    else:
        rows += linear("attn_q", hidden, hidden, bias)
        rows += linear("attn_k", hidden, hidden, bias if tower.k_bias is None else tower.k_bias)
        rows += linear("attn_v", hidden, hidden, bias)
    rows += linear("attn_out", hidden, hidden, tower.o_bias)
    if tower.qk_norm:
        width = hidden if tower.qk_norm == "projection" else head
        rows += norm("attn_q_norm", width) + norm("attn_k_norm", width)
    if tower.layer_scale:
        rows += [("ls1.weight", (hidden,), False), ("ls2.weight", (hidden,), False)]
    if tower.gated:
        rows += linear("ffn_gate", hidden, ffn, tower.mlp_bias)
    return rows + linear("ffn_up", hidden, ffn, tower.mlp_bias) + linear("ffn_down", ffn, hidden, tower.mlp_bias)


def _steps(steps: Sequence[Step], part: str, widths: Mapping[str, int]) -> list[Tensor]:
    """Tensors of projector steps, or of other tensors written in the same notation."""
    tensors: list[Tensor] = []
    for step in steps:
        if step.linear is not None:
            inputs, outputs = [_width(width, widths) for width in step.linear]
            rows = linear(step.name, inputs, outputs, step.bias)
        elif step.norm is not None:
            rows = norm(step.name, _width(step.norm, widths), step.bias)
        else:
            rows = [(step.name, tuple([_width(width, widths) for width in step.shape or ()]), False)]
        tensors += [Tensor(name, shape, (), part, flag, name in BUFFERS, step.copies) for name, shape, flag in rows]
    return tensors


def _width(width: int | str, widths: Mapping[str, int]) -> int:
    """Width of a step in elements, with a name looked up."""
    return width if isinstance(width, int) else widths[width]
