"""Checks of catalogue files: the shape first, then one rule per function, every fault of a file in one run.

A file is either the built-in one or *lies over* it: a file of the user's own, which may name the built-in families and
sources and give a built-in id to change some of its fields. The same rules serve ``vramfit catalogue lint`` and the
loading of the user's files; the latter leaves out those about provenance and tidiness, which change no answer.
"""

from __future__ import annotations

from typing import NamedTuple

from vramfit.curation.lint import gpu_values, model_rules, naming, provenance
from vramfit.curation.lint.gpus import GpuSubject
from vramfit.curation.lint.models import ModelSubject
from vramfit.curation.lint.registry import RULES, Rule
from vramfit.curation.strict_yaml import Document, Fault, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["RULES", "Checked", "Finding", "Rule", "check"]

RULE_MODULES = (naming, gpu_values, model_rules, provenance)
"""Modules of rules, whose import fills ``RULES``."""

SUBJECTS: dict[str, type[GpuSubject] | type[ModelSubject]] = {"gpus": GpuSubject, "models": ModelSubject}
"""Type of the subject of rules, by the key that says what a file holds."""


class Finding(NamedTuple):
    """Fault, and the rule that found it (``yaml`` and ``shape`` come before all rules)."""

    rule: str
    fault: Fault


class Checked(NamedTuple):
    """File after its checks."""

    document: Document
    subject: GpuSubject | ModelSubject | None
    """Content that rules were run on; None for a file that is not YAML, or holds neither GPUs nor models."""
    findings: list[Finding]
    """Findings in the order of the file."""


def check(text: bytes, name: str, under: Mapping[str, Mapping[str, Any]], *, needed_only: bool = False) -> Checked:
    """Parse and check one file.

    ``under`` holds the parsed files it lies over, by kind; it is empty for the built-in file itself. With
    ``needed_only`` rules that cannot change an answer are left out.
    """
    document = parse(text, name, joined=True)
    findings = [Finding("yaml", fault) for fault in document.faults]
    if document.data is None:
        return Checked(document, None, findings)  # nothing could be read, or nothing is in it
    kind, fault = _kind(document)
    if fault is not None:
        return Checked(document, None, [*findings, Finding("shape", fault)])
    subject = SUBJECTS[kind](document, under.get(kind, {}))
    refused = {fault.field for fault in document.faults}
    findings += [Finding("shape", fault) for fault in subject.shape_faults if fault.field not in refused]
    for rule in RULES:
        if rule.kind == kind and (rule.needed or not needed_only):
            findings += [Finding(rule.name, fault) for fault in _faults(rule, subject) if fault.field not in refused]
    findings.sort(key=lambda finding: (finding.fault.line, finding.fault.column))
    return Checked(document, subject, findings)


def _faults(rule: Rule, subject: GpuSubject | ModelSubject) -> list[Fault]:
    """Faults by one rule; none where it stumbles over a value that was refused before, of which nothing is left to judge."""
    try:
        return list(rule.faults(subject))
    except (TypeError, ValueError, ArithmeticError, LookupError):
        if subject.shape_faults or subject.document.faults:
            return []
        raise


def _kind(document: Document) -> tuple[str, Fault | None]:
    """``gpus`` or ``models``; a fault when the file holds neither, or both."""
    data = document.data
    if not isinstance(data, dict):
        return "", document.fault((), "a mapping is expected at the top of the file", "begin with gpus: or models:")
    kinds = [kind for kind in SUBJECTS if kind in data]
    if len(kinds) != 1:
        problem = "holds both GPUs and models" if kinds else "holds neither gpus: nor models:"
        return "", document.fault((), problem, "keep a file for each" if kinds else "list entries under one of them")
    if not isinstance(data[kinds[0]], list):
        return "", document.fault((kinds[0],), "a list of entries is expected", "begin each entry with - id:")
    return kinds[0], None
