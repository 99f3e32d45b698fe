"""Speculative decoding: what drafts tokens that the model then checks many at a time, whatever engine runs both.

The draft is the model's own prediction head (``mtp``), a head trained for it (``eagle3``) or a smaller model with the same
vocabulary (``draft``). Each step drafts ``speculative_tokens`` tokens one after another and passes them through the model
together; those that agree with what the model itself says are kept, and one more of its own (Leviathan et al. 2023,
arXiv:2211.17192).
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines import engine, names
from vramfit.engines.interface import DeviceMemory, Setting
from vramfit.errors import UsageError
from vramfit.model.mtp import prediction_head
from vramfit.quantization import SCHEMES, STORED, own_checkpoint
from vramfit.quantization.checkpoint import Checkpoint, Stored
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.model import Model
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

    V = TypeVar("V")
    K = TypeVar("K")

MOST_VOCABULARY_DIFFERENCE = 128
"""Number of tokens by which the vocabularies of model and draft may differ (ggml-org/llama.cpp b11434
``common/speculative.cpp``, ``SPEC_VOCAB_MAX_SIZE_DIFFERENCE``): paddings of one tokenizer are that far apart."""


ASSISTANT_SCHEME = "Q8_0"
"""Type of GGUF that assistants are run in, where nobody says otherwise (repositories on the Hub are named
``…-MTP-Q8_0-GGUF``)."""


class Draft(Record):
    """Head or model that drafts tokens for another model."""

    method: str
    """``mtp``, ``eagle3`` or ``draft``."""
    checkpoint: Checkpoint
    """Stored tensors that are loaded for it; none that the model has already."""
    name: str | None
    """Name of the draft model as it was asked for; None for the model's own head."""
    beside: bool = False
    """True for an assistant, which is a file of its own and reads the model's caches."""

    @property
    def repository(self) -> str | None:
        """Repository or directory of a draft model, or its name where none is known; None for the model's own head."""
        if self.method == "mtp":
            return None
        origin = self.model.origin
        if origin is not None:
            return origin.repository or origin.path
        return self.model.hf[0] if self.model.hf else self.name

    @property
    def model(self) -> Model:
        """Architecture of the draft."""
        return self.checkpoint.model


def drafting(work: Workload) -> Draft:
    """Draft of a workload that speculates; raises ``TypeError`` for one that does not."""
    if not isinstance(work.draft, Draft):
        raise TypeError("a workload that speculates has its draft")
    return work.draft


def plain(job: Job[V, K]) -> Job[V, K]:
    """Job of the model alone, without its draft."""
    return replace(job, workload=replace(job.workload, speculative=None, speculative_tokens=None, draft=None))


def together(one: DeviceMemory, other: DeviceMemory, sign: int = 1) -> DeviceMemory:
    """Memory of a device with that of its draft, or without it if ``sign`` is -1; what is read is the model's alone."""
    return DeviceMemory(
        one.device,
        one.weights_bytes + sign * other.weights_bytes,
        one.kv_cache_bytes + sign * other.kv_cache_bytes,
        one.compute_bytes + sign * other.compute_bytes,
        one.overhead_bytes + sign * other.overhead_bytes,
        one.low_bytes + sign * other.low_bytes,
        one.high_bytes + sign * other.high_bytes,
        one.read_bytes,
    )


def sentence(work: Workload, checkpoint: Checkpoint) -> str:
    """Say what drafts, from the tensors that are loaded for it, and how far ahead."""
    draft, tokens = drafting(work), work.speculative_tokens or 0
    ahead = f"{tokens} token{'' if tokens == 1 else 's'} ahead"
    size = gib(sum([row.total_bytes for row in checkpoint.stored]))
    name = "the model's prediction head (MTP" if draft.method == "mtp" else f"{draft.name} ({checkpoint.scheme.id}"
    return f"{name}, {size}) drafts {ahead}; its layers have a cache beside the model's"


