"""Context that vLLM chooses for ``--max-model-len auto`` or -1: the longest of which its cache holds one request.

It is the model's own where that fits, and never a longer one (vllm-project/vllm pull request 29431, in releases from 0.14 on:
``v1/core/kv_cache_utils.py`` ``_auto_fit_max_model_len``).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.vllm.release import release
from vramfit.errors import UsageError
from vramfit.search import largest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.engines.vllm import Vllm

CHOOSES = (0, 14)
"""First release that chooses a context."""


def fitted(deployment: Deployment, runtime: Vllm) -> Deployment:
    """Shorten the context of a deployment, which is the model's own, to what one request may have of the cache.

    Where not even one token fits, the model's own stays. Raises ``UsageError`` for a release that does not choose.
    """
    from vramfit.engines import estimate

    work = deployment.workload
    if release(runtime.own_keys(work)).numbers < CHOOSES:
        raise UsageError("vllm chooses a context by itself from 0.14 on", "state the tokens, or a later engine_version")
    offered = runtime.offered_on(deployment.gpus, work)

    def margin(tokens: int) -> int:
        """Bytes left on the fullest GPU beside one request of so many tokens."""
        found = estimate(_of_context(deployment, tokens, parallel=1))
        limits = offered if found.pool is None else found.pool.limits(offered, work.reserve_bytes)
        return min([limit - gpu.total_bytes for limit, gpu in zip(limits, found.gpus, strict=True)])

    tokens = largest(margin, 1, work.context)
    return deployment if tokens in (0, work.context) else _of_context(deployment, tokens, work.parallel)


def _of_context(deployment: Deployment, tokens: int, parallel: int) -> Deployment:
    """Deployment with another context and number of sequences; a stated prompt is shortened too."""
    work = deployment.workload
    prompt = None if work.prompt_tokens is None else min(work.prompt_tokens, tokens)
    return replace(deployment, workload=replace(work, context=tokens, parallel=parallel, prompt_tokens=prompt))
