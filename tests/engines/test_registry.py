"""Which engines there are, and which is taken."""

from __future__ import annotations

import pytest

from vramfit.engines import DEFAULT, engine, engine_of_family, names, own_groups
from vramfit.errors import CannotTell
from vramfit.quantization import SCHEMES
from vramfit.workload.keys import Group


def test_the_engines() -> None:
    """In the order of help texts and lists; each is what its folder calls it."""
    expected = (
        "transformers", "llama.cpp", "vllm", "sglang", "ollama", "exllamav2", "exllamav3", "mlx", "tensorrt-llm",
        "diffusers", "comfyui", "whisper.cpp", "faster-whisper", "openai-whisper",
    )  # fmt: skip
    assert expected == names()
    assert expected == tuple(engine(name).name for name in names())
    assert DEFAULT in names()


@pytest.mark.parametrize("name", ["lmdeploy", "", "LLAMA.CPP", "vramfit"])
def test_an_engine_that_is_not_modelled_is_no_guess(name: str) -> None:
    """Exit 3, with those that are."""
    with pytest.raises(CannotTell) as caught:
        engine(name)
    assert f'engine "{name}" is not modelled yet' == caught.value.message
    assert f"modelled so far: {', '.join(names())}; see `vramfit list engines`" == caught.value.hint


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("llama.cpp", "gguf"),
        ("exllamav2", "exl2"),
        ("exllamav3", "exl3"),
        ("mlx", "mlx"),
        ("faster-whisper", "ctranslate2"),
        ("transformers", "bitsandbytes"),
        ("transformers", "awq"),
        ("transformers", "plain"),
    ],
)
def test_the_engine_of_a_family(name: str, family: str) -> None:
    """A file says which program reads it; everything else is transformers'."""
    assert name == engine_of_family(family)


def test_the_engine_of_each_family_loads_it() -> None:
    """The default engine where it does, else the first in the table (vLLM for NVFP4)."""
    families = {scheme.family for scheme in SCHEMES.values()}
    unloaded = {family for family in families if family not in engine(engine_of_family(family)).families}
    assert set() == unloaded
    assert "vllm" == engine_of_family("nvfp4")


def test_groups_of_own_keys_come_once() -> None:
    """Engines that share keys share their declaration; each engine's own are among them."""
    groups = own_groups()
    assert groups
    assert all(isinstance(group, Group) for group in groups)
    assert len({id(group) for group in groups}) == len(groups)
    assert {id(group) for name in names() for group in engine(name).groups} == {id(group) for group in groups}


@pytest.mark.parametrize(
    ("name", "spans_machines", "recommended", "follows_gpus", "fallback", "loads_in_class", "latency_by"),
    [
        ("transformers", False, 2, False, "llama.cpp", {}, "scheme"),
        ("llama.cpp", False, 0, False, None, {}, "card"),
        ("vllm", True, 3, False, None, {"int8": ("fp8",)}, "card"),
        ("sglang", True, 4, False, None, {"int8": ("fp8",)}, "card"),
        ("ollama", False, None, True, None, {}, "card"),
        ("exllamav2", False, None, False, None, {}, "card"),
        ("exllamav3", False, None, False, None, {}, "card"),
        ("mlx", False, 1, False, None, {}, "card"),
        ("tensorrt-llm", True, None, False, None, {"int4": ("nvfp4",)}, "card"),
    ],
)
def test_what_is_asked_of_an_engine(
    name: str, spans_machines: bool, recommended: int | None, follows_gpus: bool, fallback: str | None,
    loads_in_class: dict[str, tuple[str, ...]], latency_by: str,
) -> None:  # fmt: skip
    """Facts that remedies, recommendations and speeds go by, of every engine."""
    found = engine(name)
    assert (spans_machines, recommended, follows_gpus, fallback, loads_in_class, latency_by) == (
        found.spans_machines, found.recommended, found.follows_gpus, found.fallback, found.loads_in_class,
        found.speed().latency_by,
    )  # fmt: skip
