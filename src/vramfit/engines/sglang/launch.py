"""Flags of ``sglang.launch_server``, for writing commands and for reading them.

SGLang 0.5.23: ``srt/arg_groups/fields/*.py`` and ``choices.py``; a flag is the field's name with dashes.
"""

from __future__ import annotations

from vramfit.engines.naming import is_encoder, pools, ranks
from vramfit.engines.servers import ranks as ranks_of
from vramfit.engines.servers import version
from vramfit.engines.serving import WIDE, checkpoint, machines, share_text, switched, with_quant, with_variables
from vramfit.engines.sglang.flags import NEUTRAL, REFUSED, UNMODELLED
from vramfit.engines.support import without_bfloat16
from vramfit.errors import UsageError
from vramfit.launch import SWITCH, Flag, Program
from vramfit.launch.write import line
from vramfit.units import GIB, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.sglang import SGLangKeys
    from vramfit.launch.words import Process

CACHES = {"fp8": "fp8_e4m3"}
"""SGLang's names of cache types that differ from vramfit's."""
CACHE_OF = {"auto": None, "bfloat16": "bf16"}
"""Cache types by SGLang's names that differ; None for ``auto``, the element type of the model."""
NEWEST, ATTENTION_COPIES = (0, 5, 23), (0, 5, 20)
"""Newest release that was read, and the first taken to have ``--attn-dp-size`` (0.5.19 has not, 0.5.23 has)."""
GRAPHS_BY_PHASE = (0, 5, 20)
"""First release taken to have ``--cuda-graph-max-bs-decode`` (0.5.19 has ``--cuda-graph-max-bs``, 0.5.23 this)."""
PER_BATCH = "8"
"""Default of ``--max-loras-per-batch`` (``fields/lora.py``)."""
PORT = 5000
"""Port at which the machines of one server connect to the first."""


def _cache_text(kind: str) -> str:
    return "auto" if kind in WIDE else CACHES.get(kind, kind)


