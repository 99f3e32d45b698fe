"""``vramfit check`` of files and folders of this disk, as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models

if TYPE_CHECKING:
    from pathlib import Path


def estimates(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The estimates of ``check --json`` on an RTX 4090, with nothing on stderr."""
    ran = vramfit("check", "-g", "rtx4090", *arguments, "--json")
    assert (ran.code, ran.err) == (code, "")
    return ran.estimates


def test_a_gguf_file(tmp_path: Path) -> None:
    """Its scheme, its engine, its parameters and bytes are the file's; where it was read is said."""
    path = models.gguf().write(tmp_path / "small-Q8_0.gguf")
    (told,) = estimates("-m", str(path), "--context", "1024")
    matrices = models.PARAMETERS - models.HIDDEN * (2 * models.LAYERS + 1)
    size = matrices // 32 * 34 + 4 * models.HIDDEN * (2 * models.LAYERS + 1)
    assert ("llama.cpp", "Q8_0", size) == (told["engine"], told["quant"]["scheme"], told["quant"]["checkpoint_bytes"])
    assert (str(path), "small-Q8_0", models.PARAMETERS) == tuple(told["model"][k] for k in ("id", "name", "parameters"))
    assert told["breakdown"]["kv_cache"] == 1024 * models.CACHE_BYTES_PER_TOKEN
    assert told["breakdown"]["weights"] == size - models.VOCAB * models.HIDDEN // 32 * 34
    assert told["model"]["source"] == {
        "kind": "gguf", "store": "disk", "path": str(path), "repository": None, "tag": None, "revision": None,
        "commit": None, "files_read": ["small-Q8_0.gguf"],
    }  # fmt: skip
    assert told["model"]["knowledge"] == "known"
    assert "the model is read from small-Q8_0.gguf" in told["assumptions"]


@pytest.mark.parametrize(
    ("file_type", "down", "name", "scheme", "precision"),
    [
        (7, 8, "x.gguf", "Q8_0", "int8"),
        (1, 8, "x.gguf", "F16", "fp16"),
        (15, 8, "x.gguf", "Q4_K_M", "int4"),
        (15, 8, "x-UD-Q4_K_XL.gguf", "stored", "int8"),
        (39, 8, "x.gguf", "stored", "int8"),
        (None, 8, "x.gguf", "stored", "int8"),
    ],
)
def test_the_scheme_is_what_the_file_states(
    tmp_path: Path, file_type: int | None, down: int, name: str, scheme: str, precision: str
) -> None:
    """A label that llama.cpp has names the scheme; a mix of its own is ``stored``, its class by its bits."""
    path = models.gguf(down=down, file_type=file_type).write(tmp_path / name)
    (told,) = estimates("-m", str(path))
    assert (scheme, precision) == (told["quant"]["scheme"], told["quant"]["class"])
    (again,) = estimates("-m", str(path), "--quant", "stored")
    assert again["required_bytes"] == told["required_bytes"]


def test_the_bytes_are_the_files_whatever_it_is_called(tmp_path: Path) -> None:
    """A file that calls itself Q4_K_M and holds Q8_0 weighs what it holds, and another scheme is derived from it."""
    plain = models.gguf().write(tmp_path / "a.gguf")
    named = models.gguf(file_type=15).write(tmp_path / "b.gguf")
    first, second = (estimates("-m", str(path))[0] for path in (plain, named))
    assert first["quant"]["checkpoint_bytes"] == second["quant"]["checkpoint_bytes"]
    (derived,) = estimates("-m", str(plain), "--quant", "Q4_K_M")
    assert derived["quant"]["checkpoint_bytes"] < second["quant"]["checkpoint_bytes"] * 0.7


