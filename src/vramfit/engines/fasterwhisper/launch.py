"""Python that runs faster-whisper, and lines of programs built on it, written and read.

SYSTRAN/faster-whisper at 65882ee ``faster_whisper/transcribe.py`` and ``utils.py``; WhisperX 3.8 ``whisperx/__main__.py``;
Purfview/whisper-standalone-win (``faster-whisper-xxl``), whose flags are those of OpenAI's whisper.
"""

from __future__ import annotations

from vramfit.engines.naming import repository
from vramfit.errors import UsageError
from vramfit.launch import Flag, Program, neutral

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.launch.code import Call
    from vramfit.launch.words import Process

OURS = "whisper-"
"""Beginning of the models' ids in the catalogue, which faster-whisper's own names have not."""
SIZES = (
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v1", "large-v2", "large-v3",
    "distil-large-v2", "distil-medium.en", "distil-small.en", "distil-large-v3", "distil-large-v3.5", "large-v3-turbo",
)  # fmt: skip
"""Names that ``WhisperModel`` takes (``utils.py`` ``_MODELS``)."""
SAME_SIZES = {"large": "large-v3", "turbo": "large-v3-turbo"}
TYPES = {
    "float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "int8": "int8_float16", "int8_float16": "int8_float16",
    "int8_bfloat16": "int8_float16", "int8_float32": "int8_float32", "default": "fp16", "auto": "int8_float16",
}  # fmt: skip
"""Schemes by the words of ``compute_type``; files are in 16-bit floats."""
WORDS = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
"""Words of ``compute_type`` by schemes that are called otherwise here."""
BATCH = 8
"""Windows at once of ``BatchedInferencePipeline`` and of WhisperX where nothing else is stated."""

_FLAGS = (
    Flag("--model", "model", ("-m",)),
    Flag("--compute_type", "compute_type", ("-ct",)),
    Flag("--batch_size", "parallel"),
    Flag("--beam_size", "beam_size"),
    Flag("--device", "device", ("-d",)),
)
_NEUTRAL = neutral(
    "--diarize --highlight_words --suppress_numerals --no_align --return_char_alignments --speaker_embeddings --batched"
    " --batch_recursive --sentence --standard --standard_asia --skip --verbose_ffmpeg",
    "--language -l --output_dir -o --output_format -f --verbose --task --temperature --best_of --patience --length_penalty"
    " --suppress_tokens --initial_prompt --condition_on_previous_text --fp16 --logprob_threshold --no_speech_threshold"
    " --max_line_width --max_line_count --threads --hf_token --print_progress --vad_method --vad_onset --vad_offset"
    " --chunk_size --min_speakers --max_speakers --align_model --interpolate_method --diarize_model --segment_resolution"
    " --device_index --model_dir --model_cache_only --hotwords --word_timestamps --vad_filter --log_level",
)
_UNMODELLED = {"--diarize": 0, "--align_model": 1}
WHISPERX = Program(
    ("whisperx",),
    (*_FLAGS, Flag("", "sound")),
    also=(("python", "-m", "whisperx"),),
    positional="sound",
    neutral={flag: count for flag, count in _NEUTRAL.items() if flag not in _UNMODELLED},
    unmodelled=_UNMODELLED,
)
STANDALONE = Program(
    ("faster-whisper-xxl",),
    (*_FLAGS, Flag("", "sound")),
    also=(("faster-whisper",), ("faster-whisper-xxl.exe",), ("whisper-ctranslate2",)),
    positional="sound",
    neutral=_NEUTRAL,
)


def size_name(deployment: Deployment) -> str | None:
    """Name that ``WhisperModel`` has for the deployment's model; None for a model without one."""
    name = deployment.model.id.replace(f"distil-{OURS}", "distil-").removeprefix(OURS)
    return name if name in SIZES else None


def command(deployment: Deployment, keys: SpeechKeys) -> str:
    """Write the Python that loads the model in its type, and transcribes a sound in one window or in a batch of them."""
    kind = WORDS.get(deployment.scheme.id, deployment.scheme.id)
    batch = deployment.workload.parallel
    name = size_name(deployment) or repository(deployment)
    wrapped = batch > 1
    imports = "WhisperModel, BatchedInferencePipeline" if wrapped else "WhisperModel"
    load = f"model = WhisperModel({name!r}, device='cuda', compute_type={kind!r})"
    runner = "BatchedInferencePipeline(model)" if wrapped else "model"
    size = f", batch_size={batch}" if wrapped else ""
    call = f"segments, info = {runner}.transcribe('sound.wav'{size}, beam_size={keys.beams})"
    return f"from faster_whisper import {imports}; {load}; {call}"


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first script or line that loads such a model; None if there is none.

    Raises ``UsageError`` for a script that does not state its model, and for a line that asks for the CPU.
    """
    from vramfit.launch.read import first

    for one in given:
        load = next(
            (call for call in one.calls if call.last == "WhisperModel" or call.name == "whisperx.load_model"), None
        )
        if load is not None:
            return _of_calls(one.calls, load)
    keys = first(WHISPERX, given)
    batch = BATCH if keys is not None else 1
    keys = first(STANDALONE, given) if keys is None else keys
    if keys is None:
        return None
    if keys.pop("device", "cuda").startswith("cpu"):
        raise UsageError("the command runs on the CPU, and no GPU is used", "leave --device out")
    keys.pop("sound", None)
    keys.setdefault("model", "small")
    if batch > 1:
        keys.setdefault("parallel", batch)
    return _named(keys)


def _of_calls(found: tuple[Call, ...], load: Call) -> dict[str, Any]:
    """Deployment keys of a script, by the call that loads and the one that transcribes."""
    from vramfit.launch.code import stated_name

    whisperx = load.last != "WhisperModel"
    name = load.value("whisper_arch" if whisperx else "model_size_or_path", 0)
    keys: dict[str, Any] = {"model": stated_name(name)}
    kind = load.value("compute_type", 4 if whisperx else 3)
    if isinstance(kind, str):
        keys["compute_type"] = str(kind)
    run = next((one for one in found if one.last == "transcribe"), None)
    batched = whisperx or any(one.last == "BatchedInferencePipeline" for one in found)
    batch = None if run is None else run.value("batch_size")
    if batched or batch is not None:
        keys["parallel"] = str(batch) if isinstance(batch, int) else str(BATCH)
    beams = None if run is None else run.value("beam_size")
    if isinstance(beams, int):
        keys["beam_size"] = str(beams)
    return _named(keys)


def _named(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys with the catalogue's name of the model, and the scheme of its compute type."""
    name = str(keys["model"])
    name = SAME_SIZES.get(name, name)
    if name in SIZES:
        keys["model"] = name if name.startswith("distil") else f"{OURS}{name}"
    kind = keys.pop("compute_type", "default")
    keys["quant"] = TYPES.get(kind, kind)
    return keys
