"""Use case of a check: from a request in deployment keys to everything that a report says about it.

The command line, the deployments file and the Python API share this one composition.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.answer import answer
from vramfit.engines import SUPPLY, engine
from vramfit.engines.resolve import owners, published, resolve
from vramfit.errors import CannotTell, UnknownMemory, UsageError
from vramfit.quantization.quality import cache_quality, quality_of
from vramfit.remedies import find
from vramfit.search import largest
from vramfit.speed import spill_rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.engines.resolve import Catalogue
    from vramfit.remedies import Key, Remedy
    from vramfit.workload.keys import Request

MAX_TRAINED_TOKENS = 2**20
"""Longest sample of fine-tuning that is looked for."""
AMPLE_BYTES = 2**50
"""Memory that every deployment fits, in place of that of a GPU whose memory is unknown."""
MAX_PARALLEL = 4096
"""Largest number of sequences that is looked for."""
STATE_MEMORY = "give what a program can have of it as --usable, or the machine's memory as --ram"
"""Hint for a GPU whose memory is unknown."""
BYTES_PER_PARAMETER = {"fp16": 2.0, "int8": 1.0, "int4": 0.5}
"""Bytes per parameter by which the usual rule of thumb multiplies."""


class Limits(Record):
    """Largest context and number of sequences that still reach the requested level, all else equal.

    Each is 0 when not even one token does.
    """

    max_context: int
    """Longest sequence that is held, or trained on."""
    max_parallel: int
    """Largest number of sequences held at once, or samples of a step on one GPU."""


class RuleOfThumb(Record):
    """Estimate of the rule of thumb: billions of parameters times bytes per parameter, against the marketed GB."""

    parameters_billion: float
    bytes_per_parameter: float
    required_gb: float
    gpu_gb: float
    deficit_gb: float
    """Required GB minus the card's; negative when the rule says that it fits."""


class IfTried(Record):
    """Outcome of running a deployment that exceeds the card."""

    outcome: str
    """``out-of-memory``; ``spills`` where the platform pages GPU memory to system RAM by itself; ``queues`` for a server
    that starts and holds fewer requests at once than were asked; ``does-not-start`` for one that checks its cache first."""
    weights_fit: bool
    """False if not even the weights can be loaded whole."""
    missing_bytes: int
    """Part of the need that exceeds the GPUs, over all of them, or the host's memory where only that is exceeded."""
    link_bytes_per_second: int | None
    """PCIe bandwidth that the missing part would cross for every token."""
    decode_tokens_per_second: float | None
    """Speed with the missing part in system RAM; None when unknown."""