def test_any_shard_means_the_set(tmp_path: Path) -> None:
    """Whichever is named, all are counted, and llama.cpp is given the first."""
    halves = (range(2), range(2, models.LAYERS))
    for number, layers in enumerate(halves):
        writer = models.gguf(layers=layers)
        writer.add("split.no", "uint16", number).add("split.count", "uint16", 2)
        writer.add("split.tensors.count", "int32", 3 + 9 * models.LAYERS)
        writer.write(tmp_path / f"x-{number + 1:05d}-of-00002.gguf")
    found = [
        vramfit(
            "check",
            *("-g", "custom:1GiB", "-m", str(tmp_path / f"x-0000{n}-of-00002.gguf"), "--context", "100000", "--json"),
        ).estimates[0]
        for n in (1, 2)
    ]
    assert found[0]["quant"] == found[1]["quant"]
    assert {models.PARAMETERS} == {told["model"]["parameters"] for told in found}
    assert [str(tmp_path / "x-00001-of-00002.gguf")] * 2 == [told["model"]["source"]["path"] for told in found]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = models.gguf().write(tmp_path / "x-00001-of-00002.gguf")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(path))
    assert (4, "") == (ran.code, ran.out)
    assert "x-00002-of-00002.gguf is missing" in ran.err


def test_a_folder_of_safetensors(tmp_path: Path) -> None:
    """Three classes, the first of them the file's own; weights of the header, cache of the configuration."""
    folder = models.write_folder(tmp_path / "small")
    told = estimates("-m", str(folder), "--context", "1024")
    assert ["bf16", "int8", "nf4"] == [one["quant"]["scheme"] for one in told]
    assert (2 * models.PARAMETERS, 1024 * models.CACHE_BYTES_PER_TOKEN) == (
        told[0]["breakdown"]["weights"],
        told[0]["breakdown"]["kv_cache"],
    )
    assert ["config.json", "model.safetensors"] == told[0]["model"]["source"]["files_read"]
    assert "the model is read from config.json and model.safetensors" in told[0]["assumptions"]


def test_a_configuration_alone_weighs_what_the_weights_do(tmp_path: Path) -> None:
    """Without a header the class of transformers gives the same tensors."""
    whole, alone = models.write_folder(tmp_path / "a" / "small"), models.write_config(tmp_path / "b" / "small")
    with_header, without = (estimates("-m", str(path), "--quant", "bf16") for path in (whole, alone))
    keys = ("required_bytes", "breakdown", "devices", "verdict", "limits", "throughput")
    assert [with_header[0][key] for key in keys] == [without[0][key] for key in keys]
    (by_file,) = estimates("-m", str(alone / "config.json"), "--quant", "bf16")
    assert by_file["breakdown"] == without[0]["breakdown"]


def test_weights_without_a_configuration(tmp_path: Path) -> None:
    """The weights are shown, the cache is said to be unknown: exit 3."""
    models.write_safetensors(tmp_path / "model.safetensors", models.tensors())
    (told,) = estimates("-m", str(tmp_path / "model.safetensors"), "--quant", "stored", code=3)
    assert ("unknown", None, 2 * models.PARAMETERS, None) == (
        told["verdict"], told["required_bytes"], told["breakdown"]["weights"], told["breakdown"]["kv_cache"],
    )  # fmt: skip
    assert "there is no config.json beside its weights" in told["assumptions"][0]
    assert (models.PARAMETERS, "unknown") == (told["model"]["parameters"], told["model"]["knowledge"])


def test_what_a_token_takes_finishes_it(tmp_path: Path) -> None:
    """With ``--kv-bytes-per-token`` the same model is answered as if its configuration were there."""
    bare = tmp_path / "bare"
    models.write_safetensors(bare / "model.safetensors", models.tensors())
    folder = models.write_folder(tmp_path / "small")
    asked = ("--quant", "stored", "--context", "1024")
    (told,) = estimates("-m", str(bare), *asked, "--kv-bytes-per-token", str(models.CACHE_BYTES_PER_TOKEN))
    (whole,) = estimates("-m", str(folder), *asked)
    assert told["breakdown"] == whole["breakdown"]
    assert told["deployment"]["kv_bytes_per_token"] == models.CACHE_BYTES_PER_TOKEN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kv-bytes-per-token", "511"), "no whole number of 16-bit elements"),
        (
            ("--kv-bytes-per-token", "512", "--kv-cache-type", "q8_0", "--engine", "llama.cpp"),
            "q8_0 can change nothing",
        ),
        (("--kv-bytes-per-token", "0"), "not a valid value"),
    ],
)
def test_bytes_per_token_that_mean_nothing(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    folder = models.write_folder(tmp_path / "small")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(folder), *arguments)
    assert ran.code == 2
    assert said in ran.err


