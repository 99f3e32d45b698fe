"""Facts that differ between releases of vLLM.

A deployment states its release as ``engine_version``; without it the newest that was read counts.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.servers import ServerKeys

NEWEST = (0, 33, 0)
"""Newest release whose source was read."""
SAMPLER_BYTES = 14
"""Bytes per row and vocabulary entry: 16-bit logits, their float32 copy, probabilities, and random numbers to divide them
by (0.33.0 ``v1/sample/sampler.py``, ``v1/sample/ops/topk_topp_sampler.py`` ``forward_native``, ``random_sample``)."""
SAMPLER_BYTES_SORTING = 39
"""Bytes per row and vocabulary entry of a sampler that sorts the vocabulary, until 0.16 and on cards without the kernels:
38.6-39.3 in nine start-up logs of vocabularies of 100,352 to 151,936 (among them vllm-project/vllm issues 15815 and
PR 10511)."""


class Release(Record):
    """Facts of one release."""

    numbers: tuple[int, ...]
    sampler_bytes: int
    """Bytes per row and vocabulary entry in the profile run's sampler."""
    graphs_in_share: bool
    """True if an estimate of the CUDA graphs is deducted from the share of the card."""
    batches_in_flight: int
    """Number of steps scheduled at the same time, on one pipeline stage."""


def release(keys: ServerKeys) -> Release:
    """Facts of the release that a deployment states, or of the newest."""
    from vramfit.engines.servers import version

    numbers = NEWEST if keys.engine_version is None else version(keys) or NEWEST
    return Release(
        numbers,
        SAMPLER_BYTES if numbers >= (0, 17) else SAMPLER_BYTES_SORTING,
        numbers >= (0, 21),
        2 if numbers >= (0, 14) else 1,
    )
