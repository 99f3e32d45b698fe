"""Wan's own program, as deployment keys: ``generate.py`` of Wan-Video/Wan2.1 at 9737cba and Wan2.2 at 42bf4cf.

It places the same components as diffusers does, and is estimated like them. Its files have the denoiser in 32 bits, which stays
so unless ``--convert_model_dtype`` has it in 16 (``wan/text2video.py`` ``_configure_model``); 57 GB of Wan2.1 14B do not fit
48 GB (Wan-Video/Wan2.1 issue 205).
"""

from __future__ import annotations

from vramfit.errors import CannotTell, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.launch.words import Process

SCRIPT = "generate.py"
TASKS = {
    "t2v-A14B": "wan2.2-t2v-a14b", "i2v-A14B": "wan2.2-i2v-a14b", "ti2v-5B": "wan2.2-ti2v-5b",
    "s2v-14B": "wan2.2-s2v-14b", "animate-14B": "wan2.2-animate-14b", "t2v-1.3B": "wan2.1-t2v-1.3b",
    "t2v-14B": "wan2.1-t2v-14b", "i2v-14B": "wan2.1-i2v-14b", "flf2v-14B": "wan2.1-flf2v-14b",
    "vace-1.3B": "wan2.1-vace-1.3b", "vace-14B": "wan2.1-vace-14b",
}  # fmt: skip
"""Models by the tasks of both repositories."""
FRAMES = {"ti2v-5B": 121, "s2v-14B": 80, "animate-14B": 77}
"""Frames that a task makes unasked (``wan/configs``); the others make 81."""
USUAL_FRAMES, USUAL_SIZE = 81, "1280*720"
SPREAD = ("--ulysses_size", "--ring_size")
SHARDED = ("--dit_fsdp", "--t5_fsdp")
TRUE = ("true", "1", "yes", "y", "t", "on")


def read(given: Sequence[Process]) -> dict[str, object] | None:
    """Deployment keys of the first process that is Wan's program; None if none is.

    Raises ``CannotTell`` for several GPUs, and ``UsageError`` for a task that is not known.
    """
    for one in given:
        words = [str(word) for word in one.words]
        scripts = [number for number, word in enumerate(words) if word.rpartition("/")[2] == SCRIPT]
        if scripts and "--task" in words:
            return _keys(words[scripts[0] + 1 :])
    return None


def _keys(words: list[str]) -> dict[str, object]:
    """Deployment keys of the program's arguments."""
    task = str(_value(words, "--task"))
    if task not in TASKS:
        raise UsageError(f"--task {task} makes no video that is known", f"known are {', '.join(TASKS)}")
    if any(flag in words for flag in SHARDED) or any((_value(words, flag) or "1") != "1" for flag in SPREAD):
        raise CannotTell(
            f"{SCRIPT} over several GPUs divides weights and tokens, which is not modelled",
            f"ask of one GPU: vramfit check -g GPU -m {TASKS[task]} --component-offload model",
        )
    in_turn = (_value(words, "--offload_model") or "true").lower() in TRUE
    in_ram = "--t5_cpu" in words and (_value(words, "--t5_cpu") or "true").lower() in TRUE
    keys: dict[str, object] = {"model": TASKS[task], "quant": "bf16" if "--convert_model_dtype" in words else "fp32"}
    # Wan2.1 has the denoiser on the GPU while it reads the prompt, unless T5 is in RAM, and while it encodes pictures.
    beside = TASKS[task].startswith("wan2.1") and (not in_ram or not task.startswith("t2v"))
    keys["component_offload"] = "model" if in_turn and not beside else "none"
    if in_ram:
        keys["text_encoder"] = "ram"
    keys["output_size"] = (_value(words, "--size") or USUAL_SIZE).replace("*", "x")
    frames = _value(words, "--frame_num")
    keys["frames"] = int(frames) if frames and frames.isdecimal() else FRAMES.get(task, USUAL_FRAMES)
    return keys


def _value(words: list[str], flag: str) -> str | None:
    """Value behind a flag, or behind its ``=``; None where the flag is absent or has none."""
    for number, word in enumerate(words):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag:
            value = words[number + 1] if number + 1 < len(words) else "--"
            return None if value.startswith("--") else value
    return None
