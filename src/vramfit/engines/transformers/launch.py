"""Python code that runs or trains a deployment with transformers, which is only written and never read.

Arguments are those of transformers 5.24.0; tests/launch/flags.yaml records them, and those of what trains, which stands
with the trainers.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.naming import DTYPES, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.model import Model

KEYWORDS, MAPPING = "{keywords}", "{mapping}"
"""Places of the precision and the placement in a runner's expression: as arguments, and as one argument with all of them."""


class Runner(Record):
    """Way to load and run a model; ``{…}`` stand for the deployment's values."""

    imports: str
    load: str
    """Expression that gives the model: of ``{name}``, and of ``{keywords}`` or ``{mapping}``, the precision and placement."""
    call: str
    """Expression that runs it: of ``{context}`` and ``{sequences}``."""

    @property
    def states_precision(self) -> bool:
        """True if the precision can be stated; a library of a model's own loads the weights as it likes."""
        return KEYWORDS in self.load or MAPPING in self.load

    @property
    def states_context(self) -> bool:
        """True if a call has the tokens as its argument; where it has not, they are in the comment behind the code."""
        return "max_length={context}" in self.load + self.call


GENERATE = "model.generate(**inputs, max_length={context})"


def by_class(name: str, call: str = GENERATE) -> Runner:
    """Runner by an auto class of transformers."""
    return Runner(f"from transformers import {name}", name + ".from_pretrained({name}, {keywords})", call)


LANGUAGE, IMAGES = by_class("AutoModelForCausalLM"), by_class("AutoModelForImageTextToText")


def usual_runner(model: Model) -> Runner | None:
    """Way to run a model that writes text, and sees images or none; None for others, whose ways are in ``runners``."""
    if model.modality == "vision-language":
        return IMAGES
    if model.modality not in ("text", "code") or any(
        mixer.kind == "cross" for group in model.layers for mixer in group.mixers
    ):
        return None
    return LANGUAGE if model.vision is None else IMAGES


def command(deployment: Deployment, estimate: Estimate, runner: Runner) -> str:
    """Write code that loads the model with the estimate's placement and generates in the context, or that trains it."""
    work, used = deployment.workload, estimate.settings
    if work.task != "inference":
        return _training(deployment)
    where = [("device_map", "'auto'" if len(deployment.gpus) > 1 else "{'': 0}")]
    if used.get("gpu_layers", "all") != "all":
        most = max(gpu.weights_bytes for gpu in estimate.gpus)
        limits = [f"{number}: {most}" for number in range(len(deployment.gpus))]
        most_of_each = f"{{{', '.join(limits)}, 'cpu': {estimate.host.weights_bytes}}}"
        where = [("device_map", "'auto'"), ("max_memory", most_of_each)]
    imports, loading = _loading(deployment, runner)
    if not work.flash_attention:
        loading.append(("attn_implementation", "'eager'"))
    loading += where
    values = {"name": repr(repository(deployment)), "context": work.context, "sequences": work.parallel}
    if MAPPING in runner.load:
        values["mapping"] = f"{{{', '.join([f'{name!r}: {value}' for name, value in loading])}}}"
    else:
        values["keywords"] = ", ".join([f"{name}={value}" for name, value in loading])
    load, call = runner.load.format(**values), runner.call.format(**values)
    return f"{imports}; model = {load}; answer = {call}{_about(deployment, used, runner)}"


def _about(deployment: Deployment, used: Mapping[str, object], runner: Runner) -> str:
    """Comment with what the code cannot say: layers on GPUs, tokens, sequences and images that are not one of the usual size."""
    work, parts = deployment.workload, []
    if not runner.states_precision:
        parts.append(f"the library decides the precision; {deployment.scheme.id} is not stated")
    if used.get("gpu_layers", "all") != "all":
        parts.append(f"{used['gpu_layers']} layers on GPUs")
    if runner.states_precision and not runner.states_context:
        parts.append(f"{work.context} tokens")
    if work.parallel > 1:
        parts.append(f"{work.parallel} sequences")
    if deployment.model.vision is not None and (work.images != 1 or work.image_size is not None):
        size = "" if work.image_size is None else " of {}x{} pixels".format(*work.image_size)
        parts.append(f"{work.images} images{size}")
    return f"  # {', '.join(parts)}" if parts else ""


def _training(deployment: Deployment) -> str:
    """Write the command, script or configuration that trains the deployment with its trainer."""
    from vramfit.training.profile import written
    from vramfit.training.script import Run

    scheme, work = deployment.scheme, deployment.workload
    quantized = str(scheme.settings["type"]) if scheme.family == "bitsandbytes" else None
    run = Run(
        repository(deployment),
        work.task,
        deployment.model.vision is not None,
        DTYPES.get(scheme.id),
        quantized,
        bool(scheme.settings.get("double")),
        work.flash_attention,
        work.images,
        work.image_size,
        len(deployment.gpus),
        work.training,
    )
    return written(run)


def _loading(deployment: Deployment, runner: Runner) -> tuple[str, list[tuple[str, str]]]:
    """Imports for loading the model, and names and values of the arguments that state its precision."""
    scheme = deployment.scheme
    kind = scheme.settings.get("type")
    if not runner.states_precision:
        return runner.imports, []
    if scheme.family == "bitsandbytes":
        transformers = runner.imports.startswith("from transformers")
        names = runner.imports + (", " if transformers else "; from transformers import ") + "BitsAndBytesConfig"
        if kind == "int8":
            return names, [("quantization_config", "BitsAndBytesConfig(load_in_8bit=True)")]
        double = bool(scheme.settings["double"])
        config = (
            f"BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={kind!r}, "
            f"bnb_4bit_use_double_quant={double}, bnb_4bit_compute_dtype=torch.bfloat16)"
        )
        return f"import torch; {names}", [("quantization_config", config)]
    if scheme.id in DTYPES:
        return f"import torch; {runner.imports}", [("dtype", f"torch.{DTYPES[scheme.id]}")]
    return runner.imports, [("dtype", "'auto'")]
