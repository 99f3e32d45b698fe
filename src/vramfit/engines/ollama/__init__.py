"""Ollama: llama.cpp's server with defaults of its own."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import llamacpp
from vramfit.engines.interface import Engine, Job, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment, Estimate, Setting
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.read import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request


class OllamaKeys(llamacpp.LlamaCppKeys):
    """The deployment keys of llama.cpp, and those of Ollama's own."""

    sched_spread: bool = False
    """Whether a model goes over all GPUs even if one is enough."""


class Cards(Record):
    """The GPUs as Ollama sees them."""

    llamacpp: llamacpp.Cards
    """As its server sees them."""
    free_bytes: tuple[int, ...]
    """Bytes each has free, where that decides which of them take the model or the projector; else none."""


class Ollama(Engine[Cards, OllamaKeys]):
    """``ollama serve``, which leaves the placement to llama.cpp's server and chooses GPUs, context and batch itself."""

    name = "ollama"
    title = "Ollama"
    families = llamacpp.LlamaCpp.families
    scheme_of_class = llamacpp.LlamaCpp.scheme_of_class
    cache_types = llamacpp.LlamaCpp.cache_types
    groups = llamacpp.GROUPS
    record = OllamaKeys
    offloads = True
    kept_keys = ("context",)
    follows_gpus = True
    runtime_formula = "context of a process: 40 MiB and 3.4 MiB for each multiprocessor on CUDA"
    runtime_source = "ggml-org/llama.cpp pull request 15860; exit tables"

    def defaults(self, request: Request, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme) -> dict[str, object]:
        """Context, parallel, flash attention and batch."""
        from vramfit.engines.ollama.estimate import defaults

        return defaults(request, gpus, model, scheme)

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise for settings that Ollama does not have, and for what its server refuses."""
        from vramfit.engines.ollama.estimate import check

        check(checkpoint, work, self.own_keys(work))

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """The view of llama.cpp, and what the cards have free."""
        from vramfit.hardware import usable_bytes

        keys = self.own_keys(work)
        several = len(gpus) > 1
        view = llamacpp.cards(gpus, work, keys, several or "auto" in (work.gpu_layers, work.cpu_moe_layers))
        free: tuple[int, ...] = ()
        if several or work.images:
            free = tuple([usable_bytes(gpu, work.platform) - work.reserve_bytes for gpu in gpus])
        return View(Cards(view.traits, free), view.shares)

    def estimate(self, job: Job[Cards, OllamaKeys]) -> Estimate:
        """Memory of a run, device by device."""
        from vramfit.engines.ollama.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, OllamaKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Note the terms of a run, device by device."""
        from vramfit.engines.llamacpp.terms import account

        server: Job[llamacpp.Cards, OllamaKeys] = Job(job.checkpoint, job.workload, job.traits.llamacpp, job.gpu_count)
        account(server, estimate, ledger, job.keys)

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """The placement that Ollama would choose, left to itself."""
        from vramfit.engines.ollama.estimate import left_to_itself

        return left_to_itself(deployment, estimate)

    def speed(self) -> SpeedProfile:
        """Constants of llama.cpp, whose kernels run."""
        from vramfit.engines.llamacpp.speed import PROFILE

        return PROFILE

    def chunk_tokens(self, work: Workload) -> int | None:
        """The physical batch."""
        return self.own_keys(work).ubatch

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Less of what is kept beside the weights, at no cost in quality."""
        from vramfit.engines.llamacpp.remedies import settings

        return settings(self.own_keys(deployment.workload))

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """The server with its environment, and a model made of a Modelfile."""
        from vramfit.engines.ollama.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """The keys of a server's environment, a Modelfile, and the model that is run."""
        from vramfit.engines.ollama.launch import read

        return read(given)


ENGINE = Ollama()
