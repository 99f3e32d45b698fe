"""Recipes of publishers: what quantized checkpoints of a scheme leave in 16 bits, or in 8, besides embedding and head.

Which linear layers of a model are quantized is the publisher's choice, and ``quantization_config`` of a repository states
it. Without a repository the commonest choice is expected, and the interval of the weights reaches from the smallest to the
largest that publishers make. They choose by *kinds* of layers: routed experts, experts that every token passes, dense
feed-forward networks, attention, recurrent mixers (gated delta nets, Mamba), and the output head.

NVIDIA's choices were read in ``hf_quant_config.json`` of its repositories (copies in PyPI aiconfigurator-core 0.12.0,
model_configs/) and in the recipes that it made them with (NVIDIA/Model-Optimizer modelopt_recipes/ at a2fbac7b):

- models of 2025 (Llama 3.x, Qwen3-235B-A22B): every linear layer; of latent attention the output projection alone
  (DeepSeek-V3.1, GLM-5);
- dense models since: feed-forward networks alone (Gemma-4-31B; ``nvfp4_mlp_only``, "recommended for dense models");
- mixtures since: the routed experts alone (Gemma-4-26B-A4B, MiniMax-M2.x, GLM-5.1 to 5.3, Kimi-K2.5 to 2.7, Qwen3.5
  mixtures; ``nvfp4_experts_only``, "the most recommended recipe for MoE models");
- dense gated delta nets, and mixtures of them since Qwen3.6: feed-forward networks and head, other layers in FP8
  (Qwen3.6-27B, Qwen3.6-35B-A3B; ``huggingface/qwen3_5``);
- mixtures with Mamba (Nemotron 3): the routed experts, shared ones and Mamba in FP8, attention in 16 bits.

Tools quantize every linear layer unless told otherwise (AutoAWQ, GPTQModel, AutoRound; ``NVFP4_DEFAULT_CFG``), but the
examples of vllm-project/llm-compressor (at ab1ba3ef) leave gated delta nets in 16 bits (quantization_w4a4_fp4/
qwen3_5_example.py, quantization_w8a8_fp8/qwen3_next_example.py), and attention of Llama 4 and Kimi-K2.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.quantization.linears import groups, packed_bytes, rows
from vramfit.quantization.schemes import is_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Checkpoint, Stored

EXPERTS, SHARED, DENSE, ATTENTION, RECURRENT, GATES, HEAD, OTHER = range(8)
"""Kinds of tensors. Gates are the two narrow projections of a gated delta net (``in_proj_a``, ``in_proj_b``), and OTHER
everything that no scheme of these replaces."""
GATE_NAMES = ("ssm_beta.weight", "ssm_alpha.weight")
EARLIER = frozenset((
    "apertus", "cohere", "cohere2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "ernie4_5", "ernie4_5_moe", "exaone",
    "exaone4", "falcon_h1", "gemma", "gemma2", "gemma3_text", "gemma3n_text", "glm", "glm4", "glm4_moe", "glm4v_moe_text",
    "glm4v_text", "gpt_oss", "granite", "granitemoe", "granitemoehybrid", "hunyuan_v1_dense", "hunyuan_v1_moe",
    "internlm2", "internlm3", "jamba", "kimi_k2", "kimi_linear", "lfm2", "lfm2_moe", "llama", "mimo", "mistral", "mixtral",
    "mllama_text_model", "nemotron", "nemotron-nas", "olmo2", "olmo3", "olmoe", "phi", "phi3", "phi3_v", "phi4mm", "phimoe",
    "qwen2", "qwen2_5_vl", "qwen2_moe", "qwen2_vl", "qwen3", "qwen3_moe", "qwen3_vl_moe_text", "qwen3_vl_text", "seed_oss",
    "smollm3", "solar_open", "stablelm", "starcoder2",
))  # fmt: skip
"""Architectures (``model_type``) whose NVFP4 checkpoints were made before 2026, when NVIDIA began to leave attention in 16
bits: MiniMax-M2.5 and Qwen3.5 were the first, DeepSeek-V3.2 the last of the former kind. An architecture that is not known
counts as recent, which is the larger."""
FP8_REST_SINCE = "2026-04"
"""Month since which NVIDIA stores attention and delta nets of mixtures in FP8 (Qwen3.6-35B-A3B; Qwen3.5 has them in 16
bits, as is expected where the month is unknown)."""
GROUP_32_SINCE = "2025-08"
"""Month of a model's release since which 4-bit repositories have groups of 32 as often as of 128: those called AWQ are
mostly compressed-tensors with groups of 32 (cyankiwi), since AutoAWQ was given up. gemma-4-31B-it-AWQ-4bit so takes 19.6
GiB (benchmark table of LilaRest/gemma-4-31B-it-NVFP4-turbo)."""
SMALL_GROUP = 32

HALF_BITS, FP8_BITS = 16, 8
OWN_BITS = 0
"""Mark for the scheme's own form."""


