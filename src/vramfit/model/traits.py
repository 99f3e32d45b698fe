"""Names of an architecture, and the traits of its blocks: biases, norms, gates and other details that change tensors.

Each field of ``Traits`` is one such trait, with the default that applies if nothing else is stated. Catalogue entries,
configurations and files are all translated to them. ``inventory``, ``attention``, ``feed_forward`` and ``recurrent``
derive tensors from them, and engines read them. The models in brackets are examples that have the trait.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from vramfit.model.kinds import Count, Normalised


class Architecture(Record):
    """Names of a model's architecture; all of them None for a model whose networks are not modelled."""

    name: str | None = None
    """Name in the catalogue, under ``architectures:`` of ``data/models.yaml``. Models whose blocks are written alike
    share it."""
    model_type: str | None = None
    """``model_type`` of the configuration that gives the language model's sizes: that of ``text_config`` if there is
    one. None if transformers does not know the architecture."""
    gguf: str | None = None
    """``general.architecture`` of GGUF files (``LLM_ARCH_NAMES`` in llama.cpp's ``src/llama-arch.cpp``). None if
    llama.cpp has no such architecture."""


class ExtraTensor(Record):
    """Tensor of the language model that no trait describes, and that is therefore listed in full."""

    name: str
    """Name in GGUF files, without ``blk.N.``."""
    shape: tuple[Count, ...]
    """Extents in the order of ggml: inputs first."""
    linear: bool = False
    """True for the weight of an ``nn.Linear``, which quantization schemes replace."""
    copies: Count = 1
    """Number of equal tensors with this name."""


