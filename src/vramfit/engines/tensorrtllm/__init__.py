"""Engine TensorRT-LLM: NVIDIA's server, whose cache takes a share of what weights and activations leave free."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import View
from vramfit.engines.server import Server
from vramfit.engines.servers import GROUPS, ONE_MACHINE, ServerKeys, Spread, spread
from vramfit.hardware import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment, Estimate, Job, Serving, Setting
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

SHARES = (0.95,)
"""Shares of the free memory that remedies propose: more leaves nothing for longer prompts than were measured."""


class Cards(Record):
    """Properties of the first card, and the machines of all."""

    mxfp4_kernel: str
    spread: Spread = ONE_MACHINE


class TensorRtLlm(Server[Cards, ServerKeys]):
    """TensorRT-LLM, started by ``trtllm-serve`` with its PyTorch back end."""

    name = "tensorrt-llm"
    title = "TensorRT-LLM"
    families = ("plain", "fp8", "nvfp4", "mxfp4", "awq", "gptq", "compressed_tensors")
    scheme_of_class = {"fp16": "fp16", "int8": "fp8", "int4": "awq"}
    cache_types = ("f16", "bf16", "fp8")
    groups = GROUPS
    record = ServerKeys
    loads_in_class = {"int4": ("nvfp4",)}

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Make the view of the GPUs: the kernel of the first, and the CUDA context of each."""
        from vramfit.engines.cuda import context_share
        from vramfit.engines.vllm.weights import mxfp4_kernel

        cards = Cards(mxfp4_kernel(gpus[0]), spread(gpus, work))
        return View(cards, each(context_share, gpus))

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why TensorRT-LLM has no code for the model; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.tensorrtllm.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the server does not start with the scheme on the GPUs; None if it does."""
        from vramfit.engines.support import refusal
        from vramfit.engines.tensorrtllm.support import RULES

        return refusal(RULES, gpus, scheme, work)

    def estimate(self, job: Job[Cards, ServerKeys]) -> Estimate:
        """Estimate the memory of a server, rank by rank."""
        from vramfit.engines.tensorrtllm.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a server to the ledger, rank by rank."""
        from vramfit.engines.tensorrtllm.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of TensorRT-LLM's speed."""
        from vramfit.engines.tensorrtllm.speed import PROFILE

        return PROFILE

    def serving(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Serving | None:
        """Describe what the cache holds in the memory that the GPUs offer."""
        from vramfit.engines.tensorrtllm.estimate import serving

        return serving(deployment, estimate, usable_bytes)

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies in order: a larger share of the free memory, fewer requests at once, no CUDA graphs, smaller steps."""
        from vramfit.engines.server_remedies import settings

        return settings(self, deployment, estimate, SHARES, "of what is free")  # type: ignore[arg-type]

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the ``trtllm-serve`` command, behind ``mpirun`` for several machines."""
        from vramfit.engines.tensorrtllm.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.tensorrtllm.launch import SERVE

        return (SERVE,)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a ``trtllm-serve`` line; None if no line starts it."""
        from vramfit.engines.tensorrtllm.launch import read

        return read(given)


ENGINE = TensorRtLlm()
