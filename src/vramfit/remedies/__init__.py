"""Remedies, which would make a deployment fit: changed deployments, each put through the estimator again.

A *strategy* (a function of this room) looks at the answer that failed and yields changes of deployment keys, each with
the answer that it leads to. ``find`` runs the strategies in the order of what they cost a user and ranks their
proposals. No remedy carries a number that did not come out of an estimate. docs/remedies.md has the order, and why.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.answer import Answer, answer
from vramfit.engines import engine, engine_of_family
from vramfit.engines.keys import every_key, moving_keys, tuning_keys
from vramfit.engines.quants import scheme_of
from vramfit.engines.resolve import resolve
from vramfit.errors import VramfitError
from vramfit.remedies.cost import cost
from vramfit.speed import depth_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypedDict

    from vramfit.catalogue.rows import ModelRow
    from vramfit.engines.resolve import Catalogue
    from vramfit.speed import Rate
    from vramfit.workload.keys import Request

    Changes = Mapping[str, object]
    """Deployment keys to put on a request, with their values as typed on the command line."""
    Key = tuple[tuple[str, object], ...]
    """Changes of deployment keys, sorted."""

    class Rent(TypedDict):
        """Offer of a rented instance, in the form of the report."""

        provider: str
        instance: str | None
        gpus: int
        usd_per_hour: float
        as_of: str


__all__ = ["Proposal", "Question", "Remedy", "find"]

MOST = 10
"""Largest number of remedies reported unless all are requested."""

STRATEGIES: tuple[tuple[str, str], ...] = (
    ("devices", "rearranged"),
    ("settings", "settings"),
    ("hardware", "raised"),
    ("weights", "eight_bits"),
    ("weights", "quantized"),
    ("weights", "offloaded"),
    ("hardware", "several"),
    ("hardware", "bigger"),
    ("hardware", "rented"),
    ("models", "smaller"),
    ("models", "tuned"),
    ("combinations", "engines"),
    ("combinations", "pairs"),
    ("combinations", "triples"),
)
"""Modules of this room and their functions, in the order they are run: what costs least first."""
HARDWARE = (("hardware", "several"), ("hardware", "bigger"), ("hardware", "rented"))
TRAINING_STRATEGIES = (("training", "steps"), *HARDWARE, ("models", "smaller"), ("training", "pairs"))
"""Modules and functions for fine-tuning, in the same order."""
PIPELINE_STRATEGIES = (("pipelines", "components"), ("hardware", "bigger"), ("hardware", "rented"))
"""Modules and functions for a pipeline of components, which has no layers and no cache, and runs on one GPU."""

POOR = "severe"
"""Label of quality that is not offered unless all remedies are requested, or the requested deployment has it."""
BEARABLE_BAND = 2
"""Worst band at which a remedy at hand (same model, all of it on the same cards) makes looking for combinations
needless."""
AT_HAND = ("quantize", "quantize-kv", "shorten-context", "fewer-sequences", "engine-setting")


SPELLED = ("reserve", "tensor_split", "output_size")
"""Keys whose values a report spells, since what a command line takes is a text: sizes, proportions, and pixels."""

STATED = (
    ("gpu", ("usable", "nodes")),
    ("quant", ("file_size", "bits_per_weight")),
    ("model", ("file_size", "bits_per_weight", "encoder_tokens")),
)
"""Keys that state a fact of the card or file, by the key that names it: when that changes, they no longer hold."""


def outdated(request: Request, changes: Changes) -> list[str]:
    """Keys of a request that state facts of a card or file which the changes replace, and which no longer hold."""
    if request.keys().isdisjoint(("usable", "nodes", "file_size", "bits_per_weight", "encoder_tokens")):
        return []
    moved = [names for key, names in STATED if key in changes and changes[key] != request.get(key)]
    return list(dict.fromkeys([name for names in moved for name in names if name in request]))


class Proposal(Record):
    """Changed deployment that was estimated and fits at the requested level."""

    kind: str
    """Kind of the remedy, a word of the contract."""
    changes: Changes
    """Deployment keys to put on the asked deployment, as typed on the command line."""
    summary: str
    """One line in words."""
    trade: str
    """Cost in words: quality, speed, money, effort."""
    answer: Answer
    effort: int
    """Degree of effort: 1 a setting, 2 another file or engine, 3 other hardware, 4 another model, 5 training."""
    kept: float = 1.0
    """Share of the requested context or sequences that is left."""
    price_usd: int | None = 0
    """Price of buying it; None where no price is known."""
    cloud: Rent | None = None
    """Offer of a rented card."""


class Remedy(Record):
    """A proposal with what a report says of it."""

    proposal: Proposal
    changes: Changes
    """Changes of the proposal, and the keys whose defaults or whose decision by the engine moved with them."""
    quality: tuple[str, str]
    """Label and evidence."""
    rate: Rate | None
    """Decode speed; None when unknown."""
    command: str
    """Command or code that runs it, with the settings that the estimate assumed."""
    cost: tuple[int, ...]
    """Sorting key among remedies (``cost``)."""


class Question:
    """Answer that failed, and the means to ask again with deployment keys changed.

    A question may stand on changes already made (``base``), for the second half of a combination.
    """

    def __init__(
        self,
        request: Request,
        asked: Answer,
        catalogue: Catalogue,
        answers: dict[Key, Answer | None],
        everything: bool,
    ) -> None:
        self.asked = asked
        self.catalogue = catalogue
        self.everything = everything
        """True to keep all remedies, False to keep the best of each strategy."""
        self.base: dict[str, object] = {}
        self.first = asked
        """Answer to the deployment as it was requested, whatever ``base`` changes."""
        self.smaller: dict[tuple[str, str], list[ModelRow]] = {}
        """Rows of smaller models by maker and family; empty until ``models`` has searched."""
        self.file: tuple[int, int] | None = None
        """Bytes on each GPU of a GGUF file that was estimated whole, and the room it left: others are predicted from
        these."""
        deployment = asked.deployment
        self.pinned = {
            key: getattr(deployment.workload, key) for key in engine(deployment.engine).kept_keys if key not in request
        }
        """Values of keys that follow the GPUs unless they are given: a remedy is for what was requested, and keeps
        them."""
        quant = engine(deployment.engine).word_of(deployment.scheme)
        self._request = {**request, "quant": quant, "engine": deployment.engine, **self.pinned}
        self._answers = answers

    def attempt(self, changes: Changes) -> Answer | None:
        """Answer with ``changes`` put on the deployment; None if they make no valid one."""
        whole = {"quant": self._request["quant"], **self.base, **changes}
        key = tuple(sorted(whole.items()))
        if key not in self._answers:
            request = {**self._request, **whole}
            for name in self.outdated(whole):
                del request[name]
            if "gpu" in whole:
                request["gpu"] = (whole["gpu"],)
            try:
                self._answers[key] = answer(resolve(request, self.catalogue)[0])
            except VramfitError:
                self._answers[key] = None
        return self._answers[key]

    def outdated(self, changes: Changes) -> list[str]:
        """Keys that no longer hold with ``changes``; a quantization that the request leaves open is the one answered."""
        return outdated(self._request, changes)

    def upon(self, changes: Changes) -> Question | None:
        """Question that remains if ``changes`` are made and are not enough; None if they make no valid deployment.

        Upon it only the best of each strategy is looked for.
        """
        found = self.attempt(changes)
        if found is None:
            return None
        question = Question(self._request, found, self.catalogue, self._answers, False)
        question.base, question.first, question._request = {**self.base, **changes}, self.first, self._request
        return question

    def states(self, key: str) -> bool:
        """Tell whether the request states a value of a key."""
        return self._request.get(key) is not None

    def sharded(self) -> tuple[Changes, str]:
        """Changes that divide the states of a fine-tuning over its GPUs, by the key that the request uses, and their name."""
        return ({"zero_stage": 3}, "ZeRO stage 3") if self.states("zero_stage") else ({"sharding": "fsdp"}, "FSDP")

    @property
    def lacks_code(self) -> bool:
        """True if the engine has no code for the model, on whatever GPUs."""
        deployment = self.asked.deployment
        return engine(deployment.engine).lacks(deployment.model, deployment.workload) is not None

    def improves(self, found: Answer | None) -> bool:
        """Tell whether an answer fits, or reaches the requested level if the first answer does not."""
        return found is not None and (found.verdict.word == "fits" or (found.reached and not self.first.reached))

    def short_bytes(self) -> int:
        """Bytes that the tightest device lacks for the verdict ``fits``."""
        return -self.asked.room_bytes

    def best(self, proposals: Iterable[Proposal | None], *, one: bool = False) -> Iterator[Proposal]:
        """Select the first proposal that fits, else the first that is tight.

        With ``everything`` all that improve are selected, unless ``one`` is enough.
        """
        tight = None
        for proposal in proposals:
            if proposal is None or not self.improves(proposal.answer):
                continue
            if self.everything and not one:
                yield proposal
            elif proposal.answer.verdict.word == "fits":
                yield proposal
                return
            else:
                tight = tight or proposal
        if tight is not None:
            yield tight


def find(
    request: Request,
    asked: Answer,
    catalogue: Catalogue,
    answers: dict[Key, Answer | None] | None = None,
    *,
    everything: bool = False,
) -> tuple[Remedy, ...]:
    """Find the remedies for an answer that does not fit comfortably, least cost first; none for one that does.

    The best few are returned, or with ``everything`` all. ``answers`` holds those known already, by their changes.
    """
    model = asked.deployment.model
    if asked.verdict.word == "fits" or not (model.layers or model.components):
        return ()
    question = Question(request, asked, catalogue, {} if answers is None else answers, everything)
    inference = asked.deployment.workload.task == "inference"
    before = asked.rate
    found: dict[tuple[str, Key], Remedy] = {}
    enough = False
    strategies = STRATEGIES if inference else TRAINING_STRATEGIES
    if inference and not _is_arrangeable(asked):
        strategies = STRATEGIES[1:]
    if not model.layers:
        strategies = PIPELINE_STRATEGIES
    for module, function in strategies:
        if function == "settings" and asked.weights_short and not everything:
            continue  # no setting makes room for weights that exceed the card by themselves
        others = function == "engines"
        if module == "combinations" and (enough or others) and not (everything or (others and question.lacks_code)):
            continue
        strategy = getattr(__import__(f"vramfit.remedies.{module}", fromlist=[function]), function)
        for proposal in strategy(question):
            if "context" in proposal.changes and not _is_limited(proposal.answer):
                continue
            remedy = _remedy(proposal, question, before, request)
            if remedy.quality[0] == POOR != asked.quality[0] and not everything:
                continue
            enough = enough or (proposal.kind in AT_HAND and remedy.cost[0] <= BEARABLE_BAND)
            # What is bought and what is rented may be the same card; other remedies of equal changes are one.
            kind = proposal.kind if "gpu" in remedy.changes else ""
            key = kind, tuple(sorted(remedy.changes.items()))
            if key not in found or remedy.cost < found[key].cost:
                found[key] = remedy
    ranked = sorted(found.values(), key=lambda remedy: remedy.cost)
    return tuple(ranked if everything else ranked[:MOST])


def _is_limited(found: Answer) -> bool:
    """Return True if the engine's command enforces the context, so that a shorter one does save memory."""
    return engine(found.deployment.engine).limits_context(found.deployment)