def _gib_text(size_bytes: int) -> str:
    """Write a size in whole GiB, which SGLang calls GB, rounded up."""
    return str(-(-size_bytes // GIB))


def _gib(text: str) -> str:
    return f"{text}GiB"


def _graphs_text(eager: bool) -> str:
    return "disabled" if eager else "full"


def _graphs(text: str) -> bool:
    return text == "disabled"


def _overrides(text: str) -> dict[str, Any]:
    from vramfit.engines.positions import read_overrides

    return read_overrides(text, "--json-model-override-args")


def _overrides_text(scaling: str) -> str:
    from vramfit.engines.positions import overrides_text

    return overrides_text(scaling, "rope_scaling")


_ALGORITHMS = {"mtp": "NEXTN", "eagle3": "EAGLE3", "draft": "STANDALONE"}
"""SGLang's words for the methods of speculative decoding. ``NEXTN`` and ``EAGLE`` with a head in the model's own files are
one (``srt/server_args.py``)."""


HEAD = "EAGLE"
"""Word for the model's own head, and with a draft model for one that was trained for it."""
OWN_HEADS = ("nextn", "mtp")
"""Words in the names of repositories that have a model's own head alone."""


def _algorithm(text: str) -> str | None:
    """Method of ``--speculative-algorithm``; None for drafts from the text alone, which take no memory."""
    words = {word: method for method, word in _ALGORITHMS.items()} | {HEAD: HEAD}
    return None if text.upper() == "NGRAM" else words.get(text.upper(), text)


SERVER = Program(
    ("python", "-m", "sglang.launch_server"),
    (
        Flag("--model-path", "model", ("--model",)),
        Flag("--dtype", "dtype"),
        Flag("--quantization", "quantization"),
        Flag("--context-length", "context", of_model="context"),
        Flag("--json-model-override-args", "overrides", spell=_overrides_text, read=_overrides),
        Flag("--max-running-requests", "max_num_seqs"),
        Flag("--tp-size", "tensor_parallel", ("--tensor-parallel-size", "--tp")),
        Flag("--pp-size", "pipeline_parallel", ("--pipeline-parallel-size", "--pp")),
        Flag("--dp-size", "data_parallel", ("--data-parallel-size", "--dp")),
        Flag("--enable-dp-attention", "copies_attention", kind=SWITCH),
        Flag("--attn-dp-size", "attention_copies", ("--attention-data-parallel-size",)),
        Flag("--ep-size", "expert_ranks", ("--expert-parallel-size", "--ep")),
        Flag("--chunked-prefill-size", "max_batched_tokens"),
        Flag("--mem-fraction-static", "gpu_memory_utilization", spell=share_text),
        Flag("--max-total-tokens", "max_total_tokens"),
        Flag("--swa-full-tokens-ratio", "swa_full_tokens_ratio", spell=share_text),
        Flag("--mamba-full-memory-ratio", "mamba_full_memory_ratio", spell=share_text),
        Flag("--enable-lora", "adapters", kind=SWITCH),
        Flag("--max-loras-per-batch", "max_loras"),
        Flag("--max-lora-rank", "max_lora_rank"),
        Flag("--cuda-graph-max-bs-decode", "cuda_graph_max_bs"),
        Flag("--cuda-graph-max-bs", "early_max_bs"),
        Flag("--cpu-offload-gb", "cpu_offload", spell=_gib_text, read=_gib),
        Flag("--kv-cache-dtype", "kv_cache_type", spell=_cache_text, read=lambda text: CACHE_OF.get(text, text)),
        Flag("--speculative-algorithm", "speculative", (), spell=_ALGORITHMS.__getitem__, read=_algorithm),
        Flag("--speculative-draft-model-path", "draft_model", ("--speculative-draft-model", "--speculative-draft")),
        Flag("--speculative-num-steps", "speculative_tokens"),
        Flag("--speculative-eagle-topk", "branches"),
        Flag("--speculative-num-draft-tokens", "checked_tokens"),
        Flag("--cuda-graph-backend-decode", "enforce_eager", spell=_graphs_text, read=_graphs),
        Flag("--cuda-graph-backend-prefill", "eager_prefill", spell=_graphs_text, read=_graphs),
        Flag("--disable-cuda-graph", "disables_graphs", kind=SWITCH),
        Flag("--disable-decode-cuda-graph", "disables_graphs", kind=SWITCH),
        Flag("--disable-prefill-cuda-graph", "skips_prefill", kind=SWITCH),
        Flag("--nnodes", "nodes"),
        Flag("--dist-init-addr", "first_machine", ("--nccl-init-addr",)),
        Flag("--node-rank", "machine"),
        Flag("--is-embedding", "embeds", kind=SWITCH),
    ),
    also=(("sglang", "serve"), ("sglang.launch_server",), ("launch_server.py",)),
    calls={"sglang.Engine": "", "sglang.srt.server_args.ServerArgs": "", "sglang.srt.entrypoints.engine.Engine": ""},
    shortens=True,
    settings=("--config",),
    images=("lmsysorg/sglang",),
    releases=("lmsysorg/sglang",),
    variables=(
        Flag("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN", "long_context", spell=lambda allowed: "1", read=switched),
    ),
    refused=REFUSED,
    unmodelled=UNMODELLED,
    neutral=NEUTRAL,
)


def _checkpoint(deployment: Deployment) -> dict[str, object]:
    """Flags for the checkpoint; in float16 where a card does not compute in bfloat16, as SGLang does there by itself.

    Source: ``model_executor/model_runner_components/load_model_utils.py`` ``maybe_downgrade_dtype_for_legacy_gpu``.
    """
    values = checkpoint(deployment)
    if values.get("dtype") == "bfloat16" and any(without_bfloat16(gpu) for gpu in deployment.gpus):
        values["dtype"] = "float16"
    return values


def command(deployment: Deployment, estimate: Estimate, keys: SGLangKeys, share: float) -> str:
    """Write the line that starts the server, or one for each machine, with every setting that the estimate assumed.

    ``share`` is the static share, which is more than SGLang's own where that holds less than one request.
    """
    work, settings = deployment.workload, estimate.settings
    values = {
        **_checkpoint(deployment),
        "context": work.context,
        "overrides": keys.rope_scaling,
        "long_context": keys.long_context or None,
        "max_num_seqs": settings["max_num_seqs"],
        "pipeline_parallel": settings["pipeline_parallel"],
        **_copies(estimate, keys),
        "max_batched_tokens": settings["max_batched_tokens"],
        "gpu_memory_utilization": share,
        "max_total_tokens": keys.max_total_tokens,
        "swa_full_tokens_ratio": keys.swa_full_tokens_ratio,
        "mamba_full_memory_ratio": keys.mamba_full_memory_ratio,
        "adapters": keys.max_loras > 0,
        "max_loras": keys.max_loras or None,
        "max_lora_rank": keys.max_lora_rank if keys.max_loras else None,
        "cuda_graph_max_bs" if (version(keys) or NEWEST) >= GRAPHS_BY_PHASE else "early_max_bs": keys.cuda_graph_max_bs,
        "cpu_offload": keys.cpu_offload_bytes or None,
        "kv_cache_type": work.kv_cache_type,
        **_drafting(deployment),
        "enforce_eager": True if keys.enforce_eager else None,
        "eager_prefill": True if keys.enforce_eager else None,
        # A decoder that ranks does so by the words that it would write (docs/supported_models/rerank_models.md).
        "embeds": pools(deployment.model) or (ranks(deployment.model) and is_encoder(deployment.model)),
    }
    count = machines(estimate)
    if count == 1:
        return line(with_variables(SERVER, values))
    from vramfit.engines.machines import NAMES

    values.update({"nodes": count, "first_machine": f"{NAMES[0]}:{PORT}"})
    return "\n".join([line(with_variables(SERVER, {**values, "machine": rank})) for rank in range(count)])


def _copies(estimate: Estimate, keys: SGLangKeys) -> dict[str, object]:
    """Values of the flags for how the model is divided and copied.

    ``tp_size`` counts the GPUs of all copies of the attention layers, and before 0.5.20 a switch told these from copies
    of the model.
    """
    ranks, copies = ranks_of(estimate), keys.data_parallel or 1
    if copies == 1:
        return {"tensor_parallel": ranks, "expert_ranks": ranks if keys.expert_parallel and ranks > 1 else None}
    if not keys.expert_parallel:
        return {"tensor_parallel": ranks, "data_parallel": copies}
    whole = {"tensor_parallel": ranks * copies, "expert_ranks": ranks * copies}
    if (version(keys) or NEWEST) < ATTENTION_COPIES:
        return {**whole, "data_parallel": copies, "copies_attention": True}
    return {**whole, "attention_copies": copies}


def _drafting(deployment: Deployment) -> dict[str, object]:
    """Values of the flags for what drafts: one branch, and one token more to check than is drafted."""
    work = deployment.workload
    if work.draft is None:
        return {}
    from vramfit.engines.speculative import drafting

    draft, tokens = drafting(work), work.speculative_tokens or 0
    return {
        "speculative": draft.method, "draft_model": draft.repository, "speculative_tokens": tokens, "branches": 1,
        "checked_tokens": tokens + 1,
    }  # fmt: skip


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts a server; None if no line does.

    A line without a context uses the model's. ``enforce_eager`` follows the graphs of decoding, which take nearly all of
    the memory, and not those of prefill. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(SERVER, given)
    if keys is None:
        return None
    keys.update(keys.pop("overrides", {}))
    keys.pop("eager_prefill", None)
    keys.pop("skips_prefill", None)
    keys.pop("embeds", None)
    if keys.pop("disables_graphs", False):
        keys["enforce_eager"] = True
    if "early_max_bs" in keys:
        keys["cuda_graph_max_bs"] = keys.pop("early_max_bs")
    _read_adapters(keys, given)
    _read_copies(keys)
    branches, checked = keys.pop("branches", None), keys.pop("checked_tokens", None)
    if keys.get("speculative") == HEAD:
        draft = str(keys.get("draft_model", OWN_HEADS[0])).lower()
        keys["speculative"] = "mtp" if any(word in draft for word in OWN_HEADS) else "eagle3"
    if "speculative" not in keys:
        keys.pop("speculative_tokens", None)
    elif "speculative_tokens" not in keys and branches in (None, "1") and (number := whole(checked or "")) is not None:
        keys["speculative_tokens"] = str(number - 1)
    keys.setdefault("context", "max")
    return with_quant(keys)


def _read_adapters(keys: dict[str, Any], given: list[Process]) -> None:
    """Leave the slots of adapters in ``keys`` where adapters are enabled, which ``--lora-paths`` does too."""
    if any(word.partition("=")[0] in ("--lora-paths", "--lora_paths") for one in given for word in one.words):
        keys["adapters"] = True
    if keys.pop("adapters", False):
        keys.setdefault("max_loras", PER_BATCH)
    else:
        keys.pop("max_loras", None)
        keys.pop("max_lora_rank", None)


def _read_copies(keys: dict[str, Any]) -> None:
    """Replace the flags for copies and experts in ``keys`` by the deployment keys that they mean."""
    attention, experts = keys.pop("attention_copies", "1"), keys.pop("expert_ranks", "1")
    if keys.pop("copies_attention", False):
        attention = keys.pop("data_parallel", attention)
    copies, ranks = whole(attention), whole(experts)
    if copies is None or ranks is None:
        raise UsageError("sglang takes numbers of ranks", "write --attn-dp-size and --ep-size as whole numbers")
    if copies > 1:
        width = str(keys.get("tensor_parallel", attention))
        number = whole(width)
        if number is None or number % copies:
            raise UsageError(
                f"sglang splits its {width} ranks over {attention} copies of the attention layers",
                "--tp-size must be a multiple of --attn-dp-size",
            )
        keys.update(tensor_parallel=str(number // copies), data_parallel=attention, expert_parallel=True)
    elif ranks > 1 and "data_parallel" not in keys:
        keys["expert_parallel"] = True
