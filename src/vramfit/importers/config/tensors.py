"""Tensors of a model class for one configuration, by the table in ``data/model_classes.json``.

The table transcribes the constructors of transformers' model classes, release 5.24.0. For each class it has the
tensors by name, their extents as formulas over the configuration's fields, and the conditions under which they exist.
A class may nest another one (a vision tower, a language model), which the ``model_type`` of a nested configuration
selects.

The table was made by constructing each class without storage, with fields that record the operations on them, over its
default configuration and over variations of every field that a condition reads.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.importers.config import formulas
from vramfit.importers.config.section import SAME_TYPES, Section
from vramfit.importers.config.tables import read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

BY_TYPE = (
    "AutoModelForImageTextToText", "AutoModelForMultimodalLM", "AutoModelForCausalLM", "AutoModelForSeq2SeqLM",
    "AutoModelForSpeechSeq2Seq", "AutoModel",
)  # fmt: skip
"""Mappings from a model type to the class that runs it, in the order in which they are asked for a file that names no
class."""

HEADS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
"""Ends of the names of classes that are the whole runnable model. A vendor's own name with such an end means the class
of the file's type."""

MOST_ELEMENTS = 1 << 50
"""Largest number of elements of a tensor. The largest published model has a thousandth of it, so a file with more is
at fault."""

_table: dict[str, Any] = {}


class ClassTensor(Record):
    """Equal tensors of one name, as the class holds them in memory, where some classes fuse the experts."""

    name: str
    """Name with ``*`` for the number of a layer and for any other number."""
    shape: tuple[int, ...]
    """Extents in PyTorch's order, outputs first."""
    layers: tuple[int, ...]
    """Values of the first number in the name; empty for a name without numbers."""
    each: int
    """Number of tensors for each of these values (experts that are not fused); 1 for a name without further numbers."""
    stack: int
    """Length of the list that the first number counts; 0 for a name without numbers."""
    kind: str
    """Kind of the module that the tensor belongs to: ``linear``, ``embedding`` or the name of the module's class."""
    buffer: bool
    section: str
    """Dotted path of the nested configuration that its class was built from; empty for the file itself."""

    @property
    def count(self) -> int:
        """Number of tensors that the record stands for."""
        return self.each * (len(self.layers) if self.stack else 1)

    @property
    def elements(self) -> int:
        """Number of elements of one of the tensors."""
        product = 1
        for extent in self.shape:
            product *= extent
        return product


def class_of(section: Section) -> str | None:
    """Return the class in the table that a configuration means; None if it means one that is not there.

    ``architectures`` decides, because a type has several classes (with a head, without one, as a classifier). A file
    without it, or with a vendor's own name for a whole model, means the class that its type is mapped to.
    """
    table = _read()
    stated = section.raw.get("architectures")
    name = stated[0] if isinstance(stated, list) and stated and isinstance(stated[0], str) else None
    if name is not None and (name in table["classes"] or _without_head(name)):
        return name if _is_of_type(name, section) else None
    if name is not None and (name in table["other_classes"] or not name.endswith(HEADS)):
        return None
    return next((found for auto in BY_TYPE if (found := _mapped(auto, section))), None)


def tensors_of(section: Section, name: str, prefix: str = "", path: str = "") -> Iterator[ClassTensor]:
    """Yield the tensors of a class of the table and of the classes that it nests.

    Raises:
        MissingField: A field that an extent or a condition needs is not stated.
        TypeError, ValueError, ZeroDivisionError, KeyError: The file's values mean nothing to the table.
    """
    table = _read()["classes"]
    beginning = ""
    if name not in table:
        whole = _without_head(name)
        if whole is None:
            raise formulas.MissingField(f"a table of {name}")
        name, beginning = whole, f"{table[whole]['prefix']}."
    for assumed in table[name].get("assumes", ()):
        # The table was made from constructions of the class; of what none of them had, it knows nothing.
        if not formulas.holds(formulas.parse(assumed), section):
            raise formulas.MissingField(f"what vramfit knows of {name}, for it assumes: {assumed}")
    for inner_name in section.subsections if "sections" in table[name] else ():
        if isinstance(section.raw.get(inner_name), dict) and inner_name not in table[name]["sections"]:
            raise formulas.MissingField(f"what vramfit knows of {name}, for it has {inner_name}")
    for row in table[name]["tensors"]:
        if row[0].startswith(beginning):
            found = _expanded(row, section, path)
            if found is not None:
                yield from [_named(tensor, prefix, len(beginning)) for tensor in found]
    for nested in table[name].get("nested", ()):
        where = nested[0]
        if not f"{where}.".startswith(beginning) or not _condition(nested[2], section):
            continue
        inner = section
        for key in nested[1].split(".") if nested[1] else ():
            inner = inner.section(key)
        chosen = nested[2].get("class") or _mapped(nested[2]["auto"], inner)
        if chosen is None:
            raise formulas.MissingField(f"{nested[1]}.model_type")
        deeper = ".".join([part for part in (path, nested[1]) if part])
        yield from tensors_of(inner, chosen, f"{prefix}{where[len(beginning) :]}.", deeper)


