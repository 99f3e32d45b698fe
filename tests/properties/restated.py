"""One deployment said otherwise: its own echo, other spellings, its terms, its command, and a faster memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.properties.asked import Violation
from vramfit.api.terms import term_objects
from vramfit.checks import checked
from vramfit.engines import engine
from vramfit.engines.commands import with_command
from vramfit.engines.keys import parse_request
from vramfit.errors import VramfitError
from vramfit.report import estimate_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.properties.asked import Asker, Raw
    from vramfit.answer import Answer

PARTS = ("weights", "kv_cache", "compute", "overhead")
OF_THE_DEPLOYMENT = ("assumptions", "command", "deployment", "limits", "name")
"""Fields that follow what is stated: what is said of defaults, and limits, which set the defaults anew that are left open."""
UNSAID = (
    "gpu", "ram", "ram_bandwidth", "reserve", "usable", "platform", "level", "images", "image_size", "prompt_tokens",
    "engine_version", "file_size", "bits_per_weight", "kv_bytes_per_token", "image_tokens", "encoder_tokens",
    "flash_attention", "outputs", "cpu_moe_layers", "backend", "kv_cache_type", "kv_cache_type_v", "draft_model",
)  # fmt: skip
"""Keys that a command of some engine has no flag for, or says more coarsely: they stand beside it."""
SERVED = ("vllm", "sglang", "tensorrt-llm", "mlx")
"""Engines whose commands do not say how many requests there are."""
UNWRITTEN = ("fp4", "fp4-single", "int8", "nf4-single")
"""Schemes of bitsandbytes whose names mean others in the name of a file: FP4 is NVFP4 there, INT8 any 8 bits."""
SHARE_STEP = 0.001
"""Step of a share of the memory as a command states it: SGLang itself rounds ``mem_fraction_static`` to three digits."""
KEPT_WIDE = ("exllamav2", "exllamav3")
"""Engines whose commands load plain weights as they are stored, and one request at a time."""


def unechoed(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Reports that come out otherwise when their own ``deployment`` is asked, or the keys in another order."""
    found = asker.one(raw)
    if found is None:
        return
    report = estimate_object(checked(parse_request(raw), found))
    echo = {key: value for key, value in report["deployment"].items() if value is not None and key != "name"}
    for way, keys in (("echo", echo), ("order of keys", dict(rng.sample(sorted(raw.items()), len(raw))))):
        again = asker.answers(keys)
        if not isinstance(again, tuple):
            yield Violation(f"{way}: refused", raw, {}, str(again))
            continue
        told = estimate_object(checked(parse_request(keys), again[0]))
        other = [name for name, value in report.items() if name not in OF_THE_DEPLOYMENT and told.get(name) != value]
        if other:
            yield Violation(f"{way}: another report", raw, {}, ", ".join(other))


