"""Engine MLX, for Apple silicon."""

from __future__ import annotations

from vramfit.engines.interface import Engine, Share, View
from vramfit.errors import UsageError
from vramfit.workload.common import BITS_OF_BLOCKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.engines.profile import SpeedProfile
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.launch.read import Process
    from vramfit.workload.common import Workload


class Mlx(Engine[None, None]):
    """MLX on one Apple machine: mlx-lm, and mlx-vlm for models that read images."""

    name = "mlx"
    title = "MLX"
    families = ("mlx", "plain")
    scheme_of_class = {"fp16": "fp16", "int8": "mlx-8bit", "int4": "mlx-4bit"}
    cache_types = ("bf16", "f16", "int8", "int6", "int5", "int4", "int3", "int2")
    cache_words = BITS_OF_BLOCKS
    recommended = 1
    runtime_formula = "nothing of its own"
    runtime_source = ""

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[None]:
        """Make the view of the GPU, which is empty; raises ``UsageError`` unless it is a single Apple GPU."""
        if len(gpus) > 1 or gpus[0].vendor != "apple":
            raise UsageError("mlx is answered for one Apple machine", "use --engine llama.cpp for other GPUs")
        return View(None, (Share(0, 0, 0),))

    def estimate(self, job: Job[None, None]) -> Estimate:
        """Estimate the memory of one process; raises ``UsageError`` for what MLX refuses."""
        from vramfit.engines.mlx.estimate import estimate

        return estimate(job)

    def names_known_files(self, deployment: Deployment) -> bool:
        """Return True if the repository is known that has the weights, or 16-bit ones to be converted."""
        from vramfit.engines.naming import is_published

        return is_published(deployment, families=("mlx",))

    def command(self, deployment: Deployment, estimate: Estimate) -> str:
        """Write the commands that convert the model, if needed, and generate with it."""
        from vramfit.engines.mlx.launch import command

        return command(deployment, estimate)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of lines that convert a model and generate with it; None if no line generates."""
        from vramfit.engines.mlx.launch import read

        return read(given)

    def account(self, job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
        """Add the terms of one process to the ledger."""
        from vramfit.engines.mlx.terms import account

        account(job, estimate, ledger)

    def speed(self) -> SpeedProfile:
        """Constants of MLX's speed."""
        from vramfit.engines.mlx.speed import PROFILE

        return PROFILE


ENGINE = Mlx()
