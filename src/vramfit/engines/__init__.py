"""The runtimes vramfit can answer for: what every engine answers, and the records it answers with.

An engine is a module with a function ``estimate(deployment) -> Estimate`` and the tables of ``Engine``; ``MODULES``
names the modules. One whose defaults depend on the GPUs or the model also has ``defaults(request, gpus, model,
scheme)``: the keys it would fill in, as a request has them. It places tensors, caches and buffers on devices; it decides
nothing about fitting (``verdict``) and knows no command line.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.errors import CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, cast

    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload import Workload

    class Engine(Protocol):
        """The shape of an engine module."""

        SCHEME_OF_CLASS: Mapping[str, str]
        """The scheme used when a class is asked: ``{"fp16": "fp16", "int8": "int8", "int4": "nf4"}``."""

        FAMILIES: tuple[str, ...]
        """Families of ``quantization`` the engine can load."""

        CACHE_TYPES: tuple[str, ...]
        """Cache element types it offers, its default first."""

        TASKS: tuple[str, ...]
        """Tasks it runs: ``inference`` and, for some, fine-tuning."""

        def estimate(self, deployment: Deployment) -> Estimate:
            """What the deployment needs, device by device; raises ``CannotTell`` for what is not modelled."""

        # What of the GPUs an estimate depends on, so that one serves for many GPUs (``vramfit.sweep``): of two
        # deployments that differ in GPUs of equal traits alone, the estimates are the same but for the runtime's share
        # of each GPU and the budgets.

        def gpu_traits(self, gpus: tuple[Gpu, ...], work: Workload) -> tuple[object, ...]:
            """All that an estimate reads of the GPUs beside what the two functions below read; hashable."""

        def runtime_share(self, gpu: Gpu, work: Workload, /) -> Share:
            """What a process takes of a GPU whatever it runs there: part of the overhead, and of low and high."""

        def budgets(
            self, gpus: tuple[Gpu, ...], model: Model, work: Workload, bare: Estimate
        ) -> tuple[int, ...] | None:
            """``Estimate.budget_bytes`` less each GPU's share; ``bare`` is an estimate without those shares."""

else:

    def cast(_, value):  # noqa: D103  (typing.cast, without typing)
        return value


MODULES = {
    "transformers": "vramfit.engines.transformers",
    "llama.cpp": "vramfit.engines.llamacpp",
    "vllm": "vramfit.engines.vllm",
    "sglang": "vramfit.engines.sglang",
    "ollama": "vramfit.engines.ollama",
    "exllamav3": "vramfit.engines.exllamav3",
    "mlx": "vramfit.engines.mlx",
}
"""Engine names of the contract to modules; loaded when asked."""


@record
class Deployment:
    """A fully resolved question: these GPUs, this model stored this way, run by this engine for this work."""

    gpus: tuple[Gpu, ...]
    """One per physical device, in the order asked."""
    model: Model
    engine: str
    scheme: Scheme
    workload: Workload

    @property
    def model_parameters(self) -> int:
        """Parameters of the model, counted tensor by tensor."""
        from vramfit.model import parameters

        return parameters(self.model)


@record
class Share:
    """What a runtime takes of a GPU before anything that depends on the model, in bytes: context, workspaces."""

    low: int
    expected: int
    high: int


@record
class DeviceMemory:
    """What one device must hold, in bytes."""

    device: str
    """``gpu0``, ``gpu1``, …, ``host``."""
    weights_bytes: int
    kv_cache_bytes: int
    """KV cache and recurrent states."""
    compute_bytes: int
    """Graph or activation buffers, vision included."""
    overhead_bytes: int
    """What the runtime takes beyond its own accounting: context, workspaces, allocator slack."""
    low_bytes: int
    """The total holds this much at least in nineteen cases of twenty."""
    high_bytes: int
    """And this much at most."""
    read_bytes: int = 0
    """Weights read for each generated token: active experts only, no input embedding."""

    @property
    def total_bytes(self) -> int:
        """The expected total: the sum of the four parts."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes


@record
class Estimate:
    """The answer of an engine."""

    gpus: tuple[DeviceMemory, ...]
    host: DeviceMemory
    checkpoint_bytes: int
    """Tensor data of the quantized file, all devices together, each tensor once."""
    said: tuple[str, ...] | Callable[[], tuple[str, ...]]
    """What was taken for granted, in words, or what tells it: remedies try many deployments and read it of none."""
    settings: Mapping[str, object]
    """Deployment keys the engine decided itself (``gpu_layers`` it chose for ``auto``, …)."""
    streamed_bytes: int = 0
    """Host-resident weights the engine copies over PCIe for every token (accelerate); 0 where the CPU computes."""
    budget_bytes: tuple[int, ...] | None = None
    """Per GPU the most the engine lets itself have, where it sets a limit of its own below what the card offers."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken for granted, in words."""
        return self.said() if callable(self.said) else self.said


def engine(name: str) -> Engine:
    """The engine module of a name; raises ``CannotTell`` for one the contract names but nobody has modelled yet."""
    module = MODULES.get(name)
    if module is None:
        raise CannotTell(
            f'engine "{name}" is not modelled yet', f"modelled so far: {', '.join(MODULES)}; see `vramfit list engines`"
        )
    return cast("Engine", __import__(module, fromlist=["estimate"]))
