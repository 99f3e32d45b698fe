"""Engines that vramfit can estimate, by name; each has a folder here, and ``interface`` defines what they share."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.base import Engine
from vramfit.engines.interface import Deployment, DeviceMemory, Estimate, Job, Share
from vramfit.errors import CannotTell

__all__ = [
    "DEFAULT", "Deployment", "DeviceMemory", "Engine", "Estimate", "Registration", "Share", "engine",
    "engine_of_family", "estimate", "names", "own_groups", "register", "registered",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.known import Known
    from vramfit.workload.keys import Group


class Registration(Record):
    """Entry of an engine in the table of engines: its module, and facts needed before the module is loaded."""

    name: str
    module: str
    """Package of the engine, which defines the engine as ``ENGINE``."""
    families: tuple[str, ...] = ()
    """Families of schemes for which this engine is the default."""
    keys: str | None = None
    """Module that declares the engine's own deployment keys as ``GROUPS``; engines with the same keys share it."""
    further: tuple[str, ...] = ()
    """Names of further groups in that module, with keys that not all of the engines have that share it."""
    pipelines: bool = False
    """True if it runs pipelines of components, which make images, videos or sound, and nothing else."""


_registered: dict[str, Registration] = {}
_loaded: dict[str, Engine[object, object]] = {}
"""Engines that were asked for, by their modules."""


def register(registration: Registration) -> None:
    """Add an engine to the table; an engine with the same name is replaced."""
    _registered[registration.name] = registration


for _one in (
    Registration("transformers", "vramfit.engines.transformers"),
    Registration("llama.cpp", "vramfit.engines.llamacpp", ("gguf",), keys="vramfit.engines.llamacpp"),
    Registration("vllm", "vramfit.engines.vllm", keys="vramfit.engines.servers", further=("POSITION_GROUPS",)),
    Registration(
        "sglang",
        "vramfit.engines.sglang",
        keys="vramfit.engines.servers",
        further=("SGLANG_GROUPS", "POSITION_GROUPS"),
    ),
    Registration("ollama", "vramfit.engines.ollama", keys="vramfit.engines.llamacpp"),
    Registration("exllamav2", "vramfit.engines.exllamav2", ("exl2",)),
    Registration("exllamav3", "vramfit.engines.exllamav3", ("exl3",), keys="vramfit.engines.llamacpp"),
    Registration("mlx", "vramfit.engines.mlx", ("mlx",), keys="vramfit.engines.servers"),
    Registration("tensorrt-llm", "vramfit.engines.tensorrtllm", keys="vramfit.engines.servers"),
    Registration("diffusers", "vramfit.engines.diffusers", keys="vramfit.engines.pipelines", pipelines=True),
    Registration("comfyui", "vramfit.engines.comfyui", keys="vramfit.engines.pipelines", pipelines=True),
    Registration(
        "whisper.cpp",
        "vramfit.engines.whispercpp",
        ("ggml",),
        keys="vramfit.engines.pipelines",
        further=("SPEECH_GROUPS",),
    ),
    Registration(
        "faster-whisper",
        "vramfit.engines.fasterwhisper",
        ("ctranslate2",),
        keys="vramfit.engines.pipelines",
        further=("SPEECH_GROUPS",),
    ),
    Registration(
        "openai-whisper",
        "vramfit.engines.openaiwhisper",
        keys="vramfit.engines.pipelines",
        further=("SPEECH_GROUPS",),
    ),
):
    register(_one)

DEFAULT = "transformers"
"""Engine used if the request names neither an engine nor a scheme."""

SUPPLY = "where you know what a token takes in the cache, give --kv-bytes-per-token N"
"""Hint for models whose cache is unknown."""


def names() -> tuple[str, ...]:
    """Names of all registered engines, in the order of their registration."""
    return tuple(_registered)


def pipeline_engines() -> tuple[str, ...]:
    """Names of the engines that run pipelines of components, the usual one first."""
    return tuple([known.name for known in _registered.values() if known.pipelines])


def registered(name: str) -> Registration:
    """Registration of an engine that is known."""
    return _registered[name]


def own_groups() -> tuple[Group, ...]:
    """Groups of deployment keys that belong to engines, each listed once."""
    found = [(known.keys, name) for known in _registered.values() for name in ("GROUPS", *known.further)]
    places = dict.fromkeys([(module, name) for module, name in found if module is not None])
    return tuple([group for module, name in places for group in getattr(__import__(module, fromlist=[name]), name)])


def engine(name: str) -> Engine[object, object]:
    """Load the engine with that name; raises ``CannotTell`` if there is none."""
    known = _registered.get(name)
    if known is None:
        raise CannotTell(
            f'engine "{name}" is not modelled yet', f"modelled so far: {', '.join(names())}; see `vramfit list engines`"
        )
    found = _loaded.get(known.module)
    if found is None:
        found = _loaded[known.module] = __import__(known.module, fromlist=["ENGINE"]).ENGINE
    return found


def engine_of_family(family: str) -> str:
    """Name of the engine for a family of schemes: the default one, or the first that loads it where that does not."""
    for known in _registered.values():
        if family in known.families:
            return known.name
    if family in engine(DEFAULT).families:
        return DEFAULT
    return next((name for name in names() if family in engine(name).families), DEFAULT)


def estimate(deployment: Deployment, known: Known | None = None) -> Estimate:
    """Estimate the memory that a deployment needs, device by device.

    ``known`` remembers estimates, for questions about many GPUs. Raises ``UsageError`` for what
    the engine refuses, and ``CannotTell`` for what is not known or not modelled.
    """
    gap = deployment.model.gap
    if gap is not None:
        raise CannotTell(f"the memory of {deployment.model.name} cannot be told: {gap}", SUPPLY)
    asked = engine(deployment.engine)
    asked.check(deployment.checkpoint, deployment.workload)
    if known is None:
        view = asked.view(deployment.gpus, deployment.workload)
        found = asked.estimate(Job(deployment.checkpoint, deployment.workload, view.traits, len(deployment.gpus)))
    else:
        view = known.view(deployment, asked)
        found = known.estimate(deployment, asked, view.traits)
    found = found.on(view.shares)
    work = deployment.workload
    refusal = asked.lacks(deployment.model, work) or asked.unsupported(deployment.gpus, deployment.scheme, work)
    return found if refusal is None else replace(found, refusal=refusal)
