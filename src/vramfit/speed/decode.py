"""One step of decoding, a token for every sequence, in seconds by the resource it waits for.

The bytes that a token moves and the operations that it takes are counted from the model's tensors and layers.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines import engine
from vramfit.engines.cuda import cores_per_multiprocessor
from vramfit.engines.profile import call, card_kind, intake, pick
from vramfit.memory.kv_cache import ELEMENT_TYPES, caches
from vramfit.model import tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.profile import SpeedProfile
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme

HOST_BANDWIDTH_BYTES_PER_SECOND = 89_600_000_000
"""Bandwidth where ``ram_bandwidth`` is not given: two channels of DDR5-5600, the usual desktop."""
HOST_COPY_BYTES_PER_SECOND = 7_000_000_000
"""Bandwidth from pageable host memory to a GPU, whatever its link: prompts copied the layers in RAM at 6.5 to 9.3 GB/s
(ggml-org/llama.cpp PR 6083: Llama 2 70B Q4_0 with 0, 10 and 30 layers on an RTX 3090 Ti)."""
LINK_SHARE = 0.5
"""Share of PCIe's bandwidth reached by a driver that pages GPU memory out to RAM: two RTX 3090 on x8 slots whose 70B Q5
spilled gave 1.5 tokens per second (ggml-org/llama.cpp issue 4498)."""
DISK_BYTES_PER_SECOND = 600_000_000
"""Rate of page faults on an NVMe drive, far from its sequential 3 to 7 GB/s: Qwen3 30B-A3B IQ4_XS with its experts in
16 GB of RAM, too little for them, gave 2.86 tokens per second (ikawrakow/ik_llama.cpp discussion 399)."""
RAM_KEPT_BACK_BYTES = 2 * 2**30
"""Host memory that the system and its programs hold, so that no file can stay there."""

STATE_ELEMENT_BYTES = 4
"""Bytes of an element of a recurrent state, a 32-bit float (ggml-org/llama.cpp ``llama-memory-recurrent.cpp``)."""


class Shape(Record):
    """Counts of a model's parts that cost time."""

    layers: int
    expert_layers: int
    """Number of layers with a mixture of experts: routing and scattered matrices cost time beside the bytes."""
    recurrent_layers: int
    parameters: int
    """Number of weights that a token is multiplied with in the layers: active experts only, no embedding, no head."""
    experts_share: float
    """Share of experts active for one token; 1.0 without a mixture."""
    experts_weight: float
    """Share of ``parameters`` that is active experts."""
    attention: tuple[tuple[int, int | None], ...]
    """Operations per token looked back on and window in tokens (None for none), for each group of equal layers."""


@per_model
def shape(model: Model) -> Shape:
    """Count the ``Shape`` of a model from its tensors and layers."""
    share = model.active_shares
    expert_layers = 0
    attention: list[tuple[int, int | None]] = []
    for group in model.layers:
        here = len(group.indices)
        if group.experts is not None:
            expert_layers += here
        for mixer in group.mixers:
            own = mixer.widths
            if own.heads:
                attention.append((2 * here * own.pair_products, own.window))
    always = chosen = 0.0
    for tensor in tensors(model):
        if tensor.part != "text" or not tensor.layers or len(tensor.shape) < 2:
            continue
        if "_exps." in tensor.name:
            chosen += tensor.elements * tensor.copies * sum([share[index] for index in tensor.layers])
        else:
            always += tensor.elements * tensor.copies * len(tensor.layers)
    active = always + chosen
    recurrent = sum([len(cache.layers) for cache in caches(model) if cache.kind == "state"])
    return Shape(
        model.layer_count, expert_layers, recurrent, round(active), min(share, default=1.0),
        chosen / active if active else 0.0, tuple(attention),
    )  # fmt: skip


@per_model
def cache_read_bytes(model: Model, depth: int, key_type: str, value_type: str) -> int:
    """Bytes of cache and states that one token after ``depth`` others reads in one sequence.

    States are written, too, and count twice.
    """
    total = 0
    for cache in caches(model):
        if cache.kind == "state":
            row, rows = (cache.convolution_elements + cache.recurrent_elements) * STATE_ELEMENT_BYTES, 2
        else:
            row, rows = _row(cache.key_width, key_type) + _row(cache.value_width, value_type), cache.tokens_kept(depth)
        total += len(cache.layers) * row * rows
    return total


