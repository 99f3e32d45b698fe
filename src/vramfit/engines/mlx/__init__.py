"""Engine MLX, for Apple silicon."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.base import Engine
from vramfit.engines.interface import Setting, Share, View
from vramfit.engines.servers import GROUPS
from vramfit.errors import UsageError
from vramfit.workload.common import BITS_OF_BLOCKS

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


VENDORS = ("apple", "nvidia")
"""Vendors of the GPUs that MLX has a back end for."""
CUDA_HIGH = 4
"""Upper bound of what the CUDA back end takes beside its arrays, as a multiple of the context: nothing was measured."""


LARGEST_BUFFER = 0.75
"""Largest size of one buffer of Metal's, as a share of the working set that Metal recommends by default: the limits that
MLX prints with 32, 48, 128 and 512 GB are 20.1, 30.15, 86.59 and 373.66 GB (0xSero/local-ai-registry pull request 43,
ollama/ollama issue 17804, cubist38/mlx-openai-server issue 188, jjang-ai/vmlx issue 50)."""


SMALL_STEP = 512
"""Number of prompt tokens at a time that saves most of the scores and costs little (nicedreamzapp/claude-code-local pull
request 44: 38,500 tokens of Gemma 4 31B take 71 s with 512 and 83 s with 1,024)."""


class MlxKeys(Record):
    """Values of MLX's deployment keys, which have the names of the servers'."""

    max_batched_tokens: int | None = None
    """Number of prompt tokens processed at a time; None for the program's own."""


class Mlx(Engine[int | None, MlxKeys]):
    """MLX on one Apple machine: mlx-lm, and mlx-vlm for models that read images."""

    name = "mlx"
    title = "MLX"
    families = ("mlx", "plain")
    scheme_of_class = {"fp16": "fp16", "int8": "mlx-8bit", "int4": "mlx-4bit"}
    cache_types = ("bf16", "f16", "int8", "int6", "int5", "int4", "int3", "int2")
    cache_words = BITS_OF_BLOCKS
    groups = GROUPS
    record = MlxKeys
    speculates = ("mtp", "draft")
    speculative_tokens = 3
    recommended = 1
    runtime_formula = "CUDA context of a process, on a card of NVIDIA's"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm"

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[int | None]:
        """Make the view of the GPU: the largest buffer of Apple's, a CUDA context for a card of NVIDIA's.

        Raises ``UsageError`` unless it is a single GPU of Apple's or NVIDIA's (ml-explore/mlx ``docs/src/install.rst``).
        """
        if len(gpus) > 1 or gpus[0].vendor not in VENDORS:
            raise UsageError(
                "mlx is answered for one Apple machine or one NVIDIA card", "use --engine llama.cpp for other GPUs"
            )
        if gpus[0].vendor == "apple":
            from vramfit.hardware import usable_bytes

            return View(round(usable_bytes(gpus[0], "macos") * LARGEST_BUFFER), (Share(0, 0, 0),))
        from vramfit.engines.cuda import context_share

        context = context_share(gpus[0])
        return View(None, (Share(context.low, context.expected, CUDA_HIGH * context.expected),))

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why MLX has no code for the model; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.mlx.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why MLX's CUDA back end does not run on a card; None if it does."""
        from vramfit.engines.support import Rule, below, refusal

        source = "ml-explore/mlx docs/src/install.rst at 846d1762"
        return refusal(
            (Rule("its CUDA back end needs compute capability 7.5", source, below(7, 5)),), gpus, scheme, work
        )

    def recommended_on(self, gpus: tuple[Gpu, ...], platform: str) -> bool:
        """Return True on Apple's machines: the CUDA back end was not measured."""
        return all(gpu.vendor == "apple" for gpu in gpus)

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Remark that the arrays of the CUDA back end are taken to be those of Metal, if a card of NVIDIA's is asked."""
        if deployment.gpus[0].vendor == "apple":
            return ()
        return ("MLX's CUDA back end was not measured: its arrays are taken to be those on Apple silicon",)

    def estimate(self, job: Job[int | None, MlxKeys]) -> Estimate:
        """Estimate the memory of one process; raises ``UsageError`` for what MLX refuses."""
        from vramfit.engines.mlx.estimate import estimate

        return estimate(job)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones to be converted."""
        from vramfit.engines.naming import is_published

        return is_published(deployment, families=("mlx",))

    def chunk_tokens(self, work: Workload, estimate: Estimate) -> int | None:
        """Number of prompt tokens processed in one pass over the weights."""
        tokens = estimate.settings["max_batched_tokens"]
        return tokens if isinstance(tokens, int) else None

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedy: fewer prompt tokens at a time, whose scores and temporary arrays shrink with them."""
        tokens = estimate.settings["max_batched_tokens"]
        if isinstance(tokens, int) and tokens > SMALL_STEP:
            summary = f"process a prompt {SMALL_STEP:,} tokens at a time"
            trade = "prompts are processed a little more slowly"
            yield Setting({"max_batched_tokens": SMALL_STEP}, summary, trade, 1)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the commands that convert the model, if needed, and generate with it."""
        from vramfit.engines.mlx.launch import command

        return command(deployment)

    def command_in(self, program: Program, deployment: Deployment, estimate: Estimate) -> str | None:
        """Write the commands with the generator, server or chat that a user has; None for a converter."""
        from vramfit.engines.mlx.launch import TEXT, VISION, command

        return None if program in (TEXT[0], VISION[0]) else command(deployment, program)

    def limits_context(self, deployment: Deployment) -> bool:
        """Return True if a flag of the command holds it to the deployment's context."""
        from vramfit.engines.mlx.launch import limits_context

        return limits_context(deployment)

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.mlx.launch import TEXT, VISION

        return (*TEXT, *VISION)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of lines that convert a model and generate with it; None if no line generates."""
        from vramfit.engines.mlx.launch import read

        return read(given)

    def account(self, job: Job[int | None, MlxKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger."""
        from vramfit.engines.mlx.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of MLX's speed."""
        from vramfit.engines.mlx.speed import PROFILE

        return PROFILE


ENGINE = Mlx()
