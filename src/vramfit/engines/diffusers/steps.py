"""Denoisers of videos: the tokens that a class makes of what it draws, and the results that a step of it needs at once.

Both were counted by running diffusers 0.42.1's classes without data (PyTorch's ``meta`` device, two blocks of the real widths)
and adding up the tensors that exist at a time, fused attention taken as one result. HunyuanVideo's count is 5.33 GB at
768x512x121, where 5.0 GiB were measured (huggingface/blog ``video_gen.md``). Classes that are not here take ``USUAL``.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.diffusers.components import is_denoiser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model


class Step(Record):
    """Cost of a step of a denoiser."""

    results: int
    """Results of the width of the residual stream that exist at once for each token, in 16 bits; with guidance for those
    classes whose pipelines run both prompts as one batch (CogVideoX, LTX-Video, LTX-2, Mochi, Sana)."""
    patch: int = 16
    """Pixels of a side of a token: those that the VAE joins, times the side of a patch."""
    frames: int = 4
    """Frames of a video in a token."""
    low: float = 0.5
    """Lower bound as a share: distilled models run without guidance, and ComfyUI splits the batch when memory is short."""
    high: float = 2.3
    """Upper bound as a share, what PyTorch keeps beside it: Wan2.1 14B took 35 GiB with its components in turn, 8 beside the
    weights (``wan.md`` of diffusers 0.33); kijai/ComfyUI-WanVideoWrapper reserved 12.3 where 7.6 were allocated (issue 1272)."""
    mask_bytes: int = 0
    """Bytes for each pair of tokens that a mask of attention takes in diffusers."""


USUAL = Step(20, low=0.4, high=2.5)
"""Step of the other classes. In diffusers FLUX.1 takes 0.47 GiB beside its weights at 1024x1024
(huggingface.co/datasets/diffusers/benchmarks), 18 results for each token. Other programs take more: HunyuanVideo's own 60 GB for
720x1280x129 and 45 GB for 544x960x129 (README of Tencent-Hunyuan/HunyuanVideo), 47 for each token of the difference; candle 22.1
GiB for Wan2.2 A14B in Q4 at 1280x720x81 (SceneWorks pull request 1608), 30."""
STEPS = {
    "WanTransformer3DModel": Step(11),
    # The feed-forward network is nearly six times as wide as the stream, where that of 14B is less than three times.
    "WanTransformer3DModel 30 layers": Step(16),
    # TI2V 5B modulates every token for itself (``expand_timesteps``), by six more results.
    "WanTransformer3DModel 30 layers, 48ch": Step(32, patch=32),
    "WanVACETransformer3DModel": Step(20),
    "WanVACETransformer3DModel 30 layers": Step(32),
    "SkyReelsV2Transformer3DModel": Step(11),
    "SkyReelsV2Transformer3DModel 30 layers": Step(16),
    "SanaVideoTransformer3DModel": Step(28),
    "Kandinsky5Transformer3DModel": Step(13),
    "HunyuanVideoTransformer3DModel": Step(18),
    # Two masks of all pairs, one of which attention makes of numbers in 16 bits (``HunyuanVideo15AttnProcessor2_0``;
    # pytorch/pytorch ``aten/src/ATen/native/transformers/attention.cpp`` ``convert_boolean_attn_mask``).
    "HunyuanVideo15Transformer3DModel": Step(12, mask_bytes=4),
    "CogVideoXTransformer3DModel": Step(24),
    "CogVideoXTransformer3DModel 1.5": Step(24, frames=8),
    "LTXVideoTransformer3DModel": Step(32, patch=32, frames=8),
    "LTX2VideoTransformer3DModel": Step(43, patch=32, frames=8),
    # 22 GiB for 848x480x85 with its components in turn (docs/source/en/api/pipelines/mochi.md of diffusers); 34 counted.
    "MochiTransformer3DModel": Step(24, frames=6),
}
"""Steps by the beginning of the denoiser's description."""


def step_of(model: Model) -> Step:
    """Cost of a step of the model's denoiser."""
    for one in model.components:
        named = [name for name in STEPS if is_denoiser(one.name) and (one.architecture or "").startswith(name)]
        if named:
            return STEPS[max(named, key=len)]
    return USUAL
