"""Memory of whisper.cpp: weights, three caches, and a compute buffer for each of four graphs, none of which is shared.

Read at ggml-org/whisper.cpp 233fe1fc9 ``src/whisper.cpp`` (``whisper_init_state``, ``whisper_build_graph_*``). Sizes of
caches and buffers agree with what it prints on CUDA and Vulkan to 1 MB (tests/engines/whispercpp/logs.yaml).
"""

from __future__ import annotations

from vramfit.engines.recognition import TEXT_TOKENS, Buffer, known_sizes
from vramfit.engines.recognition import estimate as of_buffers
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.engines.recognition import Sizes

SOURCE = "ggml-org/whisper.cpp 233fe1fc9 src/whisper.cpp"
PADDING = 256
"""Multiple of tokens that caches are padded to (``GGML_PAD``)."""
SPARE_DECODERS = 2
"""Number of decoders that the cache of several has room for beside them ("overallocate to workaround KV cache fragmentation
issues")."""
METAL_HIGH = 150 * MIB
"""Bytes by which Metal's compute buffers may be larger, which hold temporaries of matrix products too: 12 MB of encoding and
123 MB of cross attention for large-v3 on an M2 Pro, 86 MB of decoding for small on an RX 580 (logs in public repositories)."""
COPIES_SOURCE = "ggml-org/llama.cpp ggml/src/ggml-cuda/ggml-cuda.cu ggml_cuda_op_mul_mat_cublas"


def padded(tokens: int) -> int:
    """Number of tokens rounded up to that of a cache."""
    return -(-tokens // PADDING) * PADDING


def decoders(beams: int) -> int:
    """Number of decoders that the self-attention cache has room for."""
    return beams + SPARE_DECODERS if beams > 1 else 1


def estimate(job: Job[str, SpeechKeys]) -> Estimate:
    """Estimate the memory of one process; the second GPU and further ones are not used.

    The cache of one decoder is the lower bound: a smaller number of hypotheses may be all that a sound needs.
    """
    found = buffers(job)
    size = known_sizes(job.model)
    beams, times = job.keys.beams, job.workload.parallel
    low = sum([one.bytes for one in found if one.part != "overhead"])
    more = METAL_HIGH if job.traits == "metal" else sum([one.bytes for one in found if one.part == "overhead"])
    notes = [
        f"the decoder's cache is for {beams} hypotheses and {SPARE_DECODERS} more; whisper-cli follows 5, whisper-server 2"
        if beams > 1
        else "the decoder follows one hypothesis; whisper-cli follows 5 where -bs does not say otherwise",
        f"sound is read in windows of 30 seconds, {size.positions:,} positions, however long it is",
    ]
    if times > 1:
        notes.append(f"{times} processors have caches and buffers of their own and share the weights")
    return of_buffers(job, found, low, more, notes)


def buffers(job: Job[str, SpeechKeys]) -> tuple[Buffer, ...]:
    """Caches and compute buffers of all processors, and the copies that cuBLAS multiplies."""
    size, times = known_sizes(job.model), job.workload.parallel
    return (
        *_caches(size, times, job.keys.beams),
        *_graphs(size, times, flash_attention=job.workload.flash_attention),
        *(_copies(size, times) if job.traits in ("cuda", "rocm") else ()),
    )


def _caches(size: Sizes, times: int, beams: int) -> tuple[Buffer, ...]:
    """Caches in 16 bits: the decoder's own, what it sees of the encoder, and one layer's of the encoder."""
    text, sound = padded(TEXT_TOKENS), padded(size.positions)
    common = {"processors": times, "width": size.width}
    rows = (
        ("decoder's cache", "processors × 4 × width × layers × tokens × decoders",
         {**common, "layers": size.layers, "tokens": text, "decoders": decoders(beams)}, "whisper_full_with_state"),
        ("cross attention's cache", "processors × 4 × width × layers × positions",
         {**common, "layers": size.layers, "positions": sound}, "whisper_init_state"),
        ("encoder's keys and values", "processors × 4 × width × positions", {**common, "positions": sound},
         "whisper_init_state"),
    )  # fmt: skip
    return tuple(
        [
            Buffer("kv_cache", name, formula, 4 * _product(inputs), f"{SOURCE} {place}", inputs, "K and V in 16 bits")
            for name, formula, inputs, place in rows
        ]
    )


def _product(inputs: dict[str, int]) -> int:
    found = 1
    for value in inputs.values():
        found *= value
    return found


def _graphs(size: Sizes, times: int, *, flash_attention: bool) -> tuple[Buffer, ...]:
    """Compute buffers: results in 32 bits, and in 16 what a convolution multiplies."""
    sound, width = size.positions, size.width
    own = {"processors": times, "positions": sound, "width": width}
    conv = 4 * 2 * sound * (size.channels + width) + 2 * 3 * width * sound + 4 * sound * width
    if flash_attention:
        encode, inputs = 4 * sound * (3 * width + size.inner), {**own, "inner": size.inner}
        formula = "processors × 4 × positions × (3 × width + inner)"
    else:
        encode = 4 * sound * (sound * size.heads + 4 * width)
        inputs, formula = {**own, "heads": size.heads}, "processors × 4 × positions × (positions × heads + 4 × width)"
    decode = 4 * TEXT_TOKENS * (size.vocabulary + 2 * width + padded(TEXT_TOKENS))
    rows = (
        ("convolutions", "processors × positions × (8 × channels + 18 × width)", conv, {**own, "channels": size.channels},
         "the spectrogram, both results, and the second's input"),
        ("encoder", formula, encode, inputs,
         "results of a layer" if flash_attention else "scores of every pair of positions, and results of a layer"),
        ("cross attention", "processors × 4 × positions × width", 4 * sound * width, own, "results of a layer"),
        ("decoder", "processors × 4 × tokens × (vocabulary + 2 × width + padded)", decode,
         {"processors": times, "tokens": TEXT_TOKENS, "vocabulary": size.vocabulary, "width": width,
          "padded": padded(TEXT_TOKENS)}, "logits of all tokens of a prompt, two results of a layer, and the mask"),
    )  # fmt: skip
    return tuple(
        [
            Buffer("compute", name, formula, times * each, f"{SOURCE} whisper_build_graph_*", inputs, note)
            for name, formula, each, inputs, note in rows
        ]
    )


def _copies(size: Sizes, times: int) -> tuple[Buffer, ...]:
    """Copies in 16 bits of the widest product's input and result."""
    own = {"processors": times, "positions": size.positions, "inner": size.inner}
    return (
        Buffer("overhead", "copies for cuBLAS", "4 × processors × positions × inner", 4 * _product(own), COPIES_SOURCE, own,
               "input and result of the widest product in 16 bits"),
    )  # fmt: skip
