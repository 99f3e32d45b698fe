"""The one table of optimizers, and that every one of them is answered for as a user asks."""

from __future__ import annotations

import pytest

from tests.command import vramfit
from tests.launch.test_flags import KNOWN, verify
from vramfit.engines.keys import every_key
from vramfit.workload.optimizers import OPTIMIZERS, find_optimizer

ADAPTERS_ONLY = "lora_fa"
TABLE = [
    ("adamw", 4000, "adamw_torch"),
    ("adamw8bit", 2031, "adamw_8bit"),
    ("adamw4bit", 1062, "adamw_torch_4bit"),
    ("paged_adamw", 0, "paged_adamw_32bit"),
    ("paged_adamw8bit", 0, "paged_adamw_8bit"),
    ("ademamix", 6000, "ademamix"),
    ("ademamix8bit", 3047, "ademamix_8bit"),
    ("adafactor", 100, "adafactor"),
    ("adagrad", 2000, "adagrad"),
    ("rmsprop", 2000, "rmsprop"),
    ("sgd", 2000, "sgd"),
    ("lion", 2000, "lion_32bit"),
    ("lion8bit", 1016, "lion_8bit"),
    ("paged_lion", 0, "paged_lion_32bit"),
    ("paged_lion8bit", 0, "paged_lion_8bit"),
    ("lora_fa", 2000, None),
]
"""Name, GPU bytes of the states of 1,000 parameters of 2 bytes, transformers' ``optim``."""


def test_the_table() -> None:
    """All of it: a name more or a state less is a decision."""
    told = [(o.name, o.state_bytes(1000, 2), o.transformers) for o in OPTIMIZERS]
    assert TABLE == told
    assert tuple(name for name, *_ in TABLE) == every_key()["optimizer"].words


def test_states_follow_the_parameter_s_dtype_unless_they_are_quantized() -> None:
    """4,000 bytes of two 16-bit states are 8,000 of two 32-bit ones; 8-bit states stay what they are."""
    for name, narrow, _ in TABLE:
        optimizer = find_optimizer(name)
        assert optimizer is not None
        assert (narrow if optimizer.bits else 2 * narrow) == optimizer.state_bytes(1000, 4)


def test_transformers_has_the_names() -> None:
    """Each is one of its ``OptimizerNames``, and each is read back as its own optimizer."""
    named = [o for o in OPTIMIZERS if o.transformers is not None]
    assert 15 == len(named)
    assert {o.transformers for o in named} <= set(KNOWN["python"]["optim"])
    assert named == [find_optimizer(o.transformers or "") for o in named]


def test_no_name_belongs_to_two() -> None:
    """The first in the table would win unseen."""
    names = [name for o in OPTIMIZERS for name in (o.name, *({o.transformers} - {o.name, None}), *o.aliases)]
    plain = [str(name).replace("_", "") for name in names]
    twice = {name for name in plain if plain.count(name) > 1}
    # transformers' own spelling of a name differs from ours in underscores at most.
    assert twice == {"adamw8bit", "pagedadamw8bit", "ademamix8bit", "lion8bit", "pagedlion8bit"}
    assert all(alias == alias.lower().replace("_", "").replace("-", "") for o in OPTIMIZERS for alias in o.aliases)


@pytest.mark.parametrize("task", ["full", "lora", "qlora"])
@pytest.mark.parametrize("name", [name for name, *_ in TABLE])
def test_every_optimizer_is_answered_where_it_does_not_fit(name: str, task: str) -> None:
    """A T4 is too small for a step of 4 x 8192 tokens with any of them: an answer, a remedy, and its command."""
    ran = vramfit(
        "check", "--gpu", "t4", "--model", "llama-2-7b", "--task", task, "--optimizer", name,
        "--sequence-length", "8192", "--micro-batch", "4", "--json",
    )  # fmt: skip
    if (name, task) == (ADAPTERS_ONLY, "full"):
        assert 2 == ran.code
        assert "optimizer lora_fa trains adapters only" == ran.document["error"]["message"]
        return
    (estimate,) = ran.estimates
    assert (1, "exceeds", name) == (ran.code, estimate["verdict"], estimate["deployment"]["optimizer"])
    commands = [remedy["command"] for remedy in estimate["remedies"]]
    assert commands
    for command in commands:
        verify(command)
    kept = [r["command"] for r in estimate["remedies"] if "optimizer" not in r["changes"]]
    optim = {optimizer: word for optimizer, _, word in TABLE}[name]
    assert kept
    assert all(("create_lorafa_optimizer(model, " if optim is None else f"optim={optim!r}") in c for c in kept)
