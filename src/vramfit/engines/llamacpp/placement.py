"""Placement of weights and caches on devices in llama.cpp.

``Parts`` contains the bytes of the input tensors, of each layer and of its experts, of the output and of the projector.
They are summed once per checkpoint, so that trying another placement needs only a few additions.

``-ngl``, ``--n-cpu-moe`` and the split over the GPUs determine a placement. llama.cpp counts the output as one more layer
after the last: if ``n`` layers are requested, the output and the last ``n - 1`` layers go to the GPUs (ggml-org/llama.cpp
v0.5.0 ``src/llama-model.cpp`` ``load_tensors``).

The number of cells that a layer keeps follows ggml-org/llama.cpp v0.5.0: ``src/llama-context.cpp`` (rounding to 256, streams),
``src/llama-kv-cache-iswa.cpp`` (windows), ``src/llama-kv-cache-dsv4.cpp`` (compressed entries) and
``src/llama-memory-recurrent.cpp`` (one F32 state per sequence).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.errors import CannotTell
from vramfit.memory.kv_cache import caches, row_bytes
from vramfit.model.architecture import Attention
from vramfit.quantization import SCHEMES, Checkpoint, derive, own_checkpoint
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.overrides import Moved
    from vramfit.engines.llamacpp.ram import Kept
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.quantization import Scheme, Stored
    from vramfit.workload.common import Workload

HOST = -1
"""Device number of host memory; GPUs have numbers from 0 on."""

INPUT_TENSORS = ("token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight")
"""Tensors of the input layer, which always stay in host memory (ggml-org/llama.cpp v0.5.0
``src/llama-arch.cpp``, ``LLM_TENSOR_LAYER_INPUT``, and ``src/llama-model.cpp`` ``load_tensors``)."""

LAZY, LAZY_FROM_BYTES = "per_layer_token_embd.weight", 4 * GIB
"""Table of embeddings by layer or by n-gram, and the size above which ``--lazy-mode auto``, the default since August 2026,
leaves it in the file (ggml-org/llama.cpp pull request 27742; 001d906a6 ``src/models/qwen4exp.cpp``, TENSOR_READ_LAZY)."""

FILE_TYPE = "MXFP4_MOE"
"""GGUF file type of MXFP4: experts so and the rest in Q8_0, as ``llama-quantize`` writes it (ggml-org/gpt-oss-20b-GGUF)."""

OTHER_FAMILIES = ("mxfp4", "plain")
"""Families of schemes that a GGUF file holds in a type of its own."""

FIRST_LAYER_TENSORS = ("per_layer_model_proj.weight", "per_layer_proj_norm.weight")
"""Tensors of the whole model that are loaded with its first layer (``src/models/gemma3n.cpp``, created for block 0)."""

VISION_PARTS = ("vision", "projector")
"""Parts of a model that are in the mmproj file."""


class Parts(Record):
    """Bytes of a stored model, divided by the device that llama.cpp may place them on; each tensor is in one part."""

    input_bytes: int
    """Bytes of the embeddings, which are looked up on the host, without ``lazy_bytes``."""
    layer_bytes: tuple[int, ...]
    """Bytes of each layer, its routed experts included."""
    expert_bytes: tuple[int, ...]
    """Bytes of the routed experts of each layer, which ``--n-cpu-moe`` keeps on the host; 0 in dense layers."""
    active_share: tuple[float, ...]
    """Share of each layer's routed experts that one token reads; 1.0 in dense layers."""
    output_bytes: int
    """Bytes of the final norm and the output head; ``tied_bytes`` is the head of a tied model."""
    tied_bytes: int
    """Bytes of the embedding, which llama.cpp loads a second time as the head of a tied model; 0 for an untied one."""
    vision_bytes: int
    """Bytes of the vision tower and projector, which are the mmproj file."""
    head_bytes: int
    """Bytes of the output matrix alone, or of the embedding for a tied model."""
    layer_tensors: tuple[dict[str, int], ...]
    """Bytes of each tensor of each layer by name, for the copies that a partial offload makes."""
    lazy_bytes: int = 0
    """Bytes of a table whose rows are read from the file when they are asked (``LAZY``)."""

    @property
    def file_bytes(self) -> int:
        """Bytes of all tensors in the language model's file and the mmproj file, each counted once."""
        return self.input_bytes + self.lazy_bytes + sum(self.layer_bytes) + self.output_bytes + self.vision_bytes


@per_model
def parts_of(checkpoint: Checkpoint) -> Parts:
    """Divide a checkpoint into parts, in the form of its GGUF file."""
    return _cut(checkpoint.model, gguf_file(checkpoint).stored)


