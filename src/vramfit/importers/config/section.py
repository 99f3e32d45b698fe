"""Fields of a configuration as the model's class reads them: stated in the file, or filled in by the class.

A saved ``config.json`` leaves out fields that equal the defaults of its class, has other names for some fields,
overrides fields layer by layer, and leaves lists to be derived from counts. ``Section`` resolves all of this. One
section is the file itself, or one of the configurations nested in it (``text_config``, ``vision_config``).
"""

from __future__ import annotations

from vramfit.importers.config import formulas
from vramfit.importers.config.tables import read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LEGACY_LAYER_TYPES = {
    "attention": "full_attention", "mamba": "linear_attention", "deepseek_sparse_attention": "indexed_attention",
}  # fmt: skip
"""Words of older files for kinds of layers (transformers 5.24.0, ``configuration_utils.py``)."""

SAME_TYPES = {
    "mimo": "qwen2", "kimi_k2": "deepseek_v3", "deepseek_ref": "deepseek_v4", "minimax_m3": "minimax_m3_vl_text",
    "minimax_m3_text": "minimax_m3_vl_text", "aquila": "llama", "baichuan": "llama", "internlm2": "llama", "solar": "llama",
    "xverse": "llama", "Yi": "llama",
}  # fmt: skip
"""Types of published files that have another type's architecture under a name of their own, as far as sizes go. Those of
``llama`` have code in their repositories, with the same matrices, of which some are stored side by side (vLLM 0.33.0
``models/registry.py``, ``baichuan.py``, ``internlm2.py``)."""

_classes: dict[str, dict[str, Any]] = {}


def configuration_classes() -> Mapping[str, Mapping[str, Any]]:
    """Return what each configuration class has, by model type: defaults, aliases, nested types, derived fields."""
    if not _classes:
        _classes.update(read_table("configuration_classes.json")["model_types"])
    return _classes