class Recipe(Record):
    """Bits of each kind of layer in a checkpoint; ``OWN_BITS`` for the scheme's own form."""

    experts: int = OWN_BITS
    shared: int = OWN_BITS
    dense: int = OWN_BITS
    attention: int = OWN_BITS
    recurrent: int = OWN_BITS
    head: int = HALF_BITS

    outputs: int | None = None
    """Bits of attention's output projections; None for those of attention."""

    def bits(self, tensor: Tensor, kind: int) -> int:
        """Bits of a linear layer of a kind."""
        if kind in (GATES, OTHER):
            return HALF_BITS
        if kind == ATTENTION and self.outputs is not None and tensor.name == "attn_output.weight":
            return self.outputs
        return (self.experts, self.shared, self.dense, self.attention, self.recurrent, HALF_BITS, self.head)[kind]


ALL = Recipe()
EXPERTS_ONLY = Recipe(shared=HALF_BITS, dense=HALF_BITS, attention=HALF_BITS, recurrent=HALF_BITS)
FEED_FORWARD_ONLY = Recipe(attention=HALF_BITS, recurrent=HALF_BITS)
REST_IN_FP8 = Recipe(attention=FP8_BITS, recurrent=FP8_BITS, head=OWN_BITS)
NEMOTRON = Recipe(shared=FP8_BITS, dense=HALF_BITS, attention=HALF_BITS, recurrent=FP8_BITS)
OUTPUTS_ONLY = Recipe(attention=HALF_BITS, outputs=OWN_BITS)
"""Recipe for latent attention, of which only the output projection is quantized."""
AS_RELEASED = Recipe(shared=FP8_BITS, dense=FP8_BITS, attention=FP8_BITS)
"""Recipe for a model released with experts in MXFP4 and the rest in FP8 (nvidia/DeepSeek-V4-Flash-NVFP4)."""


@per_model
def recurrent_layers(model: Model) -> frozenset[int]:
    """Numbers of the layers whose token mixers all keep a state instead of tokens."""
    found: list[int] = []
    for group in model.layers:
        caches = [mixer.cache((0,), model.hidden) for mixer in group.mixers]
        if caches and all(cache is not None and cache.kind == "state" for cache in caches):
            found += group.indices
    return frozenset(found)


def kind_of(tensor: Tensor, recurrent: frozenset[int]) -> int:
    """Kind of a tensor; ``recurrent`` are the layers that have no attention (``recurrent_layers``)."""
    name = tensor.name
    if tensor.part != "text" or not tensor.linear or name == "token_embd.weight":
        return OTHER
    if name == "output.weight":
        return HEAD
    if "_exps." in name:
        return EXPERTS
    if "_shexp." in name:
        return SHARED
    if name.startswith("ffn_latent"):
        return ATTENTION  # projections into the experts' narrower space stay as attention does (Nemotron 3)
    if name.startswith("ffn_"):
        return DENSE
    if name in GATE_NAMES:
        return GATES
    in_recurrent_layer = bool(tensor.layers) and tensor.layers[0] in recurrent
    return RECURRENT if name.startswith("ssm_") or in_recurrent_layer else ATTENTION


