"""Weights of one rank after vLLM has loaded a checkpoint: its part of every tensor, in the layout of the kernels.

Loading changes some sizes (vLLM 0.33.0 unless another version is named):

- GPTQ: Marlin keeps no group index and no zero points of symmetric checkpoints
  (``quantization/utils/marlin_utils.py`` ``marlin_make_empty_g_idx``).
- bitsandbytes: weights keep their stored size, according to start-up logs:
  unsloth/meta-llama-3.1-8b-instruct-bnb-4bit took 5.3541 GiB in vLLM 0.7.2. All these runs used unsloth, which prevents
  vLLM from undoing the double quantization of the scales (``dequantize_dq`` in ``model_loader/bitsandbytes_loader.py`` at
  0406fb9; unsloth-zoo ``vllm_utils.py``). Without unsloth vLLM takes 6 % more, which the upper bound includes. Version
  0.33.0 contains no such loader.
- MXFP4 experts: widths are rounded up to multiples that depend on the card's kernel (``fused_moe/oracle/mxfp4.py``
  ``mxfp4_round_up_hidden_size_and_intermediate_size``).
- Every matrix is a block of PyTorch's allocator, which rounds large blocks up, and matrices that a layer computes
  together are one matrix (Q, K and V; gate and up): see ``allocated_bytes``.
- Tables of rotary angles are kept beside the weights (``rotary``).
- Latent attention: decoding uses a 16-bit copy of a quantized ``kv_b_proj`` (``layers/attention/mla_attention.py``
  ``split_kv_b_proj``).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.cuda import BLACKWELL, HOPPER, at_least
from vramfit.engines.distributed import Experts, local_share, stage_layers
from vramfit.engines.vllm.rotary import rotary_bytes
from vramfit.quantization.linears import experts, groups, packed_bytes, rows
from vramfit.quantization.microscaling import BLOCK, matrix_bytes
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu
    from vramfit.quantization import Checkpoint, Scheme, Stored

KERNELS = {"nvidia": "marlin", "amd": "rocm", "intel": "xpu"}
"""Kernels for MXFP4 experts by vendor; Hopper has a different one, see ``mxfp4_kernel``."""
ROUNDING = {"marlin": (256, 128), "rocm": (256, 256), "xpu": (32, 64), "triton": (32, 64)}
"""Numbers of elements that each kernel rounds the hidden width and the inner width up to a multiple of."""
HOPPER_INPUTS, HOPPER_OUTPUTS = 128, 256
"""Numbers of inputs and outputs that Triton's layouts for Hopper pad 4-bit values to a multiple of; scales by outputs
(triton-lang/triton ``triton_kernels/tensor_details/layout_details/hopper_value.py`` ``_padded_shape`` at 000df03,
``hopper_scale.py`` with 8 warps). With them gpt-oss-120b takes 64.2 GiB, and vLLM 0.14.1 printed 64.38."""
HOPPER_SCALES = 4
"""Number that the scales of one row are padded to a multiple of (vLLM 0.33.0
``quantization/utils/mxfp4_utils.py`` ``_swizzle_mxfp4``)."""

FUSED = {
    "attn_q": "attn_qkv", "attn_k": "attn_qkv", "attn_v": "attn_qkv", "attn_q_a": "attn_qkv_a",
    "attn_kv_a_mqa": "attn_qkv_a", "ffn_gate": "ffn_gate_up", "ffn_up": "ffn_gate_up", "ffn_gate_exps": "ffn_gate_up_exps",
    "ffn_up_exps": "ffn_gate_up_exps", "ffn_gate_shexp": "ffn_gate_up_shexp", "ffn_up_shexp": "ffn_gate_up_shexp",
}  # fmt: skip
"""Name of the matrix that each of these is loaded into together with others (``packed_modules_mapping`` of the models,
``fused_moe`` ``w13_weight``)."""
EXPERTS, SHARED_EXPERTS = "_exps.", "_shexp."
"""Parts of the names of routed experts' tensors, and of those of the experts that all tokens share."""
UNPACKED = ("F16", "BF16", "F32")
"""Element types of tensors that are not quantized."""
LARGE_ALLOCATION = 10 * MIB
LARGE_STEP = 2 * MIB
SMALL_SIZE = MIB
"""Sizes of PyTorch's allocator in bytes: an allocation from 10 MiB on is rounded up to a multiple of 2 MiB, and up to
1 MiB of the remainder counts as allocated, because it is not split off (pytorch ``c10/cuda/CUDACachingAllocator.cpp``
``kMinLargeAlloc``, ``kRoundLarge``, ``kSmallSize``, ``should_split``). For this reason Qwen2.5-32B over two GPUs takes
30.7098 GiB although its tensors are 30.51 (vllm-project/vllm issue 15815)."""


