"""``vramfit import REF`` over every kind of reference: the entry lints clean and gives the same report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models
from tests.importers.trees import hub_snapshot, manifest, ollama_blob, ollama_tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _file(folder: Path) -> str:
    return str(models.gguf().write(folder / "small.gguf"))


def _folder(folder: Path) -> str:
    return str(models.write_folder(folder / "small"))


def _config(folder: Path) -> str:
    return str(models.write_config(folder / "small") / "config.json")


def _quantized(folder: Path) -> str:
    settings = {"quant_method": "awq", "bits": 4, "group_size": 128}
    return str(models.write_config(folder / "small", quantization_config=settings))


def _mlx(folder: Path) -> str:
    return str(models.write_mlx(folder / "small"))


def _mistral(folder: Path) -> str:
    return str(models.write_params(folder / "small"))


def _cached(folder: Path) -> str:
    made = models.write_folder(folder / "made")
    contents = {path.name: path.read_bytes() for path in sorted(made.iterdir())}
    hub_snapshot(folder / "cache" / "huggingface" / "hub", "acme/small", contents)
    return "hf:acme/small"


def _tag(folder: Path) -> str:
    raw = models.gguf().write(folder / "x.gguf").read_bytes()
    store = folder / ".ollama" / "models"
    ollama_tag(store, "registry.ollama.ai/library/small/latest", manifest({"model": (1, len(raw))}))
    ollama_blob(store, 1, raw)
    ollama_blob(store, 9, '{"file_type": "Q8_0"}')
    return "ollama:small"


def _lm_studio(folder: Path) -> str:
    place = folder / ".lmstudio" / "models" / "acme" / "small"
    place.mkdir(parents=True)
    models.gguf().write(place / "small-Q8_0.gguf")
    return "lmstudio:acme/small"


def _mixture(folder: Path) -> str:
    changes = {"num_local_experts": 4, "num_experts_per_tok": 2, "architectures": ["MixtralForCausalLM"]}
    return str(models.write_config(folder / "small", model_type="mixtral", **changes))


def _window(folder: Path) -> str:
    layers = ["sliding_attention", "full_attention"] * (models.LAYERS // 2)
    changes = {
        "architectures": ["Qwen3ForCausalLM"],
        "layer_types": layers,
        "sliding_window": 512,
        "use_sliding_window": True,
    }
    return str(models.write_config(folder / "small", model_type="qwen3", head_dim=models.HEAD, **changes))


def _tied(folder: Path) -> str:
    return str(models.write_config(folder / "small", tie_word_embeddings=True))


KINDS: dict[str, Callable[[Path], str]] = {
    "a GGUF file": _file, "a folder": _folder, "a configuration": _config, "a quantized configuration": _quantized,
    "a folder of MLX": _mlx, "a folder of Mistral's": _mistral, "a cached repository": _cached, "a tag of Ollama": _tag,
    "a model of LM Studio": _lm_studio, "a mixture": _mixture, "windows": _window, "a tied head": _tied,
}  # fmt: skip
SAME = ("required_bytes", "breakdown", "devices", "verdict", "limits", "throughput", "quant")


def estimate(name: str, *more: str) -> dict[str, Any]:
    ran = vramfit(
        "check", "-g", "rtx4090", "-m", name, "--quant", "bf16", "--engine", "transformers", "--context", "1024",
        "--offline", "--json", *more,
    )  # fmt: skip
    assert (0, "") == (ran.code, ran.err)
    found: dict[str, Any] = ran.estimates[0]
    return found


@pytest.fixture(autouse=True)
def _known(compiled_catalogue: None) -> None:
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_is_the_same_model(kind: str, disk: Path, tmp_path: Path) -> None:
    name = KINDS[kind](disk)
    ran = vramfit("import", name, "--offline")
    assert (0, "") == (ran.code, ran.err)
    own = tmp_path / "own.yaml"
    own.write_text(ran.out, encoding="utf-8")
    linted = vramfit("catalogue", "lint", str(own))
    assert (0, "no faults") == (linted.code, linted.err.splitlines()[-1])
    entry = next(json.loads(line.partition(": ")[2]) for line in ran.out.splitlines() if line.startswith("  - id:"))
    by_entry, by_name = estimate(entry, "--catalogue", str(own)), estimate(name)
    assert [by_entry[key] for key in SAME] == [by_name[key] for key in SAME]


def test_an_adapter_has_no_entry(disk: Path) -> None:
    """Matrices of an adapter are no part of a model that an entry can state."""
    folder = disk / "lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "meta-llama/Llama-3.1-8B"}', encoding="utf-8"
    )
    rows: dict[str, tuple[str, tuple[int, ...]]] = {
        "base_model.model.model.layers.0.x.lora_A.weight": ("F16", (16, 64))
    }
    models.write_safetensors(folder / "adapter_model.safetensors", rows)
    ran = vramfit("import", str(folder), "--offline")
    assert (3, "") == (ran.code, ran.out)
    assert "is an adapter" in ran.err
