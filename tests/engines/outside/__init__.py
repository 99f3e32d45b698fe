"""An engine that is no part of the program: what stands here, and one registration, is all that makes it known.

It spreads every layer evenly over GPUs of NVIDIA or AMD and keeps its cache in pages, 16-bit. Nobody makes it: it is as
small as an engine can be that has everything an engine may have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramfit._record import Record
from vramfit.engines import Registration
from vramfit.engines.base import Engine
from vramfit.engines.interface import Setting, Share, View
from vramfit.errors import UsageError
from vramfit.launch import SWITCH, Flag, Program, write
from vramfit.launch.write import line
from vramfit.units import MIB
from vramfit.workload.keys import Group, Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.words import Process
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload

NAME = "paged-toy"
REGISTRATION = Registration(NAME, __name__, ("hqq",), keys=__name__)
GROUPS = (
    Group(
        (
            Key("page_tokens", "count", "toy: tokens of a page", maximum=4096, flags=("-pt",), default=16),
            Key("prefetch", "flag", "toy: a second copy of a layer", default=False),
            Key("lanes", "choice", "toy: lanes", choices=("wide", "narrow"), default_text="by the card", decided=True),
        ),
        45,
    ),
)
PROGRAM = Program(
    ("paged-toy",),
    (
        Flag("--tokens", "context"),
        Flag("--slots", "parallel"),
        Flag("--page", "page_tokens"),
        Flag("--lanes", "lanes"),
        Flag("--prefetch", "prefetch", (), SWITCH),
    ),
    positional="model",
)
WIDE_BYTES = 16 * 2**30
"""Memory of a card from which on its lanes are wide."""


class ToyKeys(Record):
    """Values of its own keys."""

    page_tokens: int = 16
    prefetch: bool = False
    lanes: str | None = None


class Cards(Record):
    """What it sees of the GPUs: the smallest one's memory is enough for wide lanes, or not."""

    wide: bool


class Toy(Engine[Cards, ToyKeys]):
    """Everything an engine may say of itself, in its shortest form."""

    name = NAME
    title = "Paged Toy"
    families = ("plain", "gguf", "hqq")
    scheme_of_class = {"fp16": "fp16", "int8": "Q8_0", "int4": "Q4_K_M"}
    cache_types = ("f16",)
    groups = GROUPS
    record = ToyKeys
    recommended = 99
    runtime_formula = "100 MiB"
    runtime_source = "made up"
    follows_gpus = True

    def defaults(
        self, request: Mapping[str, Any], gpus: tuple[Gpu, ...], model: Model, scheme: Scheme
    ) -> dict[str, Any]:
        """Two sequences on several GPUs."""
        return {"parallel": 2 if len(gpus) > 1 else 1}

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise for layers in RAM."""
        if work.gpu_layers != "all" or work.cpu_moe_layers:
            raise UsageError(f"{NAME} keeps every layer on the GPUs", "leave gpu_layers out")

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[Cards]:
        """Whether lanes are wide; each GPU by 100 MiB of context."""
        if any(gpu.vendor not in ("nvidia", "amd", "custom") for gpu in gpus):
            raise UsageError(f"{NAME} does not run on {gpus[0].name}", "choose a GPU of NVIDIA or AMD")
        wide = min(gpu.memory_bytes for gpu in gpus) >= WIDE_BYTES
        return View(Cards(wide), (Share(50 * MIB, 100 * MIB, 200 * MIB),) * len(gpus))

    def estimate(self, job: Job[Cards, ToyKeys]) -> Estimate:
        """Memory, GPU by GPU."""
        from tests.engines.outside.estimate import estimate

        return estimate(job)

    def account(self, job: Job[Cards, ToyKeys], estimate: Estimate, ledger: Ledger) -> None:
        """Note the file, the pages and the buffer of each GPU."""
        from tests.engines.outside.estimate import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Half of the memory's bandwidth, for weights and cache alike, and no time beside."""
        from vramfit.engines.profile import SpeedProfile

        return SpeedProfile(
            bus_share={"": 0.5}, cache_share=1.0, layer_microseconds={"": 0.0}, spread={"decode": (0.5, 2.0)}
        )

    def remarks(self, deployment: Deployment, estimate: Estimate) -> tuple[str, ...]:
        """The card by name."""
        return (f"{deployment.gpus[0].name} was seen",)

    def settings(self, deployment: Deployment, estimate: Estimate) -> Iterable[Setting]:
        """No second copy of a layer."""
        if self.own_keys(deployment.workload).prefetch:
            yield Setting({"prefetch": False}, "hold no layer twice", "layers are waited for", 1)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """One line with everything that was assumed."""
        work, keys = deployment.workload, self.own_keys(deployment.workload)
        values = {
            "model": f"{deployment.model.id}-{deployment.scheme.id}",
            "context": work.context,
            "parallel": work.parallel,
            "page_tokens": keys.page_tokens,
            "lanes": estimate.settings["lanes"],
            "prefetch": keys.prefetch,
        }
        return line(write.words(PROGRAM, values))

    def read_command(self, given: list[Process]) -> dict[str, Any] | None:
        """The keys of such a line."""
        from vramfit.launch.read import first

        return first(PROGRAM, given)


ENGINE = Toy()