class Stage(Record):
    """Weights of one rank of one pipeline stage, in bytes."""

    weights_bytes: int
    read_bytes: int
    """Bytes of weights read for each token: without the experts that the router leaves out, and without the embedding."""


def mxfp4_kernel(gpu: Gpu, has_triton: bool = True) -> str:
    """Name of the kernel that runs MXFP4 experts on a card: Triton on Hopper, and one by vendor elsewhere.

    Source: ``fused_moe/oracle/mxfp4.py`` ``_get_priority_backends_for_gpt_oss``. Releases that come without Triton's kernels
    (``has_triton``) run Marlin's (0.11.0 ``quantization/mxfp4.py`` ``get_mxfp4_backend``).
    """
    if has_triton and at_least(gpu, HOPPER) and not at_least(gpu, BLACKWELL):
        return "triton"
    return KERNELS.get(gpu.vendor, "marlin")


class Parts(Record):
    """Bytes of one rank's weights by the parts that they are loaded in."""

    matrices: dict[str, list[int]]
    """Bytes of each parameter of a layer, for every layer of the model, in the order of the layer's parameters."""
    read: list[int]
    """Bytes of each layer that a token reads."""
    first_bytes: int
    """Bytes outside of the layers on the first stage: embedding and towers."""
    last_bytes: int
    """Bytes outside of the layers on the last stage: the output head."""
    last_read_bytes: int
    embedding_bytes: int


@per_model
def stages(
    checkpoint: Checkpoint, ranks: int, count: int, kernel: str, experts_over: Experts | None = None
) -> tuple[Stage, ...]:
    """Weights of one rank in each of ``count`` pipeline stages, if every layer is split over ``ranks`` GPUs.

    Routed experts are split alike unless ``experts_over`` states another division.
    """
    model, parts = checkpoint.model, parts_of(checkpoint, ranks, kernel, experts_over)
    last, last_read = parts.last_bytes, parts.last_read_bytes
    if model.tied:
        last_read += parts.embedding_bytes
        last += allocated_bytes(parts.embedding_bytes) if count > 1 else 0
    columns = zip(*[map(allocated_bytes, sizes) for sizes in parts.matrices.values()], strict=True)
    layer = [sum(column) for column in columns]
    angles = rotary_bytes(model)
    found = []
    for number, (start, stop) in enumerate(stage_layers(model.layer_count, count)):
        weights, reads = sum(layer[start:stop]) + angles, sum(parts.read[start:stop])
        if number == 0:
            weights += parts.first_bytes
        if number == count - 1:
            weights, reads = weights + last, reads + last_read
        found.append(Stage(weights, reads))
    return tuple(found)


