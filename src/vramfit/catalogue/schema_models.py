"""The shape of ``data/models.yaml``, and its merging into the flat entries that ``model.build`` reads.

Pydantic checks each section; ``validate_models`` then merges architecture, family and entry (the nearer wins, mappings are
merged one level deep) and checks what only the merged entry can show. This is the only place that knows the file's
sections; everything behind it sees flat entries. Fields are explained in the file's opening comment, traits and tower
settings where ``vramfit.model`` reads them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vramfit.model.build import FEED_FORWARD_KINDS
from vramfit.model.pattern import expand

Count = Annotated[int, Field(ge=1)]
"""A number of layers, heads, rows, … or a width."""
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
"""An identifier: lower case, as it is typed on the command line."""
Width = Count | Literal["tower", "merged", "ffn", "text"]
"""A width in a projector: a number, or the name of one the model defines."""

KINDS = ("full", "sliding", "chunked", "cross", "encoder", "mla", "mamba", "linear", "conv", "none")
"""Words of a layer pattern that name a mixer; ``mlp`` and ``moe`` name layers without one."""


class InvalidModelsError(ValueError):
    """``data/models.yaml`` breaks its schema. ``faults`` holds one line for each fault, with entry and field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _Part(BaseModel):
    """Strict: no unknown keys, no coercion of "13" into 13."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Extra(_Part):
    """A tensor written out: a linear layer, a norm, or a bare shape."""

    name: str
    linear: tuple[Width, Width] | None = Field(None, strict=False)
    norm: Width | None = None
    shape: list[Width] | None = None
    bias: bool = False
    copies: Count = 1

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(form is not None for form in (self.linear, self.norm, self.shape)) != 1:
            raise ValueError("give exactly one of linear, norm and shape")
        return self


class LayerExtra(_Part):
    """A tensor of the language model that no trait describes."""

    name: str
    shape: list[Count]
    linear: bool = False
    copies: Count = 1


class Traits(_Part):
    """How an architecture writes its blocks; see the modules of ``vramfit.model``."""

    norms: list[str] | None = None
    norm_bias: bool = False
    first_attn_norm: bool = True
    embedding_norm: bool = False
    attention_weights: bool = True
    positions: Count | None = None
    token_types: Count | None = None
    output_norm: bool = True
    head: bool = True
    output_bias: bool = False
    extra_embeddings: Count | None = None
    pooler: bool = False
    classifier: bool = False
    per_layer_embedding: Count | None = None
    per_layer_vocab: Count | None = None
    altup: Count | None = None
    laurel: Count | None = None
    layer_scale: bool = False
    extra: list[LayerExtra] | None = None
    qkv_bias: bool = False
    k_bias: bool = True
    o_bias: bool = False
    fused_qkv: bool = False
    qk_norm: Literal["head", "projection"] | None = None
    qk_norm_bias: bool = False
    cross_qk_norm: Literal["head", "projection"] | None = None
    cross_gates: bool = False
    query_gate: bool = False
    head_gate: bool = False
    sinks: list[Literal["full", "sliding"]] | None = None
    attention_sub_norm: bool = False
    gated: bool = True
    fused_gate_up: bool = False
    mlp_bias: bool = False
    mlp_sub_norm: bool = False
    activation_parameters: Count | None = None
    expert_bias: bool = False
    router_bias: bool = False
    selection_bias: bool | Literal["counted"] = False
    shared_gate: bool = False
    dense_beside_experts: bool = False
    ssm_norms: bool = False
    ssm_out_norm: bool = True
    ssm_bias: bool = False
    split_gates: bool = False


class Moe(_Part):
    """A mixture of experts."""

    experts: Count
    active: Count
    width: Count
    shared_width: Count | None = None
    dense_layers: Count | None = None
    every: Count | None = None
    latent: Count | None = None

    @model_validator(mode="after")
    def _active_of_count(self) -> Self:
        if self.active > self.experts:
            raise ValueError(f"active ({self.active}) exceeds experts ({self.experts})")
        return self


class Mla(_Part):
    """Multi-head latent attention."""

    query_rank: Count | None = None
    kv_rank: Count
    nope_dim: Count
    rope_dim: Count
    value_dim: Count
    indexer_dim: Count | None = None
    indexer_heads: Count | None = None
    indexer_pattern: str | None = None


class Ssm(_Part):
    """A Mamba layer."""

    kind: Literal["mamba1", "mamba2"]
    inner: Count
    state: Count
    conv: Count
    groups: Count = 1
    heads: Count | None = None
    dt_rank: Count | None = None


class Linear(_Part):
    """Attention with a matrix state."""

    kind: Literal["gated_delta_net", "kda", "lightning"]
    key_heads: Count
    value_heads: Count
    key_dim: Count
    value_dim: Count
    conv: Count | None = None


class Heads(_Part):
    """What one kind of attention layer has otherwise than the rest of the model."""

    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    value_dim: Count | None = None
    value_is_key: bool = False


class Fixed(_Part):
    """Every image takes as many tokens."""

    rule: Literal["fixed"]
    tokens: Count


class Anyres(_Part):
    """LLaVA-1.6: the whole image small, and a grid of tiles."""

    rule: Literal["anyres"]
    tile: Count
    patch: Count
    pinpoints: list[list[Count]] | None = None
    sides: Count | None = None
    max_tiles: Count | None = None


class Native(_Part):
    """Qwen-VL: native resolution between two pixel counts."""

    rule: Literal["native"]
    patch: Count
    merge: Count
    min_pixels: int = 0
    max_pixels: Count


class LongestSide(_Part):
    """Pixtral: native resolution up to a longest side."""

    rule: Literal["longest_side"]
    patch: Count
    merge: Count
    longest: Count


class Tiles(_Part):
    """InternVL: a grid of square tiles."""

    rule: Literal["tiles"]
    tile: Count
    per_tile: Count
    max_tiles: Count
    fit: Literal["canvas"] | None = None


class Split(_Part):
    """Idefics3: scaled to a longest side and cut into square tiles."""

    rule: Literal["split"]
    tile: Count
    per_tile: Count
    longest: Count


class Cross(_Part):
    """Llama 3.2 Vision: images are read by cross-attention and take one token of the prompt."""

    rule: Literal["cross"]
    per_tile: Count
    max_tiles: Count


ImageTokens = Annotated[Fixed | Anyres | Native | LongestSide | Tiles | Split | Cross, Field(discriminator="rule")]
"""A rule by which an image becomes tokens; ``vramfit.model.vision`` computes each."""


class Tower(_Part):
    """How a kind of encoder writes its blocks, and its projector."""

    frames: Count | None = None
    patch_bias: bool = True
    class_token: bool = False
    positions: Count | Literal["grid"] | None = None
    pre_norm: bool = False
    post_norm: bool = False
    norm_bias: bool = True
    norms: list[str] | None = None
    qkv_bias: bool = True
    k_bias: bool | None = None
    o_bias: bool = True
    mlp_bias: bool = True
    fused_qkv: bool = False
    gated: bool = False
    layer_scale: bool = False
    qk_norm: Literal["head", "projection"] | None = None
    merge: Count | None = None
    projector: list[Extra] | None = None
    extra: list[Extra] | None = None


class Vision(Tower):
    """A vision tower."""

    kind: Key
    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    heads: Count | None = None
    patch: Count | None = None
    image_size: Count | None = None
    parameters: Count | None = None
    image_tokens: ImageTokens | None = None


class Audio(Tower):
    """An audio encoder of the Whisper kind, or the parameter count of another."""

    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    heads: Count | None = None
    mel_bins: Count | None = None
    parameters: Count | None = None


class Network(_Part):
    """One network of a pipeline, known by its parameter count."""

    name: str
    parameters: Count
    architecture: str


class Facts(_Part):
    """What a family may give for its members, and an entry for itself."""

    architecture: Key | None = None
    modality: str | None = None
    released: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] | None = None
    licence: str | None = None
    dtype: Literal["fp32", "fp16", "bf16", "fp8", "mxfp4", "int4", "ternary"] | None = None
    layers: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    widths: str | None = None
    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    value_dim: Count | None = None
    vocab: Count | None = None
    tied: bool | None = None
    context: Count | None = None
    pattern: str | None = None
    window: Count | None = None
    shared_cache_layers: Count | None = None
    full_attention: Heads | None = None
    sliding_attention: Heads | None = None
    cross_attention: Heads | None = None
    conv_kernel: Count | None = None
    mla: Mla | None = None
    ssm: Ssm | None = None
    linear: Linear | None = None
    moe: Moe | None = None
    vision: Vision | None = None
    audio: Audio | None = None
    traits: Traits | None = None
    components: list[Network] | None = None
    note: str | None = None


class Entry(Facts):
    """One model."""

    id: Key
    name: str
    family: Key
    hf: list[Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]] | None = None
    ollama: list[str] | None = None
    sources: Annotated[list[str], Field(min_length=1)]


class ModelsFile(_Part):
    """``data/models.yaml``."""

    sources: dict[str, str]
    architectures: dict[str, Traits]
    towers: dict[str, Tower]
    families: dict[str, Facts]
    models: list[Entry]


def validate_models(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a parsed ``models.yaml``, checked, merged and flat, in the order of the file.

    Raises:
        InvalidModelsError: with a line for every fault found.
    """
    try:
        ModelsFile.model_validate(document)
    except ValidationError as error:
        raise InvalidModelsError([_fault(document, fault) for fault in error.errors()]) from None
    faults: list[str] = []
    merged = []
    seen: set[str] = set()
    for entry in document["models"]:
        where = entry["id"]
        if where in seen:
            faults.append(f"{where}: id: is used twice")
        seen.add(where)
        missing = [key for key in entry["sources"] if key not in document["sources"]]
        if missing:
            faults.append(f"{where}: sources: no such source: {', '.join(missing)}")
        if entry["family"] not in document["families"]:
            faults.append(f"{where}: family: no such family: {entry['family']}")
            continue
        try:
            flat = _merge(document, entry)
        except KeyError as error:
            faults.append(f"{where}: {error.args[0]}")
            continue
        faults += [f"{where}: {fault}" for fault in _gaps(flat)]
        merged.append(flat)
    if faults:
        raise InvalidModelsError(faults)
    return merged


