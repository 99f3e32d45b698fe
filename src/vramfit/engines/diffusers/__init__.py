"""Engine diffusers, for pipelines that make images and videos; ComfyUI shares its keys and its estimate."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.engines.interface import Setting, View
from vramfit.engines.pipelines import GROUPS, PipelineKeys
from vramfit.errors import CannotTell, UsageError
from vramfit.hardware import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request


SERVED = ("nvidia", "custom")
"""Vendors of GPUs that programs for NVIDIA's may run on: a GPU known by its memory alone may be one."""


class Diffusers(Engine["Traits", PipelineKeys]):
    """Diffusers: a pipeline of a denoiser, text encoders and a VAE, which one process loads on one GPU."""

    name = "diffusers"
    title = "diffusers"
    families: tuple[str, ...] = ("plain", "bitsandbytes", "fp8", "gguf", "torchao", "quanto", "nvfp4", "svdquant")
    scheme_of_class = {"fp16": "bf16", "int8": "int8", "int4": "nf4"}
    loads_in_class = {"int8": ("fp8",), "int4": ("Q4_K_M",)}
    cache_types = ("bf16",)
    groups = GROUPS
    record = PipelineKeys
    usual_offload = "none"
    """Mode of offloading where none is asked."""
    quantizes = True
    """True if it quantizes what it loads; False if it reads quantized files, and decodes in 16 bits whatever a card says."""
    fixed: tuple[str, ...] = ("int8",)
    """Schemes whose components stay on the GPU whatever the mode of offloading is: bitsandbytes moves none of 8 bits
    (huggingface/diffusers issue 10653 and pull request 9213)."""
    runtime_formula = "CUDA context of a PyTorch process and cuBLAS workspaces"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm; CUDABlas.cpp"

    def sees(self, request: Request, model: Model) -> bool:
        """Return True for a pipeline of which an edit of images is asked; without ``images`` there is none."""
        return "images" in request and bool(model.components)

    def meant_by(self, word: str, model: Model) -> str:
        """Name of the scheme that a word means: 16 bits are BF16 unless the model was released in FP16."""
        return word if word == model.dtype == "fp16" else super().meant_by(word, model)

    def loads(self, scheme: Scheme) -> bool:
        """Return True for plain floats, and for a scheme of a family whose bytes are known for a denoiser's matrices."""
        from vramfit.engines.diffusers.components import BITS

        return super().loads(scheme) and (scheme.family == "plain" or scheme.id.startswith(tuple(BITS)))

    def runs(self, model: Model) -> bool:
        """Return True for a pipeline of components."""
        return model.denoises

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Traits]:
        """Make the view of the GPUs: the first one's room and attention, and the runtime's context and workspaces."""
        from vramfit.engines.diffusers.traits import Traits, plain_attention, runtime_share
        from vramfit.hardware import usable_bytes

        shares = each(runtime_share, gpus)
        room = usable_bytes(gpus[0], work.platform) - work.reserve_bytes - self.left_free(work) - shares[0].high
        gpu = gpus[0]
        other = gpu.vendor not in SERVED
        return View(Traits(max(0, room), plain_attention(gpu), gpu.compute_capability, other, self.quantizes), shares)

    def left_free(self, work: Workload) -> int:
        """Bytes of the GPU that the engine leaves to others; none."""
        return 0

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """Components as they are stored: the denoiser in the scheme, the others in 16 bits."""
        from vramfit.engines.diffusers.components import checkpoint

        return checkpoint(model, scheme, self.quantizes)

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``CannotTell`` for a model that is no pipeline.

        Raises ``UsageError`` for layers in RAM: a pipeline moves components. Raises it for a choice that is ComfyUI's alone.
        """
        model = checkpoint.model
        if not model.denoises:
            raise CannotTell(
                f"{model.name} is no pipeline of components",
                f"leave out --engine {self.name}, or the keys that it alone has, as output_size",
            )
        if self.usual_offload != "partial" and self.own_keys(work).component_offload == "partial":
            raise UsageError(
                f"{self.name} does not choose by itself what waits in RAM",
                "use --component-offload model, group or sequential",
            )
        if work.cpu_moe_layers or work.gpu_layers != "all":
            raise UsageError(
                f"{self.name} places components, not layers", "use --component-offload, and leave gpu_layers out"
            )

    def estimate(self, job: Job[Traits, PipelineKeys]) -> Estimate:
        """Estimate the memory of one process, on its first GPU and in RAM."""
        from vramfit.engines.diffusers.estimate import estimate

        return estimate(job, self.usual_offload, self.fixed)

    def account(self, job: Job[Traits, PipelineKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a pipeline to the ledger: its weights by component, and its activations."""
        from vramfit.engines.diffusers.terms import account

        account(job, estimate, ledger)

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies: to let components wait in RAM, and to quantize the text encoders; what costs least first."""
        from vramfit.engines.diffusers.remedies import settings

        return settings(deployment, self.own_keys(deployment.workload), self.usual_offload)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True except for a denoiser in a file of its own: other schemes are made of the pipeline's own files."""
        return deployment.scheme.family not in ("gguf", "svdquant")

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the lines of Python that load and run the pipeline."""
        from vramfit.engines.diffusers.launch import command

        return command(deployment, self.own_keys(deployment.workload), self.usual_offload)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a script that runs a pipeline, or of Wan's own program; None if there is none."""
        from vramfit.engines.diffusers import programs
        from vramfit.engines.diffusers.script import read

        return read(given) or programs.read(given)


ENGINE = Diffusers()
