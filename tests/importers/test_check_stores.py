"""The stores of this disk behind ``--model``, ``--here``, ``import`` and ``show``, as a user runs them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models
from tests.importers.loopback import Loopback, Repository
from tests.importers.trees import COMMIT, hub_snapshot, manifest, ollama_blob, ollama_tag
from tests.importers.write_gguf import GgufWriter
from vramfit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _known(compiled_catalogue: None) -> None:
    pass


@pytest.fixture
def stores(disk: Path) -> Path:
    """A Hub cache, an Ollama store and LM Studio's folder, each with the small model."""
    raw = models.gguf().write(disk / "x.gguf").read_bytes()
    folder = models.write_folder(disk / "made")
    cache = disk / "cache" / "huggingface" / "hub"
    hub_snapshot(cache, "acme/Foo-GGUF", {"Foo-Q8_0.gguf": raw})
    hub_snapshot(cache, "acme/Foo", {path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    store = disk / ".ollama" / "models"
    ollama_tag(store, "registry.ollama.ai/library/foo/latest", manifest({"model": (1, len(raw)), "params": (2, 30)}))
    ollama_blob(store, 1, raw)
    ollama_blob(store, 2, '{"num_ctx": 2048}')
    ollama_blob(store, 9, '{"file_type": "Q8_0"}')
    (disk / ".lmstudio" / "models" / "acme" / "Bar").mkdir(parents=True)
    (disk / ".lmstudio" / "models" / "acme" / "Bar" / "Bar-Q8_0.gguf").write_bytes(raw)
    return disk


def estimates(name: str) -> list[dict[str, Any]]:
    """The estimates of a name, without the network."""
    ran = vramfit("check", "-g", "rtx4090", "-m", name, "--offline", "--json")
    assert (ran.code, ran.err) == (0, "")
    return ran.estimates


@pytest.mark.parametrize(
    ("name", "engine", "scheme", "store"),
    [
        ("hf:acme/Foo-GGUF", "llama.cpp", "Q8_0", "huggingface"),
        ("hf:acme/Foo-GGUF:q8_0", "llama.cpp", "Q8_0", "huggingface"),
        ("hf:acme/Foo-GGUF:Foo-Q8_0.gguf", "llama.cpp", "Q8_0", "huggingface"),
        ("acme/Foo-GGUF", "llama.cpp", "Q8_0", "huggingface"),
        ("https://huggingface.co/acme/Foo-GGUF", "llama.cpp", "Q8_0", "huggingface"),
        ("acme/Foo", "transformers", "bf16", "huggingface"),
        (f"hf:acme/Foo@{COMMIT[:8]}", "transformers", "bf16", "huggingface"),
        ("foo", "ollama", "Q8_0", "ollama"),
        ("ollama:foo", "ollama", "Q8_0", "ollama"),
        ("ollama:foo:latest", "ollama", "Q8_0", "ollama"),
        ("lmstudio:acme/Bar", "llama.cpp", "Q8_0", "lmstudio"),
    ],
)
def test_names_of_what_the_disk_holds(stores: Path, name: str, engine: str, scheme: str, store: str) -> None:
    """The form that the name means, with the engine that loads it, under the user's own reference."""
    told = estimates(name)
    assert (engine, scheme) == (told[0]["engine"], told[0]["quant"]["scheme"])
    assert (name, models.PARAMETERS, store) == (
        told[0]["model"]["id"], told[0]["model"]["parameters"], told[0]["model"]["source"]["store"],
    )  # fmt: skip
    assert len(told) == (1 if scheme == "Q8_0" else 3)


def test_what_a_tag_sets_is_asked(stores: Path) -> None:
    """Ollama's ``num_ctx`` is the context, unless another is asked for."""
    assert estimates("ollama:foo")[0]["deployment"]["context"] == 2048
    ran = vramfit("check", "-g", "rtx4090", "-m", "foo", "--context", "512", "--offline", "--json")
    assert ran.estimates[0]["deployment"]["context"] == 512


def test_commands_name_what_is_there(stores: Path) -> None:
    """By repository, by tag and by path, never a file that is yet to be made."""
    commands = []
    for name in ("hf:acme/Foo-GGUF:Q8_0", "ollama:foo", "lmstudio:acme/Bar"):
        ran = vramfit("recommend", "-m", name, "--limit", "1", "--format", "ndjson")
        commands.append(json.loads(ran.out.splitlines()[0])["command"])
    assert commands[0].startswith("llama-server -hf acme/Foo-GGUF:Q8_0 ")
    assert commands[1].endswith(" ollama serve &\nollama run foo:latest")
    assert commands[2].startswith(f"llama-server -m {stores}/.lmstudio/models/acme/Bar/Bar-Q8_0.gguf ")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("hf:acme/Other", 4, "hf:acme/Other is not on this disk"),
        ("acme/Other", 4, "hf:acme/Other is not on this disk"),
        ("hf:acme/Foo-GGUF:Q4_K_M", 4, "Q4_K_M"),
        ("ollama:bar", 4, "ollama:bar:latest is not in Ollama's store"),
        ("bar", 2, 'no model is called "bar"'),
        ("hf:", 2, "is no name of a repository"),
        ("https://example.com/page", 2, "is no address of a model"),
    ],
)
def test_names_of_what_it_does_not_hold(stores: Path, name: str, code: int, said: str) -> None:
    """A line and a hint; nothing is asked of the network."""
    ran = vramfit("check", "-g", "rtx4090", "-m", name, "--offline")
    assert (code, "") == (ran.code, ran.out)
    assert said in ran.err.splitlines()[0]


