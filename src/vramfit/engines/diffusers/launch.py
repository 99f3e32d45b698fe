"""Lines of Python that load and run a pipeline (diffusers 0.42.1 ``pipelines/pipeline_utils.py``)."""

from __future__ import annotations

from vramfit.engines.naming import repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import PipelineKeys

CALLS = {
    "none": 'to("cuda")',
    "model": "enable_model_cpu_offload()",
    "group": 'enable_group_offload(onload_device="cuda")',
    "sequential": "enable_sequential_cpu_offload()",
}
"""Call by which a pipeline is placed, by the mode of offloading."""
TYPES = {"fp16": "float16", "fp32": "float32"}


def command(deployment: Deployment, keys: PipelineKeys, usual_offload: str) -> str:
    """Write the call of Python that places the pipeline as the deployment does."""
    kind = TYPES.get(deployment.scheme.id, "bfloat16")
    call = CALLS[keys.component_offload or usual_offload]
    name = repository(deployment) or deployment.model.name
    load = f'p = DiffusionPipeline.from_pretrained("{name}", torch_dtype=torch.{kind}); p.{call}'
    return f"python -c 'import torch; from diffusers import DiffusionPipeline; {load}'"
