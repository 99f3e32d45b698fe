"""Engine llama.cpp: facts, deployment keys, and the view of the GPUs."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.base import Engine
from vramfit.engines.interface import View
from vramfit.errors import UsageError
from vramfit.units import GIB
from vramfit.workload.keys import Group, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.engines.interface import Deployment, Estimate, Job, Setting
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

BACKEND_OF_VENDOR = {"nvidia": "cuda", "custom": "cuda", "amd": "rocm", "apple": "metal", "intel": "vulkan"}
"""Backend that the cards of each vendor usually run with. For Intel it is Vulkan, because SYCL needs a toolkit."""


MOST_SEQUENCES = 256
"""Largest number of sequences of one context (``LLAMA_MAX_SEQ``, ggml-org/llama.cpp v0.5.0 ``src/llama-cparams.h``)."""

KV_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Element types that a cache may have, the default first."""


def _mebibytes(spelling: str) -> str:
    """Size with its unit: llama-server counts this one in MiB, and -1 is no limit."""
    word = spelling.strip()
    return "unlimited" if word == "-1" else f"{word}MiB" if word.isdecimal() else word


class LlamaCppKeys(Record):
    """Values of llama.cpp's own deployment keys."""

    of_any_publisher = True
    """False for a program that makes the files of its types itself; no key, and the same for all instances."""

    fitted_from = 0
    """Context that was shortened because it did not fit; 0 if none was. No key: it is set where the context is chosen."""

    batch: int = 2048
    ubatch: int = 512
    unified_kv: bool = False
    swa_full: bool = False
    outputs: str = "slots"
    backend: str | None = None
    """Backend of all GPUs; None for the usual one of each GPU's vendor."""
    split_mode: str = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] | None = None
    """Proportions of the model, one for each GPU; None to use the proportions of their memory."""
    override_tensor: tuple[str, ...] | None = None
    """Patterns of tensor names with the buffers that they are placed in, ``PATTERN=BUFFER``; None for none."""
    mmproj: str = "gpu"
    kv_offload: bool = True
    """False if caches and states stay in RAM (``--no-kv-offload``)."""
    context_checkpoints: int = 32
    """Largest number of states of a slot that the server keeps in RAM."""
    checkpoint_min_step: int = 8192
    """Smallest number of tokens between two of these states; 0 for one after each batch."""
    adapter_bytes: int = 0
    """Size of the LoRA adapters that are loaded beside the model."""
    cache_ram: int | str = 8 * GIB
    """Bytes of RAM that the server may fill with past prompts; ``unlimited`` for no bound."""
    draft_kv_cache_type: str = "f16"
    draft_kv_cache_type_v: str | None = None
    """Element type of V in the draft's cache; None for that of K."""
    draft_gpu_layers: int | str = "all"
    """Number of layers of a draft model on the GPUs, or ``all``."""
    draft_cpu_moe_layers: int | str = 0
    """Number of layers of a draft, from the first on, whose routed experts stay in host memory, or ``all``."""


