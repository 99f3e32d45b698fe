"""Engine whisper.cpp: Whisper in ggml files on one GPU."""

from __future__ import annotations

from vramfit.engines.interface import View
from vramfit.engines.recognizer import Recognizer
from vramfit.hardware import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload


class WhisperCpp(Recognizer[str]):
    """whisper.cpp, which allocates the caches and one compute buffer for each of its four graphs at the start."""

    name = "whisper.cpp"
    title = "whisper.cpp"
    families = ("gguf",)
    scheme_of_class = {"fp16": "F16", "int8": "Q8_0", "int4": "Q5_0"}
    starts_on_most = True
    catalogued_files = False
    runtime_formula = "context of a process: 40 MiB and 3.4 MiB for each multiprocessor on CUDA"
    runtime_source = "unaccounted memory in llama.cpp's exit tables (ggml-org/llama.cpp pull request 15860)"

    def loads(self, scheme: Scheme) -> bool:
        """Return True for a type of ggml files."""
        from vramfit.engines.whispercpp.weights import TYPES

        return scheme.id in TYPES

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[str]:
        """Make the view of the GPUs: the back end of the first; raises ``UsageError`` for a card without one."""
        from vramfit.engines.llamacpp.cards import context_overhead, usual_backend

        backends = each(usual_backend, gpus)
        shares = [context_overhead(gpu, backend) for gpu, backend in zip(gpus, backends, strict=True)]
        return View(backends[0], tuple(shares))

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """The model as a ggml file of the type stores it."""
        from vramfit.engines.whispercpp.weights import checkpoint

        return checkpoint(model, scheme)

    def estimate(self, job: Job[str, SpeechKeys]) -> Estimate:
        """Estimate the memory of one process on its first GPU."""
        from vramfit.engines.whispercpp.estimate import estimate

        return estimate(job)

    def account(self, job: Job[str, SpeechKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger: tensors, caches, and the buffer of each graph."""
        from vramfit.engines.recognition import account
        from vramfit.engines.whispercpp.estimate import SOURCE, buffers

        account(job, estimate, ledger, buffers(job), f"{SOURCE} whisper_model_load")

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why ggml's back ends have no code for the GPUs; None if they have."""
        from vramfit.engines.llamacpp.cards import surely_runs

        if all(surely_runs(gpu) for gpu in gpus):
            return None
        from vramfit.engines.llamacpp.cards import usual_backend
        from vramfit.engines.llamacpp.support import RULES
        from vramfit.engines.support import refusal

        return refusal(RULES, gpus, scheme, work, backend=usual_backend(gpus[0]))

    def limits_context(self, deployment: Deployment) -> bool:
        """Return True: the caches have the model's own number of tokens."""
        return True

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True for the types that ggerganov/whisper.cpp has of its models."""
        from vramfit.engines.whispercpp.launch import is_published

        return is_published(deployment)

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it: the transcriber and the server."""
        from vramfit.engines.whispercpp.launch import CLI, SERVER

        return (CLI, SERVER)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the line that fetches the file, where it is published, and the one that transcribes."""
        from vramfit.engines.whispercpp.launch import command

        return command(deployment, self.own_keys(deployment.workload))

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line that transcribes or serves; None if no line does."""
        from vramfit.engines.whispercpp.launch import read

        return read(given)


ENGINE = WhisperCpp()
