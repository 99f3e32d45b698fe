"""Asking the command about the models beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.command import vramfit

MODELS = Path(__file__).parent / "models.yaml"


def estimate(gpu: str, model: str, engine: str, quant: str = "fp16", **keys: Any) -> dict[str, Any]:
    """The one estimate of a deployment, as the report has it; several GPUs with a comma between."""
    flags = [word for name in gpu.split(",") for word in ("--gpu", name)]
    for key, value in {"model": model, "engine": engine, "quant": quant, **keys}.items():
        flag = f"--{key.replace('_', '-')}"
        flags += (
            [flag] if value is True else [f"--no-{key.replace('_', '-')}"] if value is False else [flag, str(value)]
        )
    ran = vramfit("check", *flags, "--format", "ndjson", "--catalogue", str(MODELS))
    assert ran.err == "", ran.err
    (row,) = ran.lines
    assert isinstance(row, dict)
    return row


def of_devices(key: str, row: dict[str, Any]) -> list[int]:
    """One part of each device, the GPUs in order and the host last."""
    return [device[key] for device in row["devices"]]
