"""Rules on which GPUs an engine starts with a model at all, by a property of the model's attention.

An engine has a table of them by the property that each is about. Those that hold for the GPUs and the cache types go
into its view of the GPUs (``holding``); the estimate asks which is about its model (``first``).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines.support import described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vramfit.engines.support import Rule
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

    Reasons = tuple[tuple[str, str], ...]
    """Reasons why some models do not start, each with the property that it is about; usually none."""

SINKS = "sinks"
LATENTS = "latents"
CHOOSES = "chooses tokens"
"""Properties of models: a learned sink logit in each head, latents (MLA), and an indexer that chooses the latents read."""


def holding(rules: Mapping[str, Rule], gpus: tuple[Gpu, ...], work: Workload) -> Reasons:
    """Reasons of the rules that hold for one of the GPUs and the cache types, by property."""
    found = []
    types = {work.kv_cache_type, work.kv_cache_type_v}
    for name, rule in rules.items():
        if rule.caches and not types & set(rule.caches):
            continue
        gpu = next((gpu for gpu in gpus if rule.holds(gpu)), None)
        if gpu is not None:
            found.append((name, f"{rule.problem}, and this is {described(gpu)} ({rule.source})"))
    return tuple(found)


def first(rules: Mapping[str, Rule], reasons: Reasons, properties: Collection[str], scheme: Scheme) -> str | None:
    """First of the reasons that is about a model with these properties and about the scheme; None if none is."""
    for name, reason in reasons:
        if name in properties and scheme.family in (rules[name].families or (scheme.family,)):
            return reason
    return None


@per_model
def of_attention(model: Model) -> frozenset[str]:
    """Properties of a model's attention that rules of several engines are about."""
    found = {SINKS} if model.traits.sinks else set()
    for cache in (mixer.cache((0,), model.hidden) for group in model.layers for mixer in group.mixers):
        if cache is not None and cache.kind in ("latent", "compressed"):
            found.add(CHOOSES if cache.index_width else LATENTS)
    return frozenset(found)


CACHED = ("full", "sliding", "chunked")
"""Kinds of attention whose keys and values are cached token by token."""


@per_model
def head_widths(model: Model) -> frozenset[int]:
    """Widths of the heads of a model whose keys and values are cached as they are."""
    from vramfit.model.architecture import Attention

    mixers = [mixer for group in model.layers for mixer in group.mixers if isinstance(mixer, Attention)]
    return frozenset([mixer.head_dim for mixer in mixers if mixer.kind in CACHED])
