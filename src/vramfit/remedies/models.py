"""Smaller models of a similar kind: to run instead, or to fine-tune for the task at hand.

A model that fits in fewer bits goes before a smaller one that fits as requested: for the same bytes, more parameters of
4 bits do better than fewer of 16 (Dettmers and Zettlemoyer 2023, arXiv 2212.09720).
"""

from __future__ import annotations

from vramfit.engines import engine, names
from vramfit.engines.workloads import DEFAULT_CONTEXT_TOKENS
from vramfit.quantization import find_scheme
from vramfit.remedies import Proposal
from vramfit.remedies.cost import QUALITY_BANDS, UNKNOWN_QUALITY_BAND
from vramfit.training.profile import LEANEST, trains_leanest
from vramfit.units import billions, gib
from vramfit.workload.common import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vramfit.catalogue.rows import ModelRow
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.remedies import Changes, Question
    from vramfit.workload.keys import Request

    Form = tuple[Changes, str]
    """Changes that store or train a model in another form, and words that say so behind its name."""
    Propose = Callable[[ModelRow, Form], Proposal | None]

MOST_SIBLINGS = 6
"""Number of models considered in each degree of similarity, largest first of those whose weights may fit."""
FAR_SHARE = 1 / 5
"""Share of the requested model's size below which the family has only a far smaller one, and others are looked at too."""
LEAST_SHARE = 1 / 10
"""Share of that size below which one of the family stands in for the requested model only where there is no other."""
NEXT_SHARE = 0.6
"""Share of a model's size below which the next smaller one does worse, whatever the larger one loses by its form."""
CACHE_SHARE = 1 / 4
"""Share of what the GPUs offer from which on a cache is worth quantizing."""
SHARES = {"int8": 0.5, "int4": 0.25}
"""Shares of 16-bit weights that the weights of a class of fewer bits take at least."""
QLORA_SHARE = 0.27
"""Least share of 16-bit weights that NF4 weights take: 4.13 bits per weight, the rest being embeddings and norms."""
QLORA: Changes = {"task": "qlora", "quant": "nf4"}
COMFORTABLE_BAND = QUALITY_BANDS["small"]
"""Worst band of quality in which a model goes before the next smaller one in a better."""


def smaller(question: Question) -> Iterator[Proposal]:
    """Largest smaller models that fit: as requested, in fewer bits, or in fine-tuning with fewer trained parameters.

    The family's own comes first, and one of another family where the own is far smaller or there is none.
    """
    if question.asked.deployment.workload.task == "inference":
        forms, least = _forms(question), _least_share(question)
        yield from _nearest(question, forms, least, lambda row, form: _replaced(question, "smaller-model", row, form))
    else:
        forms = _trainings(question)
        least = QLORA_SHARE if any("task" in changes for changes, _ in forms) else 1.0
        yield from _nearest(
            question, forms, least, lambda row, form: _replaced(question, "finetune-smaller", row, form)
        )


def tuned(question: Question) -> Iterator[Proposal]:
    """Largest smaller sibling that can be fine-tuned on this very hardware with QLoRA."""
    tuner = next((one.name for one in map(engine, names()) if "qlora" in one.tasks), None)
    if tuner is None:
        return
    share = QLORA_SHARE * 2 / _bytes_per_weight(question)
    forms: list[Form] = [({**QLORA, "engine": tuner}, "QLoRA")]
    if may_train_quickly(question):
        forms.append(({**QLORA, "trainer": LEANEST, "engine": tuner}, "QLoRA and Unsloth"))

    def proposal(row: ModelRow, form: Form) -> Proposal | None:
        after = question.attempt({"model": row.id, **form[0]})
        if after is None:
            return None
        work = after.deployment.workload.training
        peak = gib(max(gpu.total_bytes for gpu in after.estimate.gpus), 1)
        trade = f"training data and time; {peak} at samples of {work.sequence_length:,} tokens, rank {work.lora_rank}"
        summary = f"fine-tune {row.name} with {form[1]} for your task"
        return Proposal("finetune-smaller", {"model": row.id, **form[0]}, summary, trade, after, 5)

    yield from list(_nearest(question, forms, share, proposal))[:1]


def _forms(question: Question) -> list[Form]:
    """Forms in which a smaller model may be run: as requested, in fewer bits, as a file for an engine that loads those."""
    before = question.asked.deployment
    runtime = engine(before.engine)
    place = CLASSES.index(before.scheme.precision)
    found: list[Form] = [({}, "")]
    for word in CLASSES[place + 1 :]:
        for name in dict.fromkeys((*runtime.loads_in_class.get(word, ()), runtime.scheme_of_class[word])):
            found += [({"quant": runtime.word_of(find_scheme(name))}, f", quantized to {name}")]
    if runtime.fallback is not None:
        files = engine(runtime.fallback)
        for word in CLASSES[max(1, place) :]:
            name = files.scheme_of_class[word]
            found.append(({"engine": files.name, "quant": name}, f", quantized to {name} for {files.name}"))
    return [*found, *_with_smaller_cache(question, found)]


