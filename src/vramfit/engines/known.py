"""Estimates that a question about many GPUs made so far."""

from __future__ import annotations

from vramfit.engines.interface import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate, View
    from vramfit.workload.common import Workload


class Known:
    """Estimates and views of GPUs by all that they depend on.

    Checkpoints and tuples of GPUs count by their identity, so they are kept.
    """

    def __init__(self) -> None:
        self._works: dict[Workload, int] = {}
        self._numbers: dict[int, tuple[Workload, int]] = {}
        self._views: dict[tuple[str, int, int], tuple[Deployment, View[object]]] = {}
        self._estimates: dict[tuple[object, ...], tuple[Deployment, Estimate]] = {}

    def view(self, deployment: Deployment, asked: Engine[object, object]) -> View[object]:
        """View of the GPUs; raises ``UsageError`` for a GPU that the engine does not run on."""
        key = (asked.name, id(deployment.gpus), self._number(deployment.workload))
        known = self._views.get(key)
        if known is None:
            known = self._views[key] = (deployment, asked.view(deployment.gpus, deployment.workload))
        return known[1]

    def estimate(self, deployment: Deployment, asked: Engine[object, object], traits: object) -> Estimate:
        """Estimate without the runtime's share; raises as the engine's ``estimate`` does."""
        checkpoint, work, count = deployment.checkpoint, deployment.workload, len(deployment.gpus)
        key = (asked.name, id(checkpoint), self._number(work), traits, count)
        known = self._estimates.get(key)
        if known is None:
            known = self._estimates[key] = (deployment, asked.estimate(Job(checkpoint, work, traits, count)))
        return known[1]

    def _number(self, work: Workload) -> int:
        """Number of a workload, one for equal ones: hashing one takes as long as a comparison of its estimate."""
        known = self._numbers.get(id(work))
        if known is None:
            known = self._numbers[id(work)] = (work, self._works.setdefault(work, len(self._works)))
        return known[1]