def loaded(model: Model, scheme: Scheme, mxfp4: str = FILE_TYPE, of_any_publisher: bool = False) -> Checkpoint:
    """Find the GGUF file of a model in a scheme: its own where it was read from one in that scheme.

    ``of_any_publisher`` is True if a scheme that names no publisher stands for the files that publishers make of it.
    """
    found = derive(model, scheme)
    if own_checkpoint(model) is found:
        return found
    file = gguf_file(found, mxfp4)
    if of_any_publisher and model.files:
        from vramfit.quantization.bare_types import as_published

        return as_published(file)
    return file


@per_model
def gguf_file(checkpoint: Checkpoint, mxfp4: str = FILE_TYPE) -> Checkpoint:
    """Convert a checkpoint to its GGUF file: ``bf16`` becomes the file type ``BF16``, MXFP4 becomes ``mxfp4``."""
    scheme = checkpoint.scheme
    if checkpoint.family not in OTHER_FAMILIES:
        return checkpoint
    file = derive(checkpoint.model, SCHEMES[mxfp4 if scheme.family == "mxfp4" else scheme.settings["type"]])
    return Checkpoint(checkpoint.model, scheme, file.stored, family="gguf")


def _cut(model: Model, stored: tuple[Stored, ...]) -> Parts:
    count = model.layer_count
    layer, expert = [0] * count, [0] * count
    sizes: dict[tuple[int, ...], dict[str, int]] = {}
    before = lazy = output = vision = embedding = head = 0
    for row in stored:
        tensor = row.tensor
        each = row.bytes_each * tensor.copies
        if row.layers:
            # A layer may have two tensors of a name: ERNIE 4.5 VL has experts for text and for images in one.
            alike = sizes.setdefault(row.layers, {})
            alike[tensor.name] = alike.get(tensor.name, 0) + each
        elif tensor.part in VISION_PARTS:
            vision += row.total_bytes
        elif tensor.part != "text":
            continue
        elif tensor.name == LAZY and row.total_bytes > LAZY_FROM_BYTES:
            lazy += row.total_bytes
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
    # Most layers are stored alike, so sizes are summed once for each set of equal layers.
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
        head or embedding, tuple(tensors), lazy,
    )  # fmt: skip


class Placement(Record):
    """Devices of the layers, of the output and of the routed experts."""

    layer_device: tuple[int, ...]
    """Number of the device of each layer: that of a GPU, or ``HOST``."""
    output_device: int
    cpu_moe_layers: int
    """Number of layers, from the first on, whose routed experts stay in host memory."""
    by_rows: bool = False
    """True if the matrices of each layer are divided by rows over all GPUs (``--split-mode row``)."""
    moved: Moved | None = None
    """Tensors placed by name (``--override-tensor``); None if no pattern was given."""

    @property
    def gpu_layers(self) -> int:
        """Number of layers on the GPUs in the sense of ``-ngl``, which counts the output as a layer."""
        return len(self.layer_device) - self.layer_device.count(HOST) + (self.output_device != HOST)

    @property
    def pipelined(self) -> bool:
        """True if llama.cpp lets the GPUs work in parallel, for which it keeps several copies of inputs.

        It does so if every layer is whole on one of several GPUs and no tensor is placed by name (``llama-context.cpp``).
        """
        by_name = self.cpu_moe_layers or self.moved is not None
        return self.output_device > 0 and HOST not in self.layer_device and not (by_name or self.by_rows)


def place(
    layers: int, gpu_layers: int, cpu_moe_layers: int, shares: Sequence[float], by_rows: bool = False,
    moved: Moved | None = None,
) -> Placement:  # fmt: skip
    """Place the last ``gpu_layers`` of ``layers + 1`` layers on GPUs, in proportion to ``shares``.

    Layer ``i`` of the offloaded ones goes to the first GPU whose cumulative share exceeds ``i / offloaded``.
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
    return Placement(tuple(devices[:-1]), devices[-1], min(cpu_moe_layers, layers), by_rows, moved)


class Resident(Record):
    """Bytes of weights and cache on one device, without the vision tower."""

    weights_bytes: int
    read_bytes: int
    """Bytes of the weights that are read for one generated token."""
    cache_bytes: int


def resident(parts: Parts, caches: Sequence[int], placement: Placement, gpus: int) -> dict[int, Resident]:
    """Sum weights and caches by device, ``HOST`` included; ``caches`` contains the bytes of each layer's cache."""
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
    # On the host, embedding and tied head are a single tensor.
    weights[output] += parts.output_bytes if output == HOST else head
    read[output] += head
    weights[HOST] += parts.input_bytes
    return {device: Resident(weights[device], round(read[device]), cache[device]) for device in devices}


