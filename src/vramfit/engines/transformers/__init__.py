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
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload


RULED_SCHEMES = ("fbgemm_fp8", "torchao-int4")
"""Schemes with rules of their own on cards from Turing on."""
RULED_VENDORS = ("intel", "google")
RULED_TARGETS = ("gfx8", "gfx900", "gfx906", "gfx101")
"""Vendors, and beginnings of compute targets, with rules of their own (``support``, which is not loaded for others)."""
UNPACKED = {"compressed_tensors": "compressed_tensors", "fp8": "finegrained_fp8", "mxfp4": "mxfp4"}
"""Families of schemes that are unpacked to 16 bits on some cards, and the quantizer that does so."""
UNPACKING = "transformers 5.24.0 quantizers/quantizer_{}.py"
FIRST_FP8, FIRST_MXFP4 = (8, 9), (7, 5)
"""First compute capabilities with kernels for FP8 and for MXFP4."""


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

        return View(self.unpacks(gpus[0]), each(runtime_share, gpus))

    def unpacks(self, gpu: Gpu) -> tuple[str, ...]:
        """Families of schemes that are unpacked to 16 bits on a card, the first one of a machine.

        - compressed-tensors everywhere, at the first forward pass, unless ``use_optimized_inference`` is stated
          (``quantizer_compressed_tensors.py``; compressed-tensors 0.20.1 ``model_compressor.py`` ``add_decompress_hook``);
        - FP8 where CUDA has a compute capability below 8.9, and where there is neither CUDA nor XPU
          (``quantizer_finegrained_fp8.py`` ``validate_environment``);
        - MXFP4 where CUDA has one below 7.5, and on Apple's GPUs, Gaudi and TPUs (``quantizer_mxfp4.py``).
        """
        own = gpu.compute_capability
        without = (gpu.compute_target or "").startswith(("apple", "tpu", "gaudi"))
        found = ["compressed_tensors"]
        if without or (own is not None and own < FIRST_FP8):
            found.append("fp8")
        if without or (own is not None and own < FIRST_MXFP4):
            found.append("mxfp4")
        return tuple(found)

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``CannotTell`` or ``UsageError`` for what cannot be done with a network that is known as a whole."""
        if checkpoint.model.components:
            from vramfit.engines.transformers.network import check

            check(checkpoint, work)

    def estimate(self, job: Job[object, None]) -> Estimate:
        """Estimate the memory of an inference or fine-tuning run, device by device."""
        if job.model.components:
            from vramfit.engines.transformers.network import estimate as of_network

            return of_network(job)
        if job.workload.task != "inference":
            from vramfit.engines.transformers.training import estimate_training

            return estimate_training(job)
        from vramfit.engines.transformers.estimate import estimate

        if not _is_unpacked(job):
            return estimate(job)
        from vramfit.engines.unpacked import in_16_bits, of_the_file

        source = UNPACKING.format(UNPACKED[job.scheme.family])
        return of_the_file(estimate(in_16_bits(job)), job, source)

    def speed(self) -> SpeedProfile:
        """Constants of transformers' speed, by the kind of call that multiplies with a scheme's matrices."""
        from vramfit.engines.transformers.speed import PROFILE

        return PROFILE

    def account(self, job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of an inference or fine-tuning run to the ledger."""
        if job.model.components:
            from vramfit.engines.transformers.network import account as of_network

            of_network(job, estimate, ledger)
            return
        if job.workload.task != "inference":
            from vramfit.engines.transformers.training_terms import account_training

            account_training(job, estimate, ledger)
            return
        from vramfit.engines.transformers.terms import account

        if _is_unpacked(job):
            from vramfit.engines.unpacked import in_16_bits

            job = in_16_bits(job)
        account(job, estimate, ledger)

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True on Linux with NVIDIA cards from Turing on, where the kernels of every scheme but FP8 run.

        On cards of other vendors it depends on scheme and version which kernels run, so the engine is not recommended.
        """
        from vramfit.engines.cuda import TURING, at_least

        return platform == "linux" and all(at_least(gpu, TURING) for gpu in kinds(gpus))

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why PyTorch or the scheme's kernels do not run on the GPUs; None if they do."""
        from vramfit.engines.cuda import TURING

        # The rules are not loaded where none is about the scheme and the cards.
        if scheme.id not in RULED_SCHEMES and all(
            (gpu.compute_capability or TURING) >= TURING
            and gpu.vendor == gpus[0].vendor
            and gpu.vendor not in RULED_VENDORS
            and not (gpu.compute_target or "").startswith(RULED_TARGETS)
            for gpu in kinds(gpus)
        ):
            return None
        from vramfit.engines.support import of_one_build, refusal
        from vramfit.engines.transformers.support import RULES

        return of_one_build(gpus) or refusal(RULES, gpus, scheme, work)

    def computes_with(self, scheme: Scheme, gpus: tuple[Gpu, ...]) -> bool:
        """Return True if the GPUs compute with the scheme as it is, and do not unpack it first."""
        return scheme.family not in self.unpacks(gpus[0])

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones for bitsandbytes."""
        if deployment.model.components:
            from vramfit.engines.transformers.runners import own_runner

            return own_runner(deployment.model) is not None
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
        from vramfit.engines.transformers.launch import command, usual_runner

        runner = usual_runner(deployment.model)
        if runner is None:
            from vramfit.engines.transformers.runners import runner_of

            runner = runner_of(deployment.model)
        return command(deployment, estimate, runner)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.transformers.log import READER

        return READER


def _is_unpacked(job: Job[object, None]) -> bool:
    """Return True if the cards of an inference run unpack the weights of its scheme."""
    unpacked: tuple[str, ...] = job.traits  # type: ignore[assignment]
    return job.scheme.family in UNPACKED and job.scheme.family in unpacked


ENGINE = Transformers()