class Checked(Record):
    """One answer with everything that a report says of it."""

    request: Request
    answer: Answer
    quality: tuple[str, str]
    """Label and evidence of the weights."""
    cache_quality: tuple[str, str]
    """Label and evidence of the KV cache."""
    limits: Limits | None
    """Limits of context and sequences, or of a step of fine-tuning; None for models without a context."""
    rule_of_thumb: RuleOfThumb | None
    if_tried: IfTried | None
    remedies: tuple[Remedy, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what was chosen where the request leaves it open."""


class Unanswered(Record):
    """Deployment of which the need is unknown, or what the GPU offers, with the known part of it."""

    request: Request
    deployment: Deployment
    reason: str
    """Fact of the model or of the machine that is missing."""
    weights_bytes: int | None
    """Bytes of the tensors as engines load them; None where not even those are known."""
    needing: Answer | None = None
    """Answer for as much memory as anyone has, where only what the GPU offers is unknown: its need holds."""

    @property
    def error(self) -> CannotTell:
        """Error for those who want an estimate, with what the user can state."""
        what, hint = (self.deployment.model.name, SUPPLY) if self.needing is None else ("the GPU", STATE_MEMORY)
        return CannotTell(f"the memory of {what} cannot be told: {self.reason}", hint)


def check(request: Request, catalogue: Catalogue, *, all_remedies: bool = False) -> Iterator[Checked]:
    """Check each requested deployment in order.

    Raises what ``answers`` does, and ``CannotTell`` where a deployment has no answer.
    """
    for found in answers(request, catalogue, all_remedies=all_remedies):
        if isinstance(found, Unanswered):
            raise found.error
        yield found


def answers(
    request: Request, catalogue: Catalogue, *, all_remedies: bool = False, remedied: bool = True
) -> Iterator[Checked | Unanswered]:
    """Answer each requested deployment in order, as it is ready.

    With ``all_remedies`` an answer has every remedy that was found instead of the best few, without ``remedied`` none.
    Raises ``VramfitError`` before the first answer for a bad request.
    """
    # A remedy of one row, quantizing, is often another row: each is estimated once.
    known: dict[Key, Answer | None] = {}
    chosen = owners(request)
    try:
        deployments = resolve(request, catalogue)
    except UnknownMemory as missing:
        yield from _unsized(request, catalogue, missing.message)
        return
    for deployment in deployments:
        if deployment.model.gap is not None:
            yield _unanswered(request, deployment, deployment.model.gap)
            continue
        key = (("quant", engine(deployment.engine).word_of(deployment.scheme)),)
        found = known.get(key) or answer(deployment)
        known[key] = found
        remedies = find(request, found, catalogue, known, everything=all_remedies) if remedied else ()
        one = checked(request, replace(found, deployment=published(found.deployment, catalogue)), remedies)
        notes = [*catalogue.notes(request["gpu"]), *catalogue.remarks(request["model"]), *chosen]
        yield replace(one, notes=tuple(notes)) if notes else one


def _unsized(request: Request, catalogue: Catalogue, reason: str) -> Iterator[Unanswered]:
    """Find the need of each deployment on a GPU whose memory is unknown, with all layers on it."""
    for deployment in resolve({**request, "usable": AMPLE_BYTES}, catalogue):
        if deployment.model.gap is not None:
            yield _unanswered(request, deployment, deployment.model.gap)
        else:
            yield replace(_unanswered(request, deployment, reason), needing=answer(deployment))


def _unanswered(request: Request, deployment: Deployment, reason: str) -> Unanswered:
    weights = sum([row.total_bytes for row in deployment.checkpoint.stored])
    return Unanswered(request, deployment, reason, weights or None)


def checked(request: Request, found: Answer, remedies: tuple[Remedy, ...] = ()) -> Checked:
    """Complete an answer with everything that a report says of it; ``gpu`` of the request is how it names the GPUs."""
    deployment = found.deployment
    return Checked(
        request,
        found,
        quality_of(deployment.model, deployment.scheme, deployment.model_parameters),
        cache_quality(deployment.workload.kv_cache_type, deployment.workload.kv_cache_type_v),
        _limits(request, found),
        _rule_of_thumb(deployment),
        _if_tried(found),
        remedies,
    )


def exit_code(reached: list[bool], *, any_row: bool, first_only: bool) -> int:
    """Exit code for the rows of one deployment: 0 or 1, from whether each reaches its level.

    With three classes the first decides (``first_only``); with ``any_row`` one row that reaches its level is enough.
    """
    if any_row:
        return 0 if any(reached) else 1
    return 0 if all(reached[:1] if first_only else reached) else 1


def _limits(request: Request, found: Answer) -> Limits | None:
    deployment = found.deployment
    work, model = deployment.workload, deployment.model
    if not model.layers:
        return None
    if work.task != "inference":
        return _training_limits(found)
    if engine(deployment.engine).follows_gpus:
        return _following_limits(request, found)

    def margin(**changes: int) -> int:
        try:
            return answer(replace(deployment, workload=replace(work, **changes))).margin_bytes
        except UsageError:
            return -1  # a stated setting excludes it (``max_num_seqs``)

    here = found.margin_bytes
    context = largest(lambda n: margin(context=n), 1, max(model.context, work.context), (work.context, here))
    context = _holding_prompt(context, deployment)
    most = engine(deployment.engine).largest_parallel(work) or MAX_PARALLEL
    parallel = largest(lambda n: margin(parallel=n), 1, max(most, work.parallel), (work.parallel, here))
    return Limits(context, parallel)


def _following_limits(request: Request, found: Answer) -> Limits:
    """Limits for an engine whose defaults follow the context and the sequences: they are set anew for each number."""
    from vramfit.engines.following import defaults_with, with_defaults
    from vramfit.search import largest_in_pieces

    deployment = found.deployment
    work = deployment.workload

    def margin(**changes: int) -> int:
        try:
            return answer(with_defaults(deployment, request, **changes)).margin_bytes
        except UsageError:
            return -1

    def setting(**changes: int) -> object:
        try:
            return defaults_with(deployment, request, **changes)
        except UsageError:
            return None

    most = max(deployment.model.context, work.context)
    context = largest_in_pieces(lambda n: margin(context=n), lambda n: setting(context=n), 1, most)
    most = max(engine(deployment.engine).largest_parallel(work) or MAX_PARALLEL, work.parallel)
    parallel = largest_in_pieces(lambda n: margin(parallel=n), lambda n: setting(parallel=n), 1, most)
    return Limits(_holding_prompt(context, deployment), parallel)


def _holding_prompt(context: int, deployment: Deployment) -> int:
    """The context, or 0 where the stated prompt or the images alone exceed it, which is refused."""
    work = deployment.workload
    least = work.prompt_tokens or 0
    if work.image_size is not None:
        from vramfit.memory.vision import tokens_of_image

        least = max(least, work.images * tokens_of_image(deployment.model, work.image_size))
    return context if context >= least else 0


def _training_limits(found: Answer) -> Limits:
    """Longest sample, and most samples of one step on a GPU, that still reach the level, all else equal."""
    deployment = found.deployment
    work = deployment.workload
    train = work.training

    def margin(**changes: int) -> int:
        changed = replace(work, training=replace(train, **changes))
        return answer(replace(deployment, workload=changed)).margin_bytes

    here = found.margin_bytes
    longest = max(MAX_TRAINED_TOKENS, train.sequence_length)
    tokens = largest(lambda n: margin(sequence_length=n), 1, longest, (train.sequence_length, here))
    most = max(MAX_PARALLEL, train.micro_batch)
    return Limits(tokens, largest(lambda n: margin(micro_batch=n), 1, most, (train.micro_batch, here)))


def _rule_of_thumb(deployment: Deployment) -> RuleOfThumb | None:
    if deployment.workload.task != "inference":
        return None
    billions = deployment.model.nominal_billions
    if billions is None:
        billions = round(deployment.model_parameters / 1e9, 1)
    width = BYTES_PER_PARAMETER[deployment.scheme.precision]
    card = sum(gpu.marketed_gb for gpu in deployment.gpus)
    need = round(billions * width, 2)
    return RuleOfThumb(_plain(billions), _plain(width), need, _plain(card), round(need - card, 2))


def _if_tried(found: Answer) -> IfTried | None:
    if (
        found.verdict.word != "exceeds"
        or found.verdict.refusal is not None
        or found.deployment.workload.task != "inference"
    ):
        return None
    pairs = tuple(zip(found.estimate.gpus, found.verdict.usable_bytes, strict=True))
    missing = sum(max(0, gpu.total_bytes - limit) for gpu, limit in pairs)
    card = found.deployment.gpus[0]
    spills = missing and found.deployment.workload.platform == "windows" and card.vendor == "nvidia"
    loads = all(gpu.weights_bytes <= limit for gpu, limit in pairs)
    serving = found.serving
    if serving is not None and loads and found.verdict.headroom_bytes < 0:
        return IfTried("queues" if serving.starts else "does-not-start", True, missing, None, None)
    return IfTried(
        "spills" if spills else "out-of-memory",
        loads,
        missing or -(found.verdict.host_headroom_bytes or 0),
        card.host_link_bytes_per_second,
        spill_rate(found.deployment, found.estimate, missing),
    )


def _plain(value: float) -> float:
    """Drop the fraction of a whole figure: 13 rather than 13.0."""
    return int(value) if value == int(value) else value
