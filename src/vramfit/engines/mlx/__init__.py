"""MLX on Apple silicon."""

from __future__ import annotations

from vramfit.engines.interface import Engine, Share, View
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.read import Process
    from vramfit.workload.common import Workload


class Mlx(Engine[None, None]):
    """mlx-lm, and mlx-vlm for models that see, on one Apple machine."""

    name = "mlx"
    title = "MLX"
    families = ("mlx", "plain")
    scheme_of_class = {"fp16": "fp16", "int8": "mlx-8bit", "int4": "mlx-4bit"}
    cache_types = ("bf16", "f16", "int8", "int4")
    recommended = 1
    runtime_formula = "nothing of its own"
    runtime_source = ""

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[None]:
        """Nothing of a GPU but that it is Apple's; the process takes the same on every machine."""
        if len(gpus) > 1 or gpus[0].vendor != "apple":
            raise UsageError("mlx is answered for one Apple machine", "use --engine llama.cpp for other GPUs")
        return View(None, (Share(0, 0, 0),))

    def estimate(self, job: Job[None, None]) -> Estimate:
        """Memory of one process."""
        from vramfit.engines.mlx.estimate import estimate

        return estimate(job)

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Conversion, where it is needed, and generation."""
        from vramfit.engines.mlx.launch import command

        return command(deployment, estimate)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """The keys of a conversion and a generation."""
        from vramfit.engines.mlx.launch import read

        return read(given)

    def account(self, job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
        """Note the terms of one process."""
        from vramfit.engines.mlx.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of Apple's GPUs."""
        from vramfit.engines.mlx.speed import PROFILE

        return PROFILE


ENGINE = Mlx()
