"""What llama.cpp puts where: the stored model cut into parts, the cache of each layer, and the device of each.

``Parts`` has input tensors, each layer with its experts apart, output and projector: everything a placement needs,
summed once per checkpoint, so that trying another placement is a few sums.

A placement is what ``-ngl``, ``--n-cpu-moe`` and the split over the GPUs decide. llama.cpp counts the output layer as one
layer behind the last: of ``n`` layers asked for, the output and the last ``n - 1`` layers go to the GPUs
(ggml-org/llama.cpp v0.5.0 ``src/llama-model.cpp`` ``load_tensors``).

The cells a layer keeps follow ggml-org/llama.cpp v0.5.0: ``src/llama-context.cpp`` (rounding to 256, streams),
``src/llama-kv-cache-iswa.cpp`` (windows), ``src/llama-kv-cache-dsv4.cpp`` (compressed entries) and
``src/llama-memory-recurrent.cpp`` (one F32 state per sequence).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.kv_cache import caches, row_bytes
from vramfit.model.architecture import Attention
from vramfit.quantization import SCHEMES, derive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp import LlamaCppKeys
    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Stored
    from vramfit.workload.common import Workload

HOST = -1
"""The device number of host memory; GPUs count from 0."""

INPUT_TENSORS = ("token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight")
"""Tensors of the input layer, which stay in host memory whatever is offloaded (ggml-org/llama.cpp v0.5.0
``src/llama-arch.cpp``, ``LLM_TENSOR_LAYER_INPUT``, and ``src/llama-model.cpp`` ``load_tensors``)."""

FILE_TYPES = {"mxfp4": "MXFP4_MOE"}
"""File types of schemes that GGUF has under another name: experts in MXFP4, the rest in Q8_0, as ``llama-quantize`` does."""

FIRST_LAYER_TENSORS = ("per_layer_model_proj.weight", "per_layer_proj_norm.weight")
"""Tensors of the whole model that are loaded with its first layer (``src/models/gemma3n.cpp``, created for block 0)."""

VISION_PARTS = ("vision", "projector")


class Parts(Record):
    """Bytes of a stored model by where llama.cpp may put them; every tensor is in exactly one part."""

    input_bytes: int
    """Embeddings looked up on the host."""
    layer_bytes: tuple[int, ...]
    """Each layer with its routed experts."""
    expert_bytes: tuple[int, ...]
    """The routed experts of each layer, what ``--n-cpu-moe`` keeps on the host; 0 in dense layers."""
    active_share: tuple[float, ...]
    """Share of each layer's routed experts one token reads; 1.0 in dense layers."""
    output_bytes: int
    """Final norm and output head; for a tied model the copy of the embedding is in ``tied_bytes``."""
    tied_bytes: int
    """The embedding again, which llama.cpp loads a second time as the head of a tied model; 0 for an untied one."""
    vision_bytes: int
    """Vision tower and projector: the mmproj file."""
    head_bytes: int
    """The output matrix alone, the tied embedding for a tied model."""
    layer_tensors: tuple[dict[str, int], ...]
    """Bytes of each tensor of each layer by name, for the copies a partial offload makes."""

    @property
    def file_bytes(self) -> int:
        """All tensors of the language model's file and of the mmproj file, each once."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes + self.vision_bytes


@per_model
def parts_of(checkpoint: Checkpoint) -> Parts:
    """The parts of a checkpoint, in the GGUF file that holds it."""
    return _cut(checkpoint.model, gguf_file(checkpoint).stored)


def gguf_file(checkpoint: Checkpoint) -> Checkpoint:
    """The GGUF file that holds a checkpoint of another family: ``bf16`` is the file type ``BF16``, MXFP4 ``MXFP4_MOE``."""
    scheme = checkpoint.scheme
    name = FILE_TYPES.get(scheme.family) or (scheme.settings["type"] if scheme.family == "plain" else "")
    return derive(checkpoint.model, SCHEMES[name]) if name else checkpoint


def _cut(model: Model, stored: tuple[Stored, ...]) -> Parts:
    count = model.layer_count
    layer, expert = [0] * count, [0] * count
    sizes: dict[tuple[int, ...], dict[str, int]] = {}
    before = output = vision = embedding = head = 0
    for row in stored:
        tensor = row.tensor
        each = row.bytes_each * tensor.copies
        if row.layers:
            sizes.setdefault(row.layers, {})[tensor.name] = each
        elif tensor.part in VISION_PARTS:
            vision += row.total_bytes
        elif tensor.part != "text":
            continue
        elif tensor.name in INPUT_TENSORS:
            before += row.total_bytes
            if tensor.name == "token_embd.weight":
                embedding = row.total_bytes
        elif tensor.name in FIRST_LAYER_TENSORS:
            sizes.setdefault((0,), {})[tensor.name] = row.total_bytes
        else:
            output += row.total_bytes
            if tensor.name == "output.weight":
                head = row.total_bytes
    # Most layers are stored alike, and those share what is summed here.
    tensors: list[dict[str, int]] = [{}] * count
    for indices, alike in sizes.items():
        whole = sum(alike.values())
        routed = sum([size for name, size in alike.items() if "_exps." in name])
        for index in indices:
            layer[index] += whole
            expert[index] += routed
            tensors[index] = tensors[index] | alike if tensors[index] else alike
    return Parts(
        before, tuple(layer), tuple(expert), model.active_shares, output, embedding if model.tied else 0, vision,
        head or embedding, tuple(tensors),
    )  # fmt: skip


class Placement(Record):
    """Where everything is."""

    layer_device: tuple[int, ...]
    """GPU number of each layer, or ``HOST``."""
    output_device: int
    cpu_moe_layers: int
    """Layers, from the first on, whose routed experts stay in host memory."""
    by_rows: bool = False
    """Whether the matrices of each layer are cut by rows over all GPUs (``--split-mode row``)."""

    @property
    def gpu_layers(self) -> int:
        """Layers on the GPUs as ``-ngl`` counts them, the output layer included."""
        return len(self.layer_device) - self.layer_device.count(HOST) + (self.output_device != HOST)

    @property
    def pipelined(self) -> bool:
        """Whether llama.cpp overlaps the GPUs, for which it keeps inputs several times (``llama-context.cpp``).

        It does so when every layer is on one of several GPUs, whole, and no tensor is placed by name.
        """
        return self.output_device > 0 and HOST not in self.layer_device and not (self.cpu_moe_layers or self.by_rows)


def place(
    layers: int, gpu_layers: int, cpu_moe_layers: int, shares: Sequence[float], by_rows: bool = False
) -> Placement:
    """The placement of ``gpu_layers`` of ``layers`` + 1 over GPUs in these proportions: usable memory unless asked.

    Layer ``i`` of the offloaded ones goes to the first GPU whose cumulated share exceeds ``i / offloaded``.
    """
    offloaded = min(gpu_layers, layers + 1)
    first = layers + 1 - offloaded
    devices = [HOST] * first
    if len(shares) == 1:
        devices += [0] * offloaded
    else:
        total, reached, device = sum(shares), shares[0], 0
        for index in range(offloaded):
            while device < len(shares) - 1 and reached * offloaded <= index * total:
                device += 1
                reached += shares[device]
            devices.append(device)
    return Placement(tuple(devices[:-1]), devices[-1], min(cpu_moe_layers, layers), by_rows)


class Resident(Record):
    """What one device holds of the weights and the cache, the vision tower left out."""

    weights_bytes: int
    read_bytes: int
    """What of the weights one generated token reads."""
    cache_bytes: int


def resident(parts: Parts, caches: Sequence[int], placement: Placement, gpus: int) -> dict[int, Resident]:
    """Weights and cache by device, ``HOST`` among them."""
    devices = [*range(gpus), HOST]
    weights, read, cache = dict.fromkeys(devices, 0), dict.fromkeys(devices, 0.0), dict.fromkeys(devices, 0)
    offloaded = placement.cpu_moe_layers
    for index, home in enumerate(placement.layer_device):
        size, experts = parts.layer_bytes[index], parts.expert_bytes[index]
        cache[home] += caches[index]
        if not experts:
            weights[home] += size
            read[home] += size
            continue
        weights[home] += size - experts
        read[home] += size - experts
        away = HOST if index < offloaded else home
        weights[away] += experts
        read[away] += experts * parts.active_share[index]
    output, head = placement.output_device, parts.output_bytes + parts.tied_bytes
    # On the host a tied head is the embedding itself: one tensor serves both.
    weights[output] += parts.output_bytes if output == HOST else head
    read[output] += head
    weights[HOST] += parts.input_bytes
    return {device: Resident(weights[device], round(read[device]), cache[device]) for device in devices}


CELL_PADDING = 256
"""Cells are allocated in multiples of this (``GGML_PAD(n_ctx, 256)``)."""

QUANTIZED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Cache types in blocks of 32 elements with a scale."""

