"""Engine vLLM: a server that splits every layer over the GPUs, with a paged cache and a fixed share of each card."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import Share, View
from vramfit.engines.server import Server
from vramfit.engines.servers import (
    GROUPS,
    ONE_MACHINE,
    POSITION_GROUPS,
    PositionKeys,
    ServerKeys,
    Spread,
    spread,
)
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

SHARES = (0.95, 0.98)
"""Shares of a card that remedies propose, which leave less for other programs."""


BUNDLES_TRITON = (0, 11)
"""First release that comes with Triton's kernels for MXFP4: the log of vllm-project/vllm issue 23278 (0.10.1) says that it
runs Marlin's on an H100."""


class Cards(Record):
    """Settings that vLLM chooses according to the first card."""

    step_tokens: int
    """Number of tokens of a step, ``max_num_batched_tokens``."""
    step_sequences: int
    """Number of sequences of a step, ``max_num_seqs``."""
    mxfp4_kernel: str
    generation: str
    """``hopper``, ``blackwell`` (data centre), ``blackwell-12`` or an empty text for all other cards."""
    multiprocessors: int
    """Number of multiprocessors; 0 where no buffer of the release depends on it."""
    workspace_bytes: int
    """Bytes of cuBLAS's workspace."""
    flashinfer_states: bool = False
    """True if FlashInfer computes prompts in gated delta nets."""
    system_bytes: int = 0
    """Bytes that are taken before vLLM starts of a memory that the GPU shares with the CPU."""
    processes_bytes: int = 0
    """Bytes that vLLM's processes take of such a memory on the CPU's side."""
    spread: Spread = ONE_MACHINE
    peer_bytes: int = 0
    """Bytes that libraries take for each rank beyond two, on cards other than those of data centres from Hopper on."""
    refusals: tuple[tuple[str, str], ...] = ()
    """Reasons why models with some property of their attention do not start, each with the property; usually none."""
    half: bool = False
    """True if a card does not compute in bfloat16."""
    on_gaudi: bool = False


