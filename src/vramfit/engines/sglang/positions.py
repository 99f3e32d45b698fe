"""Longest context that SGLang allows a model.

Read in SGLang 0.5.23: ``srt/configs/model_config.py`` ``_derive_context_length``, ``srt/utils/hf_transformers/common.py``
``get_context_length``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.positions import Scaling
    from vramfit.model import Model
    from vramfit.workload.common import Workload


def longest_context(model: Model, stated: Scaling) -> int:
    """Longest context of a model with a stated RoPE scaling: the factor counts unless trained positions are stated."""
    base = stated.positions or model.context
    scaled = stated.kind not in ("", "llama3") and stated.original is None
    return int(base * stated.factor) if scaled else base


def context_refusal(model: Model, work: Workload) -> str | None:
    """Reason why SGLang refuses a context: it is longer than the model's maximum; None if it is not."""
    if not model.context or work.context <= model.context:
        return None
    return (
        f"SGLang refuses a context of {work.context:,} tokens, because the model's maximum is {model.context:,}"
        " (_derive_context_length in its srt/configs/model_config.py); rope_scaling or long_context extends it"
    )
