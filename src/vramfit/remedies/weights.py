"""Fewer bits per weight, or a part of the weights in system RAM, for the same model on the same cards."""

from __future__ import annotations

from vramfit.engines import engine, engine_of_family
from vramfit.quantization import derive, find_scheme, store
from vramfit.quantization.quality import quality_rank
from vramfit.quantization.schemes import SCHEMES
from vramfit.remedies import Proposal
from vramfit.search import largest_near
from vramfit.units import file_size, gib
from vramfit.workload.common import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.remedies import Question

FILES = "gguf"
"""Family of schemes whose files can be run with a part of them left to the CPU."""
NATIVE, RELEASED_IN = "MXFP4_MOE", "mxfp4"
"""File type for the experts of a mixture that was released in 4-bit floats, and the type of such a release."""
TERNARY = "TQ"
"""Prefix of types for models trained with ternary weights, which cannot store others."""
HOPELESS_RATIO = 1.05
"""Ratio of a file's size to the room estimated for it beyond which the file is not tried."""
LOADED = ("bitsandbytes", "fp8")
"""Families that an engine makes of the 16-bit checkpoint; the others are another file, to be found or made."""
EIGHT_BITS = "fp8"
"""Element type of a cache, and family of schemes, of 8-bit floats."""
SPOKEN_CLASS = {"fp16": "16 bits", "int8": "INT8", "int4": "INT4"}


def eight_bits(question: Question) -> Iterator[Proposal]:
    """Weights and cache both in FP8, where neither alone suffices."""
    before = question.asked.deployment
    runtime = engine(before.engine)
    if before.scheme.precision != CLASSES[0] or EIGHT_BITS not in runtime.cache_types:
        return
    from vramfit.remedies.settings import WIDE_TYPES

    if before.workload.kv_cache_type not in WIDE_TYPES:
        return
    cache = {"kv_cache_type": EIGHT_BITS}
    for name in (*runtime.loads_in_class.get("int8", ()), runtime.scheme_of_class["int8"]):
        # An engine's scheme of a class need not be in the table: exl2-8.0 is made of its name.
        quant, scheme = {"quant": name}, find_scheme(name)
        if scheme.family != EIGHT_BITS:
            continue
        if any(question.improves(question.attempt(changes)) for changes in (quant, cache)):
            continue
        after = question.attempt({**quant, **cache})
        summary = f"quantize weights and KV cache to 8 bits ({scheme.summary})"
        if after is not None:
            yield from question.best([Proposal("quantize", {**quant, **cache}, summary, after.quality[1], after, 1)])


def quantized(question: Question) -> Iterator[Proposal]:
    """Fewer bits per weight, best quality first, in the same engine, and as a GGUF file for an engine that loads those.

    By default the usual scheme of each lower class and the best file that fits; with ``everything`` each scheme that
    the engine loads.
    """
    before = question.asked.deployment
    runtime = engine(before.engine)
    if runtime.offloads:
        yield from question.best(_files(question, before.engine))
        usual = _usual(before.engine, "int4")
        if not question.everything and _lower(before.scheme, usual):
            yield from question.best([_quantize(question, before.engine, usual)])
        return
    if question.everything:
        yield from question.best(_quantize(question, before.engine, scheme) for scheme in _schemes(question))
    else:
        for word in CLASSES[CLASSES.index(before.scheme.precision) + 1 :]:
            usual = _usual(before.engine, word)
            near = [*[SCHEMES[name] for name in runtime.loads_in_class.get(word, ())], usual]
            yield from question.best(_quantize(question, before.engine, scheme) for scheme in near)
    if runtime.fallback is not None or question.everything:
        yield from question.best(_files(question, runtime.fallback or engine_of_family(FILES)))


def _usual(name: str, word: str) -> Scheme:
    """Scheme that an engine uses for a precision class."""
    return find_scheme(engine(name).scheme_of_class[word])


def _lower(before: Scheme, after: Scheme) -> bool:
    """True if ``after`` is a step down, by class and then by the order of the table."""
    step = CLASSES.index(after.precision) - CLASSES.index(before.precision)
    if step or before.family != after.family:
        return step > 0
    order = list(SCHEMES)
    return before.id in order and order.index(after.id) > order.index(before.id)


def _schemes(question: Question) -> list[Scheme]:
    """Every scheme of the engine that is a step down, best quality first."""
    before = question.asked.deployment
    families = engine(before.engine).families
    return _by_quality(
        question,
        [s for s in SCHEMES.values() if s.family in families and s.family != FILES and _lower(before.scheme, s)],
    )