def _expanded(row: Any, section: Section, path: str) -> list[ClassTensor] | None:
    """Return the tensors of one row of the table, those of equal shape together."""
    name, extents, options = row[0], formulas.parse(f"({row[1]},)" if row[1] else "()"), row[2]
    if not _condition(options, section, "if"):
        return None
    kind, buffer = options.get("kind", ""), options.get("buffer", False)
    if "times" not in options:
        if not _condition(options, section):
            return None
        return [ClassTensor(name, _shape(extents, section, None), (), 1, 0, kind, buffer, path)]
    times = formulas.evaluate(formulas.parse(options["times"]), section)
    if not isinstance(times, int) or not 0 <= times <= formulas.MOST_LAYERS:
        raise ValueError(f"{options['times']} is not a number of layers")
    condition = formulas.parse(options["when"]) if "when" in options else None
    each = formulas.parse(options["each"]) if "each" in options else None
    groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for layer in range(times):
        if condition is None or formulas.holds(condition, section, layer):
            copies = 1 if each is None else formulas.evaluate(each, section, layer)
            if not isinstance(copies, int) or not 0 <= copies <= MOST_ELEMENTS:
                raise ValueError(f"{options['each']} is not a number of tensors")
            groups.setdefault((_shape(extents, section, layer), copies), []).append(layer)
    return [
        ClassTensor(name, shape, tuple(layers), copies, times, kind, buffer, path)
        for (shape, copies), layers in groups.items()
    ]


def _shape(extents: Any, section: Section, layer: int | None) -> tuple[int, ...]:
    """Return the extents of a tensor, outputs first."""
    shape = []
    product = 1
    for node in extents.elts:
        extent = formulas.evaluate(node, section, layer)
        if extent is None:
            raise formulas.MissingField(formulas.written(node))
        if not isinstance(extent, int) or extent < 0:
            raise ValueError(f"{formulas.written(node)} is not a width")
        shape.append(int(extent))
        product *= extent
    if product > MOST_ELEMENTS:
        raise ValueError("a tensor of more elements than any model has")
    return tuple(shape)


def _condition(options: Mapping[str, Any], section: Section, key: str = "when") -> bool:
    return key not in options or formulas.holds(formulas.parse(options[key]), section)


def _named(tensor: ClassTensor, prefix: str, cut: int) -> ClassTensor:
    if not prefix and not cut:
        return tensor
    from vramfit._record import replace

    return replace(tensor, name=prefix + tensor.name[cut:])


def _mapped(auto: str, section: Section) -> str | None:
    """Return the class that an auto class of transformers selects for a section's type."""
    mapping = _read()["auto"].get(auto, {})
    for model_type in (section.model_type, SAME_TYPES.get(section.model_type or "")):
        if model_type in mapping:
            found: str = mapping[model_type]
            known = found in _read()["classes"] or _without_head(found) is not None
            return found if known else None
    return None


def _without_head(name: str) -> str | None:
    """Return the class that contains a class without a head as its inner model, such as ``LlamaForCausalLM`` for
    ``LlamaModel``; otherwise None."""
    whole = f"{name.removesuffix('Model')}ForCausalLM"
    known = _read()["classes"]
    if known.get(whole, {}).get("type") in _read()["auto"].get("masked", ()):
        return None  # an encoder's inner model lacks the pooler that its class by itself has
    return whole if name.endswith("Model") and name not in known and known.get(whole, {}).get("prefix") else None


def _is_of_type(name: str, section: Section) -> bool:
    """Return True if a class was made for the section's type. Fields of another type need not mean the same to it."""
    known = _read()["classes"]
    row = known.get(name) or known[_without_head(name) or ""]
    mapped = any(classes.get(section.model_type or "") == name for classes in _mappings())
    return not section.known or section.model_type == row["type"] or mapped


def _mappings() -> list[dict[str, str]]:
    return [classes for classes in _read()["auto"].values() if isinstance(classes, dict)]


def _read() -> dict[str, Any]:
    if not _table:
        _table.update(read_table("model_classes.json"))
    return _table


def is_encoder(section: Section) -> bool:
    """Return True if the headless class of a type is an encoder, trained by masked language modelling."""
    mapped = _read()["auto"]
    kinds = (section.model_type, SAME_TYPES.get(section.model_type or ""))
    generates = any(kind in mapped.get(auto, {}) for kind in kinds for auto in BY_TYPE[:5])
    return not generates or any(kind in mapped.get("masked", ()) for kind in kinds)
