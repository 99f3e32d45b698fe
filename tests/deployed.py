"""Deployments made by hand, of field values alone: no request is read and no engine's default is filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramfit._record import fields
from vramfit.engines import Deployment, engine
from vramfit.engines.interface import Job
from vramfit.quantization import derive
from vramfit.workload.common import Workload
from vramfit.workload.training import Training

if TYPE_CHECKING:
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme


def workload(name: str, /, **values: Any) -> Workload:
    """A workload for an engine; values of its own keys, and of fine-tuning, go to the records that have them."""
    kinds = {"own": engine(name).record, "training": Training}
    records: dict[str, Any] = {}
    for place, kind in kinds.items():
        if kind is not None:
            records[place] = kind(**{field: values.pop(field) for field in fields(kind) if field in values})
    return Workload(**values, **records)


def deployed(name: str, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme, /, **values: Any) -> Deployment:
    """A deployment of a model stored as a scheme, with the ``workload`` of the values."""
    return Deployment(gpus, derive(model, scheme), name, workload(name, **values))


def job(deployment: Deployment) -> Job[Any, Any]:
    """What the engine of a deployment is asked to hold: the checkpoint and the work, with its view of the GPUs."""
    asked = engine(deployment.engine)
    view = asked.view(deployment.gpus, deployment.workload)
    return Job(deployment.checkpoint, deployment.workload, view.traits, len(deployment.gpus))
