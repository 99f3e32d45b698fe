"""Scripts that load a pipeline: the keys each states, whole."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import UsageError
from vramfit.launch.files import Files

HEAD = "import torch\nfrom diffusers import DiffusionPipeline\n"
PLAIN = "p = DiffusionPipeline.from_pretrained('a/b', torch_dtype=torch.bfloat16)\n"


def keys(script: str) -> dict[str, object]:
    """Keys of a script."""

    def no_file(path: str) -> str:
        raise UsageError(f"cannot read {path}")

    found = read_command(HEAD + script, Files(no_file))
    assert found.engine == "diffusers"
    return found.keys


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        ({}, PLAIN),
        ({}, PLAIN + "p.to('cuda')\n"),
        ({"component_offload": "model"}, PLAIN + "p.enable_model_cpu_offload()\n"),
        ({"component_offload": "sequential"}, PLAIN + "p.enable_sequential_cpu_offload()\n"),
        ({"component_offload": "group"}, PLAIN + "p.enable_group_offload(onload_device='cuda')\n"),
        ({"output_size": "832x480", "frames": 81}, PLAIN + "p('a cat', width=832, height=480, num_frames=81)\n"),
        ({"output_size": "832x480"}, PLAIN + "p('a cat', width=832, height=480)\n"),
        ({"frames": 81}, PLAIN + "p('a cat', width=832, num_frames=81)\n"),
        ({"quant": "fp16"}, "p = DiffusionPipeline.from_pretrained('a/b', torch_dtype=torch.float16)\n"),
        ({"quant": "fp32"}, "p = DiffusionPipeline.from_pretrained('a/b', torch_dtype=torch.float32)\n"),
        ({"quant": "fp8"}, PLAIN + "p.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn)\n"),
        (
            {"quant": "svdq-fp4"},
            "t = nunchaku.NunchakuFluxTransformer2dModel.from_pretrained('x/svdq-fp4_r32-flux.1-dev.safetensors')\n"
            + PLAIN.replace("'a/b'", "'a/b', transformer=t"),
        ),
        ({"quant": "svdq-int4"}, "t = NunchakuQwenImageTransformer2DModel.from_pretrained('x/y')\n" + PLAIN),
        ({"text_encoder": "ram"}, "p = DiffusionPipeline.from_pretrained('a/b', text_encoder=None)\n"),
    ],
)
def test_keys_of_a_script(expected: dict[str, object], script: str) -> None:
    assert {"model": "a/b", "quant": "bf16", **expected} == keys(script)