def account(
    job: Job[V, K],
    estimate: Estimate,
    ledger: Ledger,
    of_model: Callable[[Job[V, K], Estimate, Ledger], None],
    source: str,
) -> None:
    """Add the terms of the model alone and those of its draft to a ledger; nothing for an estimate without a draft."""
    draft = estimate.draft
    if draft is None:
        return
    alone = [together(gpu, own, -1) for gpu, own in zip(estimate.gpus, draft.gpus, strict=True)]
    host = together(estimate.host, draft.host, -1)
    of_model(plain(job), replace(estimate, gpus=tuple(alone), host=host, draft=None), ledger)
    word = "prediction head" if drafting(job.workload).method == "mtp" else "draft"
    tokens = job.workload.speculative_tokens or 0
    for own in (*draft.gpus, draft.host):
        stored = f"its tensors' part on the device, of {draft.checkpoint_bytes:,} B stored"
        ledger.add_sum("weights", own.device, word, own.weights_bytes, source, stored, loaded_bytes=own.weights_bytes)
        ledger.add_sum(
            "kv_cache", own.device, f"{word}: cache and states", own.kv_cache_bytes, source,
            f"cache of model and draft together, less that of the model alone; {tokens} tokens ahead",
            cache_bytes=own.kv_cache_bytes,
        )  # fmt: skip
        ledger.add_sum(
            "overhead", own.device, f"{word}: CUDA graphs", own.overhead_bytes, source,
            "18 MiB for each layer, and what a spare block of the pool grows by", graph_bytes=own.overhead_bytes,
        )  # fmt: skip
        if own.compute_bytes:
            ledger.add_sum(
                "compute",
                own.device,
                f"{word}: activations",
                own.compute_bytes,
                source,
                "",
                compute_bytes=own.compute_bytes,
            )


def speculating(request: Request, deployment: Deployment, own: Checkpoint | None) -> Deployment:
    """The deployment with its draft: ``own`` is the checkpoint that ``draft_model`` names, None where it names none.

    Raises ``UsageError`` for a method that the engine does not have, for one without what drafts, and for a draft whose
    vocabulary is another.
    """
    work, model = deployment.workload, deployment.model
    method, name = request.get("speculative"), request.get("draft_model")
    if method is None and name is None:
        raise UsageError("speculative_tokens says nothing without a draft", "add --speculative mtp, eagle3 or draft")
    runtime, method = engine(deployment.engine), method or "draft"
    if method not in runtime.speculates or work.task != "inference":
        able = [one for one in names() if method in engine(one).speculates]
        having = [one for one in able if deployment.scheme.family in engine(one).families] or able
        raise UsageError(
            f"speculative: {method} is not estimated for {runtime.name}",
            f"use --engine {' or '.join(having)}" if having else "leave speculative out",
        )
    if method == "mtp" and own is not None and not own.model.mtp_layers:
        method = "draft"  # a whole model drafts as one, whatever the head of the other is called
    beside = method == "mtp" and runtime.runs_assistants and not model.mtp_layers
    if beside:
        found = assistant_checkpoint(deployment, name or "")
    elif method == "mtp":
        found = head_checkpoint(deployment, request.get("file_size") is not None)
    elif own is None:
        raise UsageError(f"speculative: {method} needs a draft_model", "name it: --draft-model ID, repository or file")
    else:
        _check_vocabulary(model, own.model, method)
        found = own
    draft = Draft(method, found, name if method != "mtp" else None, beside)
    tokens = request.get("speculative_tokens", runtime.speculative_tokens)
    return replace(deployment, workload=replace(work, speculative=method, speculative_tokens=tokens, draft=draft))


def is_assistant(name: str, model: Model) -> bool:
    """Return True if a draft's name is that of the model's assistant: ``…-assistant…``, ``mtp-….gguf``."""
    base = name.lower().rpartition("/")[2]
    return bool(model.traits.assistant_hidden) and ("assistant" in base or base.startswith("mtp-"))


def assistant_checkpoint(deployment: Deployment, name: str) -> Checkpoint:
    """The assistant of a deployment's model, in the type that the name of its file states, or most are published in.

    Raises ``UsageError`` if none is known.
    """
    from vramfit.model.assistant import assistant

    found = assistant(deployment.model)
    if found is None:
        raise UsageError(
            f"{deployment.model.name} has no prediction head (MTP) that is known",
            "use --speculative draft --draft-model ID with a smaller model of the same vocabulary",
        )
    word = name.upper().removesuffix(".GGUF").removesuffix("-GGUF").rpartition("-")[2]
    scheme = SCHEMES.get(word)
    kept = scheme if scheme is not None and scheme.family == "gguf" else SCHEMES[ASSISTANT_SCHEME]
    return engine(deployment.engine).checkpoint(found, kept)


