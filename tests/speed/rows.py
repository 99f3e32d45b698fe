"""The measured rows of ``measured.yaml`` as deployments, with what the program says of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vramfit import engines
from vramfit._record import replace
from vramfit.engines.keys import every_key, parse_request
from vramfit.engines.resolve import resolve
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines import Deployment, Estimate

FILE = Path(__file__).with_name("measured.yaml")
UNSTATED_TOKENS = 256
"""Generated tokens of a row that does not say."""
STAND_IN = {"exllamav2": "exllamav3"}
"""Engines measured in the place of one of ours."""


@dataclass(frozen=True)
class Row:
    """One figure."""

    source: str
    engine: str
    keys: tuple[tuple[str, Any], ...]
    """Deployment keys, without engine and lengths."""
    phase: str
    """``decode`` or ``prefill``."""
    tokens: int
    """Tokens generated, or of the prompt."""
    depth: int
    """Tokens before them."""
    measured: float
    """Tokens per second."""
    host: str
    stand_in: bool
    """Whether it was another engine than the one it stands for."""

    @property
    def offloaded(self) -> bool:
        return any(key in ("gpu_layers", "cpu_moe_layers") for key, _ in self.keys)

    @property
    def cards(self) -> int:
        count, times, _ = str(dict(self.keys)["gpu"]).partition("x")
        return int(count) if times and count.isdigit() else 1

    @property
    def answerable(self) -> bool:
        """Whether the program knows the very engine."""
        return not self.stand_in

    def request(self, prompt: int) -> dict[str, Any]:
        """The deployment whose speeds are for a prompt of so many tokens."""
        context = max(self.depth + self.tokens, prompt, 256)
        return {**dict(self.keys), "engine": self.engine, "context": context, "prompt_tokens": prompt, "images": 0}

    @property
    def prompt(self) -> int:
        """For decoding, the mean number of tokens before the generated ones; else the whole prompt."""
        return max(1, self.depth + (self.tokens // 2 if self.phase == "decode" else self.tokens))


def rows() -> Iterator[Row]:
    """Every figure of the file."""
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]:
        for written in group["rows"]:
            keys = {key: value for key, value in written.items() if key in every_key()}
            if "backend" in keys:  # written as the sources write it: ROCm, Vulkan
                keys["backend"] = keys["backend"].lower()
            if "flash_attention" in group:
                keys["flash_attention"] = group["flash_attention"]
            for name, figures in written.items():
                if name[:2] not in ("tg", "pp"):
                    continue
                tokens, _, depth = name[2:].partition("@")
                for figure in figures if isinstance(figures, list) else [figures]:
                    yield Row(
                        group["source"],
                        STAND_IN.get(group["engine"], group["engine"]),
                        tuple(keys.items()),
                        "decode" if name.startswith("tg") else "prefill",
                        int(tokens or UNSTATED_TOKENS),
                        int(depth or 0),
                        float(figure),
                        written.get("host", ""),
                        group["engine"] in STAND_IN,
                    )


def deployed(row: Row, prompt: int) -> tuple[Deployment, Estimate]:
    """The deployment of a row and its estimate.

    For an engine that is not modelled, what transformers would hold of the same weights: they are read all the same.
    """
    request = row.request(prompt)
    if row.answerable:
        found = resolve(parse_request(request), _catalogue())[0]
        return found, engines.estimate(found)
    plain = resolve(parse_request({**request, "engine": "transformers", "quant": "fp16"}), _catalogue())[0]
    found = replace(plain, checkpoint=derive(plain.model, find_scheme(request["quant"])))
    return replace(found, engine=row.engine), engines.estimate(found)


@cache
def _catalogue() -> Any:
    return open_catalogue()