class Traits(Record):
    """Traits of an architecture's blocks; the defaults are what most architectures have."""

    norms: tuple[str, ...] = ("attn_norm", "ffn_norm")
    """Norms of a layer by their GGUF names: Gemma has four, Command R one for both halves."""
    norm_bias: bool = False
    """Norms are LayerNorms with a bias instead of RMSNorms."""
    first_attn_norm: bool = True
    """The first layer normalises its input; false for ModernBERT, whose embedding norm does so."""
    embedding_norm: bool = False
    """A norm follows the embedding."""
    attention_weights: bool = True
    """Attention layers own their weights; those of Zamba2 share two blocks, which its ``extra`` lists."""
    positions: Count | None = None
    """Number of rows of a learned position table (GPT-2, OPT, BERT)."""
    configured_context: Count | None = None
    """Longest context that the configuration states (``max_position_embeddings``), where its makers state another. Servers
    go by it: their tables of rotary angles, and the contexts that they refuse."""
    token_types: Count | None = None
    """Number of rows of a token-type table (BERT)."""
    output_norm: bool = True
    """A norm precedes the head."""
    head: bool = True
    """The model has a head over the vocabulary; embedding models have none."""
    output_bias: bool = False
    """The head has a bias."""
    extra_embeddings: Count | None = None
    """Number of rows that the embedding has more than the head (image placeholders of Llama 3.2 Vision)."""
    pooler: bool = False
    """A dense layer processes the first token (BERT)."""
    classifier: bool = False
    """A two-layer scoring head replaces the pooler (rerankers)."""
    per_layer_embedding: Count | None = None
    """Width of the embedding that each layer looks up for each token (Gemma 3n, Gemma 4 E)."""
    per_layer_vocab: Count | None = None
    """Number of rows of that per-layer embedding."""
    altup: Count | None = None
    """Number of residual streams with alternating updates (Gemma 3n)."""
    laurel: Count | None = None
    """Rank of the learned augmented residual (Gemma 3n)."""
    hyper_connections: Count | None = None
    """Number of residual streams that each half of a block mixes (DeepSeek-V4)."""
    layer_scale: bool = False
    """A stored scalar that is not trained scales each layer's output (Gemma 4)."""
    residual_scale: bool = False
    """Scales and biases apply to the residual stream and to what each half of a block adds to it (ZAYA1)."""
    extra: tuple[ExtraTensor, ...] = ()
    """Further tensors of the language model, listed in full."""
    qkv_bias: bool = False
    """Query, key and value projections have biases (Qwen2)."""
    k_bias: bool = True
    """The key projection has a bias too if ``qkv_bias`` is set; Whisper's has none."""
    o_bias: bool = False
    """The attention's output projection has a bias."""
    fused_qkv: bool = False
    """Query, key and value projections are stored as one ``attn_qkv`` matrix (Phi-3, Falcon, GPT-2)."""
    qk_norm: Normalised | None = None
    """Queries and keys are normalised: per ``head``, with weights of the head's width (Qwen3, Gemma 3), or over the
    whole ``projection`` (OLMo 2, Command R+, MiniMax-M2)."""
    qk_norm_bias: bool = False
    """The norms of queries and keys have biases."""
    cross_qk_norm: Normalised | None = None
    """``qk_norm`` of cross-attention layers (Llama 3.2 Vision)."""
    cross_gates: bool = False
    """Two learned scalars scale the outputs of a cross-attention layer (Llama 3.2 Vision)."""
    query_gate: bool = False
    """The query projection yields a gate of equal width beside the query (Qwen3-Next, Qwen3.5)."""
    head_gate: bool = False
    """A separate projection yields one gate for each head (Step 3.5)."""
    unrotated_full: bool = False
    """Full layers have no rotary embedding if other layers have a sliding window (Command R7B); adds no tensors."""
    sinks: tuple[Literal["full", "sliding"], ...] = ()
    """Kinds of attention with one learned sink logit per head: both in gpt-oss, ``sliding`` in MiMo-V2."""
    latent_gate: bool = False
    """A projection with the width of all value heads gates the results of latent attention (Kimi K3)."""
    attention_sub_norm: bool = False
    """A norm precedes the attention's output projection (BitNet b1.58)."""
    attention_convolution: Count | None = None
    """Kernel size of two convolutions over past queries and keys, one by channel and one by head, with a temperature for
    each key head (ZAYA1's compressed convolutional attention)."""
    gated: bool = True
    """Feed-forward networks have three matrices (SwiGLU, GeGLU) instead of two."""
    fused_gate_up: bool = False
    """Gate and up projections are one matrix, called ``ffn_up`` (Phi-3, GLM-4)."""
    mlp_bias: bool = False
    """Dense feed-forward networks have biases."""
    mlp_sub_norm: bool = False
    """A norm precedes the down projection (BitNet b1.58)."""
    activation_parameters: Count | None = None
    """Number of learned scalars of the activation function (xIELU in Apertus: 2)."""
    expert_bias: bool = False
    """Experts have biases (gpt-oss)."""
    router_bias: bool = False
    """The router has a bias (gpt-oss)."""
    router_rank: Count | None = None
    """Inner width of a router that is a network of its own: a projection, a norm, two layers, and an output for each
    expert and one for no expert (ZAYA1)."""
    selection_bias: bool | Literal["counted"] = False
    """A buffer balances the selection of experts (DeepSeek-V3); ``counted`` if transformers makes it a parameter
    (ERNIE)."""
    expert_dtype: Literal["mxfp4", "fp8"] | None = None
    """Element type of the routed experts in the checkpoint: ``mxfp4`` beside other weights in FP8 (DeepSeek-V4), or
    ``fp8`` where such a model was repackaged in FP8 throughout; None if it is ``dtype``."""
    weight_block: Count | None = None
    """Side of the squares of weights that share a scale in a checkpoint of 8-bit floats, where it is not 128
    (DeepSeek-V4.1: 32)."""
    shared_gate: bool = False
    """A learned gate scales the shared expert's output (Qwen2-MoE, Qwen3-Next)."""
    dense_beside_experts: bool = False
    """A dense network and the experts run in parallel in one layer, with router scales (Gemma 4 26B)."""
    assistant_hidden: Count = 0
    """Width of the assistant that drafts for the model and reads its caches (Gemma 4); 0 where none is known."""
    ssm_norms: bool = False
    """Mamba 1 normalises step size, B and C (Jamba)."""
    ssm_out_norm: bool = True
    """Mamba 2 has a norm before the output projection; Falcon-H1 0.5B has none."""
    ssm_bias: bool = False
    """Mamba's input and output projections have biases; its convolution always has one."""
    split_gates: bool = False
    """Each of the two gates per head in a gated delta net has its own projection (Qwen3.5) instead of sharing one
    (Qwen3-Next)."""
    full_rank_gate: bool = False
    """The output gate of KDA is one matrix (Kimi K3) instead of two matrices of low rank (Kimi Linear)."""

    @property
    def parallel(self) -> bool:
        """True if attention and feed-forward network run in parallel behind a single norm (Command R)."""
        return len(self.norms) == 1

    @property
    def sandwich(self) -> bool:
        """True if a norm also follows each half of a block (Gemma 2, OLMo 2, GLM-4-0414)."""
        return "post_ffw_norm" in self.norms


def read_traits(facts: Mapping[str, Any]) -> Traits:
    """Make traits from a mapping of field names to plain data, which need only give those that differ from the default.

    A value of None means that the trait is not stated. Raises ``TypeError`` for an unknown trait.
    """
    values: dict[str, Any] = {}
    for field, value in facts.items():
        if value is not None:
            values[field] = tuple(value) if isinstance(value, list) else value
    if "extra" in values:
        values["extra"] = tuple([ExtraTensor(**{**item, "shape": tuple(item["shape"])}) for item in values["extra"]])
    return Traits(**values)
