"""Element types that vLLM computes in, where a card or a model does not take the one that a scheme states.

- Cards below compute capability 8.0 have no bfloat16, and run a checkpoint of it in float16 (vLLM 0.33.0
  ``platforms/cuda.py`` ``supported_dtypes``, ``config/model.py`` ``_resolve_auto_dtype``); a stated ``--dtype bfloat16`` is
  refused there.
- Some models are refused in float16 (``_FLOAT16_NOT_SUPPORTED_MODELS``), so that such a card computes them in float32.
- Gaudi unpacks 8-bit integers and gpt-oss's MXFP4 to bfloat16 (vllm-project/vllm-gaudi at 091bbadd
  ``ops/hpu_compressed_tensors.py`` ``HPUCompressedTensorsW8A8Int8_BF16Fallback``, ``models/gptoss_mxfp4.py``).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.support import without_bfloat16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate, Job
    from vramfit.model import Model

NOT_IN_FLOAT16 = ("gemma2", "gemma3", "gemma3_text", "glm4")
"""Models that vLLM refuses in float16, by ``model_type``; PaliGemma, whose text model is one of them, is not refused."""
PALIGEMMA = "gemma2"
"""Type of the text model of PaliGemma 2, the only one with it that reads images."""
UNPACKED_ON_GAUDI = ("w8a8", "MXFP4")
HALVES = ("fp16", "bf16")
NAMES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


def refuses_float16(model: Model) -> bool:
    """Return True for a model that vLLM does not run in float16."""
    kind = model.architecture.model_type
    return kind in NOT_IN_FLOAT16 and not (kind == PALIGEMMA and model.vision is not None)


def scheme_in_use(scheme: str, model: Model, half: bool, on_gaudi: bool) -> str:
    """Scheme that weights have after loading; ``half`` is True on cards that do not compute in bfloat16."""
    if on_gaudi and scheme in UNPACKED_ON_GAUDI:
        return "bf16"
    if half and scheme in HALVES and refuses_float16(model):
        return "fp32"
    return scheme


def in_use(job: Job[Any, Any]) -> Job[Any, Any]:
    """Return the job with the weights as its cards hold them."""
    scheme = job.scheme.id
    used = scheme_in_use(scheme, job.model, job.traits.half, job.traits.on_gaudi)
    if used == scheme:
        return job
    from vramfit.engines.unpacked import stored_as

    return replace(job, checkpoint=stored_as(job.model, used))


def described(found: Estimate, job: Job[Any, Any], used: Job[Any, Any]) -> Estimate:
    """Return the estimate of the weights in use, with the bytes of the file and a note on what became of it."""
    if used is job:
        return found
    note = f"weights in {job.scheme.id} become {used.scheme.id} while loading: "
    if used.scheme.id == "fp32":
        note += "the card has no bfloat16, and vLLM refuses the model in float16 (config/model.py)"
    else:
        note += "nothing on Gaudi multiplies them as they are (vllm-project/vllm-gaudi)"
    return replace(found, checkpoint_bytes=job.checkpoint.file_bytes, notes=(note, *found.assumptions))


def dtype(deployment: Deployment) -> str:
    """Element type for the command of a 16-bit or 32-bit deployment: one in which the card and the model start."""
    scheme, model = deployment.scheme.id, deployment.model
    half = any(without_bfloat16(gpu) for gpu in deployment.gpus)
    if scheme in HALVES:
        scheme = scheme_in_use("fp16" if half else scheme, model, half, on_gaudi=False)
        if scheme == "fp16" and refuses_float16(model):
            scheme = "bf16"
    return NAMES[scheme]
