"""Remedies for a pipeline of components: fewer bits of the denoiser, and settings that its engine says keep components in RAM."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.quantization import find_scheme
from vramfit.quantization.schemes import SCHEMES
from vramfit.remedies import Proposal
from vramfit.remedies.weights import LOADED, SPOKEN_CLASS
from vramfit.units import gib
from vramfit.workload.common import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.interface import Setting
    from vramfit.quantization import Scheme
    from vramfit.remedies import Question


def components(question: Question) -> Iterator[Proposal]:
    """Yield the first of the engine's settings that helps at each precision, from the requested one down.

    A lower precision that helps without a setting is proposed alone. With ``everything`` every scheme of the engine is
    tried, and every setting of the requested one.
    """
    yield from question.best(_set(question, None, setting) for setting in _settings(question, None))
    for scheme in _lower(question):
        found = list(question.best([_set(question, scheme, None)]))
        yield from found
        if not found:
            attempts = (_set(question, scheme, setting) for setting in _settings(question, scheme))
            yield from question.best(attempts, one=True)


def _settings(question: Question, scheme: Scheme | None) -> list[Setting]:
    """Settings that the engine offers for the pipeline, stored as ``scheme`` or as it was requested."""
    name = question.asked.deployment.engine
    after = question.asked if scheme is None else question.attempt({"quant": engine(name).word_of(scheme)})
    return [] if after is None else list(engine(name).settings(after.deployment, after.estimate))


def _lower(question: Question) -> list[Scheme]:
    """Schemes of lower precision classes: the usual one of each, or with ``everything`` each one of the engine."""
    before = question.asked.deployment
    runtime = engine(before.engine)
    words = CLASSES[CLASSES.index(before.scheme.precision) + 1 :]
    if question.everything:
        return [one for one in SCHEMES.values() if one.family in runtime.families and one.precision in words]
    names = [name for word in words for name in (*runtime.loads_in_class.get(word, ()), runtime.scheme_of_class[word])]
    return [find_scheme(name) for name in dict.fromkeys(names)]


def _set(question: Question, scheme: Scheme | None, setting: Setting | None) -> Proposal | None:
    """Proposal of a scheme, of a setting, or of both; None if they make no valid deployment."""
    changes: dict[str, object] = {} if setting is None else {**setting.changes}
    words, trades = [], []
    if scheme is not None:
        changes["quant"] = engine(question.asked.deployment.engine).word_of(scheme)
        words.append(f"quantize the denoiser to {SPOKEN_CLASS[scheme.precision]} ({scheme.summary})")
    if setting is not None:
        words.append(setting.summary)
        trades.append(setting.trade)
    after = question.attempt(changes)
    if after is None:
        return None
    if scheme is not None:
        trades.insert(0, after.quality[1])
    if after.estimate.host.total_bytes:
        trades.append(f"{gib(after.estimate.host.total_bytes, 1)} of RAM")
    kind = "engine-setting" if scheme is None else "quantize"
    effort = max(1 if setting is None else setting.effort, 1 if scheme is None or scheme.family in LOADED else 2)
    return Proposal(kind, changes, ", ".join(words), "; ".join(trades), after, effort)
