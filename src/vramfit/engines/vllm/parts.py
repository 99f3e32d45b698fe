"""Parts of a rank's memory that are neither weights nor cache: the profile run's peak, libraries and CUDA graphs."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.distributed import layout, stage_layers
from vramfit.engines.servers import sequences
from vramfit.engines.vllm.budget import experts_kernel, libraries
from vramfit.engines.vllm.graphs import SIZED_BY_ROWS_SINCE, graphs, profiled_blocks, sizes
from vramfit.engines.vllm.profile_run import Rank, Step, peak
from vramfit.engines.vllm.release import has_states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards
    from vramfit.engines.vllm.budget import Libraries
    from vramfit.engines.vllm.graphs import Graphs
    from vramfit.engines.vllm.profile_run import Peak
    from vramfit.engines.vllm.release import Release

UTILIZATION, UTILIZATION_EARLIER = 0.92, 0.9
"""Default of ``gpu_memory_utilization`` from 0.21 on, and before (``config/cache.py``)."""

ESTIMATED_SHARE = 0.95
"""vLLM's own estimate of its CUDA graphs as a share of what they take: 0.70-2.2, mostly 0.75-1.05, in 32 start-up logs of
vLLM 0.19.0 on H100 (jgchn/llm-d-planner, branch accuracy)."""
KEEPS_UNTIL = (0, 11)
"""First release whose measure of its CUDA graphs contains no memory that PyTorch had kept of the profile run; 8.68 GiB in
0.8.5 left no room for such a peak beside it and a share of 0.9 (vllm-project/vllm issue 18446)."""
CUT_UP_SHARE = 0.65
"""Bytes that PyTorch holds in blocks too small for a row of logits, as a share of the sampler's buffers, when the sampler is
warmed up after Triton's kernels for MXFP4 ran: 1.78 GiB on one H100 and 1.62 on two were "reserved by PyTorch but
unallocated" when gpt-oss-20b died there with a share of 0.95 and 1,024 sequences, 0.23 GiB short of a next buffer (vLLM
0.19.0, jgchn/llm-d-planner at 2489dbb^, ``accuracy/results/v0.19.0/logs``). Other kernels got by with 0.58 GiB to spare."""
SPREAD = {
    "peak": (0.94, 1.06),
    "peak, sorted": (0.26, 1.06),
    "peak, images or states": (0.6, 1.3),
    "peak, several streams": (0.5, 1.4),
    "libraries, one card": (0.35, 2.2),
    "libraries, fused": (0.9, 1.1),
    "libraries, unified": (0.2, 1.6),
    "libraries, several cards": (0.4, 1.9),
    "graphs": (0.5, 1.5),
    "graphs, by no rows": (0.3, 2.0),
    "graphs, estimated": (0.3, 2.3),
}
"""Lowest and highest factor of each term's expected bytes in start-up logs: of the profile run's peak, of libraries within
the share and outside, and of CUDA graphs. ``python -m tests.accuracy.vllm`` fits them on one half of the logs and checks
them on the other (docs/accuracy.md). Graphs that are captured ``by no rows`` are those of ``SIZED_BY_ROWS_SINCE``: five logs
of 0.7.3 to 0.8.5, with 0.33 to 1.97 of what is expected."""


class Parts(Record):
    """Parts of one rank's memory that are neither weights nor cache."""

    peak: Peak
    libraries: Libraries
    graphs: Graphs
    """CUDA graphs: vLLM's own estimate if that is deducted from the share, else as measured."""
    outside_bytes: int
    """Bytes that lie outside of the share of the card, without the context of a process on one GPU."""
    beside_bytes: int
    """Bytes that must find room beside the share, so that the sampler can be warmed up after graphs were captured."""
    profiled_blocks: int
    """Number of blocks of the cache that graphs are captured with before the real one exists."""
    kinds: tuple[str, str, str]
    """Keys of ``SPREAD`` for the three terms."""

    @property
    def graphs_bytes(self) -> int:
        """Bytes of the CUDA graphs."""
        return self.graphs.bytes

    @property
    def starting_bytes(self) -> int:
        """Bytes that exist while graphs are captured to see what they take, without the cache that this needs."""
        found = self.peak.kept_bytes + self.peak.counts_bytes + self.graphs_bytes
        return found + self.libraries.inside_bytes + self.libraries.outside_bytes

    @property
    def overhead_bytes(self) -> int:
        """Expected bytes of libraries and graphs."""
        return self.libraries.inside_bytes + self.libraries.outside_bytes + self.graphs_bytes

    @property
    def low_bytes(self) -> int:
        """Lower bound of all of them together."""
        return self._bound(0)

    @property
    def high_bytes(self) -> int:
        """Upper bound of all of them together."""
        return self._bound(1)

    def _bound(self, side: int) -> int:
        library_bytes = self.overhead_bytes - self.graphs_bytes
        terms = zip((self.peak.total_bytes, library_bytes, self.graphs_bytes), self.kinds, strict=True)
        return sum([round(size * SPREAD[kind][side]) for size, kind in terms])


