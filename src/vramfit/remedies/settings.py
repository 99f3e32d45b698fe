"""Other settings for the same weights on the same cards, which make what an engine keeps beside the weights smaller."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.engines.interface import Setting
from vramfit.quantization.quality import cache_quality
from vramfit.remedies import Proposal
from vramfit.search import largest_near

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.answer import Answer
    from vramfit.remedies import Question

WIDE_TYPES = ("f32", "f16", "bf16")
CACHE_STEPS = ("fp8", "q8_0", "int8", "q5_1", "q5_0", "q4_1", "iq4_nl", "q4_0", "int4")
"""Element types of a quantized cache, best first; of those that an engine offers, the first and the smallest are
usual."""
CACHE_USUAL = ("fp8", "q8_0", "q4_0", "int4")
LEAST_TOKENS = 2048
"""Tokens of context below which less than half of what was requested is no use: the window that Ollama long gave
(ollama ``docs/faq.md`` until 0.6: "a context window size of 2048 tokens")."""
LEAST_KEPT = 1 / 32
"""Least share of the requested context or sequences that counts as a remedy."""


def settings(question: Question) -> Iterator[Proposal]:
    """Settings that cost nothing first, then a smaller cache, then less of what was asked."""
    yield from question.best(_free(question))
    yield from question.best(_cache_types(question))
    yield from question.best([_shorter(question)])
    yield from question.best([_fewer(question)])


def _free(question: Question) -> Iterator[Proposal | None]:
    """Settings that cost little speed and no quality."""
    before = question.asked.deployment
    if not before.workload.flash_attention:
        trade = "nothing: the same results, faster at long contexts"
        yield _set(question, Setting({"flash_attention": "on"}, "turn flash attention on", trade, 1))
    for setting in engine(before.engine).settings(before, question.asked.estimate):
        yield _set(question, setting)


def _set(question: Question, setting: Setting) -> Proposal | None:
    after = question.attempt(setting.changes)
    if after is None:
        return None
    return Proposal("engine-setting", setting.changes, setting.summary, setting.trade, after, setting.effort)


def _cache_types(question: Question) -> Iterator[Proposal | None]:
    """Fewer bits per element of the KV cache, as the engine offers them."""
    before = question.asked.deployment
    work = before.workload
    have = engine(before.engine).cache_types
    steps = [kind for kind in CACHE_STEPS if kind in have]
    if not question.everything:
        steps = [kind for kind in steps if kind in CACHE_USUAL]
    if work.kv_cache_type not in WIDE_TYPES:
        place = steps.index(work.kv_cache_type) + 1 if work.kv_cache_type in steps else len(steps)
        steps = steps[place:]
    for kind in steps:
        changes: dict[str, object] = {"kv_cache_type": kind}
        if work.kv_cache_type_v != work.kv_cache_type:
            changes["kv_cache_type_v"] = kind
        if not work.flash_attention:
            changes["flash_attention"] = "on"
        after = question.attempt(changes)
        if after is not None:
            saved = 1 - _cache_bytes(after) / max(1, _cache_bytes(question.asked))
            trade = f"the cache takes {saved:.0%} less; {cache_quality(kind, kind)[1]}"
            yield Proposal("quantize-kv", changes, f"quantize the KV cache to {kind}", trade, after, 1)


def _cache_bytes(found: Answer) -> int:
    return sum([gpu.kv_cache_bytes for gpu in found.estimate.gpus])


def _shorter(question: Question) -> Proposal | None:
    """Longest context that fits, in round steps."""
    asked = question.asked.deployment.workload.context
    step = 1024 if asked > 8192 else 256
    found = _most(question, "context", asked, step)
    if found is None:
        return None
    tokens, proposal_answer = found
    if tokens < min(LEAST_TOKENS, asked / 2) and not question.everything:
        return None
    return Proposal(
        "shorten-context",
        {"context": tokens},
        f"shorten the context to {tokens:,} tokens",
        f"{tokens / asked:.0%} of the asked {asked:,} tokens",
        proposal_answer,
        1,
        tokens / asked,
    )


def _fewer(question: Question) -> Proposal | None:
    """Largest number of sequences at once that fits."""
    asked = question.asked.deployment.workload.parallel
    found = _most(question, "parallel", asked, 1)
    if found is None:
        return None
    count, after = found
    return Proposal(
        "fewer-sequences",
        {"parallel": count},
        f"hold {'one sequence' if count == 1 else f'{count:,} sequences'} at once",
        f"instead of the asked {asked:,}: the others wait",
        after,
        1,
        count / asked,
    )


def _most(question: Question, key: str, asked: int, step: int) -> tuple[int, Answer] | None:
    """Largest multiple of ``step`` below ``asked`` that fits, and its answer; None where too little is left.

    Cache and activations are close to linear in both keys, so a straight line to nothing is the first guess. Where no
    amount fits with the whole margin, the largest that is tight is taken.
    """
    units = (asked - 1) // step
    least = max(1, -(-round(asked * LEAST_KEPT) // step))
    loose = sum([gpu.kv_cache_bytes + gpu.compute_bytes for gpu in question.asked.estimate.gpus])
    slope = max(1, loose * step // asked // len(question.asked.estimate.gpus))
    for of, short in (("room_bytes", -question.asked.room_bytes), ("margin_bytes", -question.asked.margin_bytes)):
        if units < least or short <= 0 or short > slope * (units - least + 1) * 2:
            continue

        def left(count: int, of: str = of) -> int:
            found = question.attempt({key: count * step})
            return -1 if found is None else int(getattr(found, of))

        count = largest_near(left, least, units, asked // step - 1 - short // slope, slope)
        after = question.attempt({key: count * step}) if count >= least else None
        if after is not None and question.improves(after):
            return count * step, after
    return None