def _with_smaller_cache(question: Question, forms: list[Form]) -> list[Form]:
    """The forms for the engine that was requested, with a cache of 8 bits, where the cache takes much of the GPUs."""
    before, gpus = question.asked.deployment, question.asked.estimate.gpus
    cached = sum([gpu.kv_cache_bytes for gpu in gpus])
    if cached < CACHE_SHARE * sum(question.asked.verdict.usable_bytes):
        return []
    from vramfit.remedies.settings import CACHE_STEPS, WIDE_TYPES

    kinds = [kind for kind in CACHE_STEPS if kind in engine(before.engine).cache_types]
    if before.workload.kv_cache_type not in WIDE_TYPES or not kinds:
        return []
    cache = {"kv_cache_type": kinds[0]}
    return [
        ({**changes, **cache}, f"{words}, with a cache in {kinds[0]}")
        for changes, words in forms
        if "engine" not in changes
    ]


def _least_share(question: Question) -> float:
    """Least share of the requested model's bytes per parameter that one of the forms takes."""
    return min(1.0, SHARES[CLASSES[-1]] * 2 / _bytes_per_weight(question))


def _trainings(question: Question) -> list[Form]:
    """Forms in which a smaller model may be trained: as requested, with less memory, on 4-bit weights."""
    work = question.asked.deployment.workload
    found: list[Form] = [({}, "")]
    if work.task == "full":
        return found
    if work.task == "lora":
        found.append((QLORA, " with QLoRA"))
    if may_train_quickly(question):
        quick: Changes = {**(QLORA if work.task == "qlora" else {}), "trainer": LEANEST}
        found.append((quick, " with Unsloth"))
        if work.task == "lora":
            found.append(({**QLORA, "trainer": LEANEST}, " with QLoRA and Unsloth"))
    return found


def lighter(keys: Request, gpus: tuple[Gpu, ...]) -> tuple[Changes, ...]:
    """Settings for fine-tuning in less memory, where the keys of a request leave them open, the least memory last."""
    scales: Changes = {"quant": QLORA["quant"]} if keys["task"] == "qlora" and "quant" not in keys else {}
    quick: Changes = {**scales, "trainer": LEANEST} if "trainer" not in keys and trains_leanest(gpus) else {}
    return tuple([changes for changes in (scales, quick) if changes])


def may_train_quickly(question: Question) -> bool:
    """Return True if the trainer of the least memory may stand in for another on the GPU."""
    before = question.asked.deployment
    return before.workload.training.trainer != LEANEST and trains_leanest(before.gpus)


def _replaced(question: Question, kind: str, row: ModelRow, form: Form) -> Proposal | None:
    changes = {**_instead(question, row), **form[0]}
    after = question.attempt(changes)
    if after is None:
        return None
    before = question.asked.deployment
    verb = "use" if kind == "smaller-model" else "fine-tune"
    trade = f"{billions(row.parameters)} parameters instead of {billions(before.model_parameters)}"
    if "quant" in form[0]:
        trade = f"{trade}; {after.quality[1]}"
    return Proposal(kind, changes, f"{verb} {row.name}{form[1]}", trade, after, 4)


def _instead(question: Question, row: ModelRow) -> dict[str, object]:
    """Changes that put the model in the asked one's place.

    The context stays as it was where it was not given and the other model's default would be longer.
    """
    context = question.asked.deployment.workload.context
    if row.context is not None and row.context > context != min(DEFAULT_CONTEXT_TOKENS, row.context):
        return {"model": row.id, "context": context}
    return {"model": row.id}


def _nearest(question: Question, forms: list[Form], share: float, propose: Propose) -> Iterator[Proposal]:
    """Proposals of the largest model of the family that fits, and of another family where that is far smaller."""
    if question.everything:
        yield from _chosen(
            question, [*_largest(question, _related(question), share), *_others(question, share)], forms, propose
        )
        return
    own = next(_chosen(question, _largest(question, _related(question), share), forms, propose), None)
    left = 0.0 if own is None else _share_left(question, own)
    other = None
    if left < FAR_SHARE:
        other = next(_chosen(question, _others(question, share), forms, propose), None)
    if own is not None and (left >= LEAST_SHARE or other is None):
        yield own
    if other is not None and _share_left(question, other) > left:
        yield other


def _chosen(question: Question, rows: Iterable[ModelRow], forms: list[Form], propose: Propose) -> Iterator[Proposal]:
    """First model that fits and loses little; one that loses more, or is tight, where the next is much smaller.

    With ``everything`` each model that improves, in its first such form.
    """
    reserve: Proposal | None = None
    size = 0
    for row in rows:
        if reserve is not None and row.parameters < size * NEXT_SHARE:
            break
        for form in forms:
            proposal = propose(row, form)
            if proposal is None or not question.improves(proposal.answer):
                continue
            if question.everything:
                yield proposal
                break
            fits = proposal.answer.verdict.word == "fits"
            if fits and _loses_little(question, proposal):
                yield proposal
                return
            if reserve is None or (fits and reserve.answer.verdict.word != "fits"):
                reserve, size = proposal, size or row.parameters
    if reserve is not None:
        yield reserve


