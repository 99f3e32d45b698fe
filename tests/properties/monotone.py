"""Monotony: more memory never turns a yes into a no, and asking for more never needs less memory.

Each ``Step`` makes two deployments of one that differ in one key, of which the second asks for more or has less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.properties.asked import Violation, measures, needs, rank, rows
from vramfit.engines import engine, pipeline_engines
from vramfit.engines.llamacpp.placement import parts_of
from vramfit.memory.kv_cache import ELEMENT_TYPES
from vramfit.quantization import SCHEMES
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.properties.asked import Asker, Raw
    from vramfit.answer import Answer
    from vramfit.model import Model

    Pair = tuple[dict[str, Any], dict[str, Any]]
    """Keys to put on a deployment for the easier of two, and for the harder."""


@dataclass(frozen=True)
class Step:
    """A change of one key that makes a deployment harder."""

    name: str
    pair: Callable[[Raw, Answer, Random], Pair | None]
    """The two values of the key for a deployment; None where the key means nothing to it."""
    needs_more: bool = True
    """Whether the need must not fall; else only the verdict must not become better."""
    verdict: bool = True
    """Whether the verdict must not become better; more on the GPUs is less in RAM."""
    host: bool = False
    """Whether the need of the host counts too: of two files the larger may have less of its bytes on the GPUs."""
    engines: tuple[str, ...] = ()
    """Engines that have the key; empty for all."""
    task: str = "inference"
    """Task that the key is of; ``training`` for all of fine-tuning, empty for any."""


def _counted(key: str, most: int, read: Callable[[Answer], int | None]) -> Callable[[Raw, Answer, Random], Pair | None]:
    """Pair of a number as it is and a larger one: by one, by a half, by several times."""

    def pair(raw: Raw, found: Answer, rng: Random) -> Pair | None:
        now = read(found)
        if not isinstance(now, int) or isinstance(now, bool) or now >= most:
            return None
        more = rng.choice((now + 1, now + max(1, now // 2), now * 2 or 2, now * rng.randint(3, 40) or 7))
        return {key: now}, {key: min(more, most)}

    return pair


def _own(name: str) -> Callable[[Answer], int | None]:
    return lambda found: getattr(found.deployment.workload.own, name, None)


def _work(name: str) -> Callable[[Answer], int | None]:
    return lambda found: getattr(found.deployment.workload, name)


def _training(name: str) -> Callable[[Answer], int | None]:
    return lambda found: getattr(found.deployment.workload.training, name, None)


def _context(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    model = found.deployment.model
    return _counted("context", max(model.context, 1), _work("context"))(raw, found, rng)


def _ram(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    less = rng.choice((1, 8, 16, 60, 250))
    return {"ram": f"{less * rng.randint(2, 9)}GiB"}, {"ram": f"{less}GiB"}


def _reserve(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    less = rng.choice((0, 0, 300, 1024, 5000))
    return {"reserve": f"{less}MiB"}, {"reserve": f"{less + rng.choice((1, 100, 1024, 9000))}MiB"}


def _usable(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    """What a program can have of each card, near the need where it matters."""
    need = max(max(gpu.total_bytes, gpu.high_bytes) for gpu in found.estimate.gpus)
    less = rng.choice((max(GIB, round(need * rng.uniform(0.5, 2.0))), *TIERS))
    more = round(less * rng.choice((1.001, 1.02, 1.3, 3)))
    return {"usable": f"{more // MIB + 1}MiB"}, {"usable": f"{less // MIB}MiB"}


def _card(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    """A card of the same chip with less memory."""
    cards = {gpu.id for gpu in found.deployment.gpus}
    if len(cards) != 1 or not isinstance(raw["gpu"], str):
        return None
    gpu = found.deployment.gpus[0]
    alike = [
        row for row in rows().gpus
        if row["compute_target"] == gpu.compute_target and row["architecture"] == gpu.architecture
        and row["vendor"] == gpu.vendor and row["segment"] == gpu.segment and row["cores"] == gpu.cores
        and row["memory_bytes"] != gpu.memory_bytes
    ]  # fmt: skip
    if not alike:
        return None
    other = rng.choice(alike)
    count = len(found.deployment.gpus)
    names = [f"{count}x{one}" for one in (gpu.id, other["id"])]
    less, more = names if other["memory_bytes"] > gpu.memory_bytes else names[::-1]
    return {"gpu": more}, {"gpu": less}


def _custom(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    count = len(found.deployment.gpus)
    less = rng.choice((4, 8, 16, 23, 24, 47, 48, 80, 141))
    more = rng.choice((less + 1, less * 2, less + 7))
    return {"gpu": f"{count}xcustom:{more}GiB"}, {"gpu": f"{count}xcustom:{less}GiB"}


def _cache(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    """A cache of fewer bits is the easier one."""
    engine = raw["engine"]
    types = [one for one in rows().cache_types_of(engine) if one in ELEMENT_TYPES]
    bits = {one: ELEMENT_TYPES[one][1] / ELEMENT_TYPES[one][0] for one in types}
    if len(set(bits.values())) < 2:
        return None
    first, second = rng.sample(types, 2)
    if bits[first] == bits[second]:
        return None
    less, more = sorted((first, second), key=bits.__getitem__)
    both = "kv_cache_type_v" in raw
    return tuple([{"kv_cache_type": one} | ({"kv_cache_type_v": one} if both else {}) for one in (less, more)])  # type: ignore[return-value]


STATED = ("file_size", "bits_per_weight")
"""Keys that state what a file weighs, whatever its scheme."""


def _is_sized(raw: Raw) -> bool:
    """Whether the bytes of the weights go by the scheme: not where they are stated, and not of a pipeline's components."""
    return set(STATED).isdisjoint(raw) and raw["engine"] not in pipeline_engines()