def _is_arrangeable(asked: Answer) -> bool:
    """Return True if the devices may offer more memory: a reserve, or room on another device."""
    gpus = asked.deployment.gpus
    if asked.deployment.workload.reserve_bytes:
        return True
    if len(gpus) == 1:
        return False
    return engine(asked.deployment.engine).repeats_parts or asked.required_bytes <= sum(asked.verdict.usable_bytes)


def _remedy(proposal: Proposal, question: Question, before: Rate | None, request: Request) -> Remedy:
    asked, after = question.first, proposal.answer
    runtime = after.deployment.engine
    named = {} if "quant" in request else {"quant": engine(runtime).word_of(after.deployment.scheme)}
    changes = {**named, **question.pinned, **proposal.changes}
    if "engine" not in request and runtime != engine_of_family(after.deployment.scheme.family):
        changes["engine"] = runtime  # the asked model's name chose it, and what the changes make of it may not
    if "model" in proposal.changes and "quant" not in changes and not _means(request["quant"], after):
        changes["quant"] = engine(runtime).word_of(after.deployment.scheme)  # the asked name's owner made it otherwise
    for name in question.outdated(proposal.changes):
        changes[name] = None
        if "engine" not in request:
            changes["engine"] = runtime  # the keys that remain may choose another
    for name in SPELLED:
        if name in changes and changes[name] is not None:
            changes[name] = every_key()[name].spelled(changes[name])
    was, now = asked.deployment.workload, after.deployment.workload
    following, deciding = moving_keys()
    if vars(now) != vars(was):
        for key in following:
            value = key.value_in(now, request)
            if value != key.value_in(was, request):
                changes.setdefault(key.name, value)
        if now.task != "inference" and now.training != was.training:
            # A trainer has defaults of its own, and what moves with it must be stated.
            for key in tuning_keys():
                value = key.value_in(now, request)
                if value != key.value_in(was, request):
                    changes.setdefault(key.name, value)
        if now.task == "inference" and depth_tokens(after.deployment) != depth_tokens(asked.deployment):
            changes.setdefault("prompt_tokens", depth_tokens(after.deployment))
    used, decided = after.estimate.settings, asked.estimate.settings
    if used != decided:
        for key in deciding:
            value = used.get(key.name)
            if value is not None and value != decided.get(key.name, value):
                changes.setdefault(key.name, value)
    quality, rate = after.quality, after.rate
    return Remedy(proposal, changes, quality, rate, after.command, cost(proposal, quality[0], before, rate))


def _means(quant: str, found: Answer) -> bool:
    """Return True if a quantization's name, with the catalogue's name of the model, means the scheme of an answer."""
    deployment = found.deployment
    try:
        return scheme_of(quant, engine(deployment.engine), deployment.model).id == deployment.scheme.id
    except VramfitError:
        return False
