"""Memory of faster-whisper: weights, two caches of the decoder, and the results of an encoder's layer.

Read at OpenNMT/CTranslate2 0d8bcd36 (``src/models/whisper.cc``, ``src/layers/attention.cc``, ``src/allocator.cc``) and
SYSTRAN/faster-whisper 65882ee (``faster_whisper/transcribe.py``). Attention is not fused: the encoder has the scores of every
pair of positions at once, in the type that it computes with. Cross attention keeps K and V of all layers, and hypotheses share
them. The decoder's own cache grows with the text, for each hypothesis. CUDA's allocator gives back what is freed
(``cuda_malloc_async``, the default), so that encoding and decoding are never counted together.
"""

from __future__ import annotations

from vramfit.engines.cuda import BLACKWELL, at_least
from vramfit.engines.interface import Share
from vramfit.engines.recognition import TEXT_TOKENS, Buffer, known_sizes
from vramfit.engines.recognition import estimate as of_buffers
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.hardware import Gpu

SOURCE = "OpenNMT/CTranslate2 0d8bcd36"
CONTEXT = (300, 900, 1150)
"""Low, expected and high MiB of a process beside weights and caches. An RTX 3070 Ti has 4,521 MiB in use with large-v3 in FP16,
2,953 in INT8, 2,409 with distil-large-v3 in FP16 and 2,537 with turbo (SYSTRAN/faster-whisper issue 1030), which leaves 890 to
1,000; distil-large-v3 in INT8 leaves 720. The lowest is a context alone."""
CONTEXT_BLACKWELL = (400, 1000, 1400)
"""MiB of a process on cards whose contexts are larger (``engines.cuda``)."""
WINDOW_TOKENS = 100
"""Tokens of text that 30 seconds of speech come to: some 75 words. A batch has no text before its windows, but one window at a
time is decoded behind the text of those before it, up to all positions (``condition_on_previous_text``). large-v2 takes 6,090
MiB in FP16 with 8 windows at once (README.md of SYSTRAN/faster-whisper), which is 68 tokens of each."""
MOST_WINDOW_TOKENS = TEXT_TOKENS // 2
"""Largest number of tokens that are written for a window (``whisper.cc`` ``max_length / 2``)."""


def context_share(gpu: Gpu) -> Share:
    """Bytes that a process takes of a GPU beside weights, caches and results."""
    low, expected, high = CONTEXT_BLACKWELL if at_least(gpu, BLACKWELL) else CONTEXT
    return Share(low * MIB, expected * MIB, high * MIB)


def estimate(job: Job[None, SpeechKeys]) -> Estimate:
    """Estimate the memory of one process; the second GPU and further ones are not used."""
    size, work = known_sizes(job.model), job.workload
    found = {one.name: one.bytes for one in buffers(job)}
    own, cross = found["decoder's cache"], found["cross attention's cache"]
    encoder = found.get("encoder", 0)
    # Encoding and decoding take turns, and what a turn has beyond the other is counted as results.
    more = own * (MOST_WINDOW_TOKENS - WINDOW_TOKENS) // WINDOW_TOKENS if work.parallel > 1 else 0
    notes = [
        f"the decoder follows {job.keys.beams} hypotheses of {tokens_of(job)} tokens for each window;"
        " beam_size states another number",
        f"sound is read in windows of 30 seconds, {size.positions:,} positions; parallel is the batch of windows"
        " (BatchedInferencePipeline, WhisperX)",
    ]
    return of_buffers(job, buffers(job), cross + encoder, more, notes)


def tokens_of(job: Job[None, SpeechKeys]) -> int:
    """Tokens that the decoder caches for each hypothesis: all positions for one window at a time, a window's in a batch."""
    return TEXT_TOKENS if job.workload.parallel == 1 else WINDOW_TOKENS


def width_of(job: Job[None, SpeechKeys]) -> int:
    """Bytes of a number that the scheme computes with."""
    return 4 if job.scheme.id in ("fp32", "int8_float32") else 2


def buffers(job: Job[None, SpeechKeys]) -> tuple[Buffer, ...]:
    """Caches of the decoder, and what encoding needs beyond them."""
    size, windows, each = known_sizes(job.model), job.workload.parallel, width_of(job)
    own: dict[str, int] = {"windows": windows, "bytes": each, "width": size.width}
    cross = 2 * windows * each * size.width * size.layers * size.positions
    text = 2 * windows * each * size.width * size.layers * tokens_of(job) * job.keys.beams
    encoder = windows * each * size.positions * (size.heads * size.positions + 8 * size.width)
    if job.scheme.family == "ctranslate2":
        encoder += windows * size.positions * size.inner * 5
    beyond = max(0, encoder - cross - text)
    found = [
        Buffer("kv_cache", "cross attention's cache", "windows × 2 × bytes × width × layers × positions", cross,
               f"{SOURCE} src/layers/attention.cc", {**own, "layers": size.layers, "positions": size.positions},
               "K and V of the encoder's states"),
        Buffer("kv_cache", "decoder's cache", "windows × 2 × bytes × width × layers × tokens × beams", text,
               f"{SOURCE} src/decoding.cc",
               {**own, "layers": size.layers, "tokens": tokens_of(job), "beams": job.keys.beams},
               "K and V of the text, for each hypothesis"),
    ]  # fmt: skip
    if beyond:
        found.append(
            Buffer("compute", "encoder", "encoder_bytes - cache_bytes", beyond, f"{SOURCE} src/layers/whisper.cc",
                   {"encoder_bytes": encoder, "cache_bytes": cross + text},
                   "scores of every pair of positions and results of a layer, beyond the caches that come after them")
        )  # fmt: skip
    return tuple(found)
