"""Engine faster-whisper: Whisper on CTranslate2, on one GPU."""

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
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


class FasterWhisper(Recognizer[None]):
    """faster-whisper, which decodes one window of 30 seconds at a time, or a batch of them."""

    name = "faster-whisper"
    title = "faster-whisper"
    families = ("plain", "ctranslate2", "awq")
    scheme_of_class = {"fp16": "fp16", "int8": "int8_float16", "int4": "awq"}
    loads_in_class = {"int8": ("int8_float16",)}
    runtime_formula = "context of a process with cuBLAS, cuDNN and CTranslate2's kernels"
    runtime_source = "SYSTRAN/faster-whisper 65882ee README.md and issue 1030, RTX 3070 Ti, less weights and caches"

    def loads(self, scheme: Scheme) -> bool:
        """Return True for floats, and for 8 bits; CTranslate2's Whisper has no 4 bits."""
        return super().loads(scheme) and scheme.id != self.scheme_of_class["int4"]

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[None]:
        """Make the view of the GPUs, which contains only the context."""
        from vramfit.engines.fasterwhisper.estimate import context_share

        return View(None, each(context_share, gpus))

    def estimate(self, job: Job[None, SpeechKeys]) -> Estimate:
        """Estimate the memory of one process on its first GPU."""
        from vramfit.engines.fasterwhisper.estimate import estimate

        return estimate(job)

    def account(self, job: Job[None, SpeechKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger: tensors, caches, and results of a layer."""
        from vramfit.engines.fasterwhisper.estimate import SOURCE, buffers
        from vramfit.engines.recognition import account

        account(job, estimate, ledger, buffers(job), f"{SOURCE} src/models/model.cc set_compute_type")

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why CTranslate2 does not compute with the scheme on the GPUs; None if it does."""
        from vramfit.engines.fasterwhisper.support import RULES
        from vramfit.engines.support import refusal

        return refusal(RULES, gpus, scheme, work)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True for the models that faster-whisper knows by name, which it quantizes while loading."""
        from vramfit.engines.fasterwhisper.launch import size_name

        return size_name(deployment) is not None

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it: the stand-alone transcriber, and WhisperX."""
        from vramfit.engines.fasterwhisper.launch import STANDALONE, WHISPERX

        return (STANDALONE, WHISPERX)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the Python that loads the model and transcribes."""
        from vramfit.engines.fasterwhisper.launch import command

        return command(deployment, self.own_keys(deployment.workload))

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a script that loads such a model, or of a line that transcribes; None for neither."""
        from vramfit.engines.fasterwhisper.launch import read

        return read(given)


ENGINE = FasterWhisper()