def _loses_little(question: Question, proposal: Proposal) -> bool:
    """True if the quality is comfortable or in the band of the requested deployment; training makes a quality of its own."""
    if proposal.answer.deployment.workload.task != question.asked.deployment.workload.task:
        return True
    asked, found = (
        QUALITY_BANDS.get(one.quality[0], UNKNOWN_QUALITY_BAND) for one in (question.asked, proposal.answer)
    )
    return found <= max(asked, COMFORTABLE_BAND)


def _share_left(question: Question, proposal: Proposal) -> float:
    """Size of a proposal's model as a share of the requested one's, mixtures counting as dense models of equal worth."""
    from vramfit.model import active_parameters

    after, before = proposal.answer.deployment, question.asked.deployment
    share = after.model_parameters * active_parameters(after.model)
    return float((share / (before.model_parameters * active_parameters(before.model))) ** 0.5)


def _may_fit(question: Question, row: ModelRow, share: float) -> bool:
    """Tell whether the weights alone, in proportion to the requested model's, are within what the cards offer.

    Where all of them are trained, gradients and optimizer states are in the same proportion and count too.
    """
    full = question.asked.deployment.workload.task == "full"
    weights = sum([gpu.total_bytes if full else gpu.weights_bytes for gpu in question.asked.estimate.gpus])
    expected = weights * share * row.parameters / question.asked.deployment.model_parameters
    return bool(expected * 0.9 <= sum(question.asked.verdict.usable_bytes))


def _bytes_per_weight(question: Question) -> float:
    return question.asked.estimate.checkpoint_bytes / question.asked.deployment.model_parameters


def _largest(question: Question, groups: Iterable[list[ModelRow]], share: float) -> Iterator[ModelRow]:
    """Rows of each group whose weights alone may fit in ``share`` of the requested model's bytes per parameter."""
    for rows in groups:
        fitting = [row for row in rows if _may_fit(question, row, share)]
        yield from sorted(fitting, key=lambda row: (-row.parameters, row.id))[:MOST_SIBLINGS]


def _related(question: Question) -> Iterator[list[ModelRow]]:
    """Rows of smaller models in groups: the same name at another size, the same family, the same maker and not older."""
    model = question.asked.deployment.model
    name = model.id if model.origin is None else "-".join(model.name.lower().split())
    stem, maker = _stem(name), _maker(name)
    near = _smaller(question, maker, model.family)
    alike = [row for row in near if _maker(row.id) == maker]
    nearest = [row for row in alike if _stem(row.id) == stem]
    yield nearest
    known = {row.id for row in nearest}
    yield [row for row in near if row.family == model.family and row.id not in known]
    yield [row for row in alike if row.id not in known and row.family != model.family and _not_older(row, model)]


def _not_older(row: ModelRow, model: Model) -> bool:
    return bool(row.released and model.released and row.released >= model.released)


def _others(question: Question, share: float) -> list[ModelRow]:
    """Rows of smaller models of other families that are not older, the most capable first."""
    model = question.asked.deployment.model
    known = {row.id for rows in _related(question) for row in rows}
    found = [
        row
        for row in _smaller(question)
        if row.id not in known and _not_older(row, model) and _may_fit(question, row, share)
    ]
    return sorted(found, key=lambda row: (-row.equivalent_billions, row.id))[:MOST_SIBLINGS]


def _smaller(question: Question, maker: str = "", family: str = "") -> list[ModelRow]:
    """Rows of the models of the same modality with nine tenths of the requested model's parameters at most.

    They are of a maker or a family where these are given: there are ten times as many of others, which few questions need.
    """
    if (maker, family) not in question.smaller:
        before = question.asked.deployment
        question.smaller[maker, family] = question.catalogue.smaller_models(
            before.model.modality, before.model_parameters * 0.9, maker, family
        )
    return question.smaller[maker, family]


def _maker(name: str) -> str:
    """Word that an id begins with, without the version: ``llama`` of ``llama-3.1-8b``, ``qwen`` of ``qwen2.5-32b``."""
    return name.split("-", 1)[0].rstrip("0123456789.")


def _stem(name: str) -> str:
    """Id without its size: ``llava-1.6-13b`` and ``llava-1.6-7b`` share ``llava-1.6``."""
    return "-".join(part for part in name.split("-") if not _is_size(part))


def _is_size(part: str) -> bool:
    digits = part[:-1].replace(".", "", 1).replace("x", "", 1)
    return part[-1:] in ("b", "m") and digits.isdecimal()
