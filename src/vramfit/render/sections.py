"""Grouping of a report's rows into sections, and the sentences on card, model and run above them."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.render.headline import by_class, counted, precision, requests_text
from vramfit.render.words import joined
from vramfit.units import GIB, billions, gib, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vramfit.render.fields import Object


_OF_THE_ROW = ("quant", "kv_cache_type", "kv_cache_type_v", "gpu_layers", "cpu_moe_layers")
"""Deployment keys that the engine may choose for each precision, so that rows of one section differ in them."""
_PLATFORMS = {"windows": "on Windows", "macos": "on macOS"}
_MAKES_NO_DIFFERENCE = ("all", "auto", 0, None)


class Section(Record):
    """Consecutive estimates of one deployment, one per precision; or one error object."""

    estimates: tuple[Object, ...]

    @property
    def first(self) -> Object:
        """First estimate, of which the headline speaks."""
        return self.estimates[0]

    @property
    def is_error(self) -> bool:
        """True if the section is a deployment of a file that has no answer."""
        return "error" in self.first


def sections(estimates: Iterable[Object]) -> list[Section]:
    """Sections of the report's estimates in order; those that differ in precision alone are together."""
    grouped: list[Section] = []
    last: object = None
    for estimate in estimates:
        key = None if "error" in estimate else _key(estimate)
        if key is not None and key == last and not _has(grouped[-1], estimate):
            grouped[-1] = Section((*grouped[-1].estimates, estimate))
        else:
            grouped.append(Section((estimate,)))
        last = key
    return grouped


def card(gpu: Object) -> Iterator[str]:
    """Lines on the GPU: its kind, its memory, and how much of that a program gets."""
    for kind in gpu.get("gpus") or [gpu]:
        if kind.get("vendor") == "custom":
            yield f"{counted(kind, kind['name'])}{_custom(kind)}{_bandwidth(kind)}"
            continue
        yield _listed(counted(kind, kind["name"]), kind.get("architecture"), _price(kind))
        size = "" if kind["marketed_gb"] is None else f"{kind['marketed_gb']:g} GB "
        yield _listed(
            f"{size}{kind.get('memory_type') or ''}".rstrip() + _bandwidth(kind),
            _number(kind.get("cores"), kind.get("core_unit") or "cores"),
            _number(kind.get("tensor_cores"), "tensor cores"),
        )
        usable, reported = kind.get("usable_bytes"), kind.get("memory_bytes")
        if usable is not None and reported is not None:
            each = " each" if kind["count"] > 1 else ""
            same = "all of it usable" if usable == reported else f"{gib(usable)} usable"
            yield f"{gib(reported)}{each} as the driver reports it, {same}"


def model(facts: Object) -> Iterator[str]:
    """Lines on the model: its size, and how much it can read at once."""
    count = facts.get("parameters")
    parts = ["parameters not known" if count is None else f"{billions(count)} parameters"]
    active, vision = facts.get("active_parameters"), facts.get("vision_parameters")
    if active is not None and active != count:
        parts.append(f"{billions(active)} active per token")
    if vision:
        parts.append(f"{billions(vision)} of them vision")
    yield _listed(facts["name"], *parts)
    longest, image = facts.get("max_context"), facts.get("max_image_tokens")
    yield _listed(
        longest and f"context up to {longest:,} tokens",
        image and f"an image takes up to {image:,}" + (" of them" if longest else " tokens"),
    )


def card_lines(gpu: Object) -> Iterator[str]:
    """One line on each kind of GPU: its memory, and how much of it a program gets."""
    for kind in gpu.get("gpus") or [gpu]:
        usable = kind.get("usable_bytes")
        if kind.get("vendor") == "custom":
            yield f"{counted(kind, kind['name'])}{_custom(kind)}{_bandwidth(kind)}"
            continue
        if kind.get("marketed_gb") is None:
            memory = "" if kind.get("memory_bytes") is None else gib(kind["memory_bytes"])
        else:
            memory = f"{kind['marketed_gb']:g} GB {kind.get('memory_type') or ''}".rstrip()
        each = " each" if kind["count"] > 1 else ""
        yield _listed(
            counted(kind, kind["name"]),
            f"{memory}{each}{_bandwidth(kind)}".strip(),
            None if usable is None else f"{gib(usable)}{each} usable",
        )


def _custom(kind: Object) -> str:
    """Memory of a card that the user made up, in GiB, where its name has it in another unit."""
    size = kind.get("memory_bytes")
    return "" if size is None or f"{size / GIB:g}GiB" in kind["name"].replace(" ", "") else f", {gib(size)}"


def model_line(facts: Object) -> str:
    """One line on the model: its size, and how much it can read at once."""
    count, active, vision = (facts.get(f"{kind}parameters") for kind in ("", "active_", "vision_"))
    longest, image = facts.get("max_context"), facts.get("max_image_tokens")
    parts = [f"{billions(active)} active"] if active is not None and active != count else []
    parts += [f"{billions(vision)} vision"] if vision else []
    return _listed(
        facts["name"],
        "parameters not known"
        if count is None
        else f"{billions(count)} parameters" + (f" ({joined(parts)})" if parts else ""),
        longest and f"context up to {longest:,}",
        image and f"images up to {image:,}",
    )


def cache_line(section: Section) -> Iterator[str]:
    """Line on what a server's cache holds; none for an engine that is no server."""
    lines = list(cache(section))
    if lines:
        yield f"{lines[0]}; further ones wait in a queue"