def _classes(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    if not _is_sized(raw):
        return None
    less, more = rng.choice((("int4", "int8"), ("int8", "fp16"), ("int4", "fp16")))
    return {"quant": less}, {"quant": more}


def _scheme(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    """Another scheme of the family that takes fewer or more bytes of this very model."""
    scheme, model = found.deployment.scheme, found.deployment.model
    if not _is_sized(raw):
        return None
    alike = [row["id"] for row in rows().quants if row["family"] == scheme.family and row["id"] != scheme.id]
    if not alike or scheme.id not in SCHEMES:
        return None
    other = rng.choice(alike)
    sizes = {one: _loaded_bytes(raw["engine"], model, one) for one in (scheme.id, other)}
    less, more = sorted(sizes, key=sizes.__getitem__)
    return None if sizes[more] < sizes[less] * LEAST_STEP else ({"quant": less}, {"quant": more})


def _loaded_bytes(name: str, model: Model, scheme: str) -> int:
    """Bytes of a file as an engine loads it; llama.cpp loads a tied embedding twice (``src/llama-model.cpp``)."""
    checkpoint = engine(name).checkpoint(model, SCHEMES[scheme])
    return checkpoint.file_bytes + (parts_of(checkpoint).tied_bytes if name in LLAMA else 0)


def _bits(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    less = rng.randint(20, 80) / 10
    return {"bits_per_weight": less}, {"bits_per_weight": less + rng.choice((0.1, 1, 3))}


def _flash(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    return {"flash_attention": "on"}, {"flash_attention": "off"}


def _layers(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    """More layers on the GPUs need more of them."""
    less = rng.randint(0, found.deployment.model.layer_count)
    return {"gpu_layers": less}, {"gpu_layers": rng.choice((less + 1, "all", less + rng.randint(1, 9)))}


def _experts(raw: Raw, found: Answer, rng: Random) -> Pair | None:
    more = rng.randint(1, found.deployment.model.layer_count)
    return {"cpu_moe_layers": more}, {"cpu_moe_layers": rng.randint(0, more - 1)}


LEAST_STEP = 1.02
"""Least ratio of two files' sizes: allocators round matrices up, which is more of one file than of another."""
TIERS = tuple([round(size * GIB) for size in (22.9, 23.5, 46.9, 47.5)])
"""Sizes about which engines choose other defaults (Ollama's contexts, vLLM's and SGLang's steps)."""
LLAMA = ("llama.cpp", "ollama")
SERVERS = ("vllm", "sglang", "tensorrt-llm")


def _stated(key: str, less: object, more: object) -> Callable[[Raw, Answer, Random], Pair | None]:
    """Pair of two stated values, the first of which is the easier one."""
    return lambda raw, found, rng: ({key: less}, {key: more})


STEPS = (
    Step("context", _context),
    Step("parallel", _counted("parallel", 512, _work("parallel"))),
    Step("images", _counted("images", 8, _work("images"))),
    Step("reserve", _reserve, needs_more=False, task=""),
    Step("ram", _ram, needs_more=False, task=""),
    Step("usable", _usable, needs_more=False, task=""),
    Step("card", _card, needs_more=False, task=""),
    Step("custom", _custom, needs_more=False, task=""),
    Step("cache type", _cache),
    Step("class", _classes, host=True),
    Step("scheme", _scheme, host=True),
    Step("bits", _bits, host=True, engines=LLAMA),
    Step("flash attention", _flash),
    Step("ubatch", _counted("ubatch", 8192, _own("ubatch")), engines=LLAMA),
    Step("layers", _layers, engines=LLAMA, verdict=False),
    Step("experts", _experts, engines=("llama.cpp",), verdict=False),
    Step("max_num_seqs", _counted("max_num_seqs", 2048, _own("max_num_seqs")), engines=SERVERS),
    Step("max_batched_tokens", _counted("max_batched_tokens", 65536, _own("max_batched_tokens")), engines=SERVERS),
    Step("max_loras", _counted("max_loras", 16, _own("max_loras")), engines=("vllm", "sglang")),
    Step("max_lora_rank", _counted("max_lora_rank", 256, _own("max_lora_rank")), engines=("vllm", "sglang")),
    Step("sequence_length", _counted("sequence_length", 262144, _training("sequence_length")), task="training"),
    Step("micro_batch", _counted("micro_batch", 256, _training("micro_batch")), task="training"),
    Step("speculative_tokens", _counted("speculative_tokens", 16, _work("speculative_tokens")), engines=(*SERVERS, *LLAMA)),
    Step("kv_bytes_per_token", _stated("kv_bytes_per_token", 20_000, 40_000)),
    Step("image_tokens", _stated("image_tokens", 100, 1000)),
    Step("encoder_tokens", _stated("encoder_tokens", 128, 1024)),
    Step("file_size", _stated("file_size", "5GB", "8GB"), host=True, engines=LLAMA),
    Step("adapter_size", _stated("adapter_size", "10MiB", "500MiB"), engines=LLAMA),
    Step("swa_full", _stated("swa_full", False, True), engines=LLAMA),
    Step("outputs", _stated("outputs", "slots", "batch"), engines=LLAMA),
    Step("mmproj", _stated("mmproj", "host", "gpu"), engines=LLAMA, verdict=False),
    Step("cpu_offload", _stated("cpu_offload", "6GiB", "1GiB"), engines=("vllm", "sglang"), verdict=False),
    Step("enforce_eager", _stated("enforce_eager", True, False), engines=SERVERS),
    Step("frames", _stated("frames", 17, 33), engines=("diffusers", "comfyui")),
    Step("output_size", _stated("output_size", "512x512", "1024x1024"), engines=("diffusers", "comfyui")),
    Step("optimizer", _stated("optimizer", "adamw8bit", "adamw"), task="training"),
    Step("checkpointing", _stated("gradient_checkpointing", True, False), task="training"),
    Step("mixed_precision", _stated("mixed_precision", False, True), task="training"),
    Step("dora", _stated("dora", False, True), task="training"),
    Step("save_modules", lambda raw, found, rng: ({"save_modules": None}, {"save_modules": "embeddings"}), task="training"),
    Step("lora_targets", _stated("lora_targets", "qv", "attention"), task="training"),
    Step("lora_targets of networks", _stated("lora_targets", "mlp", "all"), task="training"),
    Step("optimizer's place", _stated("offload_optimizer", True, False), task="training", verdict=False),
    Step("lora_rank", _counted("lora_rank", 512, _training("lora_rank")), task="training"),
)  # fmt: skip


def broken(raw: Raw, step: Step, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Violations of one step from one deployment."""
    tunes = raw.get("task", "inference") != "inference"
    if (step.engines and raw["engine"] not in step.engines) or (step.task and (step.task == "training") != tunes):
        return
    found = asker.one(raw)
    if found is None:
        return
    pair = step.pair(raw, found, rng)
    if pair is None:
        return
    easier_keys, harder_keys = pair
    harder = asker.one({**raw, **harder_keys})
    if harder is None:
        return
    base = {**raw, **easier_keys}
    easier = asker.answers(base)
    if not isinstance(easier, tuple):
        if not step.needs_more:
            yield Violation(f"{step.name}: refused with more", base, harder_keys, str(easier))
        return
    (one,) = easier
    starts = min(rank(harder), rank(one)) >= 0  # whether a scheme or a cache type starts is no matter of size
    if step.verdict and rank(harder) > rank(one) and (starts or not step.needs_more):
        words = f"{one.verdict.word} becomes {harder.verdict.word}"
        both = (measures(one, step.host), measures(harder, step.host))
        yield Violation(f"{step.name}: verdict", base, harder_keys, words, both)
    if step.needs_more and not decided(one, harder):
        before, after = needs(one, step.host), needs(harder, step.host)
        less = [f"{name} {value} becomes {after[name]}" for name, value in before.items() if after[name] < value]
        if less:
            both = (measures(one, step.host), measures(harder, step.host))
            yield Violation(f"{step.name}: need", base, harder_keys, "; ".join(less), both)


def decided(*found: Answer) -> bool:
    """Whether the engine chose by itself which layers the GPUs take, so that a larger need moves some of them away."""
    return any("auto" in (one.deployment.workload.gpu_layers, one.deployment.workload.cpu_moe_layers) for one in found)
