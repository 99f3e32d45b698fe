"""Settings that make a pipeline smaller on the GPU, in the order in which to try them."""

from __future__ import annotations

from vramfit.engines.diffusers.components import is_text_encoder
from vramfit.engines.diffusers.decoders import decodes_in_tiles, usual_size
from vramfit.engines.diffusers.steps import step_of
from vramfit.engines.interface import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.model import Model

ENCODERS = {"fp8": "FP8", "int8": "8 bits", "nf4": "4 bits"}
"""Forms of quantized text encoders in words, with more bits first."""
FORMS = {"none": ("int8", "nf4"), "partial": ("fp8",)}
"""Forms that an engine loads, by its usual mode of offloading: diffusers quantizes, ComfyUI reads files in FP8."""
OFFLOADS = {
    "model": (
        "keep only the running component on the GPU", "each component is copied to the GPU when its turn comes", 1,
    ),
    "group": (
        "keep the denoiser in RAM and copy it block by block", "blocks are copied at every step, which costs much speed", 2,
    ),
}  # fmt: skip
"""Summary, cost and effort of the modes of offloading that are proposed; layer by layer is slower than by blocks."""
SMALLER = 2 / 3
"""Share of a side: 1280x720 becomes 848x480, which most models make as well."""
WHOLE_ONLY = ("bitsandbytes",)
"""Families of schemes whose components are moved as wholes: accelerate and diffusers copy the blocks of plain tensors."""


def settings(deployment: Deployment, keys: PipelineKeys, usual_offload: str) -> Iterator[Setting]:
    """Yield the settings from the cheapest on: components in RAM, text encoders in fewer bits, tiles, and blocks in RAM."""
    offload = keys.component_offload or usual_offload
    has_encoders = any(is_text_encoder(one.name) for one in deployment.model.components)
    forms = [
        form
        for form in FORMS.get(usual_offload, ())
        if has_encoders and keys.text_encoder in ("16bit", "int8") and form != keys.text_encoder
    ]
    modes: tuple[str, ...] = {"none": ("model", "group"), "model": ("group",)}.get(offload, ())
    turns = "model" if "model" in modes else None
    blocks = "group" in modes and deployment.scheme.family not in WHOLE_ONLY
    blocks = blocks and keys.text_encoder not in ("int8", "nf4")
    if turns is not None:
        yield _setting(turns, None)
    if offload == "none":
        for form in forms:
            yield _setting(None, form)
    if modes:
        for form in forms:
            yield _setting(turns, form)
    tiles = not decodes_in_tiles(deployment.model, keys.vae_tiling)
    if tiles:
        yield _setting(None, None, tiles)
        if turns is not None:
            yield _setting(turns, None, tiles)
    if blocks:
        yield _setting("group", None)
        if tiles:
            yield _setting("group", None, tiles)
    yield from _shorter(deployment.model, keys, "group" if blocks else turns)


def _shorter(model: Model, keys: PipelineKeys, offload: str | None) -> Iterator[Setting]:
    """Settings of half the frames, of two thirds of the sides, and of both, with the mode of offloading that needs least."""
    usual, usual_frames = usual_size(model)
    (width, height), frames = keys.output_size or usual, keys.frames or usual_frames
    step = step_of(model)
    fewer = (frames // 2 // step.frames) * step.frames + 1
    sides = [max(step.patch, round(side * SMALLER / step.patch) * step.patch) for side in (width, height)]
    if frames <= step.frames:
        return
    begun = {} if offload is None else {"component_offload": offload}
    trades = [] if offload is None else [OFFLOADS[offload][1]]
    words = [] if offload is None else [OFFLOADS[offload][0]]
    less, small = f"make {fewer} frames", f"make {sides[0]}x{sides[1]} pixels"
    options: tuple[tuple[dict[str, object], list[str], list[str]], ...] = (
        ({"frames": fewer}, [less], ["a shorter video"]),
        ({"output_size": tuple(sides)}, [small], ["a coarser video"]),
        ({"frames": fewer, "output_size": tuple(sides)}, [less, small], ["a shorter and coarser video"]),
    )
    for changes, made, trade in options:
        yield Setting({**begun, **changes}, " and ".join([*words, *made]), "; ".join([*trades, *trade]), 3)


def _setting(offload: str | None, form: str | None, tiles: bool = False) -> Setting:
    """Setting of a mode of offloading, of a form of the text encoders, of decoding in tiles, or of several of these."""
    changes: dict[str, object] = {}
    words, trades, effort = [], [], 1
    if offload is not None:
        summary, trade, effort = OFFLOADS[offload]
        changes["component_offload"] = offload
        words.append(summary)
        trades.append(trade)
    if form is not None:
        changes["text_encoder"] = form
        words.append(f"load the text encoders in {ENCODERS[form]}")
        trades.append("prompts lose a little")
    if tiles:
        changes["vae_tiling"] = True
        words.append("decode in tiles")
        trades.append("decoding is slower, and seams may show")
    return Setting(changes, " and ".join(words), "; ".join(trades), effort)
