"""The runtimes vramfit can answer for, by name; each is a folder here, and ``interface`` says what all of them are."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import Deployment, DeviceMemory, Engine, Estimate, Job, Share
from vramfit.errors import CannotTell

__all__ = [
    "DEFAULT", "UNMODELLED", "Deployment", "DeviceMemory", "Engine", "Estimate", "Registration", "Share", "engine",
    "engine_of_family", "estimate", "names", "own_groups", "register",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.workload.keys import Group


class Registration(Record):
    """Where an engine is, and what must be known of it before it is loaded."""

    name: str
    module: str
    """Its folder as a package, which has the engine as ``ENGINE``."""
    families: tuple[str, ...] = ()
    """Families of schemes for which it is taken where no engine is asked for."""
    keys: str | None = None
    """The module that declares its own deployment keys as ``GROUPS``; engines that share keys share it."""


_registered: dict[str, Registration] = {}


def register(registration: Registration) -> None:
    """Make an engine known; one of the same name is replaced."""
    _registered[registration.name] = registration


for _one in (
    Registration("transformers", "vramfit.engines.transformers"),
    Registration("llama.cpp", "vramfit.engines.llamacpp", ("gguf",), keys="vramfit.engines.llamacpp"),
    Registration("vllm", "vramfit.engines.vllm", keys="vramfit.engines.servers"),
    Registration("sglang", "vramfit.engines.sglang", keys="vramfit.engines.servers"),
    Registration("ollama", "vramfit.engines.ollama", keys="vramfit.engines.llamacpp"),
    Registration("exllamav3", "vramfit.engines.exllamav3", ("exl3",), keys="vramfit.engines.llamacpp"),
    Registration("mlx", "vramfit.engines.mlx", ("mlx",)),
):
    register(_one)

DEFAULT = "transformers"
"""The engine where neither the engine nor the scheme is given."""

SUPPLY = "where you know what a token takes in the cache, give --kv-bytes-per-token N"

UNMODELLED = ("tensorrt-llm",)
"""Engines the contract names and nobody has modelled yet."""


def names() -> tuple[str, ...]:
    """Names of all engines that can be asked about, in the order they were registered."""
    return tuple(_registered)


def own_groups() -> tuple[Group, ...]:
    """The groups of deployment keys that engines have of their own, each once."""
    modules = dict.fromkeys([known.keys for known in _registered.values() if known.keys is not None])
    return tuple([group for module in modules for group in __import__(module, fromlist=["GROUPS"]).GROUPS])


def engine(name: str) -> Engine[Any, Any]:
    """The engine of a name; raises ``CannotTell`` for one that nobody has modelled yet."""
    known = _registered.get(name)
    if known is None:
        raise CannotTell(
            f'engine "{name}" is not modelled yet', f"modelled so far: {', '.join(names())}; see `vramfit list engines`"
        )
    found: Engine[Any, Any] = __import__(known.module, fromlist=["ENGINE"]).ENGINE
    return found


def engine_of_family(family: str) -> str:
    """The name of the engine that is taken for a family of schemes where none is asked for."""
    for known in _registered.values():
        if family in known.families:
            return known.name
    return DEFAULT


def estimate(deployment: Deployment) -> Estimate:
    """What a deployment needs, device by device; raises ``UsageError`` and ``CannotTell`` as its engine does."""
    gap = deployment.model.gap
    if gap is not None:
        raise CannotTell(f"the memory of {deployment.model.name} cannot be told: {gap}", SUPPLY)
    asked = engine(deployment.engine)
    asked.check(deployment.checkpoint, deployment.workload)
    view = asked.view(deployment.gpus, deployment.workload)
    job: Job[Any, Any] = Job(deployment.checkpoint, deployment.workload, view.traits, len(deployment.gpus))
    return asked.estimate(job).on(view.shares)
