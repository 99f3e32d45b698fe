"""An architecture's names, and how it writes its blocks: biases, norms, gates and whatever else adds or removes tensors.

Each field of ``Traits`` is one such habit with the value that holds where nothing else is stated. Catalogue entries,
configurations and files all come down to these; ``inventory``, ``attention``, ``feed_forward`` and ``recurrent`` turn
them into tensors, and engines read them where they place or compute. The examples name models that have the trait.
"""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from vramfit.model.kinds import Count, Normalised


@record
class Architecture:
    """The names by which a model's architecture goes; all None for a model whose networks are not modelled."""

    name: str | None = None
    """The catalogue's own, under ``architectures:`` of ``data/models.yaml``: one name for all that write their blocks
    alike."""
    model_type: str | None = None
    """``model_type`` of the configuration that gives the language model's sizes: of ``text_config`` where there is one.
    None where transformers does not know the architecture."""
    gguf: str | None = None
    """``general.architecture`` of its GGUF files (``LLM_ARCH_NAMES`` of llama.cpp's ``src/llama-arch.cpp``). None where
    llama.cpp has no such architecture."""


@record
class ExtraTensor:
    """A tensor of the language model that no trait describes, written out."""

    name: str
    """Its GGUF name, without ``blk.N.``."""
    shape: tuple[Count, ...]
    """Extents as ggml orders them: inputs first."""
    linear: bool = False
    """True for the weight of an ``nn.Linear``, which quantization schemes replace."""
    copies: Count = 1
    """Equal tensors of this name."""


