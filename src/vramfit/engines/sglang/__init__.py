"""Engine SGLang: a server that splits layers like vLLM, with a cache of single tokens and a static share of each card."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import View
from vramfit.engines.server import Server
from vramfit.engines.servers import (
    GROUPS,
    ONE_MACHINE,
    POSITION_GROUPS,
    SGLANG_GROUPS,
    PositionKeys,
    Spread,
    spread,
)
from vramfit.errors import UsageError
from vramfit.hardware import each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Deployment, Estimate, Job, Serving, Setting
    from vramfit.engines.logs import LogReader
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

SHARES = (0.9, 0.95)
"""Static shares of a card that remedies propose, which leave less for activations."""


class SGLangKeys(PositionKeys):
    """Values of the servers' deployment keys, and of those that SGLang alone has."""

    max_total_tokens: int | None = None
    """Largest number of tokens of the cache; None for what the share leaves."""
    swa_full_tokens_ratio: float | None = None
    """Tokens of the windowed layers' pool for each of the full layers'; None for SGLang's own."""
    mamba_full_memory_ratio: float | None = None
    """Memory of recurrent states for each byte of the tokens' cache; None for SGLang's own."""
    cuda_graph_max_bs: int | None = None
    """Largest batch captured in CUDA graphs for decoding; None for SGLang's own."""


class Cards(Record):
    """Properties of the card with the least memory, which SGLang's settings depend on."""

    memory_bytes: int
    mxfp4_kernel: str
    link: str
    """Link between the ranks: ``nvlink`` of Hopper or later, ``rocm`` on AMD cards, else ``pcie``."""
    flashinfer: bool
    """True if attention needs a workspace of FlashInfer's or TensorRT-LLM's."""
    eight_bit_latents: bool
    """True if sparse latents are cached in 8 bits unless a type is stated: on Blackwell."""
    spread: Spread = ONE_MACHINE
    refusals: tuple[tuple[str, str], ...] = ()
    """Reasons why models with some property of their attention do not start, each with the property; usually none."""


class SGLang(Server[Cards, SGLangKeys]):
    """SGLang, started by ``sglang.launch_server``."""

    name = "sglang"
    title = "SGLang"
    families = ("plain", "fp8", "awq", "gptq", "compressed_tensors", "bitsandbytes", "mxfp4", "nvfp4", "torchao")
    scheme_of_class = {"fp16": "fp16", "int8": "w8a8", "int4": "awq"}
    cache_types = ("f16", "bf16", "fp8", "fp8_e4m3", "fp8_e5m2")
    groups = (*GROUPS, *SGLANG_GROUPS, *POSITION_GROUPS)
    record = SGLangKeys
    speculates = ("mtp", "eagle3", "draft")
    speculative_tokens = 3
    loads_in_class = {"int8": ("fp8",)}
    recommended = 4

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Make the view of the GPUs: memory and kernel of the smallest card, and the CUDA context of each."""
        from vramfit.engines.attention_rules import holding
        from vramfit.engines.cuda import BLACKWELL, HOPPER, at_least, context_share
        from vramfit.engines.sglang.attention import RULES
        from vramfit.engines.vllm.weights import mxfp4_kernel

        if any(gpu.vendor == "apple" for gpu in gpus):
            raise UsageError("sglang does not run on Apple GPUs", "use --engine mlx or llama.cpp")
        smallest = min(gpus, key=lambda gpu: gpu.memory_bytes)
        hopper, blackwell = at_least(smallest, HOPPER), at_least(smallest, BLACKWELL)
        link = "nvlink" if hopper and smallest.nvlink_bytes_per_second else "pcie"
        cards = Cards(
            smallest.memory_bytes,
            mxfp4_kernel(smallest),
            "rocm" if smallest.vendor == "amd" else link,
            smallest.vendor != "amd" and (blackwell or not hopper),
            blackwell,
            spread(gpus, work),
            holding(RULES, gpus, work),
        )
        return View(cards, each(context_share, gpus))

    def extended(self, model: Model, request: Request) -> Model:
        """Return the model with the longest context that its configuration states, or that RoPE scaling gives it."""
        if model.traits.configured_context is None and not (request.get("rope_scaling") or request.get("long_context")):
            return model
        from vramfit.engines.positions import extended
        from vramfit.engines.sglang.positions import longest_context

        return extended(model, request, longest_context)

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why SGLang has no code for the model; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.sglang.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY)

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the server does not start with the scheme and the cache type on the GPUs; None if it does."""
        from vramfit.engines.servers import version
        from vramfit.engines.sglang.support import RULES
        from vramfit.engines.support import of_one_build, refusal

        return of_one_build(gpus) or refusal(RULES, gpus, scheme, work, version(self.own_keys(work)))

    def estimate(self, job: Job[Cards, SGLangKeys]) -> Estimate:
        """Estimate the memory of a server, rank by rank."""
        from vramfit.engines.sglang.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, SGLangKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a server to the ledger, rank by rank."""
        from vramfit.engines.sglang.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of SGLang's speed."""
        from vramfit.engines.sglang.speed import PROFILE

        return PROFILE

    def serving(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Serving | None:
        """Describe what the cache holds and how many requests run at once."""
        from vramfit.engines.sglang.serving import serving

        return serving(self, deployment, estimate)

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Warn of a pool that is smaller than one request of the asked context, and of cards that its kernels leave out."""
        from vramfit.engines.sglang.serving import remarks

        return (*super().remarks(deployment, estimate), *remarks(self, deployment, estimate))

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies in order: the share that holds the requests, another, fewer of them, no CUDA graphs, smaller steps."""
        from vramfit.engines.server_remedies import settings
        from vramfit.engines.sglang.serving import settings_of_share

        yield from settings_of_share(self, deployment, estimate)
        yield from settings(self, deployment, estimate, SHARES)  # type: ignore[arg-type]
        if deployment.workload.draft is not None:
            from vramfit.engines import speculative

            yield from speculative.settings(deployment, True)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the ``sglang.launch_server`` command, one line for each machine."""
        from vramfit.engines.sglang.launch import command
        from vramfit.engines.sglang.serving import raised_share

        share = raised_share(self, deployment, estimate)
        return command(deployment, estimate, self.own_keys(deployment.workload), share)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones to be quantized while loading."""
        from vramfit.engines.serving import names_known_files

        return names_known_files(deployment)

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.sglang.launch import SERVER

        return (SERVER,)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of an ``sglang.launch_server`` line; None if no line starts SGLang."""
        from vramfit.engines.sglang.launch import read

        return read(given)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.sglang.log import READER

        return READER


ENGINE = SGLang()
