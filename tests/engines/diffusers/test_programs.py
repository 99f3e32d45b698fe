"""Wan's own program as deployment keys, whole, and what it is refused for."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import CannotTell, UsageError

HEAD = "python generate.py --ckpt_dir ./weights --prompt cat "


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (
            {"model": "wan2.2-t2v-a14b", "quant": "bf16", "component_offload": "model", "text_encoder": "ram",
             "output_size": "1280x720", "frames": 81},
            "--task t2v-A14B --size 1280*720 --offload_model True --convert_model_dtype --t5_cpu",
        ),
        (
            {"model": "wan2.2-i2v-a14b", "quant": "fp32", "component_offload": "model", "output_size": "832x480", "frames": 49},
            "--task i2v-A14B --size=832*480 --frame_num=49",
        ),
        (
            {"model": "wan2.2-ti2v-5b", "quant": "bf16", "component_offload": "none", "text_encoder": "ram",
             "output_size": "1280x704", "frames": 121},
            "--task ti2v-5B --size 1280*704 --offload_model False --convert_model_dtype --t5_cpu",
        ),
        # Wan2.1 has the denoiser on the GPU while it reads the prompt.
        (
            {"model": "wan2.1-t2v-14b", "quant": "fp32", "component_offload": "none", "output_size": "1280x720", "frames": 81},
            "--task t2v-14B --offload_model True",
        ),
        (
            {"model": "wan2.1-t2v-1.3b", "quant": "fp32", "component_offload": "model", "text_encoder": "ram",
             "output_size": "832x480", "frames": 81},
            "--task t2v-1.3B --size 832*480 --offload_model True --t5_cpu --sample_shift 8",
        ),
        (
            {"model": "wan2.1-vace-1.3b", "quant": "fp32", "component_offload": "none", "text_encoder": "ram",
             "output_size": "832x480", "frames": 81},
            "--task vace-1.3B --size 832*480 --offload_model True --t5_cpu",
        ),
        (
            {"model": "wan2.2-animate-14b", "quant": "fp32", "component_offload": "model", "output_size": "1280x720",
             "frames": 77},
            "--task animate-14B --ulysses_size 1",
        ),
    ],
)  # fmt: skip
def test_keys_of_a_command(expected: dict[str, object], command: str) -> None:
    found = read_command(HEAD + command)

    assert (found.engine, found.keys) == ("diffusers", expected)


@pytest.mark.parametrize("flags", ["--ulysses_size 8", "--dit_fsdp --t5_fsdp", "--ring_size=2"])
def test_several_gpus_are_refused_with_the_question_for_one(flags: str) -> None:
    with pytest.raises(CannotTell, match="over several GPUs"):
        read_command(f"{HEAD} --task t2v-A14B {flags}")
    with pytest.raises(CannotTell, match="over several GPUs") as raised:
        read_command(f"torchrun --nproc_per_node=2 generate.py --task t2v-A14B {flags}")

    assert "-m wan2.2-t2v-a14b --component-offload model" in (raised.value.hint or "")


def test_a_task_that_makes_no_video_is_refused() -> None:
    with pytest.raises(UsageError, match="t2i-14B makes no video") as raised:
        read_command(f"{HEAD} --task t2i-14B")

    assert "t2v-A14B" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("command", "title", "question"),
    [
        ("sglang generate --model-path Wan-AI/Wan2.2-T2V-A14B-Diffusers --num-frames 81", "SGLang's diffusion runtime",
         "-m Wan-AI/Wan2.2-T2V-A14B-Diffusers --engine diffusers --frames 81"),
        ("python wgp.py --profile 4", "Wan2GP", "--engine diffusers"),
        ("python sample_video.py --video-length 129", "HunyuanVideo's own program", "--engine diffusers"),
        ("python generate_video.py --model_id Skywork/SkyReels-V2-T2V-14B-540P", "SkyReels' own program",
         "-m Skywork/SkyReels-V2-T2V-14B-540P --engine diffusers"),
    ],
)  # fmt: skip
def test_other_programs_are_refused_with_the_nearest_question(command: str, title: str, question: str) -> None:
    with pytest.raises(CannotTell, match=title) as raised:
        read_command(command)

    assert question in (raised.value.hint or "")
