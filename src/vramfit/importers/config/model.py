"""Reading of a ``config.json`` into a ``Model``: dimensions and caches by its fields, tensors by its class."""

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

    from vramfit.importers.config.language import Place
    from vramfit.model.architecture import Layers
    from vramfit.model.encoder import VisionTower

FAULTS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, OverflowError, RecursionError)
"""Errors that reading meaningless values raises. The file is wrong then, or of a kind that is not known."""

MTP_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
"""Fields with the number of layers that predict tokens ahead: DeepSeek's and GLM's, and Qwen's."""
MOST_MTP_LAYERS = 64
"""Largest number of such layers that is taken for one; models have one to three."""

ENCODERS = ("ForSequenceClassification", "ForMaskedLM", "ForTokenClassification")
"""Ends of the names of classes that read a text once and keep nothing of it."""


class Configured(Record):
    """Model that a configuration describes, and what the configuration leaves open."""

    model: Model
    class_name: str | None
    """Class of transformers that the configuration means; None if the table does not have it."""
    tensors: tuple[Tensor, ...] | None
    """Tensors of that class; None if they are not known."""
    tensors_reason: str | None
    """Reason why the tensors are not known; None if they are."""
    caches_reason: str | None
    """Reason why the caches are not known; None if they are."""
    notes: tuple[str, ...] = ()
    """Further notes on the reading for the report."""

    @property
    def knowledge(self) -> str:
        """Grade: ``known`` (tensors and caches), ``standard`` (caches alone, by the general rule) or ``unknown``."""
        if self.caches_reason is not None:
            return "unknown"
        return "known" if self.tensors is not None else "standard"


def read_config(
    config: Mapping[str, Any], identity: str, name: str, processor: Mapping[str, Any] | None = None
) -> Configured:
    """Read the model of a parsed ``config.json``.

    ``identity`` is the user's name for the model and ``name`` the name in reports. ``processor`` is the content of its
    ``preprocessor_config.json``, if there is one.
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
        groups = _layers(root, place, keeps=_keeps(root, class_name))
    except MissingField as error:
        caches_problem = f"its config.json does not state {error.field}"
    except UnknownCache as error:
        caches_problem = error.reason
    except FAULTS as error:
        caches_problem = f"its config.json does not make sense: {error}"
    if found is not None:
        groups = feed_forward.as_built(groups, found, _or_zero(place.section, "hidden"))
    tower, note = _vision(root, processor or {})
    if tower is None and caches_problem is None and encoder_decoder.has_open_length(groups):
        caches_problem = encoder_decoder.OPEN_LENGTH
    own = Traits() if found is None else traits_of(found, groups, _or_zero(place.section, "hidden"))
    model = _model(root, place.section, identity, name, groups, class_name, tower, own)
    return Configured(model, class_name, found, problem, caches_problem, () if note is None else (note,))


def _vision(root: Section, processor: Mapping[str, Any]) -> tuple[VisionTower | None, str | None]:
    """Return the vision tower, and a note if it is not known how many tokens it makes of an image."""
    try:
        return vision_of(root, processor)
    except (MissingField, *FAULTS):
        return None, UNKNOWN


def layers_of(section: Section) -> int:
    """Return the number of layers of the language model, or 0 if it is not stated."""
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
    """Return True if a model of the class generates text, and so keeps what it has read."""
    if class_name is not None and class_name.endswith(ENCODERS):
        return False
    if class_name is not None and class_name.endswith("Model"):
        return not tensors.is_encoder(root)
    return True


def _layers(root: Section, place: Place, *, keeps: bool) -> tuple[Layers, ...]:
    """Layers of the language model, without token mixers if the model keeps nothing of what it reads.

    Raises ``UnknownCache`` and ``MissingField`` if no rule gives what the layers keep.
    """
    section = place.section
    if keeps and section("is_encoder_decoder") is True:
        return encoder_decoder.groups(section)
    if keeps and root("is_encoder_decoder") is True:
        raise UnknownCache("its encoder and its decoder have configurations of their own")
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
    """Make the record of the model, with 0 for what is not stated.

    Nothing is computed from these zeros, because the memory of such a model is reported as unknown."""
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
    """Layers that predict tokens ahead, 0 where none are stated, or where they are no copies of the model's own
    (DeepSeek-V4.1's have fewer experts, which ``dspark_n_routed_experts`` states)."""
    if section.raw.get("dspark_n_routed_experts") is not None:
        return 0
    stated = [one.raw.get(field) for one in (section, root) for field in MTP_LAYERS]
    return max([value for value in stated if type(value) is int and 0 < value <= MOST_MTP_LAYERS], default=0)


def _modality(class_name: str | None, tower: VisionTower | None) -> str:
    if class_name is not None and class_name.endswith(ENCODERS):
        return "embedding" if class_name.endswith("ForMaskedLM") else "reranker"
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
    """Return the native element type that the file states, or a 16-bit type if it states none."""
    for field in ("dtype", "torch_dtype"):
        stated = root.raw.get(field) or section.raw.get(field)
        if stated in ("float16", "float32"):
            return {"float16": "fp16", "float32": "fp32"}[stated]
    return "bf16"


__all__ = ["Configured", "number", "read_config"]