CACHE_BLOCK = 32


class Cells(Record):
    """How many tokens the cache has room for."""

    full: int
    """Cells per stream of a layer that keeps everything."""
    sliding: int
    """Cells per stream of a sliding-window or chunked layer."""
    streams: int
    """Separate caches: one per sequence, or one for all when unified."""


def padded(tokens: int) -> int:
    """``tokens`` rounded up to whole blocks of cells."""
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def physical_batch(work: Workload, keys: LlamaCppKeys) -> int:
    """Tokens of one forward pass: ``n_ubatch``, bounded by the batch and the context.

    llama.cpp bounds it by the context as asked; here by whole blocks of cells, so that a context of a few tokens more
    never needs less: the kernels chosen for 31 tokens and 32 differ.
    """
    return min(keys.ubatch, keys.batch, padded(work.context * work.parallel))


@per_model
def local_window(model: Model) -> int | None:
    """Tokens the sliding or chunked layers look back over, as far as llama.cpp heeds it; None for no such layers.

    A window that every layer has (Mistral 7B v0.1, StarCoder2, Phi-3) is ignored: the architectures that have a windowed
    cache (``swa_type`` in ``src/models/*.cpp``) are those that mix windowed layers with full ones.
    """
    windows = windows_of(model)
    if None not in windows:
        return None
    return max([window for window in windows if window is not None], default=None)


