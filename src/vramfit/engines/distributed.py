"""Distribution of a model over GPUs in vLLM and SGLang: within a layer, across layers, and in copies.

*Tensor parallel* divides each matrix: column-parallel matrices by their outputs, row-parallel ones by their inputs, and
embedding and head by the vocabulary. Attention heads and the inner widths of experts are divided with them. Small or
shared tensors are whole on every rank (norms, routers, latents, biases added after the ranks are summed), and K and V
heads are repeated if there are fewer of them than ranks. *Pipeline parallel* gives each group of GPUs its own layers.
*Data parallel* repeats all of that, with requests of its own for each copy, but for routed experts, which are divided over
the ranks of all copies. They are divided by their inner width, or with *expert parallel* by their number.

Read in vLLM 0.33.0: ``model_executor/layers/linear.py`` (``QKVParallelLinear.num_kv_head_replicas``,
``RowParallelLinear`` bias), ``vocab_parallel_embedding.py`` (``DEFAULT_VOCAB_PADDING_SIZE``), ``models/deepseek_v2.py``
(``ReplicatedLinear``), ``layers/mamba/mamba_mixer2.py``, ``distributed/utils.py`` ``get_pp_indices``,
``distributed/parallel_state.py`` ``initialize_model_parallel`` (copies are the outermost groups of ranks),
``layers/fused_moe/config.py`` ``FusedMoEParallelConfig.make`` and ``layers/fused_moe/expert_map_manager.py``. SGLang 0.5.23
took these layers over (``srt/layers/linear.py``, ``srt/layers/vocab_parallel_embedding.py``); its copies are those of
``--enable-dp-attention``.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record, replace
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LinearAttention, StateSpace
from vramfit.quantization.fp8 import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys, Spread
    from vramfit.model import Model, Tensor
    from vramfit.model.architecture import Layers
    from vramfit.model.mixers import Mixer
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

    class Cards(Protocol):
        """Traits of a server's view of the GPUs, whatever else they have."""

        @property
        def spread(self) -> Spread:
            """Machines of the GPUs."""

    V = TypeVar("V", bound=Cards)

VOCAB_PADDING = 64
"""Number of rows that embedding and head are padded to a multiple of before division (``DEFAULT_VOCAB_PADDING_SIZE``)."""

REPLICATED = frozenset((
    "attn_q_a", "attn_kv_a_mqa", "attn_kv", "ffn_latent_down", "ffn_latent_up", "ssm_f_a", "ssm_g_a", "altup_router",
    "altup_correct_coef", "altup_predict_coef",
))  # fmt: skip
"""Linear layers that are whole on every rank: low-rank projections whose result all heads share."""
REPLICATED_ROOMS = ("indexer.", "compressor.")
"""Beginnings of the names of further tensors that are whole on every rank: those of the sparse-attention indexer ("no
tensor parallel, just replicated", ``deepseek_v2.py`` ``Indexer``)."""
ROW_PARALLEL = frozenset((
    "attn_output", "cross_attn_output", "attn_output_b", "ffn_down", "ffn_down_exps", "ffn_down_shexp", "ssm_out",
    "shortconv.out_proj",
))  # fmt: skip
"""Linear layers divided by their inputs. Their bias is added once to the sum over the ranks, and is therefore whole."""
KEY_VALUE = frozenset(("attn_k", "attn_v", "cross_attn_k", "cross_attn_v"))
"""Linear layers of keys and values, whose heads are repeated if there are more ranks than heads."""
BY_HEAD = frozenset((
    "attn_sinks", "ssm_conv1d", "ssm_conv1d_q", "ssm_conv1d_k", "ssm_conv1d_v", "ssm_a", "ssm_d", "ssm_dt",
    "shortconv.conv",
))  # fmt: skip
"""Parameters outside linear layers that belong to heads or channels and are divided with them."""
VOCABULARY = frozenset(("token_embd", "output", "per_layer_token_embd"))
"""Tensors divided by the rows of the vocabulary."""
GROUPED = ("awq", "gptq", "compressed_tensors")
"""Families of schemes whose scales cover groups of inputs, which must not be divided."""


