"""Changes of single keys, for engines whose defaults of other keys depend on them."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.workload.keys import Request


def defaults_with(deployment: Deployment, request: Request, **changes: int) -> dict[str, object]:
    """Values by key that the engine sets by default after ``changes``, without the keys that the request states.

    Raises ``UsageError`` for changes that the engine refuses.
    """
    given = {**request, **changes}
    if isinstance(given.get("context"), str):  # the model's own, or what fits
        given["context"] = deployment.workload.context
    filled = engine(deployment.engine).defaults(given, deployment.gpus, deployment.model, deployment.scheme)
    return {name: value for name, value in filled.items() if name not in given}


def with_defaults(deployment: Deployment, request: Request, **changes: int) -> Deployment:
    """Deployment with ``changes`` made to its workload, and with the defaults that its engine derives from them.

    Raises ``UsageError`` for changes that the engine refuses.
    """
    values = {**defaults_with(deployment, request, **changes), **changes}
    if "flash_attention" in values:
        values["flash_attention"] = values["flash_attention"] in ("on", True)
    work = deployment.workload
    own = {name: value for name, value in values.items() if name not in work.__dict__}
    changed = {name: value for name, value in values.items() if name in work.__dict__}
    if own:
        changed["own"] = replace(work.own, **own)
    return replace(deployment, workload=replace(work, **changed))
