"""Engine Hugging Face transformers, for inference and fine-tuning."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.engines.interface import View
from vramfit.hardware import each, kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.logs import LogReader
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload


RULED_SCHEMES = ("fbgemm_fp8", "torchao-int4")
"""Schemes with rules of their own on cards from Pascal on."""
OLD_TARGETS = ("gfx900", "gfx906")
"""AMD's compute targets that a rule is about (``support``, which is not loaded for others)."""


class Transformers(Engine[object, None]):
    """Transformers with PyTorch, whose layers accelerate spreads over GPUs and host memory."""

    name = "transformers"
    title = "transformers"
    families = ("plain", "bitsandbytes", "gptq", "awq", "fp8", "mxfp4", "compressed_tensors", "hqq", "torchao")
    scheme_of_class = {"fp16": "fp16", "int8": "int8", "int4": "nf4"}
    cache_types = ("f16", "bf16", "f32")
    encodes_text = True
    tasks = ("inference", "full", "lora", "qlora")
    fallback = "llama.cpp"
    recommended = 2
    runtime_formula = "CUDA context of a PyTorch process and cuBLAS workspaces"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm; CUDABlas.cpp"

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[object]:
        """Make the view of the GPUs: the runtime's context and workspaces, and for training the room beside them."""
        if work.task != "inference":
            from vramfit.engines.transformers.training import rooms
            from vramfit.engines.transformers.training import runtime_share as training_share

            return View(rooms(gpus, work), each(training_share, gpus))
        from vramfit.engines.transformers.estimate import runtime_share

        return View(None, each(runtime_share, gpus))

    def estimate(self, job: Job[object, None]) -> Estimate:
        """Estimate the memory of an inference or fine-tuning run, device by device."""
        if job.workload.task != "inference":
            from vramfit.engines.transformers.training import estimate_training

            return estimate_training(job)
        from vramfit.engines.transformers.estimate import estimate

        return estimate(job)

    def speed(self) -> SpeedProfile:
        """Constants of transformers' speed, by the kind of call that multiplies with a scheme's matrices."""
        from vramfit.engines.transformers.speed import PROFILE

        return PROFILE

    def account(self, job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of an inference or fine-tuning run to the ledger."""
        if job.workload.task != "inference":
            from vramfit.engines.transformers.training_terms import account_training

            account_training(job, estimate, ledger)
            return
        from vramfit.engines.transformers.terms import account

        account(job, estimate, ledger)

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True on Linux with NVIDIA cards from Turing on, where the kernels of every scheme but FP8 run.

        On cards of other vendors it depends on scheme and version which kernels run, so the engine is not recommended.
        """
        from vramfit.engines.cuda import TURING, at_least

        return platform == "linux" and all(at_least(gpu, TURING) for gpu in kinds(gpus))

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why PyTorch or the scheme's kernels do not run on the GPUs; None if they do."""
        from vramfit.engines.cuda import PASCAL

        # The rules are not loaded where none is about the scheme and the cards.
        if scheme.id not in RULED_SCHEMES and all(
            (gpu.compute_capability or PASCAL) >= PASCAL
            and gpu.vendor != "google"
            and gpu.compute_target not in OLD_TARGETS
            for gpu in kinds(gpus)
        ):
            return None
        from vramfit.engines.support import refusal
        from vramfit.engines.transformers.support import RULES

        return refusal(RULES, gpus, scheme, work)

    def computes_with(self, scheme: Scheme, gpus: tuple[Gpu, ...]) -> bool:
        """Return True if the GPUs compute with the scheme: FP8 needs Ada or later, all others run anywhere.

        Source: transformers 5.23.0 ``quantizers/quantizer_finegrained_fp8.py``.
        """
        from vramfit.engines.cuda import ADA, at_least

        return scheme.family != "fp8" or all(at_least(gpu, ADA) for gpu in kinds(gpus))

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones for bitsandbytes."""
        from vramfit.engines.naming import is_published

        return is_published(deployment, families=("bitsandbytes",))

    def programs(self) -> tuple[Program, ...]:
        """Programs of the trainers, and those that launch them."""
        from vramfit.training.commands import programs

        return programs()

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line or script that trains or runs a model; None if none does."""
        from vramfit.engines.transformers import script
        from vramfit.training.commands import read

        return read(given) or script.read(given)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write Python code that runs or trains the model."""
        from vramfit.engines.transformers.launch import command

        return command(deployment, estimate)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.transformers.log import READER

        return READER


ENGINE = Transformers()
