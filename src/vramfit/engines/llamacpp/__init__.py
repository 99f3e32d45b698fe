"""Engine llama.cpp: its facts, and where each question of the engine's interface is answered."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.engines.llamacpp.cards import BACKEND_OF_VENDOR, Cards, make_view, offered_bytes, surely_runs
from vramfit.engines.llamacpp.keys import GROUPS, KV_TYPES, MOST_SEQUENCES, LlamaCppKeys
from vramfit.hardware import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.engines.interface import Deployment, Estimate, Job, Setting, View
    from vramfit.engines.logs import LogReader
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request


class LlamaCpp(Engine[Cards, LlamaCppKeys]):
    """llama.cpp and its server: GGUF files, layers split between GPUs and host, compute buffers allocated at the start."""

    starts_on_most = True
    name = "llama.cpp"
    title = "llama.cpp"
    families = ("gguf", "plain", "mxfp4")
    scheme_of_class = {"fp16": "F16", "int8": "Q8_0", "int4": "Q4_K_M"}
    cache_types = KV_TYPES
    groups = GROUPS
    record = LlamaCppKeys
    offloads = True
    places_experts = True
    catalogued_files = False
    most_sequences = MOST_SEQUENCES
    speculates = ("mtp", "eagle3", "draft")
    speculative_tokens = 3
    runs_assistants = True
    recommended = 0
    switches = {
        **dict.fromkeys(("-cmoe", "--cpu-moe"), ("--cpu-moe-layers", "all")),
        **dict.fromkeys(("-cmoed", "--cpu-moe-draft", "--spec-draft-cpu-moe"), ("--draft-cpu-moe-layers", "all")),
        **dict.fromkeys(("-no-kvu", "--no-kv-unified"), ("--no-unified-kv",)),
        **dict.fromkeys(("-nkvo", "--no-kv-offload"), ("--no-kv-offload",)),
        **dict.fromkeys(("--no-mmproj", "--no-mmproj-auto"), ("--mmproj", "off")),
        "--no-mmproj-offload": ("--mmproj", "host"),
    }
    runtime_formula = "context of a process: 40 MiB and 3.4 MiB for each multiprocessor on CUDA"
    runtime_source = "ggml-org/llama.cpp pull request 15860; exit tables"

    def checkpoint(self, model: Model, scheme: Scheme) -> Checkpoint:
        """The GGUF file in the scheme: the model's own where it is one."""
        from vramfit.engines.llamacpp.placement import loaded

        return loaded(model, scheme, of_any_publisher=True)

    def sees(self, request: Request, model: Model) -> bool:
        """Return True if the model takes images and its projector is loaded."""
        return model.sees and request.get("mmproj") != "off"

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why llama.cpp has no code for a speech model; None for any other, which may have a GGUF name by now."""
        if model.modality != "text-to-speech":
            return super().lacks(model, work)
        from vramfit.engines.architectures import missing
        from vramfit.engines.llamacpp.architectures import REGISTRY

        return missing(model, REGISTRY)

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Remark on a model whose architecture llama.cpp may not have."""
        found = super().remarks(deployment, estimate)
        if deployment.model.architecture.gguf is not None:
            return found
        from vramfit.engines.llamacpp.architectures import remarks

        return (*found, *remarks(deployment.model))

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why no back end, or not the requested one, runs on the GPUs; None if one does."""
        backend = self.own_keys(work).backend
        if backend != "sycl" and all(surely_runs(gpu) for gpu in kinds(gpus)):
            return None
        from vramfit.engines.llamacpp.support import RULES
        from vramfit.engines.support import refusal

        usual = BACKEND_OF_VENDOR.get(gpus[0].vendor)
        return refusal(RULES, gpus, scheme, work, backend=backend or usual)

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``CannotTell`` for a pipeline without a language model, and ``UsageError`` for a refused cache type."""
        from vramfit.engines.llamacpp.estimate import check

        check(checkpoint.model, work)

    def offered_bytes(self, gpu: Gpu, work: Workload) -> int:
        """Bytes that the requested backend offers of a GPU."""
        return offered_bytes(gpu, work.platform, self.own_keys(work).backend)

    def with_fitting_context(self, deployment: Deployment) -> Deployment:
        """Deployment with the context that ``--fit`` chooses."""
        from vramfit.engines.llamacpp.fit_context import fitted

        return fitted(deployment, self)

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Make the view of the GPUs: their backends, and their memory if the placement depends on it."""
        return make_view(gpus, work, self.own_keys(work), "auto" in (work.gpu_layers, work.cpu_moe_layers))

    def estimate(self, job: Job[Cards, LlamaCppKeys]) -> Estimate:
        """Estimate the memory of a process, device by device."""
        from vramfit.engines.llamacpp.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, LlamaCppKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a process to the ledger, device by device."""
        from vramfit.engines.llamacpp.terms import account

        account(job, estimate, ledger, job.keys)

    def speed(self) -> SpeedProfile:
        """Constants of llama.cpp's speed, by kind of card."""
        from vramfit.engines.llamacpp.speed import PROFILE

        return PROFILE

    def chunk_tokens(self, work: Workload, estimate: Estimate) -> int | None:
        """Number of tokens of the physical batch."""
        return self.own_keys(work).ubatch

    def ranks(self, deployment: Deployment, estimate: Estimate) -> int:
        """Number of GPUs that share each layer: all of them if matrices are split, else 1."""
        return len(deployment.gpus) if self.own_keys(deployment.workload).split_mode in ("row", "tensor") else 1

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies that save cache and buffers at no cost in quality."""
        from vramfit.engines.llamacpp.remedies import settings

        work = deployment.workload
        short = work.ram_bytes is not None and estimate.host.total_bytes > work.ram_bytes
        projector = bool(work.images) and deployment.model.vision is not None
        yield from settings(self.own_keys(work), projector, short and estimate.host.overhead_bytes > 0)
        if deployment.workload.draft is not None:
            from vramfit.engines.llamacpp import speculative

            yield from speculative.settings(deployment, self.own_keys(deployment.workload))

    def divisions(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Iterable[Setting]:
        """Proportions of the split by layers that even out what the GPUs have left."""
        from vramfit.engines.llamacpp.remedies import divisions

        return divisions(
            self.own_keys(deployment.workload), deployment.gpus, deployment.workload, estimate, usable_bytes
        )

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the line that starts ``llama-server``."""
        from vramfit.engines.llamacpp.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))

    def command_in(self, program: Program, deployment: Deployment, estimate: Estimate) -> str | None:
        """Write the line in the program that a user has: llama.cpp's own ones, or koboldcpp."""
        from vramfit.engines.llamacpp.launch import command_in

        return command_in(program, deployment, estimate, self.own_keys(deployment.workload))

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the GGUF file, and its projector, are the user's own or in a repository."""
        from vramfit.engines.llamacpp.launch import names_known_files

        return names_known_files(deployment)

    def neutral_flags(self) -> Mapping[str, int]:
        """Flags of ``llama-server`` and of how its file is mapped, which moves no memory between devices."""
        from vramfit.engines.llamacpp.programs import MAPPING, SERVER

        return {flag: max(count, 0) for flag, count in (*SERVER.neutral.items(), *MAPPING.items())}

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.llamacpp.bench import BENCH
        from vramfit.engines.llamacpp.kobold import KOBOLD
        from vramfit.engines.llamacpp.programs import CONSOLE, SERVER
        from vramfit.engines.llamacpp.variables import with_variables

        return (with_variables(SERVER), with_variables(CONSOLE), BENCH, KOBOLD)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line of ``llama-server`` or ``llama-cli``; None if no line starts one."""
        from vramfit.engines.llamacpp.launch import read

        return read(given)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.llamacpp.log import READER

        return READER


ENGINE = LlamaCpp()