class Experts(Record):
    """Division of routed experts over GPUs, which is that of other layers unless copies or whole experts are asked for."""

    ranks: int
    """Number of GPUs that the experts are divided over: the ranks of all copies."""
    whole: bool
    """True if each GPU has whole experts instead of a part of each."""
    shared_whole: bool = False
    """True if the experts that all tokens share are whole on each GPU too."""

    def share(self, model: Model, tensor: Tensor) -> tuple[int, int]:
        """Part of a tensor of experts on one rank, as a fraction; the first ranks take what does not divide."""
        if not self.whole:
            return local_share(model, tensor, self.ranks)
        count = tensor.shape[-1]
        return -(-count // self.ranks), count


def layout(job: Job[V, ServerKeys], *, cuts_blocks: bool = False) -> tuple[int, int]:
    """Numbers of ranks and of pipeline stages of one copy, ``(tensor_parallel, pipeline_parallel)``.

    The default is tensor parallel over the GPUs of a machine, and a pipeline stage for each machine; over all GPUs of a
    copy where there are several. Raises ``UsageError`` if the product with the number of copies is not the number of GPUs,
    or if the model cannot be divided by them. ``cuts_blocks`` is for an engine that says by itself what it does with a
    division through blocks of FP8 scales.
    """
    keys, count, times = job.keys, job.gpu_count, copies(job.keys)
    stages = keys.pipeline_parallel
    if stages is None:
        stages = job.traits.spread.stages if keys.tensor_parallel is None and times == 1 else 1
    ranks = keys.tensor_parallel or max(1, count // (stages * times))
    if ranks * stages * times != count:
        copied = f" x data_parallel {times}" if times > 1 else ""
        raise UsageError(
            f"tensor_parallel {ranks} x pipeline_parallel {stages}{copied} is {ranks * stages * times} GPUs, "
            f"and {count} were given",
            "the product must be the number of GPUs",
        )
    if stages > job.model.layer_count:
        raise UsageError(
            f"pipeline_parallel {stages} exceeds the {job.model.layer_count} layers of the model",
            "use fewer stages",
        )
    if keys.expert_parallel and not job.model.has_experts:
        raise UsageError(f"{job.model.name} has no experts to divide", "leave expert_parallel out")
    model, scheme = job.model, job.scheme
    if cuts_blocks:
        problem = _indivisible(model, ranks, ranks * times, keys.expert_parallel)
    else:
        problem = _refused(model, scheme, ranks, ranks * times, keys.expert_parallel)
    if problem:
        if model.has_experts and not keys.expert_parallel and not _refused(model, scheme, ranks, ranks * times, True):
            raise UsageError(
                f"{job.model.name} cannot be split over {ranks} GPUs: {problem}",
                "use --expert-parallel, which leaves each expert whole",
            )
        best, of_copy = ranks - 1, count // times
        while best > 1 and (of_copy % best or _refused(model, scheme, best, best * times, keys.expert_parallel)):
            best -= 1
        others = "" if of_copy == best else f" --pipeline-parallel {of_copy // best}"
        raise UsageError(
            f"{job.model.name} cannot be split over {ranks} GPUs: {problem}",
            f"use --tensor-parallel {best}{others}",
        )
    return ranks, stages


def copies(keys: ServerKeys) -> int:
    """Number of copies of the model, each with requests of its own."""
    return keys.data_parallel or 1


def expert_division(keys: ServerKeys, ranks: int) -> Experts | None:
    """Division of routed experts, given the number of ranks of one copy; None if it is that of the other layers."""
    over = ranks * copies(keys)
    return Experts(over, keys.expert_parallel) if over > ranks or (keys.expert_parallel and over > 1) else None


def of_one_copy(job: Job[V, ServerKeys]) -> Job[V, ServerKeys]:
    """Job with the requests of one copy: all of them divided by the number of copies, rounded up."""
    times = copies(job.keys)
    if times == 1:
        return job
    work = job.workload
    return replace(job, workload=replace(work, parallel=-(-work.parallel // times)))


def stage_of(number: int, ranks: int, stages: int) -> int:
    """Number of the pipeline stage that a GPU belongs to; copies are the outermost groups, and ranks the innermost."""
    return number % (ranks * stages) // ranks


def sequences_text(work: Workload) -> str:
    """Contents of the cache in words, for an engine's assumptions."""
    if work.parallel == 1:
        return f"one sequence of {work.context:,} tokens"
    return f"{work.parallel:,} sequences of {work.context:,} tokens each"


def split_text(job: Job[V, ServerKeys], ranks: int, stages: int) -> list[str]:
    """Sentences on the distribution of the model over several GPUs, for an engine's assumptions."""
    if job.gpu_count == 1:
        return []
    parts, times = [], copies(job.keys)
    if times > 1:
        experts = " and shares its experts with the others" if job.model.has_experts else ""
        parts.append(
            f"{times} copies take their share of the requests each; a copy has {_gpus(ranks * stages)}{experts}"
        )
    if ranks > 1:
        parts.append(f"each layer is split over {ranks} GPUs")
    if stages > 1:
        parts.append(f"the layers form {stages} stages on {'groups of GPUs' if ranks > 1 else 'a GPU each'}")
    if job.keys.expert_parallel:
        parts.append("each GPU has whole experts")
    padding = padding_needed(job.model, job.scheme, ranks)
    return ["; ".join(parts), *([padding] if padding else [])]


def _gpus(count: int) -> str:
    return f"{count} GPUs" if count > 1 else "one GPU"


def stage_layers(layers: int, stages: int) -> list[tuple[int, int]]:
    """Ranges of layers ``(start, stop)``, one per stage, of equal size; the stages before the last take the remainder."""
    counts = [layers // stages] * stages
    for number in range(2, layers % stages + 2):
        counts[-number] += 1
    ranges, start = [], 0
    for count in counts:
        ranges.append((start, start + count))
        start += count
    return ranges


def local_kv_heads(heads: int, ranks: int) -> int:
    """Number of K or V heads on one rank: at least one, since heads are repeated if there are more ranks than heads."""
    return max(1, heads // ranks)


def local_share(model: Model, tensor: Tensor, ranks: int) -> tuple[int, int]:
    """Part of ``tensor`` on one rank, as a fraction ``(numerator, denominator)`` that padding can make larger than 1."""
    stem, _, kind = tensor.name.rpartition(".")
    if tensor.part == "text" and stem in VOCABULARY and tensor.shape:
        rows = tensor.shape[-1]
        return -(-rows // VOCAB_PADDING) * VOCAB_PADDING, rows * ranks
    if ranks == 1:
        return 1, 1
    if tensor.part != "text":
        tower = model.vision
        whole = tower is not None and tower.heads % ranks
        return (1, 1) if whole or not (tensor.linear or kind == "unmodelled") else (1, ranks)
    mixers = _mixers(model, tensor)
    if stem in KEY_VALUE:
        for mixer in mixers:
            if isinstance(mixer, Attention):
                return local_kv_heads(mixer.kv_heads, ranks), mixer.kv_heads
    if stem == "attn_qkv":
        for mixer in mixers:
            if isinstance(mixer, Attention):
                query, key = mixer.heads * mixer.head_dim, mixer.head_dim + mixer.value_dim
                local = query // ranks + local_kv_heads(mixer.kv_heads, ranks) * key
                return local, query + mixer.kv_heads * key
    if stem in ("ssm_in", "ssm_conv1d"):
        for mixer in mixers:
            if isinstance(mixer, StateSpace) and mixer.kind == "mamba2":
                return _mamba2_share(mixer, ranks, projection=stem == "ssm_in")
    if stem in REPLICATED or tensor.name.startswith(REPLICATED_ROOMS):
        return 1, 1
    if stem in BY_HEAD or (stem == "ssm_norm" and any(mixer.kind == "mamba2" for mixer in mixers)):
        return 1, ranks
    if tensor.linear:
        return 1, ranks
    # The rest are norms, routers, position embeddings and biases, of which those of column-parallel layers are divided.
    cut = kind == "bias" and _is_linear(stem) and stem not in ROW_PARALLEL
    return (1, ranks) if cut else (1, 1)


def _is_linear(stem: str) -> bool:
    return not stem.endswith("norm") and stem not in ("ffn_gate_inp", "exp_probs_b")


def _mamba2_share(mixer: StateSpace, ranks: int, projection: bool) -> tuple[int, int]:
    """Part of Mamba 2's projection or convolution on one rank, as a fraction.

    B and C come in groups, of which each rank has at least one of its own (``extra_groups_for_head_shards``).
    """
    groups = mixer.groups // ranks if mixer.groups % ranks == 0 else 1
    local = mixer.inner // ranks + 2 * groups * mixer.state
    whole = mixer.inner + 2 * mixer.groups * mixer.state
    if projection:
        local += mixer.inner // ranks + mixer.heads // ranks
        whole += mixer.inner + mixer.heads
    return local, whole


def _mixers(model: Model, tensor: Tensor) -> tuple[Mixer, ...]:
    if tensor.layers:
        for group in model.layers:
            if tensor.layers[0] in group.indices:
                return group.mixers
    return ()


@per_model
def _refused(model: Model, scheme: Scheme, ranks: int, over: int, whole: bool) -> str | None:
    """Reason why an engine refuses to divide the model over ``ranks``, and its experts ``over`` so many; None if none."""
    return _indivisible(model, ranks, over, whole) or cut_blocks(model, scheme, ranks, over, whole)


def _indivisible(model: Model, ranks: int, over: int, whole: bool) -> str | None:
    """Reason why the model's widths cannot be divided; None if they can."""
    if over == 1:
        return None
    if model.vocab and -(-model.vocab // VOCAB_PADDING) * VOCAB_PADDING % ranks:
        return f"its vocabulary of {model.vocab} rows does not divide"
    for group in model.layers:
        for mixer in group.mixers:
            own = mixer.widths
            if own.heads % ranks:
                return f"its {own.heads} attention heads do not divide"
            if own.kv_heads % ranks and ranks % own.kv_heads:
                return f"its {own.kv_heads} KV heads neither divide nor repeat evenly"
            if isinstance(mixer, LinearAttention) and (mixer.key_heads % ranks or mixer.value_heads % ranks):
                return f"its {mixer.key_heads} linear-attention heads do not divide"
            if isinstance(mixer, StateSpace) and mixer.inner % ranks:
                return f"its state-space width of {mixer.inner} does not divide"
        for width, parts in _inner_widths(group, ranks, over, whole):
            if width % parts:
                return f"its feed-forward width of {width} does not divide"
    return None


def cut_blocks(model: Model, scheme: Scheme, ranks: int, over: int, whole: bool) -> str | None:
    """Reason why a division would split a block of FP8 scales, which vLLM refuses; None if it does not.

    Source: vLLM 0.33.0 ``quantization/utils/fp8_utils.py`` ``validate_fp8_block_shape`` and ``validate_fp8_block_shape_moe``.
    """
    if scheme.family != "fp8" or (model.dtype != "fp8" and scheme.settings["scale"] != "block"):
        return None
    side = model.traits.weight_block or BLOCK
    found = cut_width(model, side, ranks, over, whole)
    return "{} / {} goes through blocks of {} weights that share a scale".format(*found, side) if found else None


def padding_needed(model: Model, scheme: Scheme, ranks: int) -> str | None:
    """Remark for a division that splits groups of scales of a 4- or 8-bit checkpoint; None if it splits none.

    vLLM refuses such a checkpoint (0.33.0 ``quantization/utils/marlin_utils.py`` ``verify_marlin_supports_shape``), so
    publishers pad the feed-forward width: Qwen2.5-72B-Instruct-AWQ has 29,696 where the model has 29,568.
    """
    group = scheme.settings.get("group", -1) if scheme.family in GROUPED else -1
    found = cut_width(model, group, ranks, ranks, False) if group > 0 else None
    if found is None:
        return None
    width = found[0]
    padded = -(-width // (group * ranks)) * group * ranks
    return f"needs a checkpoint whose feed-forward width of {width:,} is padded to {padded:,}"


def cut_width(model: Model, group: int, ranks: int, over: int, whole: bool) -> tuple[int, int] | None:
    """First feed-forward width whose parts are no multiple of ``group`` inputs, and the number of its parts, or None."""
    for layers in model.layers:
        for width, parts in _inner_widths(layers, ranks, over, whole):
            if parts > 1 and width // parts % group:
                return width, parts
    return None


def _inner_widths(group: Layers, ranks: int, over: int, whole: bool) -> list[tuple[int, int]]:
    """Inner widths of the feed-forward networks of a group of layers, and the numbers of parts that each is cut into."""
    network = group.feed_forward
    if network is None:
        return []
    mixture = group.experts
    if mixture is None:
        return [(width, ranks) for width in network.inner_widths]
    found = [(width, ranks) for width in (mixture.shared_width, mixture.dense_width) if width]
    return found if whole else [(mixture.width, over), *found]
