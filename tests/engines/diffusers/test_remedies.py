"""Remedies of FLUX.2 dev on 24 GB: what is offered, and that each promise holds when it is asked again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report
from vramfit.engines import engine, estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment


def rows(*arguments: str) -> list[Any]:
    """Estimates of FLUX.2 dev on an RTX 4090, unless the arguments name others."""
    asked = ("-g", "rtx4090", "-m", "flux.2-dev")
    named = [text for pair in zip(asked[::2], asked[1::2], strict=True) if pair[0] not in arguments for text in pair]
    return report(*named, *arguments).estimates


def deployed_as(*arguments: str) -> Deployment:
    """Deployment of FLUX.2 dev on a card that holds it."""
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    keys = {key.removeprefix("--").replace("-", "_"): value for key, value in pairs}
    return resolve(parse_request({"gpu": "h200", "model": "flux.2-dev", **keys}), open_catalogue())[0]


def options(changes: dict[str, Any]) -> list[str]:
    """Options of a command line that state changes of keys."""
    pairs = [(f"--{key.replace('_', '-')}", value) for key, value in changes.items()]
    return [text for flag, value in pairs for text in ((flag,) if value is True else (flag, str(value)))]


def offered(row: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and changes of the remedies of a row, without those of other cards."""
    own = [one for one in row["remedies"] if "gpu" not in one["changes"]]
    return [(one["kind"], {key: value for key, value in one["changes"].items() if key != "engine"}) for one in own]


def test_what_diffusers_offers() -> None:
    sixteen, eight, four = rows()

    assert ["exceeds"] * 3 == [row["verdict"] for row in (sixteen, eight, four)]
    assert offered(sixteen) == [
        ("engine-setting", {"quant": "bf16", "component_offload": "group"}),
        ("quantize", {"quant": "fp8", "component_offload": "group"}),
        ("quantize", {"quant": "Q4_K_M", "component_offload": "model", "text_encoder": "nf4"}),
        ("quantize", {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"}),
    ]
    assert offered(eight)[0] == ("quantize", {"quant": "Q4_K_M", "component_offload": "model", "text_encoder": "nf4"})
    assert offered(four) == [
        ("engine-setting", {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"}),
    ]  # fmt: skip


def test_what_comfyui_offers() -> None:
    sixteen, eight, four = rows("--engine", "comfyui", "-m", "flux.1-dev", "-g", "rtx3060-12gb")
    quantized = [("quantize", {"quant": "nvfp4"}), ("quantize", {"quant": "Q4_K_M"})]

    assert [row["quant"]["scheme"] for row in (sixteen, eight, four)] == ["bf16", "fp8", "Q4_K_M"]
    assert [offered(row) for row in (sixteen, eight, four)] == [quantized, quantized, []]


def test_comfyui_reads_text_encoders_in_fp8() -> None:
    (row,) = rows(
        "--engine", "comfyui", "--quant", "Q4_K_M", "--component-offload", "none", "-g", "rtxa6000", "--all-remedies"
    )

    assert {changes["text_encoder"] for _, changes in offered(row) if "text_encoder" in changes} == {"fp8"}


@pytest.mark.parametrize(
    ("engine", "gpu", "model", "count"),
    [
        ("diffusers", "rtx4090", "flux.2-dev", 10), ("comfyui", "rtx4090", "flux.2-dev", 10),
        ("diffusers", "rtx4060", "qwen-image", 4), ("diffusers", "gtx1660ti", "sdxl-base", 6),
        ("diffusers", "t4", "sd3.5-large", 6), ("diffusers", "rtx5070", "z-image-turbo", 6),
    ],
)  # fmt: skip
def test_each_promise_holds_when_it_is_asked_again(engine: str, gpu: str, model: str, count: int) -> None:
    remedies = [
        one for row in rows("--engine", engine, "--all-remedies", "-g", gpu, "-m", model) for one in row["remedies"]
    ]
    promised, found = [], []
    for one in remedies:
        changes = {"gpu": gpu, "model": model, "engine": engine, **one["changes"]}
        (row,) = report(*options(changes)).estimates
        known = row["command"] is not None  # a report names no GGUF file that nobody may have
        promised.append((one["verdict"], one["required_bytes"], one["command"] if known else None))
        found.append((row["verdict"], row["required_bytes"]["expected"], row["command"]))

    assert len(promised) > count
    assert found == promised
    assert {"fits", "tight"} >= {verdict for verdict, *_ in promised}


def test_quality_of_a_pipeline_is_not_measured() -> None:
    labels = [row["quality"]["label"] for row in rows()]

    assert labels == ["reference", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("parts", "arguments"),
    [
        (['torch_dtype=torch.bfloat16); p.to("cuda")'], ()),
        (["BitsAndBytesConfig(load_in_8bit=True)", '"transformer": diffusers.'], ("--quant", "int8")),
        (['"transformer": diffusers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"',
          "bnb_4bit_use_double_quant=True"], ("--quant", "nf4")),
        (['bnb_4bit_quant_type="fp4"', "bnb_4bit_use_double_quant=False"], ("--quant", "fp4-single")),
        (["p.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn"], ("--quant", "fp8")),
        (['TorchAoConfig("int8wo")'], ("--quant", "torchao-int8")),
        (['NVIDIAModelOptConfig(quant_type="NVFP4")'], ("--quant", "nvfp4")),
        (['transformer=diffusers.Flux2Transformer2DModel.from_single_file("denoiser-Q4_K_M.gguf"'], ("--quant", "Q4_K_M")),
        (['"text_encoder": transformers.BitsAndBytesConfig(load_in_8bit=True)', "import torch, diffusers, transformers"],
         ("--quant", "bf16", "--text-encoder", "int8")),
        (["p.enable_model_cpu_offload()"], ("--quant", "bf16", "--component-offload", "model")),
        (['p.enable_group_offload(onload_device=torch.device("cuda"))'], ("--component-offload", "group")),
        (["p.enable_sequential_cpu_offload()"], ("--component-offload", "sequential")),
        (["diffusers.hooks.apply_layerwise_casting(p.text_encoder, storage_dtype=torch.float8_e4m3fn"],
         ("--text-encoder", "fp8")),
        (['p.vae.enable_tiling(); p.to("cuda")'], ("--model", "hunyuanvideo")),
        (['torch_dtype={"default": torch.bfloat16, "vae": torch.float32}'], ("--model", "wan2.2-t2v-a14b")),
    ],
)  # fmt: skip
def test_the_command_loads_what_was_estimated(parts: list[str], arguments: tuple[str, ...]) -> None:
    """A command whose components are stored otherwise than estimated would run out of memory."""
    deployment = deployed_as(*arguments)
    command = engine(deployment.engine).command(deployment, estimate(deployment))
    python, flag, code = shlex.split(command)

    assert (python, flag) == ("python", "-c")
    compile(code, "command", "exec")
    assert [part for part in parts if part not in code] == []
