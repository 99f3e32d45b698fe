"""Promises: what a remedy or a recommendation says comes out where its deployment keys are asked afresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.catalogued import catalogue
from tests.properties.asked import Violation, rows
from vramfit.checks import checked
from vramfit.engines import engine, pipeline_engines
from vramfit.engines.keys import parse_request
from vramfit.engines.pipelines import SPEECH_GROUPS
from vramfit.errors import VramfitError
from vramfit.quantization import SCHEMES
from vramfit.recommend import recommend
from vramfit.remedies import find
from vramfit.report import estimate_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from tests.properties.asked import Asker, Raw

USES = ("chat", "code", "vision", "embedding")


@dataclass
class Tally:
    """Counts of what was offered."""

    rows: int = 0
    """Rows of recommendations."""
    refused: int = 0
    """Recommendations that were refused."""
    remedied: int = 0
    """Deployments with remedies."""
    remedies: int = 0


def unkept(raw: Raw, asker: Asker, rng: Random, tally: Tally | None = None) -> Iterator[Violation]:
    """Remedies of which the changes, put on the deployment, lead to another verdict or need, or do not reach the level."""
    found = asker.one(raw)
    if found is None:
        return
    request = parse_request(raw)
    remedies = find(request, found, catalogue(), {}, everything=rng.random() < 0.1)
    report = estimate_object(checked(request, found, remedies))
    if tally is not None and remedies:
        tally.remedied += 1
        tally.remedies += len(remedies)
    for remedy in report["remedies"]:
        changes = remedy["changes"]
        asked = {name: value for name, value in {**raw, **changes}.items() if value is not None}
        again = asker.answers(asked)
        promised = (remedy["verdict"], remedy["required_bytes"], remedy["headroom_bytes"])
        if not isinstance(again, tuple):
            yield Violation("remedy: refused", raw, changes, f"{promised}: {again}")
            continue
        told = (again[0].verdict.word, again[0].required_bytes, again[0].verdict.headroom_bytes)
        if told != promised:
            yield Violation("remedy: promise", raw, changes, f"{promised} promised, {told} found")
        if not again[0].reached:
            yield Violation("remedy: does not reach the level", raw, changes, str(told))


def unasked(raw: Raw, asker: Asker, rng: Random, tally: Tally | None = None) -> Iterator[Violation]:
    """Rows of a recommendation that are beyond the model's context, or are answered otherwise when asked by their keys."""
    keys = {name: raw[name] for name in ("context", "parallel", "kv_cache_type", "reserve", "ram") if name in raw}
    if rng.random() < 0.3:
        keys["engine"] = raw["engine"]
    if rng.random() < 0.3:
        keys["quant"] = rng.choice(("int8", "int4", raw.get("quant", "fp16")))
    if rng.random() < 0.5:
        keys |= {"gpu": raw["gpu"]}
        wishes: dict[str, Any] = {"use": rng.choice(USES), "limit": 3}
    else:
        keys |= {"model": rng.choice(rows().models)["id"]}
        wishes = {"limit": 3}
    asker.asked += 1
    try:
        report = recommend({**parse_request(keys), **wishes}, catalogue())
    except VramfitError:
        asker.refused += 1
        if tally is not None:
            tally.refused += 1
        return
    if tally is not None:
        tally.rows += len(report["recommendations"])
    for row in report["recommendations"]:
        yield from _row(row, {**keys, **wishes}, asker)


def _row(row: Mapping[str, Any], keys: Raw, asker: Asker) -> Iterator[Violation]:
    deployment = {name: value for name, value in row["deployment"].items() if value is not None}
    most = row["model"]["max_context"]
    if most is not None and deployment["context"] > most:
        yield Violation("recommendation: beyond the model's context", keys, deployment, f"at most {most}")
    again = asker.answers(deployment)
    promised = (row["verdict"], row["required_bytes"]["expected"], row["quant"]["scheme"])
    if not isinstance(again, tuple):
        yield Violation("recommendation: refused", keys, deployment, f"{promised}: {again}")
        return
    told = (again[0].verdict.word, again[0].required_bytes, again[0].deployment.scheme.id)
    if told != promised:
        yield Violation("recommendation: asked back", keys, deployment, f"{promised} promised, {told} found")
    if again[0].verdict.word == "unsupported":
        yield Violation("recommendation: does not start", keys, deployment, str(again[0].verdict.refusal))


def _loaded(name: str, scheme: Mapping[str, Any]) -> str:
    """Model that an engine loads in a scheme: a pipeline, or Whisper, for one that loads nothing else."""
    if SPEECH_GROUPS[0] in engine(name).groups:
        return "whisper-large-v3"
    if name in pipeline_engines():
        return "flux.1-dev"
    if scheme["family"] == "mxfp4":
        return "gpt-oss-20b"
    return "mixtral-8x7b" if scheme["id"] == "MXFP4_MOE" else "llama-3.1-8b"


def unnamed(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Schemes that an engine is listed with and that, asked by their id, are refused or taken for another."""
    for row in rows().quants_of(raw["engine"]):
        asked = {"gpu": "m3-ultra-512gb" if raw["engine"] == "mlx" else "b200", "model": _loaded(raw["engine"], row)}
        asked |= {"engine": raw["engine"], "quant": engine(raw["engine"]).word_of(SCHEMES[row["id"]])}
        found = asker.answers(asked)
        if not isinstance(found, tuple):
            yield Violation("scheme: refused", asked, {}, str(found))
        elif found[0].deployment.scheme.id != row["id"]:
            yield Violation("scheme: taken for another", asked, {}, found[0].deployment.scheme.id)
