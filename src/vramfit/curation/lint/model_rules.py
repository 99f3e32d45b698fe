"""Rules on models, beyond those of their schema and of the merging of their architecture."""

from __future__ import annotations

from vramfit.curation.lint.registry import rule
from vramfit.model.merge import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.curation.lint.models import ModelSubject
    from vramfit.curation.strict_yaml import Fault

NAMED_SHARE = (0.6, 1.9)
"""Least and most that tensors may come to of the size in a name: makers leave out embeddings or towers, or round."""

RANGES: tuple[tuple[str, int, int, str], ...] = (
    ("layers", 1, 1000, "layers of the language model"),
    ("hidden", 32, 131_072, "the width of the residual stream"),
    ("ffn", 32, 1_048_576, "the width of the feed-forward network"),
    ("vocab", 100, 2_000_000, "rows of the embedding"),
    ("context", 64, 20_000_000, "tokens"),
    ("window", 16, 1_000_000, "tokens"),
    ("head_dim", 8, 4096, "the width of one head"),
)
"""Field, least, most, and what it counts."""

SEEING = ("vision-language", "omni", "image-generation", "video-generation")
"""Modalities a model with a vision tower may have."""


@rule("models")
def implausible_size(subject: ModelSubject) -> Iterator[Fault]:
    """A dimension no model has."""
    for number, model in subject.entries:
        for field, least, most, meaning in RANGES:
            value = model.get(field)
            if value is not None and not least <= value <= most:
                yield subject.fault(number, field, f"{value:,} is not plausible", f"it counts {meaning}")


@rule("models")
def size_in_name(subject: ModelSubject) -> Iterator[Fault]:
    """Tensors that do not add up to the size in the name."""
    from vramfit.curation.configured import model_of
    from vramfit.model import parameters

    least, most = NAMED_SHARE
    for number, facts in subject.entries:
        model = model_of(facts)
        stated = model.nominal_billions
        if not stated or model.components:
            continue
        counted = parameters(model) / 1e9
        if not least <= counted / stated <= most:
            problem = f'"{facts["name"]}" counts {counted:.2f} billion parameters'
            yield subject.fault(number, "name", problem, "layers, hidden, ffn, experts or vocab of a sibling?")


@rule("models")
def window_beyond_context(subject: ModelSubject) -> Iterator[Fault]:
    """A sliding window longer than the context."""
    for number, model in subject.entries:
        window, context = model.get("window"), model.get("context")
        if window and context and window > context:
            problem = f"{window:,} tokens are more than the context of {context:,}"
            yield subject.fault(number, "window", problem, "exchanged with context?")


@rule("models")
def modality_of_tower(subject: ModelSubject) -> Iterator[Fault]:
    """A vision tower in a model that is said not to see."""
    for number, model in subject.entries:
        modality = model.get("modality", "text")
        if model.get("vision") and modality not in SEEING:
            problem = f"is {modality}, but there is a vision tower"
            yield subject.fault(number, "modality", problem, "write vision-language, or omni if it hears too")


@rule("models")
def impossible_month(subject: ModelSubject) -> Iterator[Fault]:
    """A month the calendar does not have, or a year before there were such models."""
    for number, model in subject.entries:
        released = model.get("released")
        if released is None:
            continue
        year, month = (int(part) for part in released.split("-"))
        if not (1 <= month <= 12 and 2015 <= year < 2100):
            yield subject.fault(number, "released", f"there is no {released}", "write year-month")


@rule("models")
def ollama_tag(subject: ModelSubject) -> Iterator[Fault]:
    """An Ollama tag that cannot be pulled."""
    for number, model in subject.own:
        for at, tag in enumerate(model.get("ollama") or ()):
            name, _, rest = tag.rpartition("/")
            if not rest or tag != tag.strip() or " " in tag or tag.count(":") > 1 or name.count("/") > 1:
                problem = f'"{tag}" is not an Ollama tag'
                yield subject.fault(number, f"ollama.{at}", problem, "write name:tag or user/name:tag")


@rule("models")
def unknown_scheme(subject: ModelSubject) -> Iterator[Fault]:
    """A quantized repository in a scheme nobody can ask for."""
    from vramfit.errors import UnsupportedScheme
    from vramfit.quantization import find_scheme

    for number, model in subject.own:
        for repository, scheme in (model.get("quantized") or {}).items():
            try:
                find_scheme(scheme)
            except UnsupportedScheme as error:
                yield subject.fault(number, "quantized", f"{repository}: {error.message}", error.hint)


@rule("models")
def empty_field(subject: ModelSubject) -> Iterator[Fault]:
    """A field without a value, which says nothing and may hide a slip; a name elsewhere may be none."""
    for number, model in subject.own:
        for field, value in model.items():
            if value is None and field not in NAMES:
                yield subject.fault(number, field, "has no value", "write it, or leave the field out")