def cache(section: Section) -> Iterator[str]:
    """Lines on what a server's cache holds, and what happens beyond; none for an engine that is no server.

    They are about the first estimate of which that is known.
    """
    estimate = next((one for one in section.estimates if (one.get("serving") or {}).get("starts")), None)
    if estimate is None:
        return
    serving, context = estimate["serving"], estimate["deployment"]["context"]
    about = f"in {precision(estimate, by_class(section.estimates))}: " if len(section.estimates) > 1 else ""
    requests = requests_text(serving["concurrent_requests"])
    yield f"{about}{serving['cache_tokens']:,} tokens, {requests} requests of {context:,} tokens at once"
    most = serving.get("max_num_seqs")
    together = "" if most is None else f"; at most {most:,} are processed together, however short"
    yield f"further requests wait in a queue{together}"


def run(estimate: Object) -> str:
    """Phrase on how it is run: the engine and every setting that is not the usual one."""
    asked = estimate.get("deployment") or {}
    if asked.get("task", "inference") != "inference":
        return _training(estimate["engine"], asked)
    if estimate["model"].get("max_context") == 0:
        return _pipeline(estimate["engine"], asked)
    pieces = [estimate["engine"], f"context {asked['context']:,}" if asked.get("context") else None]
    pieces += [_number(asked.get("parallel"), "sequences at once") if asked.get("parallel", 1) > 1 else None]
    images = asked.get("images")
    size = f" of {asked['image_size'].replace('x', ' × ')}" if asked.get("image_size") else ""
    pieces += [f"{images:,} image{'s' if images > 1 else ''}{size} per sequence" if images else None, _cache(asked)]
    for key, words in (
        ("gpu_layers", "{} layers on the GPU"),
        ("cpu_moe_layers", "experts of {} layers in RAM"),
        ("tensor_parallel", "tensor parallel over {}"),
        ("pipeline_parallel", "pipeline parallel over {}"),
    ):
        value = asked.get(key)
        alone = value == 1 and key.endswith("_parallel")
        pieces.append(None if alone or value in _MAKES_NO_DIFFERENCE else words.format(value))
    pieces += ["flash attention off" if asked.get("flash_attention") == "off" else None, *_surroundings(asked)]
    return _listed(*pieces)


def _has(section: Section, estimate: Object) -> bool:
    """True if the section has the estimate's precision already, so that the estimate begins the next deployment."""
    return any(other["quant"]["scheme"] == estimate["quant"]["scheme"] for other in section.estimates)


def _key(estimate: Object) -> object:
    deployment = {k: v for k, v in (estimate.get("deployment") or {}).items() if k not in _OF_THE_ROW}
    gpu = estimate["gpu"]
    return estimate.get("name"), gpu["id"], gpu["count"], estimate["model"]["id"], estimate["engine"], deployment


def _pipeline(engine: str, asked: Object) -> str:
    """Deployment of a pipeline of images or videos, which has neither a context nor a cache."""
    size, frames, parallel = asked.get("output_size"), asked.get("frames") or 1, asked.get("parallel") or 1
    encoder = asked.get("text_encoder")
    return _listed(
        engine,
        f"{parallel:,} at once" if parallel > 1 else None,
        size and size.replace("x", " × "),
        f"{frames:,} frames" if frames > 1 else None,
        f"component offload {asked['component_offload']}" if asked.get("component_offload") else None,
        "decoded in tiles" if asked.get("vae_tiling") else None,
        f"text encoders {'in RAM' if encoder == 'ram' else encoder}" if encoder and encoder != "16bit" else None,
        *_surroundings(asked),
    )


def _training(engine: str, asked: Object) -> str:
    lora = asked["task"] in ("lora", "qlora")
    return _listed(
        engine,
        f"samples of {asked['sequence_length']:,} tokens",
        f"micro-batch {asked['micro_batch']:,}",
        f"rank {asked['lora_rank']}" if lora else None,
        f"optimizer {asked['optimizer']}",
        "gradient checkpointing" if asked["gradient_checkpointing"] else "no gradient checkpointing",
        f"ZeRO stage {asked['zero_stage']}" if asked["zero_stage"] else None,
        *_surroundings(asked),
    )


def _surroundings(asked: Object) -> Iterator[str | None]:
    reserve, ram, platform = asked.get("reserve"), asked.get("ram"), asked.get("platform")
    yield f"{reserve} held by others" if reserve and reserve != "0B" else None
    yield f"{ram} of RAM" if ram else None
    yield f"RAM at {asked['ram_bandwidth']}" if asked.get("ram_bandwidth") else None
    yield _PLATFORMS.get(platform or "")


def _cache(asked: Object) -> str | None:
    k, v = asked.get("kv_cache_type"), asked.get("kv_cache_type_v")
    return None if not k else f"KV cache {joined([k] if v in (k, None) else [k, v])}"


def _price(gpu: Object) -> str | None:
    price = gpu.get("price_usd")
    return None if price is None else f"launched at ${price:,}{' each' if gpu['count'] > 1 else ''}"


def _bandwidth(gpu: Object) -> str:
    bandwidth = gpu.get("bandwidth_bytes_per_second")
    return "" if bandwidth is None else f" at {rate(bandwidth)}"


def _number(count: int | None, unit: str) -> str | None:
    return None if count is None else f"{count:,} {unit}"


def _listed(*parts: str | int | None) -> str:
    return ", ".join(str(part) for part in parts if part)
