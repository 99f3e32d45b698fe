"""Draw of deployments that are answered: an engine, GPUs, a model, and some of the engine's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.properties.asked import rows
from tests.reports.draw import STRATA, deployment
from vramfit.engines import pipeline_engines

if TYPE_CHECKING:
    from random import Random

INFERENCE = tuple([one for one in STRATA if one.engine and one.task == "inference"])
TRAINING = tuple([one for one in STRATA if one.task != "inference"])
TRAINING_SHARE = 0.15
PIPELINE_SHARE = 0.08
MORE_SHARE = 0.15
"""Share of deployments with some of ``MORE``."""
MORE: dict[str, tuple[Any, ...]] = {
    "file_size": ("5GB", "17.6GB"), "bits_per_weight": (3.5, 4.5, 6), "kv_bytes_per_token": (20_000, 131_072),
    "image_tokens": (100, 576), "encoder_tokens": (128, 512), "usable": ("7GiB", "23GiB", "70GiB"), "name": ("a label",),
}  # fmt: skip
"""Facts that a user may know of a model or card, and labels."""
DRAFTS = ("qwen3-0.6b", "llama-3.2-1b", "qwen2.5-0.5b")
DRAFTED = ("qwen3-8b", "qwen3-30b-a3b", "llama-3.1-8b", "llama-3.3-70b", "qwen2.5-14b", "glm-4.5", "qwen3-next-80b-a3b")
"""Models of which a draft has the vocabulary, and models with a prediction head."""
PIPELINE: dict[str, tuple[Any, ...]] = {
    "component_offload": ("none", "partial", "model", "group", "sequential"), "parallel": (1, 2, 4),
    "text_encoder": ("16bit", "fp8", "int8", "nf4", "ram"), "output_size": ("512x512", "1024x1024", "1280x720"),
    "frames": (1, 33, 81), "reserve": ("1GiB",), "ram": ("16GiB", "64GiB"), "level": ("fits",),
}  # fmt: skip
"""Keys of pipelines of components."""


def drawn(rng: Random) -> dict[str, Any]:
    """A deployment that states its engine and one quantization; each engine is as likely as another."""
    if rng.random() < PIPELINE_SHARE:
        return _pipeline(rng)
    stratum = rng.choice(TRAINING if rng.random() < TRAINING_SHARE else INFERENCE)
    raw = deployment(stratum, rng.choice(stratum.keys), rows(), rng)
    raw["engine"] = stratum.engine
    if stratum.task == "inference":
        raw.setdefault("quant", rng.choice(rows().quants_of(stratum.engine))["id"])
        if rng.random() < MORE_SHARE:
            raw |= {key: rng.choice(MORE[key]) for key in rng.sample(sorted(MORE), rng.choice((1, 1, 2)))}
        elif rng.random() < MORE_SHARE:
            raw |= _drafting(rng)
    return raw


def _drafting(rng: Random) -> dict[str, Any]:
    """Keys of speculative decoding, with a model that something drafts for."""
    method = rng.choice(("draft", "mtp", "eagle3"))
    keys = {"model": rng.choice(DRAFTED), "speculative": method, "speculative_tokens": rng.choice((1, 3, 5))}
    return keys if method == "mtp" else {**keys, "draft_model": rng.choice(DRAFTS)}


def _pipeline(rng: Random) -> dict[str, Any]:
    """A pipeline of components that makes pictures or films."""
    name = rng.choice(pipeline_engines())
    model = rng.choice([row["id"] for row in rows().models if row["modality"].endswith("-generation")])
    raw = {"gpu": rng.choice(rows().gpus)["id"], "model": model, "engine": name}
    raw["quant"] = rng.choice(rows().quants_of(name))["id"] if rng.random() < 0.5 else "fp16"
    return raw | {key: rng.choice(PIPELINE[key]) for key in rng.sample(sorted(PIPELINE), rng.choice((0, 1, 2, 3)))}
