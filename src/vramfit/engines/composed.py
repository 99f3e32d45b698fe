"""Requests for models of components: pipelines, which have engines of their own, and networks that their library runs."""

from __future__ import annotations

from vramfit.engines import DEFAULT, engine, pipeline_engines
from vramfit.engines.quants import scheme_of
from vramfit.errors import CannotTell, UnsupportedScheme
from vramfit.units import gib
from vramfit.workload.common import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.workload.keys import Request


def for_pipeline(request: Request, model: Model, shared: bool) -> Request:
    """The request for a pipeline of components, with the engine of pipelines where it names none.

    ``shared`` says that its keys are those which all engines have.
    Raises ``CannotTell`` for an engine of language models, named or meant by keys that only such engines have.
    """
    named, having = request.get("engine"), pipeline_engines()
    if named is None and not shared:
        from vramfit.engines.choice import engine_of_keys

        named = engine_of_keys(request)
    if named is not None and named not in having:
        weights = sum(component.parameters for component in model.components) * 2
        raise CannotTell(
            f"{model.name} is a pipeline, which {named} does not run",
            f"use --engine {' or '.join(having)}; its parts together weigh {gib(weights)} in 16-bit",
        )
    return {**request, "engine": named or having[0]}


def for_network(request: Request, model: Model) -> Request:
    """The request for a network that only its own library runs, in the form that it was released in if it names none.

    Raises ``CannotTell`` for an engine of language models or of pipelines, which is named, and for a quantization of theirs.
    """
    named = request.get("engine", DEFAULT)
    if named != DEFAULT:
        raise CannotTell(
            f"{model.name} is a network that its own library runs, and {named} does not",
            f"leave out --engine, or use --engine {DEFAULT}",
        )
    found = {"quant": model.dtype, **request, "engine": DEFAULT}
    if found["quant"] not in CLASSES:
        try:
            scheme_of(found["quant"], engine(DEFAULT), model)
        except UnsupportedScheme:
            raise CannotTell(
                f"{model.name} is a network that its own library runs, and that does not load {found['quant']}",
                f"leave out --quant: it was released in {model.dtype}",
            ) from None
    return found
