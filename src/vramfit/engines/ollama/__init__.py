"""Engine Ollama: llama.cpp's server with different defaults."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.base import Engine
from vramfit.engines.interface import Job, View
from vramfit.engines.llamacpp import LlamaCpp, cards
from vramfit.engines.llamacpp.keys import GROUPS, MOST_SEQUENCES, LlamaCppKeys
from vramfit.hardware import each, kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment, Estimate, Setting
    from vramfit.engines.logs import LogReader
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.edit import Change
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request


class OllamaKeys(LlamaCppKeys):
    """Values of Ollama's deployment keys: those of llama.cpp, and its own."""

    of_any_publisher = False

    sched_spread: bool = False
    """True if a model is spread over all GPUs even if one is enough."""


class Cards(Record):
    """Properties of the GPUs that Ollama's estimate depends on."""

    llamacpp: cards.Cards
    """Properties that the estimate of its server, llama.cpp's, depends on."""
    free_bytes: tuple[int, ...]
    """Free bytes of each GPU, if they decide which GPUs take the model or the projector; else empty."""


class Ollama(Engine[Cards, OllamaKeys]):
    """Ollama, which chooses GPUs, context and batch, and leaves the placement to llama.cpp's server."""

    name = "ollama"
    title = "Ollama"
    families = LlamaCpp.families
    scheme_of_class = LlamaCpp.scheme_of_class
    cache_types = LlamaCpp.cache_types
    groups = GROUPS
    record = OllamaKeys
    offloads = True
    most_sequences = MOST_SEQUENCES
    speculates = ("mtp",)
    speculative_tokens = 4
    kept_keys = ("context",)
    follows_gpus = True
    runtime_formula = "context of a process: 40 MiB and 3.4 MiB for each multiprocessor on CUDA"
    runtime_source = "ggml-org/llama.cpp pull request 15860; exit tables"

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """The library's file in the scheme; of a model released in MXFP4 it keeps all but the experts in 16 bits."""
        from vramfit.engines.ollama.estimate import stored

        return stored(model, scheme)

    def defaults(self, request: Request, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme) -> dict[str, object]:
        """Values for context, parallel, flash attention and batch, which Ollama sets according to the GPUs."""
        from vramfit.engines.ollama.estimate import defaults

        return defaults(request, gpus, model, scheme)

    def sees(self, request: Request, model: Model) -> bool:
        """Return True if the model takes images and its projector is loaded."""
        return model.sees and request.get("mmproj") != "off"

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``UsageError`` or ``CannotTell`` for settings that Ollama does not have, or that its server refuses."""
        from vramfit.engines.ollama.estimate import check

        check(checkpoint, work, self.own_keys(work))

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Make the view of the GPUs: that of llama.cpp, and their free memory."""
        from vramfit.hardware import usable_bytes

        keys = self.own_keys(work)
        several = len(gpus) > 1
        view = cards.make_view(gpus, work, keys, several or "auto" in (work.gpu_layers, work.cpu_moe_layers))
        free: tuple[int, ...] = ()
        if several or work.images:
            free = each(lambda gpu: usable_bytes(gpu, work.platform) - work.reserve_bytes, gpus)
        return View(Cards(view.traits, free), view.shares)

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why llama.cpp, which Ollama runs, has no code for a speech model; None for any other."""
        return LlamaCpp().lacks(model, work)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why Ollama runs the model on the CPU instead of the GPUs; None if it uses them."""
        if all(cards.surely_runs(gpu) for gpu in kinds(gpus)):
            return None
        from vramfit.engines.ollama.support import RULES
        from vramfit.engines.support import refusal

        return refusal(RULES, gpus, scheme, work)

    def estimate(self, job: Job[Cards, OllamaKeys]) -> Estimate:
        """Estimate the memory of a server, device by device."""
        from vramfit.engines.ollama.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, OllamaKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a server to the ledger, device by device."""
        from vramfit.engines.llamacpp.terms import account

        server: Job[cards.Cards, OllamaKeys] = Job(job.checkpoint, job.workload, job.traits.llamacpp, job.gpu_count)
        account(server, estimate, ledger, job.keys)

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Remarks on the default context, on the placement that Ollama would choose, if it differs, and on the architecture."""
        from vramfit.engines.ollama.estimate import context_of_tier, left_to_itself

        found = (*context_of_tier(deployment), *left_to_itself(deployment, estimate))
        if deployment.model.architecture.gguf is not None:
            return found
        from vramfit.engines.llamacpp.architectures import remarks

        return (*found, *remarks(deployment.model))

    def speed(self) -> SpeedProfile:
        """Constants of llama.cpp's speed, whose kernels Ollama runs."""
        from vramfit.engines.llamacpp.speed import PROFILE

        return PROFILE

    def chunk_tokens(self, work: Workload, estimate: Estimate) -> int | None:
        """Number of tokens of the physical batch."""
        return self.own_keys(work).ubatch

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies of llama.cpp that save cache and buffers at no cost in quality."""
        from vramfit.engines.llamacpp.remedies import settings

        yield from settings(self.own_keys(deployment.workload))
        if deployment.workload.draft is not None:
            from vramfit.engines import speculative

            yield from speculative.settings(deployment, True)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the lines that start the server, create the model from a Modelfile and run it."""
        from vramfit.engines.ollama.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))

    def restated(
        self, text: str, given: tuple[Process, ...], old: list[Process], new: list[Process]
    ) -> Iterable[tuple[list[Change], list[str]]] | None:
        """Changes of the server's variables, of a Modelfile and of the model's name in a user's text."""
        from vramfit.engines.ollama.restating import restated

        return restated(text, given, old, new)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True for a tag, a repository of GGUF files, and a file of the user's own."""
        from vramfit.engines.ollama.launch import names_known_files

        return names_known_files(deployment)

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.ollama.launch import CREATE, RUN, SERVE

        return (SERVE, RUN, CREATE)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a server's environment, a Modelfile and a run; None if no line starts Ollama."""
        from vramfit.engines.ollama.launch import read

        return read(given)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.ollama.log import READER

        return READER


ENGINE = Ollama()