def steps(job: Job[Cards, ServerKeys]) -> tuple[int, int]:
    """Largest numbers of tokens and of sequences of a step."""
    tokens = job.keys.max_batched_tokens or job.traits.step_tokens
    return tokens, sequences(job.keys, job.workload, job.traits.step_sequences)


def parts(job: Job[Cards, ServerKeys], facts: Release, stage: int) -> Parts:
    """Parts of the memory of one rank of a pipeline stage that are neither weights nor cache."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    ranks, count = layout(job)
    tokens, rows = steps(job)
    last = stage == count - 1
    kernel = experts_kernel(job.scheme, cards.generation, cards.mxfp4_kernel, facts)
    rank = Rank(
        ranks, count, stage == 0, last, keys.expert_parallel, kernel, cards.multiprocessors, cards.workspace_bytes
    )
    found = peak(model, job.scheme, Step(tokens, rows, work.images, work.image_size, work.context), rank, facts)
    query = 1 + (work.speculative_tokens or 0)
    captured = () if keys.enforce_eager else sizes(rows, tokens, query, facts, cards.generation == "blackwell")
    made = graphs(
        model,
        ranks,
        stage_layers(model.layer_count, count)[stage],
        captured,
        rows * query,
        facts,
        kernel == "triton",
        job.scheme.id == "w8a8",
        cards.generation == "hopper",
    )
    if facts.graphs_in_share:
        made = replace(made, share=ESTIMATED_SHARE)
    several = keys.data_parallel is not None and keys.data_parallel > 1
    library = libraries(model, ranks, count, last, cards.generation, facts, several, cards.peer_bytes)
    if cards.processes_bytes:
        library = replace(library, processes_bytes=cards.processes_bytes)
    later = 0 if facts.graphs_in_share else made.bytes
    later += 0 if facts.counts_everything else found.counts_bytes
    # What early releases measured contains memory that PyTorch kept of the profile run (``EARLIER_FACTOR``).
    kept = max(found.forward_bytes, found.sampler_bytes) if facts.numbers < KEEPS_UNTIL else 0
    beside = cards.system_bytes + library.outside_bytes + max(0, later - kept)
    if captured and kernel == "triton" and not facts.v2(model):
        beside += round(CUT_UP_SHARE * found.sampler_bytes)
    outside = library.outside_bytes + later
    return Parts(
        found,
        library,
        made,
        outside,
        beside,
        profiled_blocks(captured, rows, facts),
        (_peak_kind(job, facts), _libraries_kind(job), _graphs_kind(facts)),
    )


def utilization(keys: ServerKeys, facts: Release) -> float:
    """Share of a card that vLLM takes: the stated one, or its default."""
    return keys.gpu_memory_utilization or (UTILIZATION if facts.numbers >= (0, 21) else UTILIZATION_EARLIER)


def _peak_kind(job: Job[Cards, ServerKeys], facts: Release) -> str:
    model = job.model
    if model.traits.hyper_connections:
        return "peak, several streams"
    if facts.sorts:
        return "peak, sorted"
    images = model.vision is not None and job.workload.images
    return "peak, images or states" if images or has_states(model) else "peak"


def _libraries_kind(job: Job[Cards, ServerKeys]) -> str:
    if job.traits.processes_bytes:
        return "libraries, unified"
    if job.gpu_count == 1:
        return "libraries, one card"
    return "libraries, fused" if job.traits.generation == "hopper" else "libraries, several cards"


def _graphs_kind(facts: Release) -> str:
    return "graphs, estimated" if facts.graphs_in_share else captured_kind(facts)


def captured_kind(facts: Release) -> str:
    """Key of ``SPREAD`` for graphs as they are measured after their capture."""
    return "graphs" if facts.numbers >= SIZED_BY_ROWS_SINCE else "graphs, by no rows"
