"""Common part of the formats for pipelines: what a row says, how grave it is, and where it stands in a file.

A row is plain data: ``{"file": …, "line": …, "severity": …, "estimate": …}``, the estimate that of the JSON report, or an
error object.
"""

from __future__ import annotations

from vramfit.render.fields import cell, encodable, gpu_id, pick
from vramfit.render.headline import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.render.fields import Object

ERROR, WARNING, NOTICE = "error", "warning", "notice"
SEVERITIES = (ERROR, WARNING, NOTICE)
"""Severities of rows: what fails the run, what does not and deserves a look, and what is as it should be."""
RULES = {
    "exceeds": "The model does not fit the GPUs it is deployed on",
    "tight": "The model fits within less than the estimate's margin",
    "unsupported": "The engine does not start with this deployment",
    "unknown": "The memory that the deployment takes cannot be told",
    "shared": "The models that share a machine do not fit it together",
    "unanswered": "The deployment cannot be answered",
    "fits": "The model fits the GPUs it is deployed on",
}
"""Rules by their ids, with what each is about."""


def rule(row: Object) -> str:
    """Id of the rule that a row is of."""
    estimate = row["estimate"]
    if "error" in estimate:
        return "unanswered"
    if "shares" in estimate and estimate["verdict"] == "exceeds":
        return "shared"
    return str(estimate["verdict"])


def title(row: Object) -> str:
    """Label of a row: its name, or its model, with GPU and scheme."""
    estimate = row["estimate"]
    name = cell(estimate.get("name"))
    if "error" in estimate or "shares" in estimate:
        return encodable(name or "deployment")
    model, scheme = cell(pick(estimate, "model.id")), cell(pick(estimate, "quant.scheme"))
    return encodable(f"{name or model} on {gpu_id(estimate)} in {scheme}")


def message(row: Object) -> str:
    """Sentences of a row: its verdict with the first remedy, or the error with its hint."""
    estimate = row["estimate"]
    error = estimate.get("error")
    if error:
        hint = error.get("hint")
        return encodable(f"{error['message']}{'' if not hint else f'. {hint}'}")
    if "shares" in estimate:
        return encodable(str(estimate["summary"]))
    lead, _ = headline([estimate])
    remedies = estimate.get("remedies") or ()
    if not remedies or row["severity"] == NOTICE:
        return encodable(lead)
    return encodable(f"{lead} Remedy: {remedies[0]['summary']}")
