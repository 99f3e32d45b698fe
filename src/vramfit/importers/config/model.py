"""From a ``config.json`` to a ``Model``: dimensions and caches by its fields, tensors by its class."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.importers.config import encoder_decoder, feed_forward, layers, tensors
from vramfit.importers.config.built import tensors_built, traits_of
from vramfit.importers.config.fields import CONTEXT, number, whole
from vramfit.importers.config.formulas import MissingField
from vramfit.importers.config.heads import UnknownCache
from vramfit.importers.config.language import language_model
from vramfit.importers.config.section import Section
from vramfit.importers.config.vision import UNKNOWN, vision_of
from vramfit.model.architecture import Model, Tensor
from vramfit.model.traits import Architecture, Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.model.architecture import Layers
    from vramfit.model.encoder import VisionTower

FAULTS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, OverflowError, RecursionError)
"""What reading values that mean nothing raises: the file is wrong, or of a kind that is not known."""

MTP_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
"""Fields with the number of layers that predict tokens ahead: DeepSeek's and GLM's, and Qwen's."""
MOST_MTP_LAYERS = 64
"""Largest number of such layers that is taken for one; models have one to three."""

ENCODERS = ("ForSequenceClassification", "ForMaskedLM", "ForTokenClassification")
"""Ends of names of classes that read a text once and keep nothing of it."""


class Configured(Record):
    """What a configuration says of a model, and what it leaves open."""

    model: Model
    class_name: str | None
    """The class of transformers it means; None where the table has none."""
    tensors: tuple[Tensor, ...] | None
    """The tensors of that class; None where they are not known."""
    tensors_reason: str | None
    """Why they are not known, or None."""
    caches_reason: str | None
    """Why the caches are not known, or None where they are."""
    notes: tuple[str, ...] = ()
    """What else a report says of the reading."""

    @property
    def knowledge(self) -> str:
        """``known`` (tensors and caches), ``standard`` (caches alone, by the general rule) or ``unknown``."""
        if self.caches_reason is not None:
            return "unknown"
        return "known" if self.tensors is not None else "standard"


def read_config(
    config: Mapping[str, Any], identity: str, name: str, processor: Mapping[str, Any] | None = None
) -> Configured:
    """The model of a parsed ``config.json``; ``identity`` is what the user calls it, ``name`` how reports do.

    ``processor`` is what its ``preprocessor_config.json`` holds, where there is one.
    """
    root = Section(config)
    place = language_model(root)
    found: tuple[Tensor, ...] | None = None
    problem = caches_problem = None
    class_name = None
    try:
        class_name = tensors.class_of(root)
        if class_name is None:
            problem = _unknown_class(root)
        else:
            found = tensors_built(list(tensors.tensors_of(root, class_name)), place.path, layers_of(place.section))
    except MissingField as error:
        problem = f"its config.json does not state {error.field}"
    except FAULTS as error:
        problem = f"its config.json does not make sense: {error}"
    groups: tuple[Layers, ...] = ()
    try:
        groups = _layers(place.section, keeps=_keeps(root, class_name))
    except MissingField as error:
        caches_problem = f"its config.json does not state {error.field}"
    except UnknownCache as error:
        caches_problem = error.reason
    except FAULTS as error:
        caches_problem = f"its config.json does not make sense: {error}"
    if found is not None:
        groups = feed_forward.as_built(groups, found, _or_zero(place.section, "hidden"))
    tower, note = _vision(root, processor or {})
    own = Traits() if found is None else traits_of(found, groups, _or_zero(place.section, "hidden"))
    model = _model(root, place.section, identity, name, groups, class_name, tower, own)
    return Configured(model, class_name, found, problem, caches_problem, () if note is None else (note,))


def _vision(root: Section, processor: Mapping[str, Any]) -> tuple[VisionTower | None, str | None]:
    """The tower, and a note where it is not known what it makes of an image."""
    try:
        return vision_of(root, processor)
    except (MissingField, *FAULTS):
        return None, UNKNOWN


def layers_of(section: Section) -> int:
    """Layers of the language model, 0 where they are not stated."""
    try:
        return layers.layer_count(section)
    except (MissingField, ValueError):
        return 0


def _unknown_class(root: Section) -> str:
    stated = root.raw.get("architectures")
    kind = root.raw.get("model_type")
    shown = f"the class {stated[0]}" if isinstance(stated, list) and stated else f"the model type {kind}"
    return f"vramfit does not know {shown}"[:200]


def _keeps(root: Section, class_name: str | None) -> bool:
    """Whether a model of the class generates, and so keeps what it has read."""
    if class_name is not None and class_name.endswith(ENCODERS):
        return False
    if class_name is not None and class_name.endswith("Model"):
        return not tensors.is_encoder(root)
    return True


def _layers(section: Section, *, keeps: bool) -> tuple[Layers, ...]:
    if keeps and section("is_encoder_decoder") is True:
        return encoder_decoder.groups(section)
    count = layers.layer_count(section)
    if not keeps:
        return layers.grouped([((), feed_forward.network(section, layer)) for layer in range(count)])
    words = layers.layer_words(section, count)
    return layers.grouped(
        [
            (layers.mixers(section, layer, word, count), feed_forward.network(section, layer, words))
            for layer, word in enumerate(words)
        ]
    )


def _model(
    root: Section,
    section: Section,
    identity: str,
    name: str,
    groups: tuple[Layers, ...],
    class_name: str | None,
    tower: VisionTower | None,
    traits: Traits,
) -> Model:
    """The record, with 0 for what is not stated: nothing that is computed rests on it where the grade is unknown."""
    tied = root("tie_word_embeddings")
    return Model(
        id=identity,
        name=name,
        family=root.model_type or "unknown",
        modality=_modality(class_name, tower),
        hidden=_or_zero(section, "hidden"),
        vocab=_or_zero(section, "vocabulary"),
        tied=bool(tied if tied is not None else section("tie_word_embeddings")),
        context=_context(section),
        dtype=_dtype(root, section),
        layers=groups,
        traits=traits,
        architecture=Architecture(None, section.model_type, None),
        vision=tower,
        audio=None,
        mtp_layers=_mtp_layers(root, section),
    )


def _mtp_layers(root: Section, section: Section) -> int:
    """Layers that predict tokens ahead, 0 where none are stated."""
    stated = [one.raw.get(field) for one in (section, root) for field in MTP_LAYERS]
    return max([value for value in stated if type(value) is int and 0 < value <= MOST_MTP_LAYERS], default=0)


def _modality(class_name: str | None, tower: VisionTower | None) -> str:
    if class_name is not None and class_name.endswith(ENCODERS):
        return "reranker"
    return "text" if tower is None else "vision-language"


def _or_zero(section: Section, fact: str) -> int:
    try:
        return whole(section, fact) or 0
    except ValueError:
        return 0


def _context(section: Section) -> int:
    stated = [value for field in CONTEXT if isinstance(value := section(field), int) and value > 0]
    longest = section.raw.get("model_max_length")
    if isinstance(longest, int) and longest > 0:
        return longest
    return min(stated, default=0)


def _dtype(root: Section, section: Section) -> str:
    """Native element type by the file; 16-bit where it says nothing."""
    for field in ("dtype", "torch_dtype"):
        stated = root.raw.get(field) or section.raw.get(field)
        if stated in ("float16", "float32"):
            return {"float16": "fp16", "float32": "fp32"}[stated]
    return "bf16"


__all__ = ["Configured", "number", "read_config"]
