"""Context that llama.cpp's programs choose if none is stated (``--fit``): shorter than the model's if that does not fit.

The context is what is given up first: layers are moved to host memory only if the shortest context does not fit either. All
layers are on the GPUs for this (or as many as ``-ngl`` states), and 1024 MiB stay free on each. Between the memory for the
shortest and for the model's own context llama.cpp interpolates (ggml-org/llama.cpp @08033df ``common/fit.cpp``
``common_params_fit_impl``, step 2; ``-c 0`` asks for the model's own and is left alone, ``common/arg.cpp``).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.llamacpp.auto import FIT_MARGIN_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.llamacpp import LlamaCpp

LEAST_TOKENS = 4096
"""Shortest context that is chosen (``common/common.h``, ``fit_params_min_ctx``)."""
STEP_TOKENS = 256
"""Number of tokens that the context is a multiple of."""
DENSE_SHARE, MIXTURE_SHARE = 2, 6
"""Parts of a layer of which one for each GPU, and one more, is left free on several GPUs: layers of a dense model are whole
on a GPU, the experts of a mixture in three parts."""


def fitted(deployment: Deployment, runtime: LlamaCpp) -> Deployment:
    """Shorten the context of a deployment, which is the model's own, as ``--fit`` does if that does not fit."""
    work = deployment.workload
    keys, most = runtime.own_keys(work), work.context
    if keys.split_mode == "tensor" or most <= LEAST_TOKENS:
        return deployment
    usable = [offered - work.reserve_bytes - FIT_MARGIN_BYTES for offered in runtime.offered_on(deployment.gpus, work)]
    whole = _whole(deployment, most)
    used = [gpu.total_bytes for gpu in whole.gpus]
    if sum(used) <= sum(usable):
        return deployment
    target = sum(usable)
    count = len(usable)
    if count > 1:
        layers = min(work.gpu_layers, deployment.model.layer_count) if isinstance(work.gpu_layers, int) else None
        weights = sum([gpu.weights_bytes for gpu in whole.gpus]) // max(1, layers or deployment.model.layer_count)
        target -= (count + 1) * weights // (MIXTURE_SHARE if deployment.model.has_experts else DENSE_SHARE)
    least = sum([gpu.total_bytes for gpu in _whole(deployment, LEAST_TOKENS).gpus])
    if least >= target:
        return _of_context(deployment, LEAST_TOKENS, most)
    context = LEAST_TOKENS + (most - LEAST_TOKENS) * (target - least) // (sum(used) - least)
    found = _of_context(deployment, max(context - context % STEP_TOKENS, LEAST_TOKENS), most)
    if count == 1 or work.gpu_layers != "auto":
        return found
    # On several GPUs llama.cpp divides the layers anew until all are on them.
    experts = 0 if work.cpu_moe_layers == "auto" else work.cpu_moe_layers
    return replace(found, workload=replace(found.workload, gpu_layers="all", cpu_moe_layers=experts))


def _whole(deployment: Deployment, context: int) -> Estimate:
    """Estimate of a deployment with another context, and with nothing left to ``--fit``."""
    from vramfit.engines import estimate

    work = deployment.workload
    layers = "all" if work.gpu_layers == "auto" else work.gpu_layers
    experts = 0 if work.cpu_moe_layers == "auto" else work.cpu_moe_layers
    own = _of_context(deployment, context, 0)
    return estimate(replace(own, workload=replace(own.workload, gpu_layers=layers, cpu_moe_layers=experts)))


def _of_context(deployment: Deployment, context: int, before: int) -> Deployment:
    """Deployment with another context, which was shortened from ``before`` unless 0; a stated prompt is shortened too."""
    work = deployment.workload
    prompt = None if work.prompt_tokens is None else min(work.prompt_tokens, context)
    own = replace(work.own)
    own.fitted_from = before  # type: ignore[attr-defined]
    return replace(deployment, workload=replace(work, context=context, prompt_tokens=prompt, own=own))