T5 = {
    "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True, "d_model": 64,
    "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4, "vocab_size": 256,
    "feed_forward_proj": "relu", "tie_word_embeddings": True,
}  # fmt: skip
"""Encoder of two layers and decoder of three, whose layers keep 2 x 4 x 16 elements of a token."""


def write_t5(folder: Path) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(T5), encoding="utf-8")
    return str(folder / "config.json")


def test_an_encoder_of_any_length_is_stated(tmp_path: Path) -> None:
    """Weights are shown in any case; caches are the decoder's own tokens and what the encoder made of its input."""
    asked = ("-m", write_t5(tmp_path / "t5"), "--quant", "bf16", "--context", "100")
    (told,) = estimates(*asked, code=3)
    (known,) = estimates(*asked, "--encoder-tokens", "300")
    assert ("unknown", None) == (told["verdict"], told["breakdown"]["kv_cache"])
    assert told["breakdown"]["weights"] == known["breakdown"]["weights"]
    assert "--encoder-tokens N" in told["assumptions"][0]
    assert known["breakdown"]["kv_cache"] == 3 * (100 + 300) * 2 * 4 * 16 * 2
    assert known["deployment"]["encoder_tokens"] == 300


@pytest.mark.parametrize(
    ("model", "arguments", "code", "message"),
    [
        ("t5", ("--engine", "vllm"), 3, "the memory of encoder-decoders on vllm is not modelled"),
        ("t5", ("--engine", "llama.cpp"), 3, "the memory of encoder-decoders on llama.cpp is not modelled"),
        ("t5", ("--kv-bytes-per-token", "64"), 2, "both state what the cache keeps"),
        ("qwen3-8b", (), 2, "has no encoder whose input may be of any length"),
        ("llama-3.2-11b-vision", (), 2, "has no encoder whose input may be of any length"),
    ],
)
def test_encoders_that_are_not_answered(
    tmp_path: Path, model: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    name = write_t5(tmp_path / "t5") if model == "t5" else model
    ran = vramfit("check", "-g", "rtx4090", "-m", name, "--encoder-tokens", "300", *arguments)
    assert (ran.code, message in ran.err) == (code, True), ran.err


def test_an_encoder_of_fixed_length_on_a_server(tmp_path: Path) -> None:
    """Whisper's decoder layers keep 1,500 outputs of the encoder, in whole blocks of 16 tokens on vLLM."""
    config = {
        "architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "is_encoder_decoder": True,
        "d_model": 64, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "max_source_positions": 1500,
        "max_target_positions": 448, "num_mel_bins": 80, "vocab_size": 256,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    token = 2 * 64 * 2
    both = 2 * (448 + 1500)  # SGLang's pool has rows of both attentions for each token of either
    for engine, tokens in (("transformers", 448 + 1500), ("vllm", 448 + 1504), ("sglang", both)):
        asked = ("-m", str(tmp_path / "config.json"), "--engine", engine, "--context", "448")
        (told,) = estimates(*asked, "--quant", "bf16")
        assert (engine, told["breakdown"]["kv_cache"]) == (engine, 3 * tokens * token)


def test_a_model_type_that_is_not_known(tmp_path: Path) -> None:
    """A header gives its weights; what stands in the way of its cache is named."""
    folder = models.write_folder(
        tmp_path / "odd", model_type="foo", architectures=["FooForCausalLM"], ssm_state_size=16
    )
    (told,) = estimates("-m", str(folder), "--quant", "stored", code=3)
    assert 2 * models.PARAMETERS == told["breakdown"]["weights"]
    assert "ssm_state_size" in told["assumptions"][0]


def test_a_standard_cache_of_a_model_type_that_is_not_known(tmp_path: Path) -> None:
    """Fields that mean the same in every configuration give the cache, the header the weights."""
    folder = models.write_folder(tmp_path / "odd", model_type="foo", architectures=["FooForCausalLM"])
    known = models.write_folder(tmp_path / "small")
    asked = ("--quant", "stored", "--context", "1024")
    (told,), (same,) = (estimates("-m", str(path), *asked) for path in (folder, known))
    assert (told["model"]["knowledge"], told["breakdown"]) == ("standard", same["breakdown"])


@pytest.mark.parametrize(
    ("settings", "scheme", "engine"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq", "transformers"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "gptq-int4-g32", "transformers"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block", "transformers"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4", "vllm"),
        ({"quant_method": "exl3", "bits": 4.0}, "exl3-4.0", "exllamav3"),
    ],
)
def test_a_quantized_configuration_is_answered_as_it_is(
    tmp_path: Path, settings: dict[str, Any], scheme: str, engine: str
) -> None:
    """One row, in the scheme it states, with an engine that loads it."""
    folder = models.write_config(tmp_path / "small", quantization_config=settings)
    (told,) = estimates("-m", str(folder))
    assert (scheme, engine) == (told["quant"]["scheme"], told["engine"])


def test_a_method_that_is_not_known(tmp_path: Path) -> None:
    """Without weights it cannot be told; in another scheme it can."""
    folder = models.write_config(tmp_path / "small", quantization_config={"quant_method": "xyz"})
    ran = vramfit("check", "-g", "rtx4090", "-m", str(folder))
    assert ran.code == 3
    assert "quant_method 'xyz'" in ran.err
    assert len(estimates("-m", str(folder), "--quant", "bf16")) == 1


def test_mistrals_own_format(tmp_path: Path) -> None:
    """``params.json`` and ``consolidated.safetensors`` are the same model."""
    params = {
        "dim": models.HIDDEN, "n_layers": models.LAYERS, "n_heads": models.HEADS, "n_kv_heads": models.KV_HEADS,
        "head_dim": models.HEAD, "hidden_dim": models.WIDTH, "vocab_size": models.VOCAB,
    }  # fmt: skip
    (tmp_path / "params.json").write_text(json.dumps(params), encoding="utf-8")
    (told,) = estimates("-m", str(tmp_path), "--quant", "bf16", "--context", "1024")
    assert (models.PARAMETERS, 1024 * models.CACHE_BYTES_PER_TOKEN) == (
        told["model"]["parameters"],
        told["breakdown"]["kv_cache"],
    )


def test_a_folder_of_gguf_files(tmp_path: Path) -> None:
    """Of several, llama.cpp's choice."""
    for name in ("x-Q8_0.gguf", "x-Q4_K_M.gguf"):
        models.gguf().write(tmp_path / name)
    (told,) = estimates("-m", str(tmp_path))
    assert ["x-Q4_K_M.gguf"] == told["model"]["source"]["files_read"]


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({}, 2, "it is empty"),
        ({"README.md": "x", "tokenizer.json": "{}"}, 2, "found README.md, tokenizer.json"),
        ({"config.json": "[1]"}, 4, "config.json is not a JSON object"),
        ({"config.json": '{"a": 1, "a": 2}'}, 4, "stands in it twice"),
        ({"config.json": "[" * 100_000}, 4, "config.json"),
        (
            {"config.json": '{"model_type": "llama", "num_hidden_layers": "many"}'},
            4,
            "states num_hidden_layers as 'many'",
        ),
        ({"config.json": '{"model_type": "llama", "num_hidden_layers": -4}'}, 4, "num_hidden_layers as -4"),
        ({"config.json": "{}"}, 3, "unknown"),
        ({"model.safetensors": "short"}, 4, "model.safetensors"),
    ],
)
def test_folders_that_describe_nothing(tmp_path: Path, files: dict[str, str], code: int, said: str) -> None:
    """One line and a hint, or a report that says what is not known; never a traceback."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(tmp_path), "--quant", "bf16")
    assert ran.code == code
    assert said in ran.out + ran.err
    assert code == 3 or len(ran.err.splitlines()) in (1, 2)


@pytest.mark.parametrize("name", ["./nothing.gguf", "/nowhere/at/all", "~nobody/x.safetensors"])
def test_files_that_do_not_exist(name: str) -> None:
    ran = vramfit("check", "-g", "rtx4090", "-m", name)
    assert (2, "") == (ran.code, ran.out)
    assert f"there is no file or directory {name}" in ran.err


def test_catalogue_names_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory called like an entry is meant only with ``./``."""
    models.write_folder(tmp_path / "llama-3.1-8b")
    monkeypatch.chdir(tmp_path)
    (entry,) = estimates("-m", "llama-3.1-8b", "--quant", "bf16")
    (folder,) = estimates("-m", "./llama-3.1-8b", "--quant", "bf16")
    assert "source" not in entry["model"]
    assert (models.PARAMETERS, "./llama-3.1-8b") == (folder["model"]["parameters"], folder["model"]["id"])