@per_model
def parts_of(checkpoint: Checkpoint, ranks: int, kernel: str, experts_over: Experts | None) -> Parts:
    """Bytes of one rank's weights by part, over all layers of the model."""
    model, scheme = checkpoint.model, checkpoint.scheme
    division = experts_over or Experts(ranks, False)
    cut = 1 if division.whole else division.ranks
    read = [0] * model.layer_count
    matrices: dict[str, list[int]] = {}
    active = model.active_shares
    first = last = last_read = embedding = 0
    for row in checkpoint.stored:
        tensor = row.tensor
        is_expert = EXPERTS in tensor.name
        parts = 1 if division.shared_whole and SHARED_EXPERTS in tensor.name else ranks
        above, below = division.share(model, tensor) if is_expert else local_share(model, tensor, parts)
        whole = _resident_bytes(row, scheme, cut if is_expert else parts, kernel)
        size = -(-whole * above // below)
        if row.layers:
            packed = _packed_bytes(row, whole) * above // below
            stem = tensor.name.removesuffix(".weight")
            for name, part in ((FUSED.get(stem, stem), packed), (f"{FUSED.get(stem, stem)} scales", size - packed)):
                if part:
                    sizes = matrices.setdefault(name, [0] * model.layer_count)
                    for index in row.layers:
                        sizes[index] += part
            for index in row.layers:
                read[index] += round(size * active[index]) if is_expert else size
        elif tensor.part == "text" and tensor.name.startswith("output"):
            last += tensor.copies * allocated_bytes(size)
            last_read += size
        else:
            first += tensor.copies * allocated_bytes(size)
            if tensor.name == "token_embd.weight":
                embedding = size
    return Parts(matrices, read, first, last, last_read, embedding)


def allocated_bytes(size: int) -> int:
    """Bytes that PyTorch counts as allocated for one tensor of ``size`` bytes in a new block."""
    if size < LARGE_ALLOCATION:
        return size
    rest = -size % LARGE_STEP
    return size + rest if rest <= SMALL_SIZE else size


def _packed_bytes(row: Stored, whole: int) -> int:
    """Bytes of the weights without their scales, of the ``whole`` bytes of a loaded tensor."""
    # The names of quantized types end with the number of bits: awq4, gptq8, int4, FP8, NVFP4, nf4.
    if row.type in UNPACKED or not row.tensor.linear or not row.type[-1:].isdecimal():
        return whole
    return min(whole, row.tensor.elements * int(row.type[-1]) // 8)


def _resident_bytes(row: Stored, scheme: Scheme, ranks: int, kernel: str) -> int:
    """Bytes of one loaded tensor on all ranks together, the padding of each rank's part included."""
    tensor = row.tensor
    if row.type in UNPACKED or not tensor.linear:
        return row.bytes_each
    if row.type == "MXFP4" and experts(tensor) > 1:
        return _mxfp4_bytes(tensor.name, tensor.shape, ranks, kernel)
    size = row.bytes_each
    if scheme.family == "gptq":
        bits, group = scheme.settings["bits"], scheme.settings["group"]
        size = packed_bytes(tensor.elements, bits) + 2 * rows(tensor) * groups(tensor, group)
    if scheme.family != "plain" and tensor.name == "attn_kv_b.weight":
        size += 2 * tensor.elements
    return size


def _mxfp4_bytes(name: str, shape: tuple[int, ...], ranks: int, kernel: str) -> int:
    """Bytes of all experts' matrices of one projection on all ranks together, each part rounded up for ``kernel``."""
    down = "_down_" in name
    hidden, inner = (shape[1], shape[0]) if down else (shape[0], shape[1])
    by_hidden, by_inner = ROUNDING[kernel]
    hidden, inner = _up(hidden, by_hidden), _up(-(-inner // ranks), by_inner)
    inputs, outputs = (inner, hidden) if down else (hidden, inner)
    size = matrix_bytes(inputs, outputs)
    if kernel == "triton":
        # Gate and up are one matrix, which is padded only once.
        padded = _up(outputs, HOPPER_OUTPUTS) if down else _up(2 * outputs, HOPPER_OUTPUTS) // 2
        size = padded * (_up(inputs, HOPPER_INPUTS) // 2 + _up(inputs // BLOCK, HOPPER_SCALES))
    return size * ranks * shape[2]


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