def test_the_list_of_this_disk(stores: Path) -> None:
    """What each store holds under the reference that ``--model`` takes."""
    told = json.loads(vramfit("list", "models", "--here", "--json").out)["models"]
    assert [("hf:acme/Foo", "safetensors"), ("hf:acme/Foo-GGUF:Q8_0", "gguf"), ("ollama:foo:latest", "gguf"),
            ("lmstudio:acme/Bar:Q8_0", "gguf")] == [(one["id"], one["kind"]) for one in told]  # fmt: skip
    for style in ("table", "plain", "csv", "markdown"):
        assert "ollama:foo:latest" in vramfit("list", "models", "--here", "--format", style).out
    assert [told[2]] == json.loads(vramfit("list", "models", "--here", "--search", "OLLAMA", "--json").out)["models"]
    assert vramfit("list", "models", "--here", "--family", "llama").code == 2


def test_matrix_and_recommend_of_this_disk(stores: Path) -> None:
    """Every model as it is stored."""
    ran = vramfit("matrix", "--here", "-g", "rtx4090", "--format", "plain", "--no-header")
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [("hf:acme/Foo", "bf16"), ("hf:acme/Foo-GGUF:Q8_0", "Q8_0"), ("ollama:foo:latest", "Q8_0"),
            ("lmstudio:acme/Bar:Q8_0", "Q8_0")] == [(row[1], row[4]) for row in rows]  # fmt: skip
    best = vramfit("recommend", "--here", "-g", "rtx4090", "--format", "plain", "--no-header").out.splitlines()
    assert {"hf:acme/Foo", "hf:acme/Foo-GGUF:Q8_0", "ollama:foo:latest", "lmstudio:acme/Bar:Q8_0"} == {
        line.split("\t")[2] for line in best
    }
    for command in ("matrix", "recommend"):
        ran = vramfit(command, "--here", "-g", "rtx4090", "-m", "llama-3.1-8b")
        assert (2, "") == (ran.code, ran.out)


def test_a_disk_without_models(disk: Path) -> None:
    ran = vramfit("matrix", "--here", "-g", "rtx4090")
    assert (4, "") == (ran.code, ran.out)
    assert "this disk holds no model that can be read" in ran.err