def _by_quality(question: Question, schemes: list[Scheme]) -> list[Scheme]:
    model = question.asked.deployment.model
    parameters = question.asked.deployment.model_parameters
    return sorted(schemes, key=lambda scheme: quality_rank(scheme.id, parameters, model.dtype))


def _files(question: Question, name: str) -> Iterator[Proposal | None]:
    """GGUF file types below the requested precision, best quality first.

    The first one tried tells the room that is left for others, so that those far too large are not estimated.
    """
    before = question.asked.deployment
    for scheme in _file_types(question):
        if question.file is not None and _bytes_each(before, scheme) > sum(question.file) * HOPELESS_RATIO:
            continue
        proposal = _quantize(question, name, scheme)
        if proposal is not None:
            question.file = _bytes_each(before, scheme), proposal.answer.room_bytes
        yield proposal


def _file_types(question: Question) -> Iterator[Scheme]:
    """GGUF types in the order of quality, MXFP4 first for a release in it; no class is sorted before it is needed."""
    before = question.asked.deployment
    mixture = before.model.has_experts
    released = before.model.dtype == RELEASED_IN and _lower(before.scheme, SCHEMES[NATIVE])
    if released:
        yield SCHEMES[NATIVE]
    for word in CLASSES[CLASSES.index(before.scheme.precision) :]:
        of_class = [
            s
            for s in SCHEMES.values()
            if s.family == FILES and s.precision == word and not s.id.startswith(TERNARY)
            and (mixture and not released if s.id == NATIVE else _lower(before.scheme, s))
        ]  # fmt: skip
        yield from _by_quality(question, of_class)


def _bytes_each(deployment: Deployment, scheme: Scheme) -> int:
    """Bytes of the stored model on one of the GPUs, if it is divided evenly."""
    return sum([row.total_bytes for row in store(deployment.model, scheme)]) // len(deployment.gpus)


def _quantize(question: Question, name: str, scheme: Scheme) -> Proposal | None:
    """Proposal of the model stored as ``scheme``; None if the engine cannot run that."""
    before = question.asked.deployment
    quant = engine(name).word_of(scheme)
    changes = {"quant": quant} if name == before.engine else {"engine": name, "quant": quant}
    after = question.attempt(changes)
    if after is None:
        return None
    if scheme.family == FILES:
        size = file_size(derive(before.model, scheme).file_bytes)
        summary = f"quantize to {scheme.id}, a file of {size}" + ("" if name == before.engine else f", and run {name}")
    else:
        summary = f"quantize to {SPOKEN_CLASS[scheme.precision]} ({scheme.summary})"
    at_hand = name == before.engine and scheme.family in LOADED
    return Proposal("quantize", changes, summary, after.quality[1], after, 1 if at_hand else 2)


