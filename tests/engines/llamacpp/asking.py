"""Asking the llama.cpp engine about the catalogue's models, without the command in between."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.deployed import deployed
from tests.samples import gpu
from vramfit._record import replace
from vramfit.engines import estimate
from vramfit.quantization import find_scheme
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines import DeviceMemory, Estimate
    from vramfit.model import Model

    Row = tuple[str, tuple[float, float, float], list[int]]

CARD = gpu("a100-sxm4-80gb")


@cache
def catalogue_model(name: str) -> Model:
    """A model of the catalogue, made once: what is derived from it is remembered with it."""
    return open_catalogue().model(name)


@cache
def sixteen_bit_model(name: str) -> Model:
    """A model of the catalogue as if released in 16 bits, which is what the tables of llama.cpp's reports quantized."""
    found = catalogue_model(name)
    return replace(found, dtype="bf16") if found.dtype == "mxfp4" else found


def estimated(model: str | Model, quant: str = "Q4_K_M", gpus: Any = 1, **work: Any) -> Estimate:
    """The estimate for a model on equal cards (a count), or on the cards given; 4096 tokens unless ``work`` differs."""
    cards = (CARD,) * gpus if isinstance(gpus, int) else tuple(gpus)
    found = catalogue_model(model) if isinstance(model, str) else model
    return estimate(deployed("llama.cpp", cards, found, find_scheme(quant), **{"context": 4096, **work}))


def devices(found: Estimate) -> dict[str, DeviceMemory]:
    """Every device by its name, the host among them."""
    return {device.device: device for device in (*found.gpus, found.host)}


def mebibytes(device: DeviceMemory) -> tuple[float, float, float]:
    """Weights, cache and compute buffer of a device in MiB, as llama.cpp's breakdown prints them."""
    return device.weights_bytes / MIB, device.kv_cache_bytes / MIB, device.compute_bytes / MIB


def against(model: str, rows: list[dict[str, Any]]) -> list[Row]:
    """Rows of a table of what llama.cpp reports: what is asked, what we say, and what it says, device by device in MiB."""
    found = []
    for row in rows:
        asked: dict[str, Any] = {key: value for key, value in row.items() if key != "devices"}
        label = str(asked)
        if "flash_attention" in asked:
            asked["flash_attention"] = asked["flash_attention"] == "on"
        if "kv_cache_type" in asked:
            asked.setdefault("kv_cache_type_v", asked["kv_cache_type"])
        ours = devices(estimated(sixteen_bit_model(model), **asked))
        found += [(f"{label} {name}", mebibytes(ours[name]), theirs) for name, theirs in row["devices"].items()]
    return found
