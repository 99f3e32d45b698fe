"""Engine ExLlamaV2: EXL2 and GPTQ checkpoints on GPUs of NVIDIA and AMD."""

from __future__ import annotations

from vramfit.engines.exllama_engine import ExLlama

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


class ExLlamaV2(ExLlama[None]):
    """ExLlamaV2, which allocates the whole cache at the start and spreads whole layers over the GPUs."""

    name = "exllamav2"
    title = "ExLlamaV2"
    families = ("exl2", "gptq", "plain")
    scheme_of_class = {"fp16": "fp16", "int8": "exl2-8.0", "int4": "exl2-4.0"}
    cache_types = ("f16", "fp8", "int8", "int6", "int4")

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why ExLlamaV2 has no code for the model; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.exllamav2.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the wheels have no code for the GPUs; None if they have."""
        from vramfit.engines.exllamav2.support import RULES
        from vramfit.engines.support import of_one_build, refusal

        return of_one_build(gpus) or refusal(RULES, gpus, scheme, work)

    def estimate(self, job: Job[None, None]) -> Estimate:
        """Estimate the memory of one process, GPU by GPU; raises ``UsageError`` for what ExLlamaV2 refuses."""
        from vramfit.engines.exllamav2.estimate import estimate

        return estimate(job)

    def account(self, job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger, GPU by GPU."""
        from vramfit.engines.exllamav2.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of ExLlamaV2's speed."""
        from vramfit.engines.exllamav2.speed import PROFILE

        return PROFILE

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the command of the chat example."""
        from vramfit.engines.exllamav2.launch import command

        return command(deployment, estimate)

    def chat_program(self) -> Program:
        """Program of the chat example."""
        from vramfit.engines.exllamav2.launch import CHAT

        return CHAT

    def read_chat(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line that starts the chat example; None if no line does."""
        from vramfit.engines.exllamav2.launch import read

        return read(given)


ENGINE = ExLlamaV2()