CELL_PADDING = 256
"""Number of cells that the cache is padded to a multiple of (``GGML_PAD(n_ctx, 256)``)."""

QUANTIZED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""Cache types with blocks of elements that share a scale (``cache_types``)."""


class Cells(Record):
    """Number of tokens that the cache has room for."""

    full: int
    """Number of cells per stream in a layer that keeps every token."""
    sliding: int
    """Number of cells per stream in a sliding-window or chunked layer."""
    streams: int
    """Number of separate caches: one per sequence, or one for all sequences if unified."""


def padded(tokens: int) -> int:
    """Round a number of tokens up to whole blocks of cells."""
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def asked_cells(work: Workload, keys: LlamaCppKeys) -> int:
    """Number of cells that a workload asks for (``-c``): a context for each sequence, or a single one that all share."""
    return work.context if keys.unified_kv else work.context * work.parallel


def physical_batch(work: Workload, keys: LlamaCppKeys) -> int:
    """Number of tokens of one forward pass: ``n_ubatch``, limited by the batch and the context.

    llama.cpp limits it to the requested context. Here the limit is rounded up to whole blocks of cells, so that a slightly
    longer context never needs less memory, although the kernels for 31 and for 32 tokens differ.
    """
    return min(keys.ubatch, keys.batch, padded(asked_cells(work, keys)))


@per_model
def local_window(model: Model) -> int | None:
    """Window in tokens of the sliding or chunked layers; None if there are none, or if llama.cpp ignores the window.

    It ignores a window that every layer has (Mistral 7B v0.1, StarCoder2, Phi-3): only architectures that mix windowed and
    full layers have a windowed cache (``swa_type`` in ``src/models/*.cpp``).
    """
    windows = windows_of(model)
    if None not in windows:
        return None
    return max([window for window in windows if window is not None], default=None)


def windows_of(model: Model) -> set[int | None]:
    """Windows in tokens of the layers with softmax attention, with None for layers that attend to every token."""
    return {mixer.window for group in model.layers for mixer in group.mixers if isinstance(mixer, Attention)}


@per_model
def widest_value(model: Model) -> int:
    """Largest number of elements of V per token in any layer's cache; 0 if no layer caches V."""
    return max([cache.value_width for cache in caches(model)], default=0)


def cells(work: Workload, keys: LlamaCppKeys, window: int | None) -> Cells:
    """Number of cells for a workload; ``window`` is the window in tokens of the model's local layers, None without any."""
    total = padded(asked_cells(work, keys))
    streams = 1 if keys.unified_kv else work.parallel
    full = padded(total // streams)
    sliding = full
    if window is not None and not keys.swa_full:
        sequences = work.parallel if keys.unified_kv else 1
        sliding = padded(min(full, window * sequences + physical_batch(work, keys)))
    return Cells(full, sliding, streams)


def layer_cache_bytes(model: Model, work: Workload, keys: LlamaCppKeys) -> list[int]:
    """Bytes of caches and recurrent states that each layer owns, for all sequences.

    Raises ``CannotTell`` for cross-attention, and ``UsageError`` for a row that is no multiple of its type's block.
    """
    window = local_window(model)
    room = cells(work, keys, window)
    found = caches(model)
    # Without flash attention V is stored transposed, and all layers then have rows as wide as the widest layer's.
    widest = 0 if work.flash_attention else widest_value(model)
    per_layer = [0] * model.layer_count
    for cache in found:
        size = cache_bytes(cache, work, physical_batch(work, keys), room, widest, window)
        for layer in cache.layers:
            per_layer[layer] += size
    return per_layer


def cache_bytes(cache: Cache, work: Workload, batch: int, room: Cells, widest_value: int, window: int | None) -> int:
    """Bytes of one layer of a cache, for all sequences; ``widest_value`` is the width that all layers' V has, 0 for its own."""
    if cache.kind == "state":
        return 4 * (cache.convolution_elements + cache.recurrent_elements) * work.parallel
    if cache.kind == "cross":
        raise CannotTell(
            "llama.cpp's buffers for cross-attention are not modelled", "use --engine transformers for this model"
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
    """Placement of a deployment and sizes of its caches and buffers, which the terms are derived from."""

    placement: Placement
    caches: list[int]
    """Bytes of each layer's cache."""
    buffers: Compute
    tower: tuple[int, int]
    """Bytes of the vision tower with its projector, and of its compute buffer."""
    tower_device: int
    checkpoint: Checkpoint
    kept: Kept | None = None
    """RAM that the server keeps beside weights and buffers; None if it was not computed."""
    first: int = 0
    """Number of the first GPU in use: ``main_gpu`` if everything is on one GPU, else 0."""
