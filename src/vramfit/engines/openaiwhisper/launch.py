"""Lines and scripts of OpenAI's whisper, written and read (openai/whisper c0d2f62 ``whisper/transcribe.py``)."""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.launch import Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.launch.words import Process

OURS = "whisper-"
SIZES = (
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v1", "large-v2", "large-v3",
    "large-v3-turbo",
)  # fmt: skip
"""Names that ``load_model`` takes (``whisper/__init__.py`` ``_MODELS``)."""
SAME_SIZES = {"large": "large-v3", "turbo": "large-v3-turbo"}
USUAL = "turbo"
"""Model of a line that names none."""
CLI = Program(
    ("whisper",),
    (Flag("--model", "model"), Flag("--beam_size", "beam_size"), Flag("--device", "device"), Flag("", "sound")),
    also=(("python", "-m", "whisper"),),
    positional="sound",
    neutral=neutral(
        "",
        "--model_dir --output_dir -o --output_format -f --verbose --task --language --temperature --best_of --patience"
        " --length_penalty --suppress_tokens --initial_prompt --carry_initial_prompt --condition_on_previous_text --fp16"
        " --temperature_increment_on_fallback --compression_ratio_threshold --logprob_threshold --no_speech_threshold"
        " --word_timestamps --prepend_punctuations --append_punctuations --highlight_words --max_line_width"
        " --max_line_count --max_words_per_line --threads --clip_timestamps --hallucination_silence_threshold",
    ),
)


def size_name(deployment: Deployment) -> str | None:
    """Name that the program has for the deployment's model; None for a model without one."""
    name = deployment.model.id.removeprefix(OURS)
    return name if name in SIZES else None


def command(deployment: Deployment, keys: SpeechKeys) -> str:
    """Write the line that transcribes a sound."""
    values = {"sound": "sound.wav", "model": size_name(deployment), "beam_size": keys.beams}
    return line(write.words(CLI, values))


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first script or line that transcribes with it; None if there is none.

    Raises ``UsageError`` for a script that does not state its model, and for a line that asks for the CPU.
    """
    from vramfit.launch.code import stated_name
    from vramfit.launch.read import first

    for one in given:
        load = next((call for call in one.calls if call.name == "whisper.load_model"), None)
        if load is not None:
            return _named({"model": stated_name(load.value("name", 0))})
    keys = first(CLI, given)
    if keys is None:
        return None
    if keys.pop("device", "cuda").startswith("cpu"):
        raise UsageError("the command runs on the CPU, and no GPU is used", "leave --device out")
    keys.pop("sound", None)
    return _named({"model": USUAL, **keys})


def _named(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys with the catalogue's name of the model, and the scheme that its weights are in."""
    name = SAME_SIZES.get(str(keys["model"]), str(keys["model"]))
    return {**keys, "model": f"{OURS}{name}" if name in SIZES else name, "quant": "fp32"}