def offloaded(question: Question) -> Iterator[Proposal]:
    """Placement of as many layers as the cards hold, the rest in RAM, at the requested precision: experts move first.

    Where the other engine needs less than the requested one, everything may fit; then that alone is the remedy.
    """
    before = question.asked.deployment
    asked = engine(before.engine)
    if not asked.offloads and asked.fallback is None and not question.everything:
        return
    name = before.engine if asked.offloads else asked.fallback or engine_of_family(FILES)
    base: dict[str, object] = {}
    scheme = before.scheme
    if scheme.family != FILES:
        released = before.model.dtype == RELEASED_IN
        scheme = SCHEMES[NATIVE] if released else _usual(name, before.scheme.precision)
        base = {"quant": scheme.id}
    if name != before.engine:
        base = {"engine": name, **base}
    layers = before.model.layer_count
    loose = sum([row.total_bytes for row in store(before.model, scheme) if row.layers])
    loose += sum([gpu.kv_cache_bytes for gpu in question.asked.estimate.gpus])
    layer_bytes = max(1, loose // layers)
    short = question.short_bytes()
    if question.file is not None and base:
        short = _bytes_each(before, scheme) - sum(question.file)
    short = max(0, short) * len(before.gpus)
    found = None
    experts = _expert_bytes(before.model, scheme)
    if experts and before.workload.gpu_layers in ("all", "auto"):
        if engine(name).places_experts:
            found = _experts_in_ram(question, base, name, scheme, short, experts, layers)
        else:
            found = _left_to_itself(question, layers)
        yield from question.best([found])
    if found is None or question.everything:
        yield from question.best([_layers_in_ram(question, base, name, scheme, short, layer_bytes, layers)])


def _layers_in_ram(
    question: Question, base: dict[str, object], name: str, scheme: Scheme, short: int, layer_bytes: int, layers: int
) -> Proposal | None:
    gpus = len(question.asked.deployment.gpus)

    def room(count: int) -> int:
        found = question.attempt({**base, "gpu_layers": count})
        return -1 if found is None else found.room_bytes

    guess = layers + 1 - gpus * (short > 0) - short // layer_bytes
    count = largest_near(room, 1, layers + 1, guess, layer_bytes)
    if count < 1:
        return None
    if count == layers + 1:
        return _whole(question, base, name, scheme)
    changes = {**base, "gpu_layers": count}
    after = question.attempt(changes)
    if after is None or not _ram_holds(after):
        return None
    return Proposal(
        "offload-layers",
        changes,
        f"keep {count} of {layers + 1} layers on the GPU{'s' if gpus > 1 else ''}{_engine_and_file(base, name, scheme)}, "
        "the rest in RAM",
        f"{gib(after.estimate.host.total_bytes, 1)} of RAM; its layers run on the CPU",
        after,
        1 if name == question.asked.deployment.engine else 2,
    )


def _experts_in_ram(
    question: Question, base: dict[str, object], name: str, scheme: Scheme, short: int, each: int, layers: int
) -> Proposal | None:
    def room(on_gpu: int) -> int:
        found = question.attempt({**base, "cpu_moe_layers": layers - on_gpu})
        return -1 if found is None else found.room_bytes

    on_gpu = largest_near(room, 0, layers, layers - 1 - short // each, each)
    if on_gpu < 0:
        return None
    if on_gpu == layers:
        return _whole(question, base, name, scheme)
    changes = {**base, "cpu_moe_layers": layers - on_gpu}
    after = question.attempt(changes)
    if after is None or not _ram_holds(after):
        return None
    return Proposal(
        "offload-experts",
        changes,
        f"keep the experts of {layers - on_gpu} of {layers} layers in RAM{_engine_and_file(base, name, scheme)}",
        f"{gib(after.estimate.host.total_bytes, 1)} of RAM; those experts run on the CPU",
        after,
        1 if name == question.asked.deployment.engine else 2,
    )


def _ram_holds(after: Answer) -> bool:
    """False if GPU and CPU share their memory and both parts together exceed it."""
    memory = sum([gpu.memory_bytes for gpu in after.deployment.gpus if gpu.unified])
    return not memory or after.required_bytes + after.estimate.host.total_bytes <= memory


def _engine_and_file(base: dict[str, object], name: str, scheme: Scheme) -> str:
    """Phrase naming the engine and file that a placement needs, where they are not the requested ones."""
    return f" with {name} ({scheme.id})" if base else ""


def _left_to_itself(question: Question, layers: int) -> Proposal | None:
    """Proposal that leaves the placement to an engine without a setting for experts in RAM, which moves as many as it
    must."""
    changes = {"gpu_layers": "auto"}
    after = question.attempt(changes)
    count = None if after is None else after.estimate.settings.get("cpu_moe_layers")
    if after is None or not count or not _ram_holds(after):
        return None
    title = engine(question.asked.deployment.engine).title
    return Proposal(
        "offload-experts",
        changes,
        f"leave the placement to {title}: the experts of {count} of {layers} layers in RAM",
        f"{gib(after.estimate.host.total_bytes, 1)} of RAM; those experts run on the CPU",
        after,
        1,
    )


def _whole(question: Question, base: dict[str, object], name: str, scheme: Scheme) -> Proposal | None:
    """Proposal of everything on the GPUs in the other engine, which needs less."""
    after = question.attempt(base) if base else None
    if after is None or name == question.asked.deployment.engine:
        return None
    return Proposal(
        "engine-setting", base, f"run it with {name} as {scheme.id}", "another engine, and a GGUF file", after, 2
    )


def _expert_bytes(model: Model, scheme: Scheme) -> int:
    """Bytes of the routed experts of one layer; 0 for models without experts."""
    rows = [row for row in store(model, scheme) if "_exps." in row.tensor.name]
    layers = {layer for row in rows for layer in row.layers}
    return sum([row.total_bytes for row in rows]) // len(layers) if layers else 0
