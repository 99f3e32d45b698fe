"""Fields of an entry with ``config``: what of a model's ``config.json`` its reading depends on.

An entry in this form needs no architecture of the catalogue, since tensors and caches follow from the class that the
configuration means.
"""

from __future__ import annotations

from vramfit.importers.config.model import FAULTS, read_config
from vramfit.importers.imported import count
from vramfit.model import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue.importing import Imported


def configured_facts(found: Imported) -> dict[str, Any] | None:
    """Fields of an entry with the configuration of a model; None if it has none, or one whose tensors are not known."""
    if found.config is None:
        return None
    whole = _reading(found.config, found.processor)
    if whole is None:
        return None
    config = {key: value for key, value in found.config.items() if not isinstance(value, dict)}
    config |= {key: dict(value) for key, value in found.config.items() if isinstance(value, dict)}
    sections: list[dict[str, Any]] = [config, *[value for value in config.values() if isinstance(value, dict)]]
    for section in sections:
        for key in list(section):
            value = section.pop(key)
            if _reading(config, found.processor) != whole:
                section[key] = value
    facts: dict[str, Any] = {"config": config}
    if _reading(config, {}) != whole:
        facts["processor"] = dict(found.processor)
    return facts


def _reading(config: Mapping[str, Any], processor: Mapping[str, Any]) -> tuple[object, ...] | None:
    """Model and tensors that a configuration gives; None where it gives none."""
    try:
        found = read_config(config, "", "", processor)
        if found.tensors is None:
            return None
        count(found.model, found.tensors)
        return found.model, found.tensors, parameters(found.model), found.caches_reason
    except FAULTS:
        return None