@pytest.mark.parametrize("name", ["hf:acme/Foo", "ollama:foo", "x.gguf"])
def test_an_imported_entry_is_the_same_model(
    stores: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lints clean, and answers as the reference does."""
    monkeypatch.chdir(stores)
    ran = vramfit("import", name, "--offline")
    assert (0, "") == (ran.code, ran.err)
    own = tmp_path / "own.yaml"
    own.write_text(ran.out, encoding="utf-8")
    assert vramfit("catalogue", "lint", str(own)).code == 0
    entry = next(line.partition('"')[2].rstrip('"') for line in ran.out.splitlines() if line.startswith("  - id:"))
    asked = ("check", "-g", "rtx4090", "--quant", "bf16", "--engine", "transformers", "--context", "1024", "--json")
    by_entry = vramfit(*asked, "-m", entry, "--catalogue", str(own)).estimates[0]
    by_name = vramfit(*asked, "-m", name, "--offline").estimates[0]
    keys = ("required_bytes", "breakdown", "devices", "verdict", "limits", "throughput")
    assert [by_entry[key] for key in keys] == [by_name[key] for key in keys]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("llama-3.1-8b", 2, "llama-3.1-8b is in the catalogue"),
        ("./odd", 3, "cannot be told"),
        ("./nothing", 2, "there is no file or directory ./nothing"),
    ],
)
def test_what_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int, said: str
) -> None:
    models.write_config(tmp_path / "odd", model_type="foo", architectures=["FooForCausalLM"])
    monkeypatch.chdir(tmp_path)
    ran = vramfit("import", name)
    assert (code, "") == (ran.code, ran.out)
    assert said in ran.err


def test_show_of_a_reference(stores: Path) -> None:
    """The same page as an entry's, with the files that were read as its sources."""
    told = json.loads(vramfit("show", "hf:acme/Foo", "--json").out)
    assert (models.PARAMETERS, models.LAYERS, "known") == (told["parameters"], told["layer_count"], told["knowledge"])
    assert [f"config.json of acme/Foo at {COMMIT}", f"model.safetensors of acme/Foo at {COMMIT}"] == [
        one["name"] for one in told["sources"]
    ]
    assert "8,192 tokens" in vramfit("show", "hf:acme/Foo", "--format", "table").out


def test_a_pipeline(tmp_path: Path) -> None:
    """Weights of its networks are stated, and that activations are not known."""
    models.write_safetensors(
        tmp_path / "pipe" / "transformer" / "diffusion_pytorch_model.safetensors", models.tensors()
    )
    index = {"_class_name": "FooPipeline", "transformer": ["diffusers", "Foo"], "scheduler": ["diffusers", "X"]}
    (tmp_path / "pipe" / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(tmp_path / "pipe"))
    assert ran.code == 3
    assert "its weights take" in ran.err


def test_a_repository_of_the_hub(net: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Config and headers by ranges, what was read by commit, the token in nothing that is printed."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    folder = models.write_folder(tmp_path / "made")
    net.repositories["acme/far"] = Repository({path.name: path.read_bytes() for path in folder.iterdir()})
    ran = vramfit("check", "-g", "rtx4090", "-m", "acme/far", "--json")
    assert (0, "") == (ran.code, ran.err)
    (told, *_) = ran.estimates
    assert ("bf16", models.PARAMETERS, COMMIT) == (
        told["quant"]["scheme"], told["model"]["parameters"], told["model"]["source"]["commit"],
    )  # fmt: skip
    assert f"the model is read from config.json and model.safetensors, commit {COMMIT[:7]}" in told["assumptions"]
    assert "hf_secret" not in ran.out
    asked = len(net.asked)
    assert (ran.out, asked) == (vramfit("check", "-g", "rtx4090", "-m", "acme/far", "--json").out, len(net.asked))


def test_a_repository_that_the_hub_does_not_have(net: Loopback) -> None:
    ran = vramfit("check", "-g", "rtx4090", "-m", "hf:acme/none", "--timeout", "5")
    assert (4, "", 2) == (ran.code, ran.out, len(ran.err.splitlines()))
    assert "the catalogue has" not in ran.err


@pytest.mark.parametrize(
    ("name", "near"), [("Qwen/Qwen3-8BB", "qwen3-8b"), ("hf:meta-llama/Llama-3.1-8", "llama-3.1-8b")]
)
def test_a_missing_repository_names_near_entries(net: Loopback, name: str, near: str) -> None:
    """A slip in a repository's name is a 404 of the Hub, and the hint says what the catalogue has of nearly that name."""
    ran = vramfit("check", "-g", "rtx4090", "-m", name, "--timeout", "5")
    assert (4, "", 2) == (ran.code, ran.out, len(ran.err.splitlines()))
    assert f"hint: the catalogue has {near}" in ran.err


@pytest.mark.parametrize(
    ("name", "model", "scheme"),
    [
        ("ollama:llama3.1:8b", "llama-3.1-8b", "Q4_K_M"),
        ("ollama:llama3.1:8b-instruct-q8_0", "llama-3.1-8b", "Q8_0"),
        ("ollama:llama3.1:8b-instruct-fp16", "llama-3.1-8b", "F16"),
        ("ollama:gpt-oss:20b", "gpt-oss-20b", "MXFP4"),
    ],
)
def test_a_tag_that_the_catalogue_has_is_answered_without_the_network(
    disk: Path, name: str, model: str, scheme: str
) -> None:
    """One row, as Ollama's library has the tag; the report says where it comes from."""
    (told,) = estimates(name)
    assert (model, "ollama", scheme) == (told["model"]["id"], told["engine"], told["quant"]["scheme"])
    note = f"{name} is not in Ollama's store: the catalogue's entry answers for it"
    assert note in told["assumptions"]
    entry = vramfit("check", "-g", "rtx4090", "-m", model, "--engine", "ollama", "--quant", scheme, "--json").estimates
    assert entry[0]["required_bytes"] == told["required_bytes"]


def unreached(*_: object) -> None:
    raise InputError("registry.ollama.ai cannot be reached: no route", "check the network")


def silent(*_: object) -> None:
    time.sleep(60)


@pytest.mark.parametrize(
    ("words", "model", "scheme"),
    [
        (("-m", "ollama:qwen3:14b"), "qwen3-14b", "Q4_K_M"),
        (("--", "ollama", "run", "qwen3:14b"), "qwen3-14b", "Q4_K_M"),
        (("--", "ollama", "run", "llama3.1:8b-instruct-q8_0"), "llama-3.1-8b", "Q8_0"),
        (("-m", "hf:unsloth/Qwen3-8B-GGUF:Q5_K_M"), "qwen3-8b", "Q5_K_M"),
    ],
)
@pytest.mark.parametrize(
    ("locate", "reason"),
    [(unreached, "registry.ollama.ai cannot be reached: no route"), (silent, "nothing answers within 0.2 s")],
)
def test_a_network_that_does_not_answer_leaves_it_to_the_catalogue(
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    model: str,
    scheme: str,
    locate: object,
    reason: str,
) -> None:
    """One row, in the form that the name means, soon, and with a note of the reason."""
    monkeypatch.setattr("vramfit.importers.places.locate", locate)
    ran = vramfit("check", "-g", "rtx3060-12gb", "--json", "--timeout", "0.1", *words)
    (told,) = ran.estimates
    assert (model, scheme) == (told["model"]["id"], told["quant"]["scheme"])
    assert f"answered as the catalogue knows it, not from its own file: {reason}" in told["assumptions"]


def test_a_model_that_the_catalogue_lacks_is_an_error_of_the_network(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vramfit.importers.places.locate", unreached)
    ran = vramfit("check", "-g", "rtx3060-12gb", "--", "ollama", "run", "someone/thing:7b")
    assert (4, "", "error: registry.ollama.ai cannot be reached: no route") == (
        ran.code,
        ran.out,
        ran.err.splitlines()[0],
    )


@pytest.mark.parametrize(
    "name", ["ollama:llama3.1:9b", "ollama:someone/llama3.1:8b", "ollama:localhost:1/x/llama3.1:8b"]
)
def test_a_tag_of_another_size_or_owner_is_not_the_entry(disk: Path, name: str) -> None:
    ran = vramfit("check", "-g", "rtx4090", "-m", name, "--offline")
    assert (4, "") == (ran.code, ran.out)
    assert "is not in Ollama's store" in ran.err


def test_show_of_a_tag_that_the_catalogue_has(disk: Path) -> None:
    """The page is the entry's."""
    assert vramfit("show", "ollama:llama3.1:8b", "--offline").out == vramfit("show", "llama-3.1-8b").out


def test_a_tag_with_an_adapter(stores: Path) -> None:
    """Base and adapter are counted, the adapter as its file has it: F32 matrices of 64 x 16 and 16 x 64."""
    store = stores / ".ollama" / "models"
    writer = GgufWriter().add("general.type", "string", "adapter").add("adapter.type", "string", "lora")
    writer = writer.tensor("blk.0.attn_q.weight.lora_a", (64, 16), 0).tensor("blk.0.attn_q.weight.lora_b", (16, 64), 0)
    ollama_blob(store, 3, writer.write(stores / "adapter.gguf").read_bytes())
    layers = {"model": (1, 1000), "adapter": (3, 1000), "params": (2, 30)}
    ollama_tag(store, "registry.ollama.ai/library/tuned/latest", manifest(layers))
    (plain,), (tuned,) = estimates("ollama:foo"), estimates("ollama:tuned")
    assert tuned["breakdown"]["weights"] - plain["breakdown"]["weights"] == 2 * 64 * 16 * 4
    assert tuned["breakdown"]["kv_cache"] == plain["breakdown"]["kv_cache"]
    assert tuned["model"]["parameters"] == plain["model"]["parameters"]
    assert "an adapter goes on it: its 2,048 parameters" in " ".join(tuned["assumptions"])


def test_a_tag_whose_adapter_is_none(stores: Path) -> None:
    """A model in the place of an adapter is refused by name."""
    store = stores / ".ollama" / "models"
    ollama_tag(store, "registry.ollama.ai/library/odd/latest", manifest({"model": (1, 9), "adapter": (1, 9)}))
    ran = vramfit("check", "-g", "rtx4090", "-m", "ollama:odd", "--offline")
    assert (ran.code, "is not a LoRA adapter" in ran.err) == (4, True)
