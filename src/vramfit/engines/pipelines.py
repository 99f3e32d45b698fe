"""Deployment keys of engines for one kind of model: pipelines (diffusers, ComfyUI) and speech (Whisper's programs)."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.workload.keys import Group, Key

OFFLOADS = ("none", "partial", "model", "group", "sequential")
"""Modes of keeping components in RAM (diffusers 0.42.1 ``pipelines/pipeline_utils.py`` ``enable_model_cpu_offload`` and
``enable_sequential_cpu_offload``, ``hooks/group_offloading.py``); ``partial`` is ComfyUI's own choice."""
ENCODERS = ("16bit", "fp8", "int8", "nf4", "ram")
"""Forms of the text encoders: as published, stored in FP8, quantized by bitsandbytes, or run in RAM."""

PIPELINE_KEYS = (
    Key(
        "component_offload",
        "choice",
        "diffusers, comfyui: components in RAM: none, what does not fit (partial), whole (model), blocks (group), layers",
        choices=OFFLOADS,
        default_text="none; partial for comfyui",
        decided=True,
    ),
    Key(
        "text_encoder",
        "choice",
        "diffusers, comfyui: form of the text encoders; ram leaves them to the CPU",
        choices=ENCODERS,
        default="16bit",
    ),
    Key(
        "output_size",
        "pixels",
        "diffusers, comfyui: width and height of what is made",
        default_text="the pipeline's own: 1024x1024, 832x480 of Wan, …",
        decided=True,
    ),
    Key(
        "frames",
        "count",
        "diffusers, comfyui: frames of a video",
        default_text="the pipeline's own: 1, 81 of Wan, …",
        decided=True,
        maximum=4096,
    ),
    Key(
        "vae_tiling",
        "flag",
        "diffusers, comfyui: decode in tiles",
        default_text="as the documentation's examples do: for HunyuanVideo, LTX-2 and Mochi",
    ),
)
GROUPS = (Group(PIPELINE_KEYS, 38),)

SPEECH_KEYS = (
    Key(
        "beam_size",
        "count",
        "whisper.cpp, faster-whisper, openai-whisper: hypotheses that the decoder follows at once",
        default=5,
        maximum=64,
        field="beams",
    ),
)
SPEECH_GROUPS = (Group(SPEECH_KEYS, 39),)


class PipelineKeys(Record):
    """Values of the keys of engines that run pipelines."""

    component_offload: str | None = None
    text_encoder: str = "16bit"
    output_size: tuple[int, int] | None = None
    frames: int | None = None
    vae_tiling: bool | None = None


class SpeechKeys(Record):
    """Values of the keys of engines that recognise speech."""

    beams: int = 5