class Section:
    """Configuration that can be called with the name of a field and returns its value, the form that ``formulas``
    needs."""

    def __init__(
        self, raw: Mapping[str, Any], model_type: str | None = None, parent: str | None = None, *, fixed: bool = False
    ) -> None:
        self.raw = raw
        stated = raw.get("model_type")
        stated = stated if isinstance(stated, str) else None
        if model_type and (fixed or stated == parent):
            stated = model_type  # older files give a nested configuration the name of the whole (Qwen3-VL)
        known = configuration_classes()
        self.model_type = next((t for t in (stated, SAME_TYPES.get(stated or ""), model_type) if t in known), stated)
        """Model type of the file (``model_type``), or the type that the parent's class gives to a section that states
        none."""
        self._class: Mapping[str, Any] = known.get(self.model_type or "", {})
        self._aliases: Mapping[str, str] = self._class.get("aliases", {})
        self._subsections: dict[str, Section] = {}
        self._deriving: set[str] = set()
        self._values: dict[tuple[str, int | None], Any] = {}
        """Values that were already looked up. The rows of a class ask for one list many times, once for each layer."""
        self._overrides = _overrides(raw.get("per_layer_config"))

    @property
    def subsections(self) -> tuple[str, ...]:
        """Names of the configurations that its class nests, whether or not the file has them."""
        return tuple(self._class.get("sub", {}))

    @property
    def known(self) -> bool:
        """True if the type's class is known, so that its defaults can be trusted."""
        return bool(self._class)

    def __call__(self, name: str, layer: int | None = None) -> Any:
        """Return the value of a dotted field for one layer; None if nothing is stated."""
        head, _, rest = name.partition(".")
        if not rest:
            return self.value(head, layer)
        found = None
        if head in self._class.get("sub", {}) or isinstance(self.raw.get(head), dict):
            found = self.section(head)(rest, layer)
        return self._derived(name) if found is None else found

    def section(self, name: str) -> Section:
        """Return a nested configuration.

        If the file has none, it is made from the defaults of its class or from this section's fields.

        Files of some types have the language model's fields beside the nested configurations (Qwen2-VL). A class nests
        either one class, whatever type the file states, or any (transformers 5.24.0 ``create_subconfig``).
        """
        found = self._subsections.get(name)
        if found is None:
            raw = self.raw.get(name)
            if not isinstance(raw, dict):
                flat = self._class.get("flat") == name
                raw = self._beside_sections() if flat else self._class.get("init", {}).get(name, {})
            kind = self._class.get("sub", {}).get(name)
            fixed = kind is not None and name not in self._class.get("auto", ())
            found = self._subsections[name] = Section(raw, kind, self.model_type, fixed=fixed)
        return found

    def _beside_sections(self) -> dict[str, Any]:
        """Return the fields that are not nested configurations."""
        nested = self._class.get("sub", {})
        return {name: value for name, value in self.raw.items() if name not in nested}

    def value(self, name: str, layer: int | None = None) -> Any:
        """Return the value of a field: overridden for the layer, stated, default, or derived from other fields."""
        if self._deriving:
            return self._value(name, layer)  # what is being derived from has no value in the meantime
        key = (name, layer)
        if key not in self._values:
            self._values[key] = self._value(name, layer)
        return self._values[key]

    def _value(self, name: str, layer: int | None) -> Any:
        own = self._aliases.get(name, name)
        names = (own, *[alias for alias, real in self._aliases.items() if real == own])
        if layer is not None and layer in self._overrides:
            for each in names:
                if each in self._overrides[layer]:
                    return self._overrides[layer][each]
        value = self._layered(own, layer)
        if value is None:
            value = self._stated(own, names)
        if own == "num_labels" and "num_labels" not in self.raw:
            labels = self.raw.get("id2label")
            return len(labels) if isinstance(labels, dict) else 2
        if own == "sliding_window" and value is not None and self.value("use_sliding_window", layer) is False:
            return None  # the classes of Qwen2 and those made from it take it away in ``__post_init__``
        if value is None:
            value = self._derived(own)
        if isinstance(value, list) and own.endswith(("layer_types", "layers_block_type")):
            return [LEGACY_LAYER_TYPES.get(word, word) if isinstance(word, str) else word for word in value]
        return value

    def _stated(self, own: str, names: tuple[str, ...]) -> Any:
        """Return the value that the file states under one of the field's names, including those of older files;
        otherwise the default."""
        for name in names:
            if name in self.raw:
                return self.raw[name]
        older = self._class.get("legacy", {}).get(own)
        value = None if older is None else self(older)
        return self._class.get("defaults", {}).get(own) if value is None else value

    def _layered(self, name: str, layer: int | None) -> Any:
        """Return the value that the class gives a field for one layer, if the file overrides no layer's fields (Gemma
        4)."""
        formula = self._class.get("layered", {}).get(name)
        if formula is None or layer is None or "per_layer_config" in self.raw:
            return None
        return formulas.evaluate(formulas.parse(formula), self, layer)

    def _derived(self, name: str) -> Any:
        """Return the value that the class derives for a field that is not stated; None if it derives none, or cannot."""
        formula = self._class.get("derived", {}).get(name)
        if formula is None or name in self._deriving:
            return None
        self._deriving.add(name)
        try:
            if isinstance(formula, str):
                return formulas.evaluate(formulas.parse(formula), self)
            node, count = formulas.parse(formula[0]), self.value("num_hidden_layers")
            if not isinstance(count, int) or count > formulas.MOST_LAYERS:
                return None
            return [formulas.evaluate(node, self, layer) for layer in range(count)]
        except (formulas.MissingField, TypeError, ValueError, ZeroDivisionError, KeyError):
            return None
        finally:
            self._deriving.discard(name)


def _overrides(stated: Any) -> dict[int, Mapping[str, Any]]:
    """Return the fields that a file overrides, by the number of the layer (``per_layer_config``: ``{"05": {"head_dim":
    512}}``)."""
    if not isinstance(stated, dict):
        return {}
    return {int(key): fields for key, fields in stated.items() if str(key).isdecimal() and isinstance(fields, dict)}
