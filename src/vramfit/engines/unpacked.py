"""Weights that an engine unpacks to 16 bits while loading, for want of kernels on a card: their memory is what they become."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Estimate, Job
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint


def in_16_bits(job: Job[Any, Any]) -> Job[Any, Any]:
    """Return the job with its weights in bfloat16."""
    return replace(job, checkpoint=stored_as(job.model, "bf16"))


@per_model
def stored_as(model: Model, scheme: str) -> Checkpoint:
    """Checkpoint of a model in a scheme, the same one each time."""
    from vramfit.quantization import SCHEMES, derive

    return derive(model, SCHEMES[scheme])


def of_the_file(found: Estimate, job: Job[Any, Any], source: str) -> Estimate:
    """Return the estimate of unpacked weights with the bytes of the file that they come from, and a note on them."""
    note = f"weights in {job.scheme.id} are unpacked to 16 bits, because nothing multiplies them as they are ({source})"
    return replace(found, checkpoint_bytes=job.checkpoint.file_bytes, notes=(note, *found.assumptions))
