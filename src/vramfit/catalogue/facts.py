"""Whole entries of the compiled catalogue, with their sources spelt out. Loaded to show one, never by a check."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.catalogue.container import Container


def gpu_facts(container: Container, number: int) -> dict[str, Any]:
    """Entry of a GPU by its number; ``references`` spells out the sources that readings, rents and fields refer to."""
    facts: dict[str, Any] = container.record("gpu", number)
    sources = container.section("sources")
    facts["sources"] = [_resolved(ref, sources) for ref in facts["sources"]]
    mentioned = [*facts["verified"].values(), *([used["source"]] for used in facts["reported"] + facts["rents"])]
    by_field = facts["field_sources"].items()
    keys = dict.fromkeys(ref.partition("/")[0] for refs in (*mentioned, *(r for _, r in by_field)) for ref in refs)
    facts["references"] = [_resolved(key, sources) for key in keys]
    facts["field_sources"] = {field: [_resolved(ref, sources) for ref in refs] for field, refs in by_field}
    return facts


def model_facts(container: Container, number: int) -> dict[str, Any]:
    """Entry of a model by its number."""
    facts: dict[str, Any] = container.record("model_entry", number)
    sources = container.section("model_sources")
    facts["sources"] = [_resolved(ref, sources) for ref in facts.get("sources", ())]
    return facts


def _resolved(ref: str, sources: dict[str, dict[str, str]]) -> dict[str, str]:
    """Source of ``key/detail``, with its name and address."""
    key, _, detail = ref.partition("/")
    source = sources.get(key, {})
    resolved = {"key": key, "name": source.get("name", key)}
    url = source.get("url")
    if url:
        resolved["url"] = url + detail if detail and url.endswith("/") else url
    if detail:
        resolved["detail"] = detail
    return resolved