def head_checkpoint(deployment: Deployment, sized: bool) -> Checkpoint:
    """The prediction head of a deployment's model as the file of its weights stores it.

    ``sized`` is True if the request states the size of that file, of which the head is a part: it adds nothing to it.
    Raises ``UsageError`` for a model without a head, and for files that hold none.
    """
    model = deployment.model
    head, file = prediction_head(model), own_checkpoint(model)
    if head is None:
        raise UsageError(
            f"{model.name} has no prediction head (MTP) that is known",
            "use --speculative draft --draft-model ID with a smaller model of the same vocabulary",
        )
    if file is not None and not file.idle_bytes:
        raise UsageError(
            f"the files of {model.name} hold no prediction head (MTP)",
            "take files that keep it, or --speculative draft",
        )
    own_bytes = None if file is None else file.idle_bytes
    return stored_head(engine(deployment.engine), deployment.checkpoint, 0 if sized else own_bytes)


def with_head(deployment: Deployment) -> Deployment:
    """The deployment of a file that keeps the model's prediction head, as names with ``-MTP`` say.

    Its checkpoint has the bytes of the head, which are loaded only if it drafts.
    """
    checkpoint = deployment.checkpoint
    if checkpoint.idle_bytes or checkpoint.source or checkpoint.scaled != 1:
        return deployment
    head = stored_head(engine(deployment.engine), checkpoint)
    idle = sum([row.total_bytes for row in head.stored])
    kept = Checkpoint(checkpoint.model, checkpoint.scheme, checkpoint.stored, idle_bytes=idle, family=checkpoint.family)
    return replace(deployment, checkpoint=kept)


def stored_head(runtime: Engine[Any, Any], checkpoint: Checkpoint, head_bytes: int | None = None) -> Checkpoint:
    """The head of a checkpoint's model, stored by its scheme, or scaled to ``head_bytes`` where those are known.

    Raises ``UsageError`` for a model without a head.
    """
    head = prediction_head(checkpoint.model)
    if head is None:
        raise UsageError(f"{checkpoint.model.name} has no prediction head (MTP)", "leave speculative out")
    scheme = checkpoint.scheme
    if scheme.id == STORED:
        # The bytes are the file's own; the type that most of it has divides them between the tensors.
        scheme = SCHEMES.get(scheme.settings.get("type", ""), SCHEMES["bf16"])
    # A head that was released with its experts in few bits has them so in the model's own checkpoint (DeepSeek-V4).
    released = checkpoint.model.traits.expert_dtype == scheme.family
    found = runtime.checkpoint(head, scheme if released else runtime.head_scheme(scheme))
    if head_bytes is None:
        return found
    whole = sum([row.total_bytes for row in found.stored])
    rows = [Stored(row.tensor, row.type, row.bytes_each * head_bytes // whole, row.layers) for row in found.stored]
    return Checkpoint(head, scheme, tuple(rows), family=found.family)


def settings(deployment: Deployment, fewer: bool) -> Iterator[Setting]:
    """Remedies: to draft fewer tokens, if memory depends on their number (``fewer``), and to draft none."""
    work = deployment.workload
    tokens = work.speculative_tokens or 0
    while fewer and tokens > 1:
        tokens //= 2
        summary = (
            f"draft {'one token' if tokens == 1 else f'{tokens} tokens'} ahead instead of {work.speculative_tokens}"
        )
        yield Setting({"speculative_tokens": tokens}, summary, "each pass of the model yields fewer tokens", 1)
    changes = dict.fromkeys(("speculative", "speculative_tokens", "draft_model"))
    yield Setting(changes, "decode without speculation", "the text comes more slowly", 2)


def _check_vocabulary(model: Model, draft: Model, method: str) -> None:
    """Raise ``UsageError`` for a draft model whose tokens are not those of the model.

    An EAGLE-3 head has a vocabulary of its own, a part of the model's, and a table between the two.
    """
    if method == "draft" and abs(model.vocab - draft.vocab) > MOST_VOCABULARY_DIFFERENCE:
        raise UsageError(
            f"{draft.name} has {draft.vocab:,} tokens and {model.name} {model.vocab:,}: it cannot draft for it",
            "take a draft_model of the same family, whose vocabulary is the same",
        )