def windows_of(model: Model) -> set[int | None]:
    """Tokens that the layers with K and V of their own look back over, None among them where some see all."""
    return {mixer.window for group in model.layers for mixer in group.mixers if isinstance(mixer, Attention)}


@per_model
def widest_value(model: Model) -> int:
    """Elements of a cached V of the layer with the widest; 0 where none is cached."""
    return max([cache.value_width for cache in caches(model)], default=0)


def cells(work: Workload, keys: LlamaCppKeys, window: int | None) -> Cells:
    """The cells of a workload for a model whose local layers look back ``window`` tokens (None: no such layers)."""
    total = padded(work.context * work.parallel)
    streams = 1 if keys.unified_kv else work.parallel
    full = padded(total // streams)
    sliding = full
    if window is not None and not keys.swa_full:
        sequences = work.parallel if keys.unified_kv else 1
        sliding = padded(min(full, window * sequences + physical_batch(work, keys)))
    return Cells(full, sliding, streams)


def check_cache(model: Model, work: Workload) -> None:
    """Raises ``UsageError`` for a cache that llama.cpp refuses (``src/llama-context.cpp``, ``llama_init_from_model``)."""
    kinds = (work.kv_cache_type, work.kv_cache_type_v)
    if kinds[1] in QUANTIZED and not work.flash_attention:
        raise UsageError(
            f"llama.cpp quantizes V ({kinds[1]}) only with flash attention",
            "use --flash-attention on, or --kv-cache-type-v f16",
        )
    if kinds[0] in QUANTIZED or kinds[1] in QUANTIZED:
        for group in model.layers:
            for mixer in group.mixers:
                if isinstance(mixer, Attention):
                    _check_blocks(kinds, (mixer.head_dim, mixer.value_dim))


def _check_blocks(kinds: tuple[str, str], widths: tuple[int, int]) -> None:
    """Raises ``UsageError`` where a head is not a whole number of a cache type's blocks."""
    for letter, kind, width in zip("KV", kinds, widths, strict=True):
        if kind in QUANTIZED and width % CACHE_BLOCK:
            raise UsageError(
                f"llama.cpp stores {letter} as {kind} in blocks of {CACHE_BLOCK}, and this model's heads are {width} wide",
                "use an f16 cache for this model",
            )


def layer_cache_bytes(model: Model, work: Workload, keys: LlamaCppKeys) -> list[int]:
    """Bytes of cache and states that each layer owns, for all sequences."""
    window = local_window(model)
    room = cells(work, keys, window)
    found = caches(model)
    # Without flash attention V is transposed, and all layers of a cache then have the widest one's rows.
    widest = 0 if work.flash_attention else widest_value(model)
    per_layer = [0] * model.layer_count
    for cache in found:
        size = _cache_bytes(cache, work, physical_batch(work, keys), room, widest, window)
        for layer in cache.layers:
            per_layer[layer] += size
    return per_layer


def _cache_bytes(cache: Cache, work: Workload, batch: int, room: Cells, widest_value: int, window: int | None) -> int:
    if cache.kind == "state":
        return 4 * (cache.convolution_elements + cache.recurrent_elements) * work.parallel
    if cache.kind == "cross":
        raise CannotTell(
            "llama.cpp has no cross-attention to images", "use --engine transformers or vllm for this model"
        )
    value_width = max(cache.value_width, widest_value) if cache.value_width else 0
    if cache.kind == "compressed":
        kept = padded(min(room.full, (cache.window or 0) + batch))
        behind = -(-room.full // cache.ratio) if cache.ratio else 0
        rows = (kept + behind) * row_bytes(cache.key_width, work.kv_cache_type)
        return room.streams * (rows + behind * row_bytes(cache.index_width, work.kv_cache_type))
    cell_count = room.sliding if cache.window is not None and window is not None else room.full
    row = row_bytes(cache.key_width, work.kv_cache_type) + row_bytes(value_width, work.kv_cache_type_v)
    return cell_count * room.streams * (row + row_bytes(cache.index_width, work.kv_cache_type))


class Plan(Record):
    """Where everything is, and what the buffers take."""

    placement: Placement
    caches: list[int]
    """Bytes of cache of each layer."""
    buffers: Compute
    tower: tuple[int, int]
    """Bytes of the vision tower with its projector, and of its compute buffer."""
    tower_device: int
    checkpoint: Checkpoint
    first: int = 0
    """The number of the first GPU that is used: ``main_gpu`` where everything is on one."""
