"""Speculative decoding in llama.cpp: a second context for the draft, and states to go back to.

``llama-server --spec-type`` makes a context of its own for the draft, with as many cells and as large batches as the
model's, and a cache whose type is F16 unless ``-ctkd`` says otherwise (ggml-org/llama.cpp b11434
``common/speculative.cpp``, ``common_speculative_init_result`` and ``common_base_params_to_speculative``). A draft model is
one more model on the same GPUs, all of it unless ``-ngld`` says otherwise. A prediction head is the block behind the last
layer, on the device of that, and shares embedding and output head with the model; builds since August 2026 load it only
if it is used (pull request 26296).

A recurrent layer cannot take back tokens, so each sequence keeps a state for each drafted token beside the current one
(``src/llama-memory-recurrent.cpp``, ``mem_size * (1 + n_rs_seq)`` rows): for a head or an EAGLE-3 draft, on the
architectures of ``ROLLBACK``. With a draft model, and on others, llama-server saves and restores states in RAM instead.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.interface import Estimate, Job, Setting
from vramfit.engines.llamacpp.placement import Placement, Plan, layer_cache_bytes
from vramfit.engines.speculative import drafting, together
from vramfit.engines.speculative import settings as shared_settings
from vramfit.errors import UsageError
from vramfit.memory.kv_cache import caches
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from vramfit.engines.interface import Deployment
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.terms import Ledger
    from vramfit.model import Model
    from vramfit.workload.common import Workload

    K = TypeVar("K")
    Account = Callable[[Job[Cards, K], Estimate, Ledger, LlamaCppKeys], None]
    """Function that adds the terms of an estimate to a ledger."""

HEADS = (
    "bailingmoe3", "cohere2moe", "deepseek2", "deepseek32", "deepseek4", "glm-dsa", "glm4moe", "glm5-next", "hy_v3",
    "mimo2", "nemotron_h_moe", "qwen35", "qwen35moe", "qwen3next", "qwen4exp", "step35",
)  # fmt: skip
"""Architectures whose prediction head llama.cpp b11434 runs (``LLM_GRAPH_TYPE_DECODER_MTP`` in ``src/models/*.cpp``)."""

WITHOUT_HEADS = ("deepseek_v3",)
"""Configurations whose heads the converter leaves out, although the architecture has them (``conversion/deepseek.py``,
``skip_mtp``)."""

ROLLBACK = (
    "bailingmoe3", "deepseek4", "glm5-next", "kimi-k3", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "qwen35",
    "qwen35moe", "qwen4exp",
)  # fmt: skip
"""Architectures that keep states to go back to (``llm_arch_supports_rs_rollback`` of ``src/llama-arch.cpp``)."""

SOURCE = "ggml-org/llama.cpp b11434 common/speculative.cpp"


def check(model: Model, work: Workload) -> None:
    """Raise ``UsageError`` for a prediction head that llama.cpp does not run."""
    draft = drafting(work)
    if draft.method == "mtp" and not runs_head(model):
        raise UsageError(
            f"llama.cpp does not run the prediction head of {model.name}",
            "use --speculative draft with a draft_model, or another engine",
        )


def runs_head(model: Model) -> bool:
    """Return True if llama.cpp runs the prediction head of such a model."""
    kind = model.architecture
    known = kind.gguf in HEADS and kind.model_type not in WITHOUT_HEADS
    return known or bool(model.traits.assistant_hidden)


def output_rows(work: Workload) -> int:
    """Rows of logits that the model's context has: a token and its drafts for each sequence (``server_output_limits``)."""
    return work.parallel * (1 + (work.speculative_tokens or 0))


def states_each(model: Model, work: Workload) -> int:
    """Number of recurrent states that a sequence keeps: the current one, and one for each drafted token."""
    several = drafting(work).method != "draft" and model.architecture.gguf in ROLLBACK
    return 1 + (work.speculative_tokens or 0) if several else 1


def with_snapshots(model: Model, work: Workload, layer_bytes: list[int]) -> list[int]:
    """Bytes of caches and states of each layer, with the states to go back to."""
    more = states_each(model, work) - 1
    grown = list(layer_bytes)
    for cache in caches(model):
        if cache.kind == "state":
            each = 4 * (cache.convolution_elements + cache.recurrent_elements) * work.parallel
            for layer in cache.layers:
                grown[layer] += each * more
    return grown


def with_draft(
    job: Job[Cards, LlamaCppKeys],
    found: Estimate,
    plan: Plan,
    of_model: Callable[[Job[Cards, LlamaCppKeys]], Estimate],
    of_placement: Callable[[Job[Cards, LlamaCppKeys], Placement, list[int], bool], Estimate],
) -> Estimate:
    """Add the memory of the draft to the estimate of the model, device by device.

    ``of_model`` estimates a job that places its layers itself, and ``of_placement`` one whose placement is given.
    """
    own = draft_job(job)
    if drafting(job.workload).method == "mtp":
        in_ram = job.workload.cpu_moe_layers == "all" or bool(job.keys.draft_cpu_moe_layers)
        placement = _beside(plan.placement, own.model.layer_count, in_ram)
        draft = of_placement(own, placement, layer_cache_bytes(own.model, own.workload, own.keys), False)
    else:
        draft = of_model(own)
    gpus = tuple([together(one, other) for one, other in zip(found.gpus, draft.gpus, strict=True)])
    return replace(found, gpus=gpus, host=together(found.host, draft.host), draft=draft)


def without_draft(found: Estimate, draft: Estimate) -> Estimate:
    """Estimate of the model alone."""
    gpus = tuple([together(one, other, -1) for one, other in zip(found.gpus, draft.gpus, strict=True)])
    return replace(found, gpus=gpus, host=together(found.host, draft.host, -1), draft=None)


def draft_job(job: Job[Cards, LlamaCppKeys]) -> Job[Cards, LlamaCppKeys]:
    """The job that estimates a draft by itself: its own tensors, the model's cells and batches.

    That of a prediction head keeps ``speculative``, because its graph has all rows up to the logits.
    """
    work = job.workload
    draft = drafting(work)
    key_type, layers = job.keys.draft_kv_cache_type, job.keys.draft_gpu_layers
    value_type = job.keys.draft_kv_cache_type_v or key_type
    keys = _without_those_of_the_model(job.keys)
    own = replace(
        work, kv_cache_type=key_type, kv_cache_type_v=value_type, gpu_layers=layers,
        cpu_moe_layers=job.keys.draft_cpu_moe_layers, images=0, image_size=None,
        speculative="mtp" if draft.method == "mtp" else None, speculative_tokens=None, draft=None, own=keys,
    )  # fmt: skip
    return replace(job, checkpoint=draft.checkpoint, workload=own)


def _without_those_of_the_model(keys: K) -> K:
    """Keys of a draft: ``-ot`` is the model's (``-otd`` the draft's), and so are adapters and the RAM for past prompts."""
    return replace(keys, override_tensor=None, adapter_bytes=0, context_checkpoints=0, cache_ram=0)


def _beside(placement: Placement, layers: int, experts_in_ram: bool) -> Placement:
    """Placement of a head of so many layers: with the model's last layer, and its logits where the model's are."""
    return Placement((placement.layer_device[-1],) * layers, placement.output_device, layers if experts_in_ram else 0)


def account(
    job: Job[Cards, K], draft: Estimate, first: int, ledger: Ledger, keys: LlamaCppKeys, of_model: Account[K]
) -> None:
    """Add the terms of the draft to a ledger, each named after what it belongs to; ``first`` is the first GPU in use.

    Raises ``TypeError`` for an estimate without llama.cpp's ``Plan``.
    """
    if not isinstance(draft.plan, Plan):
        raise TypeError("an estimate of llama.cpp has its plan")
    from vramfit.engines.terms import Ledger

    word = "prediction head" if drafting(job.workload).method == "mtp" else "draft"
    own, terms = draft_job(job), Ledger()  # type: ignore[arg-type]
    of_model(own, replace(draft, plan=replace(draft.plan, first=first)), terms, _without_those_of_the_model(keys))  # type: ignore[arg-type]
    ledger.terms += [replace(term, name=f"{word}: {term.name}") for term in terms.terms]


def sentences(model: Model, work: Workload, keys: LlamaCppKeys) -> list[str]:
    """Say what drafts, what it keeps, and where its cache differs from the model's."""
    draft, tokens = drafting(work), work.speculative_tokens or 0
    ahead = f"{tokens} token{'' if tokens == 1 else 's'} ahead"
    stored = draft.checkpoint.file_bytes
    if draft.beside:
        kind = draft.checkpoint.scheme.id
        return [f"the assistant in {kind} ({gib(stored)}) drafts {ahead}; it reads the model's caches and has none"]
    found = {
        "mtp": f"the model's prediction head (MTP, {gib(stored)}) drafts {ahead}",
        "eagle3": f"the EAGLE-3 head {draft.name} ({gib(stored)}) drafts {ahead}",
        "draft": f"{draft.model.name} in {draft.checkpoint.scheme.id} ({gib(stored)}) drafts {ahead}",
    }[draft.method]
    kinds = [keys.draft_kv_cache_type, keys.draft_kv_cache_type_v or keys.draft_kv_cache_type]
    kind = " and ".join(dict.fromkeys(kinds))
    words = [f"{found}; its cache is {kind}, whatever type the model's has (draft_kv_cache_type)"]
    states = states_each(model, work)
    if states > 1 and any(cache.kind == "state" for cache in caches(model)):
        words.append(f"each sequence keeps {states} recurrent states instead of one, to take back drafted tokens")
    if draft.method == "draft":
        words.append("the vocabularies are compared by their size; llama-server compares them token by token")
    return words


def settings(deployment: Deployment, keys: LlamaCppKeys) -> Iterator[Setting]:
    """Remedies: fewer bits in the draft's cache, and those of every engine that speculates."""
    if keys.draft_kv_cache_type == "f16" and deployment.workload.flash_attention:
        trade = "drafts are accepted about as often; the model's own cache stays as it is"
        yield Setting({"draft_kv_cache_type": "q8_0"}, "quantize the draft's KV cache to q8_0", trade, 1)
    yield from shared_settings(deployment, states_each(deployment.model, deployment.workload) > 1)


def idle_head(head_bytes: int) -> str:
    """Say what the prediction head in the file of a model that does not speculate would take."""
    return (
        f"the model has a prediction head (MTP): {gib(head_bytes)} more in files that keep it, which llama.cpp loads only "
        "with --speculative mtp since August 2026, and always before"
    )