def _fault(document: dict[str, Any], fault: Any) -> str:
    """One of Pydantic's faults as ``entry: field.path: what is wrong``."""
    path = list(fault["loc"])
    where = ""
    if path[:1] == ["models"] and len(path) > 1:
        entry = document["models"][path[1]]
        where = f"{entry.get('id', f'models[{path[1]}]') if isinstance(entry, dict) else f'models[{path[1]}]'}: "
        path = path[2:]
    return f"{where}{'.'.join(str(step) for step in path)}: {fault['msg']}"


def _merge(document: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Architecture, family and entry in one flat mapping; ``KeyError`` names what does not exist."""
    family = document["families"][entry["family"]]
    flat: dict[str, Any] = {}
    for part in (family, entry):
        for key, value in part.items():
            flat[key] = {**flat.get(key, {}), **value} if isinstance(value, dict) else value
    architecture = flat.get("architecture")
    if architecture is not None and architecture not in document["architectures"]:
        raise KeyError(f"architecture: no such architecture: {architecture}")
    flat["traits"] = {**document["architectures"].get(architecture, {}), **flat.get("traits", {})}
    vision = flat.get("vision")
    if vision is not None:
        if vision["kind"] not in document["towers"]:
            raise KeyError(f"vision.kind: no such tower: {vision['kind']}")
        flat["vision"] = {**document["towers"][vision["kind"]], **vision}
    return flat


def _gaps(flat: dict[str, Any]) -> list[str]:
    """What a merged entry lacks or contradicts."""
    if flat.get("components"):
        return []
    if not flat.get("layers"):
        known = flat.get("vision", {}).get("parameters") or flat.get("audio", {}).get("parameters")
        return [] if known else ["layers: missing"]
    faults = [f"{field}: missing" for field in ("architecture", "hidden", "vocab", "context") if not flat.get(field)]
    try:
        words = {word for kind in expand(flat.get("pattern", "full"), flat["layers"]) for word in kind.split("+")}
    except ValueError as error:
        return [*faults, f"pattern: {error}"]
    unknown = words.difference(KINDS, FEED_FORWARD_KINDS)
    faults += [f"pattern: no such kind of layer: {word}" for word in sorted(unknown)]
    needs = {"mla": "mla", "mamba": "ssm", "linear": "linear", "conv": "conv_kernel", "moe": "moe", "mlp": "ffn"}
    needs |= {"sliding": "window", "chunked": "window", "full": "heads", "cross": "heads", "encoder": "heads"}
    faults += [
        f"{field}: missing, a layer is {word}" for word, field in needs.items() if word in words and not flat.get(field)
    ]
    heads, kv_heads = flat.get("heads"), flat.get("kv_heads")
    if heads and kv_heads and heads % kv_heads:
        faults.append(f"kv_heads: {heads} heads cannot share {kv_heads}")
    if flat.get("vision") and not flat["vision"].get("image_tokens"):
        faults.append("vision.image_tokens: missing")
    return faults
