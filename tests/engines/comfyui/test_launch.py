"""Flags of ComfyUI's server as deployment keys, whole."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import CannotTell, UnknownProgram, UsageError


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (
            {"component_offload": "group", "reserve": "2GiB", "text_encoder": "fp8"},
            "python main.py --lowvram --reserve-vram 2 --fp8_e4m3fn-text-enc",
        ),
        ({"component_offload": "none", "quant": "fp8"}, "python3 main.py --listen --highvram --fp8_e4m3fn-unet"),
        ({"component_offload": "none"}, "python main.py --gpu-only"),
        ({"component_offload": "partial"}, "python main.py --normalvram"),
        ({"component_offload": "sequential"}, "comfy launch -- --novram --cache-none"),
        ({"quant": "fp32"}, "python main.py --fp32-unet"),
        ({"reserve": "1.5GiB"}, "python main.py --reserve-vram=1.5"),
        ({}, "python /opt/ComfyUI/main.py --port 8188"),
        ({}, "comfy launch"),
    ],
)
def test_keys_of_a_command(expected: dict[str, object], command: str) -> None:
    found = read_command(command)

    assert (found.engine, found.keys) == ("comfyui", expected)


def test_a_script_of_another_program_is_not_read() -> None:
    with pytest.raises(UnknownProgram):
        read_command("python main.py --port 8188")


def test_without_a_gpu_it_is_refused() -> None:
    with pytest.raises(CannotTell, match="no GPU is used"):
        read_command("python ComfyUI/main.py --cpu")


def test_a_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="no number of gigabytes"):
        read_command("python main.py --reserve-vram much")