def _row(width: int, element_type: str) -> int:
    """Bytes of a row that is read in whole blocks; what rows an engine refuses, its estimate says."""
    block, size = ELEMENT_TYPES[element_type]
    return -(-width // block) * size


@per_model
def attention_operations(model: Model, depth: int) -> int:
    """Operations of attention for one token after ``depth`` others; a multiplication and an addition are two."""
    found = shape(model)
    return sum([each * (depth if window is None else min(depth, window)) for each, window in found.attention])


def step(deployment: Deployment, estimate: Estimate) -> tuple[float, float, float, float, float, float, float] | None:
    """Seconds spent on memory bandwidth, compute, kernel launches, interconnect, RAM, PCIe and disk.

    None where nothing decodes, or the bandwidth of a card or of the link that is needed is unknown.
    """
    model, work, host = deployment.model, deployment.workload, estimate.host
    cached, total_read = host.kv_cache_bytes, host.read_bytes
    for memory in estimate.gpus:
        cached += memory.kv_cache_bytes
        total_read += memory.read_bytes
    if work.task != "inference" or not cached or not model.layers:
        return None
    profile = engine(deployment.engine).speed()
    found, sequences = shape(model), work.parallel
    cache = sequences * cache_read_bytes(model, depth_tokens(deployment), work.kv_cache_type, work.kv_cache_type_v)
    widened, gpu_reads = 1.0, 1.0
    if sequences > 1:
        widened = experts_widened(found.experts_share, sequences)
        gpu_reads = 1 + found.experts_weight * (widened - 1)
    bus = compute = links = 0.0
    card = None
    for gpu, memory in zip(deployment.gpus, estimate.gpus, strict=True):
        card = _card(gpu, profile, deployment.scheme, work.flash_attention)
        if card is None:
            return None
        read = memory.read_bytes * gpu_reads
        crossing = read * card.bus_seconds
        seconds = read * card.weight_seconds
        if card.unpacking_seconds and total_read:
            weights = (found.parameters + model.vocab * model.hidden) * memory.read_bytes / total_read
            seconds = max(seconds, weights * card.unpacking_seconds)
        compute += seconds - crossing
        bus += crossing + cache * (memory.kv_cache_bytes / cached) * card.cache_seconds
    if card is None:
        return None
    launches = found.layers * card.layer_seconds + found.expert_layers * card.expert_seconds
    if found.recurrent_layers:
        launches += found.recurrent_layers * pick(profile.recurrent_microseconds, deployment.gpus[-1].vendor) / 1e6
    if len(estimate.gpus) > 1:
        at_once, links, more = _several(deployment, estimate, found.layers)
        bus, compute, launches = bus / at_once, compute / at_once, launches + more
    if sequences > 1:
        compute += matrix_seconds(deployment, sequences - 1) or 0.0
    if estimate.streamed_bytes:
        return bus, compute, launches, links, 0.0, estimate.streamed_bytes / HOST_COPY_BYTES_PER_SECOND, 0.0
    if not host.read_bytes:
        return bus, compute, launches, links, 0.0, 0.0, 0.0
    ram, disk = _in_ram(deployment, estimate, host.read_bytes * widened, cache * host.kv_cache_bytes / cached)
    return bus, compute, launches, links, ram, 0.0, disk


def _several(deployment: Deployment, estimate: Estimate, layers: int) -> tuple[int, float, float]:
    """Number of several GPUs that work at once, and seconds on their links and in further launches.

    The ranks of a group read their parts at the same time, and copies of the model serve requests of their own.
    """
    asked = engine(deployment.engine)
    profile, ranks, copies = asked.speed(), asked.ranks(deployment, estimate), copies_of(estimate)
    if ranks > 1:
        return ranks * copies, layers * _sum_seconds(deployment.gpus[0], profile), 0.0
    return copies, 0.0, layers * profile.several_cards_microseconds / 1e6 if copies == 1 else 0.0


def least_seconds(deployment: Deployment, scheme: Scheme, read_bytes: float, ranks: int) -> float | None:
    """Seconds that a step in ``scheme`` takes at least, by its weights and the launches of its kernels.

    All weights are on the GPUs, which together read ``read_bytes`` of them, at most ``ranks`` GPUs at the same time. None
    where a card's bandwidth is unknown.
    """
    model, flash = deployment.model, deployment.workload.flash_attention
    profile = engine(deployment.engine).speed()
    cards = [_card(gpu, profile, scheme, flash) for gpu in {id(gpu): gpu for gpu in deployment.gpus}.values()]
    known = [card for card in cards if card is not None]
    if len(known) < len(cards):
        return None
    reading = read_bytes * min([card.weight_seconds for card in known])
    unpacking = min([card.unpacking_seconds for card in known])
    if unpacking:
        reading = max(reading, (shape(model).parameters + model.vocab * model.hidden) * unpacking)
    return reading / ranks + model.layer_count * min([card.layer_seconds for card in known])


def copies_of(estimate: Estimate) -> int:
    """Number of copies of the model that serve requests of their own."""
    copies: int = estimate.settings.get("data_parallel") or 1  # type: ignore[assignment]
    return copies


class _Card(Record):
    """Costs of a card under a scheme in an engine, in seconds."""

    bus_seconds: float
    """Seconds per byte that crosses the memory bus."""
    weight_seconds: float
    """Seconds per byte of weights: the bus, or what the processors take in where that is slower."""
    unpacking_seconds: float
    """Seconds per weight that has to be unpacked; 0 where that is not the limit."""
    cache_seconds: float
    """Seconds per byte of cache."""
    layer_seconds: float
    """Seconds per layer, for the launching of its kernels."""
    expert_seconds: float
    """Seconds more per layer with experts."""


_CARDS: dict[tuple[int, int, str, bool], tuple[Gpu, SpeedProfile, _Card | None]] = {}
"""Costs by the identities of card and profile, which are kept alive: a sweep asks for the same few thousand times."""


def _card(gpu: Gpu, profile: SpeedProfile, scheme: Scheme, flash: bool) -> _Card | None:
    """Costs of a card; None where its bandwidth is unknown."""
    key = (id(gpu), id(profile), scheme.id, flash)
    known = _CARDS.get(key)
    if known is None:
        known = _CARDS[key] = (gpu, profile, _costs(gpu, profile, scheme, flash))
    return known[2]


def forget() -> None:
    """Forget the costs of cards, for the fit, which changes the profiles."""
    _CARDS.clear()


def _costs(gpu: Gpu, profile: SpeedProfile, scheme: Scheme, flash: bool) -> _Card | None:
    peak, operations = gpu.bandwidth_bytes_per_second, gpu.tflops.get("fp32", 0.0) * 1e12
    if peak is None:
        return None
    kind, weights = card_kind(gpu), intake(scheme)
    reached = peak * pick(profile.bus_share, kind)
    taken = cores_bytes_per_second(gpu, pick(profile.bytes_per_clock, weights), reached)
    unpacking = profile.operations_per_weight.get(weights) if operations else None
    latency = pick(profile.layer_microseconds, kind if profile.latency_by == "card" else call(scheme))
    share = profile.cache_share
    if profile.unfused is not None and not flash:
        latency += profile.unfused.layer_microseconds
        share = pick(profile.unfused.cache_share, gpu.vendor)
    return _Card(
        1 / reached,
        1 / taken,
        pick(unpacking, kind) / operations if unpacking else 0.0,
        1 / (taken * share),
        latency / 1e6,
        pick(profile.expert_microseconds, gpu.vendor) / 1e6,
    )


def depth_tokens(deployment: Deployment) -> int:
    """Tokens before the one that is decoded: the prompt, which is half the context unless it is given."""
    work = deployment.workload
    return work.prompt_tokens or max(1, work.context // 2)


def host_bandwidth(deployment: Deployment) -> int:
    """Peak bandwidth of the host's memory, bytes per second; the GPU's own where they share one."""
    given = deployment.workload.ram_bandwidth_bytes_per_second
    if given is not None:
        return given
    gpu = deployment.gpus[0]
    if gpu.unified and gpu.bandwidth_bytes_per_second is not None:
        return gpu.bandwidth_bytes_per_second
    return HOST_BANDWIDTH_BYTES_PER_SECOND


def cores_bytes_per_second(gpu: Gpu, bytes_per_clock: float, bus: float) -> float:
    """Bytes per second that an NVIDIA card's processors take in, at most ``bus``.

    Every multiprocessor loads a few bytes of weights per clock, whatever the memory offers: with 6 of them an A100 and
    an H100 reach half of their bandwidth, a GTX 1050 Ti 40 %. Cards of other vendors are assumed to follow their bus.
    """
    if gpu.vendor != "nvidia" or "fp32" not in gpu.tflops or not bytes_per_clock:
        return bus
    lanes = cores_per_multiprocessor(gpu)
    return min(bus, gpu.tflops["fp32"] * 1e12 / (2 * lanes) * bytes_per_clock)


def matrix_seconds(deployment: Deployment, tokens: int) -> float | None:
    """Seconds of arithmetic in the matrices of all layers for ``tokens`` at once, all on one card at a time.

    None where the arithmetic rate of a card is unknown.
    """
    rates = matrix_rates(deployment)
    return None if rates is None else 2 * tokens * shape(deployment.model).parameters / (sum(rates) / len(rates))


def matrix_rates(deployment: Deployment) -> list[float] | None:
    """Operations per second that each card reaches in large matrices; None where one is unknown."""
    profile, wide = engine(deployment.engine).speed(), plain(deployment.scheme)
    rates = []
    for gpu in deployment.gpus:
        peak, kind = gpu.tflops.get(profile.matrix_rate), card_kind(gpu)
        if not peak:
            return None
        gain = pick(profile.gain_16_bit, kind) if wide else 1.0
        rates.append(peak * 1e12 * (pick(profile.matrix_share, kind) * gain))
    return rates


def plain(scheme: Scheme) -> bool:
    """True if weights go into the matrix units as they are stored."""
    return scheme.family == "plain" or scheme.id in ("F16", "BF16", "F32")


def experts_widened(share: float, sequences: int) -> float:
    """Ratio of experts that several sequences read together to those of one token.

    Each sequence chooses independently of the others.
    """
    return 1.0 if share >= 1.0 or sequences == 1 else (1 - (1 - share) ** sequences) / share


def _sum_seconds(gpu: Gpu, profile: SpeedProfile) -> float:
    """Seconds in which ranks add up their parts of a layer, once behind attention and once behind the network."""
    link = "PCIe" if gpu.nvlink_bytes_per_second is None else "NVLink"
    return 2 * profile.reduce_microseconds[link] / 1e6


def _in_ram(deployment: Deployment, estimate: Estimate, read: float, cache: float) -> tuple[float, float]:
    """Seconds spent on RAM and on disk, for weights and cache of so many bytes that the CPU reads."""
    profile, experts = engine(deployment.engine).speed(), shape(deployment.model).expert_layers
    ram = (read + cache) / (host_bandwidth(deployment) * profile.host_share)
    if experts:
        ram += _layers_in_ram(deployment, estimate) * profile.host_expert_microseconds / 1e6
    return ram, _paged_bytes(deployment, estimate, read, bool(experts)) / DISK_BYTES_PER_SECOND


def _layers_in_ram(deployment: Deployment, estimate: Estimate) -> int:
    """Number of layers whose experts the CPU computes."""
    if estimate.ram_expert_layers is not None:
        return estimate.ram_expert_layers
    work, layers = deployment.workload, deployment.model.layer_count
    experts = estimate.settings.get("cpu_moe_layers", work.cpu_moe_layers)
    whole = estimate.settings.get("gpu_layers", work.gpu_layers)
    in_ram = layers if experts == "all" else experts if isinstance(experts, int) else 0
    return max(in_ram, layers + 1 - whole) if isinstance(whole, int) else in_ram


def _paged_bytes(deployment: Deployment, estimate: Estimate, read: float, mixture: bool) -> float:
    """Bytes that the CPU reads per token from the file, since RAM cannot keep them, out of ``read``.

    A dense model reads its layers in turn, the order in which a cache that drops the oldest keeps nothing; experts are
    chosen at random, so the share that does not fit is missed.
    """
    ram = deployment.workload.ram_bytes
    missing = 0 if ram is None else estimate.host.total_bytes + RAM_KEPT_BACK_BYTES - ram
    if missing <= 0:
        return 0.0
    return read * min(1.0, missing / estimate.host.total_bytes) if mixture else read
