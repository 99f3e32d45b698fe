"""Memory of openai-whisper: weights in 32 bits, and beside them while loading the file's own tensors in 16.

Read at openai/whisper c0d2f62. ``whisper/__init__.py`` ``load_model`` reads the file onto the GPU (``map_location``), copies its
16-bit tensors into a model of 32 bits, and moves that to the GPU before the former are freed: six bytes for each parameter,
which PyTorch keeps reserved. Its README states ~10, ~6, ~5, ~2, ~1 and ~1 GB for large, turbo, medium, small, base and tiny,
which are six bytes and a context. ``whisper/decoding.py`` repeats the encoder's states for each hypothesis, so that cross
attention caches them as often.
"""

from __future__ import annotations

from vramfit.engines.recognition import TEXT_TOKENS, Buffer, known_sizes
from vramfit.engines.recognition import estimate as of_buffers
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.pipelines import SpeechKeys

LOADING = "openai/whisper c0d2f62 whisper/__init__.py load_model"
DECODING = "openai/whisper c0d2f62 whisper/decoding.py and model.py"
HIGH_SHARE = 0.15
"""Share of weights and results that PyTorch may reserve in addition (``engines.transformers.estimate`` ``SLACK_HIGH``)."""


def estimate(job: Job[None, SpeechKeys]) -> Estimate:
    """Estimate the memory of one process; the second GPU and further ones are not used.

    The lower bound is that of scripts that call ``half()``, which keeps the weights in 16 bits.
    """
    found = buffers(job)
    weights = slices(job.checkpoint).total_bytes
    cache = sum([one.bytes for one in found if one.part == "kv_cache"])
    more = round(HIGH_SHARE * (weights + sum([one.bytes for one in found])))
    notes = [
        "weights stay in 32 bits, and the file's 16-bit tensors are on the GPU beside them while it loads",
        f"the decoder follows {job.keys.beams} hypotheses, each with its own copy of the encoder's states",
    ]
    return of_buffers(job, found, cache - weights // 2, more, notes)


def buffers(job: Job[None, SpeechKeys]) -> tuple[Buffer, ...]:
    """Caches of the decoder in 16 bits, and what loading or encoding takes beyond them."""
    size, beams = known_sizes(job.model), job.keys.beams
    inputs = {"beams": beams, "width": size.width, "layers": size.layers}
    text = 4 * beams * size.width * size.layers * TEXT_TOKENS
    cross = 4 * beams * size.width * size.layers * size.positions
    loading = slices(job.checkpoint).total_bytes // 2
    beyond = max(0, loading - text - cross)
    found = [
        Buffer("kv_cache", "decoder's cache", "4 × beams × width × layers × tokens", text, DECODING,
               {**inputs, "tokens": TEXT_TOKENS}, "K and V of the text in 16 bits"),
        Buffer("kv_cache", "cross attention's cache", "4 × beams × width × layers × positions", cross, DECODING,
               {**inputs, "positions": size.positions}, "K and V of the encoder's states in 16 bits"),
    ]  # fmt: skip
    if beyond:
        found.append(
            Buffer("compute", "the file while it loads", "loading_bytes - cache_bytes", beyond, LOADING,
                   {"loading_bytes": loading, "cache_bytes": text + cross},
                   "16-bit tensors beside the model's own, beyond the caches that come after them")
        )  # fmt: skip
    return tuple(found)
