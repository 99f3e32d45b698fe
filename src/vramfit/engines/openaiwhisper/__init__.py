"""Engine openai-whisper: OpenAI's own code for Whisper, on one GPU with PyTorch."""

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

ONLY = "openai-whisper keeps weights in 32 bits, and has no way to quantize them (openai/whisper c0d2f62 whisper/__init__.py)"
WIDE = "fp32"
"""Scheme of the weights on the GPU, whatever the computation is in (``--fp16``)."""


class OpenAiWhisper(Recognizer[None]):
    """OpenAI's whisper, which computes in 16 bits with weights that stay in 32."""

    name = "openai-whisper"
    title = "openai-whisper"
    families = ("plain", "ctranslate2", "awq")
    scheme_of_class = {"fp16": WIDE, "int8": "int8_float16", "int4": "awq"}
    runtime_formula = "CUDA context of a PyTorch process and cuBLAS workspaces"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm; CUDABlas.cpp"

    def loads(self, scheme: Scheme) -> bool:
        """Return True for 32 bits, which the weights stay in."""
        return scheme.id == WIDE

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[None]:
        """Make the view of the GPUs, which contains only the context and workspaces of PyTorch."""
        from vramfit.engines.transformers.estimate import runtime_share

        return View(None, each(runtime_share, gpus))

    def estimate(self, job: Job[None, SpeechKeys]) -> Estimate:
        """Estimate the memory of one process on its first GPU."""
        from vramfit.engines.openaiwhisper.estimate import estimate

        return estimate(job)

    def account(self, job: Job[None, SpeechKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger: tensors, caches, and the file's tensors while it loads."""
        from vramfit.engines.openaiwhisper.estimate import LOADING, buffers
        from vramfit.engines.recognition import account

        account(job, estimate, ledger, buffers(job), LOADING)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why it does not load the scheme, or why PyTorch does not run on the GPUs; None if it does."""
        if scheme.id != WIDE:
            return ONLY
        from vramfit.engines import engine

        return engine("transformers").unsupported(gpus, scheme, work)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True for the models that it downloads by name."""
        from vramfit.engines.openaiwhisper.launch import size_name

        return size_name(deployment) is not None

    def programs(self) -> tuple[Program, ...]:
        """Program that starts it."""
        from vramfit.engines.openaiwhisper.launch import CLI

        return (CLI,)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the line that transcribes a sound."""
        from vramfit.engines.openaiwhisper.launch import command

        return command(deployment, self.own_keys(deployment.workload))

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line or script that transcribes; None if none does."""
        from vramfit.engines.openaiwhisper.launch import read

        return read(given)


ENGINE = OpenAiWhisper()
