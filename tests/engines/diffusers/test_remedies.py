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
    """Estimates of FLUX.2 dev on an RTX 4090."""
    return report("-g", "rtx4090", "-m", "flux.2-dev", *arguments).estimates


def deployed_as(*arguments: str) -> Deployment:
    """Deployment of FLUX.2 dev on a card that holds it."""
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    keys = {key.removeprefix("--").replace("-", "_"): value for key, value in pairs}
    return resolve(parse_request({"gpu": "h200", "model": "flux.2-dev", **keys}), open_catalogue())[0]


def options(changes: dict[str, Any]) -> list[str]:
    """Options of a command line that state changes of keys."""
    return [text for key, value in changes.items() for text in (f"--{key.replace('_', '-')}", str(value))]


def offered(row: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and changes of the remedies of a row, without those of other cards."""
    own = [one for one in row["remedies"] if "gpu" not in one["changes"]]
    return [(one["kind"], {key: value for key, value in one["changes"].items() if key != "engine"}) for one in own]


def test_what_diffusers_offers() -> None:
    sixteen, eight, four = rows()

    assert ["exceeds"] * 3 == [row["verdict"] for row in (sixteen, eight, four)]
    assert offered(sixteen) == [
        ("engine-setting", {"quant": "bf16", "component_offload": "group"}),
        ("quantize", {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"}),
        ("quantize", {"quant": "fp8", "component_offload": "group"}),
        ("quantize", {"quant": "Q4_K_M", "component_offload": "model", "text_encoder": "nf4"}),
    ]
    assert offered(eight)[0] == ("quantize", {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"})
    assert offered(four) == [
        ("engine-setting", {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"}),
    ]  # fmt: skip


def test_what_comfyui_offers() -> None:
    sixteen, eight, four = rows("--engine", "comfyui")

    assert [row["quant"]["scheme"] for row in (sixteen, eight, four)] == ["bf16", "fp8", "Q4_K_M"]
    assert offered(sixteen)[:2] == [
        ("engine-setting", {"quant": "bf16", "component_offload": "group"}),
        ("quantize", {"quant": "fp8", "component_offload": "group"}),
    ]
    assert offered(four)[0][0] == "engine-setting"


@pytest.mark.parametrize("engine", ["diffusers", "comfyui"])
def test_each_promise_holds_when_it_is_asked_again(engine: str) -> None:
    remedies = [one for row in rows("--engine", engine, "--all-remedies") for one in row["remedies"]]
    promised, found = [], []
    for one in remedies:
        changes = {"gpu": "rtx4090", "model": "flux.2-dev", "engine": engine, **one["changes"]}
        (row,) = report(*options(changes)).estimates
        known = row["command"] is not None  # a report names no GGUF file that nobody may have
        promised.append((one["verdict"], one["required_bytes"], one["command"] if known else None))
        found.append((row["verdict"], row["required_bytes"]["expected"], row["command"]))

    assert len(promised) > 10
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