@pytest.mark.parametrize("timeout", ["0", "-1", "x", "1e9", "3601"])
def test_a_timeout_that_is_none(timeout: str) -> None:
    ran = vramfit("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--timeout", timeout)
    assert ran.code == 2
    assert f'timeout: "{timeout}" is not a valid value' in ran.err


def test_prediction_heads_are_told_apart(tmp_path: Path) -> None:
    """They are in the file, in no weights and in no parameters, and the report says how much they are."""
    plain = models.gguf().write(tmp_path / "plain.gguf")
    writer = models.gguf()
    writer.pairs[:] = [pair for pair in writer.pairs if pair[0] != "llama.block_count"]
    writer.add("llama.block_count", "uint32", models.LAYERS + 1).add("llama.nextn_predict_layers", "uint32", 1)
    for name in ("nextn.eh_proj.weight", "attn_q.weight"):
        writer.tensor(f"blk.{models.LAYERS}.{name}", (1024, 32_768), 0)
    heads = writer.write(tmp_path / "heads.gguf")
    (one,), (other,) = (estimates("-m", str(path)) for path in (plain, heads))
    assert other["quant"]["checkpoint_bytes"] - one["quant"]["checkpoint_bytes"] == 2 * 4 * 1024 * 32_768
    assert [one[key] for key in ("breakdown", "required_bytes")] == [
        other[key] for key in ("breakdown", "required_bytes")
    ]
    assert one["model"]["parameters"] == other["model"]["parameters"]
    assert (
        "0.25 GiB of its files are prediction heads (MTP), loaded with it only for speculative decoding"
        in other["assumptions"]
    )