CACHE_KEYS = (
    # --batch-size is llama-server's too, and of others a number of sequences: vramfit.cli.flags reads it.
    Key("batch", "count", "llama.cpp: logical batch", flags=("-b",), default=2048, follows=True),
    Key("ubatch", "count", "llama.cpp: physical batch", flags=("-ub", "--ubatch-size"), default=512, follows=True),
    Key(
        "unified_kv",
        "flag",
        "llama.cpp: one cache shared by all sequences",
        flags=("-kvu", "--kv-unified"),
        default=False,
    ),
    Key("swa_full", "flag", "llama.cpp: full-size cache for sliding-window layers", default=False),
    Key(
        "kv_offload",
        "flag",
        "llama.cpp: caches on the GPUs; --no-kv-offload (-nkvo) leaves them in RAM",
        default=True,
    ),
    Key("outputs", "choice", "llama.cpp: rows of logits reserved", choices=("slots", "batch"), default="slots"),
)
SPLIT_KEYS = (
    Key(
        "backend",
        "choice",
        "llama.cpp: the library it computes with",
        choices=("cuda", "rocm", "metal", "vulkan", "sycl"),
        default_text="the GPU vendor's own; vulkan for Intel",
        decided=True,
    ),
    Key(
        "split_mode",
        "choice",
        "llama.cpp: how several GPUs share the model",
        choices=("layer", "row", "tensor", "none"),
        flags=("-sm",),
        default="layer",
        decided=True,
    ),
    Key(
        "main_gpu",
        "count",
        "llama.cpp: the GPU of split_mode none",
        minimum=0,
        flags=("-mg",),
        default=0,
        decided=True,
    ),
    Key(
        "tensor_split",
        "shares",
        "llama.cpp: proportions of the model for the GPUs, for example 3,1",
        flags=("-ts",),
        default_text="by their memory",
    ),
)
DRAFT_KEYS = (
    Key(
        "draft_kv_cache_type",
        "choice",
        "llama.cpp: element type of the draft's KV cache",
        choices=KV_TYPES,
        flags=("-ctkd", "--cache-type-k-draft", "--spec-draft-type-k"),
        default="f16",
    ),
    Key(
        "draft_kv_cache_type_v",
        "choice",
        "llama.cpp: the same for V alone",
        choices=KV_TYPES,
        flags=("-ctvd", "--cache-type-v-draft", "--spec-draft-type-v"),
        default_text="as draft_kv_cache_type",
    ),
    Key(
        "draft_gpu_layers",
        "count-or-word",
        "llama.cpp: layers of a draft model on the GPU",
        choices=("all",),
        minimum=0,
        flags=("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft", "--spec-draft-ngl"),
        default="all",
    ),
    Key(
        "draft_cpu_moe_layers",
        "count-or-word",
        "llama.cpp: layers of a draft, from the first on, whose experts stay in RAM",
        choices=("all",),
        minimum=0,
        flags=("-ncmoed", "--n-cpu-moe-draft", "--spec-draft-n-cpu-moe", "--spec-draft-ncmoe"),
        default=0,
    ),
)
SPREAD_KEYS = (Key("sched_spread", "flag", "Ollama: over all GPUs even if one is enough", default=False),)
"""Key that Ollama has in addition to those of llama.cpp, whose server it runs."""
PLACING_KEYS = (
    Key(
        "override_tensor",
        "texts",
        "llama.cpp: where the tensors whose names match go, for example ffn_.*_exps=CPU; may be repeated",
        flags=("-ot",),
        default_text="none",
    ),
    Key(
        "mmproj",
        "choice",
        "llama.cpp: where the projector of a vision model goes",
        choices=("gpu", "host", "off"),
        default="gpu",
    ),
)
ADAPTER_KEYS = (
    Key(
        "adapter_size",
        "size",
        "llama.cpp: size of the LoRA adapters that are loaded beside the model",
        default=0,
        field="adapter_bytes",
        decimal=True,
    ),
)
SERVER_KEYS = (
    Key(
        "context_checkpoints",
        "count",
        "llama.cpp: states of a slot that the server keeps in RAM, of models with windows or states",
        minimum=0,
        flags=("-ctxcp", "--ctx-checkpoints", "--swa-checkpoints"),
        default=32,
    ),
    Key(
        "checkpoint_min_step",
        "count",
        "llama.cpp: tokens between two of these states at least",
        minimum=0,
        flags=("-cms",),
        default=8192,
    ),
    Key(
        "cache_ram",
        "size",
        "llama.cpp: RAM that the server may fill with past prompts, in MiB or as a size",
        choices=("unlimited",),
        flags=("-cram",),
        default=8 * GIB,
        default_text="8GiB",
        read=_mebibytes,
    ),
)
TITLE = "llama.cpp and Ollama"
GROUPS = (
    Group(CACHE_KEYS, 10, TITLE),
    Group(PLACING_KEYS, 25, TITLE),
    Group(ADAPTER_KEYS, 26, TITLE),
    Group(SPLIT_KEYS, 30, TITLE),
    Group(SPREAD_KEYS, 35, TITLE),
    Group(SERVER_KEYS, 36, TITLE),
    Group(DRAFT_KEYS, 51, TITLE),
)