@per_model
def nvfp4_recipe(model: Model) -> Recipe:
    """Recipe of NVIDIA's NVFP4 checkpoint of a model like this, which is expected without a repository."""
    if model.traits.expert_dtype == "mxfp4" and model.dtype == "fp8":
        return AS_RELEASED
    earlier = model.architecture.model_type in EARLIER
    mixers = {mixer.kind for group in model.layers for mixer in group.mixers}
    nets = "gated_delta_net" in mixers
    if not model.has_experts:
        if nets:
            return REST_IN_FP8
        return ALL if earlier or "mamba2" in mixers else FEED_FORWARD_ONLY
    if "mamba2" in mixers:
        return NEMOTRON
    if nets and (model.released or "") >= FP8_REST_SINCE:
        return REST_IN_FP8
    if not earlier:
        return EXPERTS_ONLY
    return OUTPUTS_ONLY if model.has_latent_attention else ALL


class Spread(Record):
    """Shares by which a publisher's weights may be less and more than those of a checkpoint that a scheme derived."""

    less: float
    more: float


EXACT = Spread(0.0, 0.0)
FAMILIES = ("nvfp4", "awq", "gptq", "compressed_tensors", "mxfp4", "fp8")
"""Families of schemes of which publishers make checkpoints by recipes that differ."""


@per_model
def spread(checkpoint: Checkpoint) -> Spread:
    """Spread of publishers' checkpoints in a scheme; ``EXACT`` for one that was read from a file."""
    if checkpoint.source or checkpoint.scheme.family not in FAMILIES or _is_one_form(checkpoint):
        return EXACT
    model = checkpoint.model
    recurrent, total, less, more = recurrent_layers(model), 0, 0, 0
    for row in checkpoint.stored:
        low, high = _bounds(checkpoint, row, kind_of(row.tensor, recurrent))
        total += row.total_bytes
        less += max(0, row.total_bytes - row.count * low)
        more += max(0, row.count * high - row.total_bytes)
    return Spread(less / total, more / total) if total else EXACT


def _is_one_form(checkpoint: Checkpoint) -> bool:
    """Return True if all checkpoints of the model in the scheme are alike: its release, and what an engine makes of one.

    ``fp8`` is not one form of a model whose release has experts in MXFP4 beside it (DeepSeek-V4): others have made them
    FP8 too (sgl-project/DeepSeek-V4-Pro-FP8).
    """
    scheme, model = checkpoint.scheme, checkpoint.model
    plain = scheme.family == "fp8" and scheme.settings["scale"] == "tensor"
    if model.traits.expert_dtype == "mxfp4" and model.dtype == "fp8":
        return not plain and scheme.family in ("fp8", "mxfp4")
    return plain or is_release(model.dtype, scheme)


def _bounds(checkpoint: Checkpoint, row: Stored, kind: int) -> tuple[int, int]:
    """Fewest and most bytes that publishers store a tensor in."""
    scheme, tensor, size = checkpoint.scheme, row.tensor, row.bytes_each
    half = 2 * tensor.elements
    if kind in (OTHER, GATES):
        return size, size
    if scheme.family == "nvfp4":
        own = packed_bytes(tensor.elements, 4) + rows(tensor) * groups(tensor, 16)
        if kind == EXPERTS or (kind == DENSE and not checkpoint.model.has_experts):
            return min(size, own), size
        return min(size, own), half
    if kind == EXPERTS and scheme.family == "fp8":
        return size, max(size, tensor.elements)
    if kind == HEAD or checkpoint.model.traits.expert_dtype is not None:
        return size, size
    few_bits = scheme.family != "fp8" and scheme.settings.get("bits", 4) < 8
    left = (RECURRENT, ATTENTION, SHARED) if few_bits and checkpoint.model.has_experts else (RECURRENT,)
    if kind in left:
        return size, half
    if scheme.family in ("awq", "compressed_tensors") and _may_have_small_groups(checkpoint):
        more = rows(tensor) * (groups(tensor, SMALL_GROUP) - groups(tensor, scheme.settings["group"]))
        return size, size + 2 * more + packed_bytes(more, 4)
    return size, size


def _may_have_small_groups(checkpoint: Checkpoint) -> bool:
    settings = checkpoint.scheme.settings
    recent = (checkpoint.model.released or GROUP_32_SINCE) >= GROUP_32_SINCE
    return recent and settings.get("bits", 4) == 4 and settings["group"] > SMALL_GROUP