def misspelled(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Deployments that another spelling of the same values changes."""
    found = asker.one(raw)
    if found is None:
        return
    keys = dict(raw)
    keys["engine"] = rng.choice(
        (raw["engine"].upper(), raw["engine"].replace(".", ""), raw["engine"].replace("-", "_"))
    )
    if raw.get("quant", "-").count("-") == 0:  # the marks of a publisher's mix are joined as they are
        keys["quant"] = rng.choice((raw["quant"].upper(), raw["quant"].lower(), raw["quant"].replace("_", "-")))
    if isinstance(raw.get("context"), int):
        keys["context"] = rng.choice((f"{raw['context']:,}", str(raw["context"])))
    head, times, name = str(raw["gpu"]).partition("x")
    if times and head.isdigit():
        keys["gpu"] = rng.choice(
            (f"{head}*{name}", f"{head} x {name}", ",".join([name] * int(head)), [name] * int(head))
        )
    for key in ("ram", "usable", "kv_cache_memory"):
        if str(raw.get(key)).endswith("GiB"):
            keys[key] = f"{int(float(raw[key][:-3]) * 1024)}MiB"
    again = asker.answers(keys)
    changes = {key: value for key, value in keys.items() if value != raw[key]}
    if not isinstance(again, tuple):
        yield Violation("spelling: refused", raw, changes, str(again))
    elif not _is_said(found, again[0]):
        yield Violation("spelling: another answer", raw, changes, f"{_said(found)}, {_said(again[0])}")


def unsummed(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Terms of an explanation that do not add up to the parts of a device, or have no formula or source."""
    found = asker.one(raw)
    if found is None:
        return
    sums: dict[tuple[str, str], int] = {}
    for term in term_objects(found.deployment):
        place = term["device"], term["part"]
        sums[place] = sums.get(place, 0) + term["bytes"]
        if not term["formula"] or not term["source"]:
            yield Violation("terms: unsourced", raw, {}, str(term))
    for device in (*found.estimate.gpus, found.estimate.host):
        for part in PARTS:
            size = getattr(device, f"{part}_bytes")
            if sums.get((device.device, part), 0) != size:
                yield Violation(
                    "terms: sum", raw, {}, f"{device.device} {part}: {sums.get((device.device, part))}, {size}"
                )


def unread(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Printed commands that are refused, or read as another deployment than the one that they were printed for."""
    found = asker.one(raw)
    if found is None or found.deployment.workload.task != "inference" or found.deployment.model.components:
        return
    text, scheme, work = found.command, found.deployment.scheme, found.deployment.workload
    if raw["engine"] == "ollama" and work.cpu_moe_layers:
        return  # Ollama has no parameter for it, and decides by itself
    programs = [program.title for program in engine(found.deployment.engine).programs()]
    if scheme.id in UNWRITTEN or "adapter.gguf" in text or not any(title in text for title in programs):
        return
    if raw["engine"] in KEPT_WIDE and (scheme.family == "plain" or work.parallel > 1):
        return
    beside = {key: raw[key] for key in UNSAID if key in raw} | {"model": found.deployment.model.id}
    if raw["engine"] in SERVED:
        beside |= {"parallel": work.parallel, "context": work.context}
    asker.asked += 1
    try:
        keys, _ = with_command({**beside, "command": text})
    except VramfitError as error:
        yield Violation("command: refused", raw, {}, f"{error}: {text}")
        return
    again = asker.answers(keys)
    if not isinstance(again, tuple):
        yield Violation("command: refused", raw, {}, f"{again}: {text}")
    elif not _is_said(found, again[0]):
        yield Violation("command: another answer", raw, {}, f"{_said(found)}, {_said(again[0])}: {text}")


def slower(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Speeds that a card of more bandwidth, or a faster host, makes lower; and needs that either changes."""
    count = str(raw["gpu"]).partition("x")[0]
    times = f"{count}x" if count.isdigit() else ""
    memory = rng.choice((24, 80))
    cards = [{"gpu": f"{times}custom:{memory}GiB@{rate}GB/s"} for rate in (400, 900)]
    for less, more in (cards, ({"ram_bandwidth": "40GB/s"}, {"ram_bandwidth": "90GB/s"})):
        one, other = asker.one({**raw, **less}), asker.one({**raw, **more})
        if one is None or other is None:
            continue
        if one.required_bytes != other.required_bytes:
            yield Violation("bandwidth: need", raw, dict(more), f"{one.required_bytes}, {other.required_bytes}")
        slow, fast = [estimate_object(checked(parse_request({**raw, **way}), found))["throughput"] or {} for way, found
                      in ((less, one), (more, other))]  # fmt: skip
        for rate in ("decode_tokens_per_second", "prefill_tokens_per_second"):
            yield from _slowed(raw, more, rate, slow.get(rate), fast.get(rate))


def _slowed(raw: Raw, more: Raw, rate: str, slow: Any, fast: Any) -> Iterator[Violation]:
    """Violations of one rate of a slower and of a faster memory."""
    if (slow is None) != (fast is None):
        yield Violation("bandwidth: speed unknown", raw, more, f"{rate}: {slow}, {fast}")
    elif slow is not None and any(slow[bound] > fast[bound] for bound in ("low", "expected", "high")):
        yield Violation("bandwidth: slower", raw, more, f"{rate}: {slow}, {fast}")


def _is_said(found: Answer, again: Answer) -> bool:
    """Whether an answer is that to the command of another, but for the room, which follows a share of three digits.

    Where the engine does not start, its command is not one to run, and only that it does not start is compared.
    """
    if found.verdict.word == again.verdict.word == "unsupported":
        return True
    (word, need, room), (other, asked, left) = _said(found), _said(again)
    digits = sum([gpu.memory_bytes for gpu in found.deployment.gpus]) * SHARE_STEP
    return (word, need) == (other, asked) and (room == left or abs((room or 0) - (left or 0)) <= digits)


def _said(found: Answer) -> tuple[str, int, int | None]:
    """Verdict, need and room of an answer."""
    return found.verdict.word, found.required_bytes, found.verdict.headroom_bytes