@pytest.mark.parametrize(("bits", "group", "each"), [(4, 64, 4.5), (8, 32, 9.0)])
def test_a_folder_of_mlx(tmp_path: Path, bits: int, group: int, each: float) -> None:
    """Matrices back in logical shape, their scales and biases counted; an Apple machine runs it."""
    folder = models.write_mlx(tmp_path / "small", bits, group)
    ran = vramfit("check", "-g", "m4-pro-48gb", "-m", str(folder), "--json")
    (told,) = ran.estimates
    norms = models.HIDDEN * (2 * models.LAYERS + 1)
    assert ("mlx", models.PARAMETERS, int((models.PARAMETERS - norms) * each / 8) + 2 * norms) == (
        told["engine"], told["model"]["parameters"], told["quant"]["checkpoint_bytes"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"n_layers": "4"}, 4, "states num_hidden_layers as '4'"),
        ({"dim": -1}, 4, "states hidden_size as -1"),
        ({"moe": {"num_experts": 4, "num_experts_per_tok": 2}}, 0, ""),
    ],
)
def test_mistrals_settings_are_checked(tmp_path: Path, changes: dict[str, Any], code: int, said: str) -> None:
    folder = models.write_params(tmp_path / "small", **changes)
    ran = vramfit("check", "-g", "rtx4090", "-m", str(folder), "--quant", "bf16")
    assert (code, True) == (ran.code, said in ran.err)


def test_a_pipeline_of_diffusers_is_refused_with_its_weight(tmp_path: Path) -> None:
    """Parts without weights are passed over; the parameters of the others are shown."""
    for part in ("transformer", "vae"):
        models.write_safetensors(tmp_path / part / "diffusion_pytorch_model.safetensors", models.tensors())
    (tmp_path / "scheduler").mkdir()
    index = {
        "_class_name": "FooPipeline", "transformer": ["diffusers", "Foo"], "vae": ["diffusers", "VAE"],
        "scheduler": ["diffusers", "Euler"], "safety_checker": [None, None],
    }  # fmt: skip
    (tmp_path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(tmp_path))
    assert (3, "") == (ran.code, ran.out)
    assert "has activations that are not modelled yet" in ran.err
    shown = json.loads(vramfit("show", str(tmp_path), "--json").out)
    assert [("transformer", models.PARAMETERS), ("vae", models.PARAMETERS)] == [
        (one["name"], one["parameters"]) for one in shown["components"]
    ]