class Cards(Record):
    """Properties of the GPUs that llama.cpp's estimate depends on."""

    backends: tuple[str, ...]
    """Backend of each GPU."""
    usable: tuple[int, ...]
    """Usable bytes of each GPU, as proportions of the split. They are 1 for equal cards if only the proportions matter."""
    context_bytes: tuple[int, ...]
    """Bytes of a process's context on each GPU, if the placement depends on the memory that it leaves free; else 0."""

    def only(self, number: int) -> Cards:
        """Properties of a single one of the GPUs."""
        return Cards((self.backends[number],), (self.usable[number],), (self.context_bytes[number],))


def cards(gpus: tuple[Gpu, ...], work: Workload, keys: LlamaCppKeys, sizes: bool) -> View[Cards]:
    """Make the view of the GPUs; ``sizes`` is True if the placement depends on the memory of equal cards.

    Raises ``UsageError`` for a card that llama.cpp or the requested backend does not run on.
    """
    from vramfit.engines.llamacpp.overhead import context_overhead

    backends = tuple([keys.backend or _backend(gpu) for gpu in gpus])
    if keys.backend or keys.split_mode != "layer" or keys.main_gpu or keys.tensor_split is not None:
        from vramfit.engines.llamacpp import split

        split.check(gpus, keys, backends)
    shares = [context_overhead(gpu, backend) for gpu, backend in zip(gpus, backends, strict=True)]
    usable, context = (1,) * len(gpus), (0,) * len(gpus)
    if sizes or gpus.count(gpus[0]) < len(gpus):
        usable = tuple([offered_bytes(gpu, work.platform, keys.backend) for gpu in gpus])
    if sizes:
        context = tuple([share.expected for share in shares])
    return View(Cards(backends, usable, context), tuple(shares))


def offered_bytes(gpu: Gpu, platform: str, backend: str | None) -> int:
    """Bytes that a backend offers of an otherwise idle GPU; None stands for the usual backend of its vendor."""
    from vramfit.hardware import usable_bytes

    if backend == "vulkan" and platform == "windows" and gpu.vendor == "nvidia":
        from vramfit.engines.llamacpp.vulkan import windows_bytes

        return windows_bytes(gpu)
    return usable_bytes(gpu, platform)


def surely_runs(gpu: Gpu) -> bool:
    """Return True for GPUs that need no look at the rules: all but Intel's, TPUs, and CUDA cards below 5.0."""
    return gpu.vendor in ("amd", "apple", "custom") or (gpu.compute_capability or (0, 0)) >= (5, 0)


def _backend(gpu: Gpu) -> str:
    """Usual backend of a card; raises ``UsageError`` for a card that llama.cpp does not run on."""
    if gpu.vendor not in BACKEND_OF_VENDOR:
        raise UsageError(f"llama.cpp does not run on {gpu.name}", "choose a GPU of NVIDIA, AMD, Apple or Intel")
    return BACKEND_OF_VENDOR[gpu.vendor]


class LlamaCpp(Engine[Cards, LlamaCppKeys]):
    """llama.cpp and its server: GGUF files, layers split between GPUs and host, compute buffers allocated at the start."""

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

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why no back end, or not the requested one, runs on the GPUs; None if one does."""
        backend = self.own_keys(work).backend
        if backend != "sycl" and all(surely_runs(gpu) for gpu in gpus):
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
        return cards(gpus, work, self.own_keys(work), "auto" in (work.gpu_layers, work.cpu_moe_layers))

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

    def chunk_tokens(self, work: Workload) -> int | None:
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
