"""Facts that differ between releases of vLLM.

A deployment states its release as ``engine_version``; without it the newest that was read counts. The sources of 0.11.0,
0.13.0, 0.15.0, 0.17.0, 0.19.0, 0.21.0, 0.25.0, 0.26.0, 0.28.0, 0.29.0, 0.30.0 and 0.33.0 were read; a change between two of them
is dated to the later one, unless a start-up log places it earlier.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.servers import ServerKeys
    from vramfit.model import Model

NEWEST = (0, 33, 0)
"""Newest release whose source was read."""
SORTING_BYTES = 38
"""Bytes per row and vocabulary entry of a sampler that sorts the vocabulary, until 0.16: 16-bit logits, their float32
copy, sorted values with 8-byte indices, and the buffers of the sort (0.15.0 ``v1/sample/ops/topk_topp_sampler.py``
``apply_top_k_top_p``). Start-up logs of 0.11, 0.15 and 0.16 give 38.02 to 38.04 for vocabularies of 128,256 to 201,088
(llm-d results page and jgchn/llm-d-planner, branch accuracy)."""
SAMPLER_BYTES = 14
"""Bytes per row and vocabulary entry from 0.17 on: 16-bit logits, their float32 copy, probabilities, and random numbers to
divide them by (0.19.0 ``v1/sample/ops/topk_topp_sampler.py`` ``forward_native``, ``random_sample``). FlashInfer's sampler,
the default from 0.20 on, masks the logits into a copy instead and then makes the probabilities: equally many bytes."""
UNSAMPLED_BYTES = 6
"""Bytes per row and vocabulary entry in the profile run of the V2 runner before 0.31, which draws without top-k and top-p:
16-bit logits and their float32 copy (0.28.0 ``v1/worker/gpu/model_runner.py`` ``_dummy_sampler_run``)."""
COUNTS_BYTES = 4.125
"""Bytes per sequence and vocabulary entry that the V2 runner keeps for penalties: a 4-byte count of each output token and
a bit for each prompt token (0.25.0 and 0.33.0 ``v1/worker/gpu/sample/penalties.py`` ``PenaltiesState``)."""


class Release(Record):
    """Facts of one release."""

    numbers: tuple[int, ...]
    graphs_in_share: bool
    """True if an estimate of the CUDA graphs is deducted from the share of the card: the default of
    ``VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS`` (0.19.0 and 0.21.0 ``envs.py``)."""
    batches_in_flight: int
    """Number of steps scheduled at the same time, on one pipeline stage."""
    compiled: bool
    """True for the V1 engine and later, which compile the model and capture it in pieces (the default from 0.8 on)."""
    sorts: bool
    """True if sampling sorts the vocabulary."""
    candidate_rows: bool
    """True if sampling keeps a row of float32 candidates for each multiprocessor: Triton kernels for top-k and top-p that
    are used until FlashInfer's are (0.19.0 ``v1/sample/ops/topk_topp_triton.py`` ``_TRITON_BUFFER_CACHE``)."""
    keeps_workspace: bool
    """True if the buffers of experts stay allocated between steps (0.13.0 ``v1/worker/workspace.py``)."""
    counts_everything: bool
    """True if the share must contain all that the process took since its start, not only what the profile run added
    (0.28.0 ``utils/mem_utils.py`` ``total_consumed``)."""
    table_on_host: bool
    """True if a table of n-grams stays in pinned host memory: the default of ``EngramConfig.cpu_offload`` (0.30.0 and 0.33.0
    ``config/engram.py``); 0.29.0 has the models without it."""
    full_graphs: bool
    """True if whole steps are captured in addition to pieces (``FULL_AND_PIECEWISE``, the default since 0.11.0's
    ``config/compilation.py``)."""

    def v2(self, model: Model) -> bool:
        """True if the V2 runner executes the model: each from 0.29 on, dense ones without states from 0.25 on.

        Source: 0.25.0 and 0.28.0 ``config/vllm.py`` ``_is_default_v2_model_runner_model``, 0.29.0 ``use_v2_model_runner``.
        """
        if self.numbers >= (0, 29):
            return True
        if self.numbers < (0, 25):
            return False
        return not has_states(model) and all(group.experts is None for group in model.layers)

    def sampler_bytes(self, model: Model) -> int:
        """Bytes per row and vocabulary entry of the profile run's sampler."""
        if self.sorts:
            return SORTING_BYTES
        return UNSAMPLED_BYTES if self.v2(model) and self.numbers < (0, 31) else SAMPLER_BYTES


ATTENTION = ("full", "sliding", "chunked", "cross", "encoder", "latent")
"""Kinds of token mixers that keep neither a recurrent state nor a compressed cache."""


@per_model
def has_states(model: Model) -> bool:
    """True if a layer keeps a recurrent state or a compressed cache."""
    return any(mixer.kind not in ATTENTION for group in model.layers for mixer in group.mixers)


def release(keys: ServerKeys) -> Release:
    """Facts of the release that a deployment states, or of the newest."""
    from vramfit.engines.servers import version

    numbers = NEWEST if keys.engine_version is None else version(keys) or NEWEST
    return Release(
        numbers,
        graphs_in_share=numbers >= (0, 21),
        batches_in_flight=2 if numbers >= (0, 14) else 1,
        compiled=numbers >= (0, 8),
        sorts=numbers < (0, 17),
        candidate_rows=(0, 17) <= numbers < (0, 20),
        keeps_workspace=numbers >= (0, 13),
        counts_everything=numbers >= (0, 28),
        table_on_host=numbers >= (0, 30),
        full_graphs=numbers >= (0, 11),
    )