class Vllm(Server[Cards, ServerKeys]):
    """vLLM, started by ``vllm serve``."""

    name = "vllm"
    title = "vLLM"
    families = ("plain", "fp8", "awq", "gptq", "compressed_tensors", "bitsandbytes", "mxfp4", "nvfp4", "torchao")
    scheme_of_class = {"fp16": "fp16", "int8": "w8a8", "int4": "awq"}
    cache_types = (
        "f16", "bf16", "fp8", "fp8_e4m3", "fp8_e5m2", "int8", "fp8_per_token_head", "int4_per_token_head", "nvfp4",
        "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc",
    )  # fmt: skip
    groups = (*GROUPS, *POSITION_GROUPS)
    record = PositionKeys
    speculates = ("mtp", "eagle3", "draft")
    speculative_tokens = 1
    loads_in_class = {"int8": ("fp8",)}
    recommended = 3

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Make the view of the GPUs: settings according to the first card, and the CUDA context of each."""
        from vramfit.engines.attention_rules import holding
        from vramfit.engines.cuda import context_share, cores_per_multiprocessor, workspace_bytes
        from vramfit.engines.support import without_bfloat16
        from vramfit.engines.vllm.activations import step_sequences, step_tokens
        from vramfit.engines.vllm.attention import RULES
        from vramfit.engines.vllm.budget import generation, peer_bytes, unified_bytes
        from vramfit.engines.vllm.kv_tables import flashinfer_states
        from vramfit.engines.vllm.release import release
        from vramfit.engines.vllm.weights import mxfp4_kernel

        first = gpus[0]
        on_metal = first.vendor == "apple"
        facts = release(self.own_keys(work))
        counted = facts.candidate_rows and first.cores and not on_metal
        cards = Cards(
            step_tokens(first, facts),
            step_sequences(first, facts),
            mxfp4_kernel(first, facts.numbers >= BUNDLES_TRITON),
            generation(first),
            first.cores // cores_per_multiprocessor(first) if counted and first.cores else 0,
            0 if on_metal else workspace_bytes(first),
            flashinfer_states(first),
            *(unified_bytes(first, self.offered_bytes(first, work)) if first.unified else (0, 0)),
            spread=spread(gpus, work),
            peer_bytes=peer_bytes(first),
            refusals=holding(RULES, gpus, work),
            half=any(without_bfloat16(gpu) for gpu in gpus),
            on_gaudi=(first.compute_target or "").startswith("gaudi"),
        )
        if on_metal:
            return View(cards, (Share(0, 0, 0),) * len(gpus))
        return View(cards, each(context_share, gpus))

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """Remark that the memory of the plug-in for Apple's GPUs is taken to be vLLM's, where one is asked."""
        if deployment.gpus[0].vendor != "apple":
            return super().remarks(deployment, estimate)
        return ("the plug-in vllm-metal was not measured: its arrays are taken to be those of vLLM on other GPUs",)

    def with_fitting_context(self, deployment: Deployment) -> Deployment:
        """Deployment with the context that ``--max-model-len auto`` chooses."""
        from vramfit.engines.vllm.fit_context import fitted

        return fitted(deployment, self)

    def extended(self, model: Model, request: Request) -> Model:
        """Return the model with the longest context that its configuration states, or that RoPE scaling gives it.

        Source: ``config/model.py``.
        """
        if model.traits.configured_context is None and not (request.get("rope_scaling") or request.get("long_context")):
            return model
        from vramfit.engines.positions import extended
        from vramfit.engines.vllm.rotary import longest_context

        return extended(model, request, longest_context(self.fill(request) or ServerKeys()))

    def lacks(self, model: Model, work: Workload) -> str | None:
        """Reason why vLLM has no code for the model in the release asked; None if it has."""
        from vramfit.engines.architectures import missing
        from vramfit.engines.servers import version
        from vramfit.engines.vllm.architectures import REGISTRY

        return super().lacks(model, work) or missing(model, REGISTRY, version(self.own_keys(work)))

    def unsupported(self, gpus: tuple[Gpu, ...], scheme: Scheme, work: Workload) -> str | None:
        """Reason why the server does not start with the scheme and the cache type on the GPUs; None if it does."""
        from vramfit.engines.servers import version
        from vramfit.engines.support import of_one_build, refusal
        from vramfit.engines.vllm.support import RULES

        return of_one_build(gpus) or refusal(RULES, gpus, scheme, work, version(self.own_keys(work)))

    def estimate(self, job: Job[Cards, ServerKeys]) -> Estimate:
        """Estimate the memory of a server, rank by rank."""
        from vramfit.engines.vllm.element_types import described, in_use
        from vramfit.engines.vllm.estimate import estimate

        used = in_use(job)
        return described(estimate(used), job, used)

    def account(self, job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of a server to the ledger, rank by rank."""
        from vramfit.engines.vllm.element_types import in_use
        from vramfit.engines.vllm.terms import account

        account(in_use(job), estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of vLLM's speed."""
        from vramfit.engines.vllm.speed import PROFILE

        return PROFILE

    def serving(self, deployment: Deployment, estimate: Estimate, usable_bytes: tuple[int, ...]) -> Serving | None:
        """Describe what the server does with the bytes that each GPU offers it."""
        from vramfit.engines.vllm.serving import serving

        return serving(deployment, estimate, self.own_keys(deployment.workload), usable_bytes)

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """Remedies in order: another share of the card, fewer requests at once, no CUDA graphs, smaller steps."""
        from vramfit.engines.server_remedies import settings

        yield from settings(self, deployment, estimate, SHARES)  # type: ignore[arg-type]
        if deployment.workload.draft is not None:
            from vramfit.engines import speculative

            yield from speculative.settings(deployment, True)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the ``vllm serve`` command, one line for each machine."""
        from vramfit.engines.vllm.launch import command

        return command(deployment, estimate, self.own_keys(deployment.workload))  # type: ignore[arg-type]

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones to be quantized while loading."""
        from vramfit.engines.serving import names_known_files

        return names_known_files(deployment)

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.vllm.launch import SERVE

        return (SERVE,)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a ``vllm serve`` line; None if no line starts vLLM."""
        from vramfit.engines.vllm.launch import read

        return read(given)

    def log_reader(self) -> LogReader:
        """Reader of the engine's start-up log."""
        from vramfit.engines.vllm.log import READER

        return READER


ENGINE = Vllm()