@record
class Traits:
    """Habits of an architecture, each with the value most architectures have."""

    norms: tuple[str, ...] = ("attn_norm", "ffn_norm")
    """Norms of a layer by their GGUF names: Gemma has four, Command R one for both halves."""
    norm_bias: bool = False
    """Norms are LayerNorms with a bias instead of RMSNorms."""
    first_attn_norm: bool = True
    """The first layer normalises its input; ModernBERT's embedding norm has done that already."""
    embedding_norm: bool = False
    """A norm stands right behind the embedding."""
    attention_weights: bool = True
    """Attention layers own their weights; Zamba2's share two blocks, which its ``extra`` lists."""
    positions: Count | None = None
    """Rows of a learned position table (GPT-2, OPT, BERT)."""
    token_types: Count | None = None
    """Rows of a token-type table (BERT)."""
    output_norm: bool = True
    """A norm stands before the head."""
    head: bool = True
    """There is a head over the vocabulary; embedding models have none."""
    output_bias: bool = False
    """The head has a bias."""
    extra_embeddings: Count | None = None
    """Rows of the embedding that the head lacks (image placeholders of Llama 3.2 Vision)."""
    pooler: bool = False
    """A dense layer works on the first token (BERT)."""
    classifier: bool = False
    """A two-layer scoring head replaces the pooler (rerankers)."""
    per_layer_embedding: Count | None = None
    """Width of the embedding each layer looks up for each token (Gemma 3n, Gemma 4 E)."""
    per_layer_vocab: Count | None = None
    """Rows of that per-layer embedding."""
    altup: Count | None = None
    """Streams of the alternating-updates residual (Gemma 3n)."""
    laurel: Count | None = None
    """Rank of the learned augmented residual (Gemma 3n)."""
    hyper_connections: Count | None = None
    """Streams of the residual that each half of a block mixes (DeepSeek-V4)."""
    layer_scale: bool = False
    """A stored scalar, not trained, scales each layer's output (Gemma 4)."""
    residual_scale: bool = False
    """Scales and biases act on the residual stream and on what each half of a block adds to it (ZAYA1)."""
    extra: tuple[ExtraTensor, ...] = ()
    """Further tensors of the language model, written out."""
    qkv_bias: bool = False
    """Query, key and value projections have biases (Qwen2)."""
    k_bias: bool = True
    """Where ``qkv_bias`` holds, the key projection has its bias too; Whisper's has none."""
    o_bias: bool = False
    """The attention's output projection has a bias."""
    fused_qkv: bool = False
    """One ``attn_qkv`` matrix stands for three, as Phi-3, Falcon and GPT-2 store it."""
    qk_norm: Normalised | None = None
    """Queries and keys are normalised: per ``head`` with one weight of the head's width (Qwen3, Gemma 3), or over the
    whole ``projection`` (OLMo 2, Command R+, MiniMax-M2)."""
    qk_norm_bias: bool = False
    """The norms of queries and keys have biases."""
    cross_qk_norm: Normalised | None = None
    """``qk_norm`` of cross-attention layers (Llama 3.2 Vision)."""
    cross_gates: bool = False
    """Two learned scalars scale what a cross-attention layer adds (Llama 3.2 Vision)."""
    query_gate: bool = False
    """The query projection yields a gate of equal width beside the query (Qwen3-Next, Qwen3.5)."""
    head_gate: bool = False
    """A projection of its own yields one gate for each head (Step 3.5)."""
    unrotated_full: bool = False
    """Where other layers look back over a window, full ones have no rotary embedding (Command R7B); adds no tensors."""
    sinks: tuple[Literal["full", "sliding"], ...] = ()
    """Kinds of attention with one learned sink logit per head: both in gpt-oss, ``sliding`` in MiMo-V2."""
    latent_gate: bool = False
    """In latent attention, a projection as wide as all value heads gates them (Kimi K3)."""
    attention_sub_norm: bool = False
    """A norm stands before the attention's output projection (BitNet b1.58)."""
    attention_convolution: Count | None = None
    """Kernel of two convolutions over past queries and keys, one by channel and one by head, with a temperature for
    each key head (ZAYA1's compressed convolutional attention)."""
    gated: bool = True
    """Feed-forward networks have three matrices (SwiGLU, GeGLU) instead of two."""
    fused_gate_up: bool = False
    """Gate and up projections are one matrix, called ``ffn_up`` (Phi-3, GLM-4)."""
    mlp_bias: bool = False
    """Dense feed-forward networks have biases."""
    mlp_sub_norm: bool = False
    """A norm stands before the down projection (BitNet b1.58)."""
    activation_parameters: Count | None = None
    """Learned scalars of the activation function (xIELU in Apertus: 2)."""
    expert_bias: bool = False
    """Experts have biases (gpt-oss)."""
    router_bias: bool = False
    """The router has a bias (gpt-oss)."""
    router_rank: Count | None = None
    """Width the router works at where it is a network of its own: a projection, a norm, two layers, and one row for
    each expert and for none of them (ZAYA1)."""
    selection_bias: bool | Literal["counted"] = False
    """A buffer evens out which experts are picked (DeepSeek-V3); ``counted`` where transformers makes it a parameter
    (ERNIE)."""
    expert_dtype: Literal["mxfp4"] | None = None
    """Type the checkpoint holds the routed experts in, where that is not ``dtype`` (DeepSeek-V4)."""
    shared_gate: bool = False
    """A learned gate scales the shared expert's output (Qwen2-MoE, Qwen3-Next)."""
    dense_beside_experts: bool = False
    """A dense network and the experts run side by side in one layer, with router scales (Gemma 4 26B)."""
    ssm_norms: bool = False
    """Mamba 1 normalises step size, B and C (Jamba)."""
    ssm_out_norm: bool = True
    """Mamba 2 has a norm before the output projection; Falcon-H1 0.5B goes without."""
    ssm_bias: bool = False
    """Mamba's input and output projections have biases; the convolution always does."""
    split_gates: bool = False
    """In a gated delta net the two gates per head have a projection each (Qwen3.5) instead of one for both
    (Qwen3-Next)."""
    full_rank_gate: bool = False
    """In KDA the output gate is one matrix (Kimi K3) instead of two of low rank (Kimi Linear)."""

    @property
    def parallel(self) -> bool:
        """True where one norm serves attention and feed-forward network, which then run side by side (Command R)."""
        return len(self.norms) == 1

    @property
    def sandwich(self) -> bool:
        """True where a norm stands behind each half of a block as well (Gemma 2, OLMo 2, GLM-4-0414)."""
        return "post_ffw_norm" in self.norms


def read_traits(facts: Mapping[str, Any]) -> Traits:
    """The traits of a mapping that gives those that are not as usual, as plain data.

    Raises ``TypeError`` for an unknown trait.
    """
    values: dict[str, Any] = {}
    for field, value in facts.items():
        if value is not None:
            values[field] = tuple(value) if isinstance(value, list) else value
    if "extra" in values:
        values["extra"] = tuple([ExtraTensor(**{**item, "shape": tuple(item["shape"])}) for item in values["extra"]])
    return Traits(**values)
