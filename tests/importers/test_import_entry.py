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


def _bare_config(folder: Path, config: dict[str, Any]) -> str:
    place = folder / "small"
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(place)


T5 = {
    "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "d_model": 256, "d_ff": 512, "d_kv": 64,
    "num_heads": 4, "num_layers": 4, "num_decoder_layers": 4, "vocab_size": 4096, "n_positions": 1024,
    "tie_word_embeddings": False, "feed_forward_proj": "gated-gelu", "torch_dtype": "float32",
}  # fmt: skip


def _speech(folder: Path) -> str:
    widths = {"d_model": 256, "encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "vocab_size": 4096}
    return _bare_config(
        folder,
        {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], **widths, **heads},
    )


def _state_space(folder: Path) -> str:
    widths = {"hidden_size": 256, "num_hidden_layers": 6, "intermediate_size": 512, "vocab_size": 4096}
    widths |= {"time_step_rank": 16, "state_size": 16, "conv_kernel": 4}
    return _bare_config(folder, {"model_type": "mamba", "architectures": ["MambaForCausalLM"], **widths})


def _encoder(folder: Path) -> str:
    widths = {"hidden_size": 256, "num_hidden_layers": 3, "intermediate_size": 512, "num_attention_heads": 4}
    return _bare_config(folder, {"model_type": "bert", "architectures": ["BertModel"], **widths})


def _vision(folder: Path) -> str:
    text = {
        "model_type": "qwen2_5_vl_text", "hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 512,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096, "max_position_embeddings": 8192,
    }  # fmt: skip
    tower = {"depth": 2, "hidden_size": 128, "intermediate_size": 256, "num_heads": 4, "out_hidden_size": 256}
    shell = {"model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"]}
    return _bare_config(folder, {**shell, "text_config": text, "vision_config": tower})


KINDS: dict[str, Callable[[Path], str]] = {
    "a GGUF file": _file, "a folder": _folder, "a configuration": _config, "a quantized configuration": _quantized,
    "a folder of MLX": _mlx, "a folder of Mistral's": _mistral, "a cached repository": _cached, "a tag of Ollama": _tag,
    "a model of LM Studio": _lm_studio, "a mixture": _mixture, "windows": _window, "a tied head": _tied,
    "speech": _speech, "an encoder": _encoder, "pictures": _vision,
}  # fmt: skip
SAME = ("required_bytes", "breakdown", "devices", "verdict", "limits", "throughput", "quant")


def estimate(name: str, *more: str) -> dict[str, Any]:
    ran = vramfit(
        "check", "-g", "rtx4090", "-m", name, "--quant", "bf16", "--engine", "transformers", "--context", "448",
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


def test_an_encoder_that_reads_any_length_is_taken_to_read_the_context(disk: Path, tmp_path: Path) -> None:
    """The file leaves open how much the encoder reads: an entry answers for the whole context, and says so."""
    ran = vramfit("import", _bare_config(disk, T5), "--offline")
    own = tmp_path / "own.yaml"
    own.write_text(ran.out.replace('"small"', '"small-t5"'), encoding="utf-8")
    assert (0, "") == (ran.code, ran.err)
    assert vramfit("catalogue", "lint", str(own)).code == 0
    answer = estimate("small-t5", "--catalogue", str(own))
    # 4 layers of an encoder and of a decoder, T5 1.1 as transformers 5.24.0 makes it
    attention, network = 4 * 256 * 256, 3 * 256 * 512
    encoder = 4 * (attention + network + 2 * 256) + 32 * 4 + 256
    decoder = 4 * (2 * attention + network + 3 * 256) + 32 * 4 + 256
    assert encoder + decoder + 2 * 4096 * 256 == answer["model"]["parameters"]
    assert "of small-t5: its encoder is taken to read as many tokens as the context" in answer["assumptions"]


def test_a_state_without_a_longest_context_gets_that_of_its_kind(disk: Path, tmp_path: Path) -> None:
    """A configuration of Mamba states no context: the entry has the one of Mamba's entries, and the same need."""
    name = _state_space(disk)
    own = tmp_path / "own.yaml"
    own.write_text(vramfit("import", name, "--offline").out, encoding="utf-8")
    by_entry, by_name = estimate("small", "--catalogue", str(own)), estimate(name)
    assert 1 << 20 == by_entry["model"]["max_context"] == by_entry["limits"]["max_context"]
    compared = [key for key in SAME if key != "limits"]
    assert [by_entry[key] for key in compared] == [by_name[key] for key in compared]


def test_a_class_that_nobody_knows_has_no_entry(disk: Path) -> None:
    changes = {"model_type": "foo", "architectures": ["FooForCausalLM"], "auto_map": {"AutoModel": "foo.Foo"}}
    ran = vramfit("import", str(models.write_config(disk / "small", **changes)), "--offline")

    assert (3, "") == (ran.code, ran.out)
    assert "vramfit does not know the class FooForCausalLM" in ran.err
    assert "write an entry by hand" in ran.err
