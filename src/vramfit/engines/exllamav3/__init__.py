"""Engine ExLlamaV3: EXL3 checkpoints on GPUs of NVIDIA and AMD."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.exllama_engine import ExLlama
from vramfit.engines.interface import Setting
from vramfit.engines.llamacpp.keys import GROUPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


class ExLlamaKeys(Record):
    """Values of ExLlamaV3's deployment keys, which have the names of llama.cpp's."""

    swa_full: bool = False


class ExLlamaV3(ExLlama[ExLlamaKeys]):
    """ExLlamaV3, which allocates a paged cache at the start and spreads whole layers over the GPUs."""

    name = "exllamav3"
    title = "ExLlamaV3"
    families = ("exl3", "plain")
    scheme_of_class = {"fp16": "fp16", "int8": "exl3-8.0", "int4": "exl3-4.0"}
    cache_types = ("f16", "int8", "int7", "int6", "int5", "int4", "int3", "int2")
    groups = GROUPS
    record = ExLlamaKeys
    places_experts = True
    speculates = ("mtp", "draft")
    speculative_tokens = 4

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why ExLlamaV3 has no code for the model; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.exllamav3.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the kernels do not run on the GPUs; None if they do."""
        from vramfit.engines.exllamav3.support import RULES
        from vramfit.engines.support import of_one_build, refusal

        return of_one_build(gpus) or refusal(RULES, gpus, scheme, work)

    def estimate(self, job: Job[None, ExLlamaKeys]) -> Estimate:
        """Estimate the memory of one process, GPU by GPU; raises ``UsageError`` for what ExLlamaV3 refuses."""
        from vramfit.engines.exllamav3.estimate import estimate

        return estimate(job)

    def account(self, job: Job[None, ExLlamaKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger, GPU by GPU."""
        from vramfit.engines.exllamav3.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of ExLlamaV3's speed."""
        from vramfit.engines.exllamav3.speed import PROFILE

        return PROFILE

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies: to cache only the window of sliding-window layers, if they cache everything, and to speculate less."""
        if self.own_keys(deployment.workload).swa_full:
            trade = "the cache no longer serves prompts that branch off far back"
            yield Setting({"swa_full": False}, "keep only the window of sliding-window layers", trade, 1)
        if deployment.workload.draft is not None:
            from vramfit.engines import speculative

            yield from speculative.settings(deployment, True)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the command of the chat example."""
        from vramfit.engines.exllamav3.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))

    def chat_program(self) -> Program:
        """Program of the chat example."""
        from vramfit.engines.exllamav3.launch import CHAT

        return CHAT

    def read_chat(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line that starts the chat example; None if no line does."""
        from vramfit.engines.exllamav3.launch import read

        return read(given)


ENGINE = ExLlamaV3()
