"""Terms of an estimate for a pipeline."""

from __future__ import annotations

from vramfit.engines.diffusers.estimate import TENSORS, VAE_PIXEL, output_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.pipelines import PipelineKeys
    from vramfit.engines.terms import Ledger

WEIGHTS = "diffusers 0.42.1 pipelines/pipeline_utils.py"


def account(job: Job[None, PipelineKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: the weights on the GPU and in RAM, and the activations of the largest turn."""
    gpu, host = estimate.gpus[0], estimate.host
    mode = estimate.settings["component_offload"]
    formula = "components that are on the device at once, parameters x bits / 8"
    ledger.add("weights", "gpu0", "components", formula, gpu.weights_bytes, WEIGHTS, component_offload=mode)
    if host.weights_bytes:
        ledger.add("weights", "host", "components in RAM", formula, host.weights_bytes, WEIGHTS, component_offload=mode)
    width, height, frames = output_of(job)
    ledger.add(
        "compute", "gpu0", "activations", "the denoiser's tokens x width x 2 x results at once, or the VAE's pixels x bytes",
        gpu.compute_bytes, "engines/diffusers/estimate.py TENSORS and VAE_PIXEL, with their sources",
        width=width, height=height, frames=frames, results=TENSORS, bytes_a_pixel=VAE_PIXEL,
    )  # fmt: skip
