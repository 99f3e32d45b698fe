"""Other hardware: more of the same card, a bigger one, a rented one, a second machine."""

from __future__ import annotations

from vramfit.engines import engine, names
from vramfit.remedies import Proposal
from vramfit.units import GIB, MIB, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.answer import Answer
    from vramfit.hardware import Gpu
    from vramfit.remedies import Question, Rent

COUNTS = (2, 3, 4, 6, 8)
"""Numbers of cards that people put in one machine."""
NODES = (2, 4)
"""Numbers of machines of eight that are tried."""
OWNED = ("consumer", "workstation")
"""Segments of cards that people buy one at a time; the others are rented, or come as whole servers."""
BUILT_IN = ("laptop",)
"""Segments of GPUs of which nobody puts another one beside."""
BIGGER_OFFERS = 2
RENTED_TRIES = 8
"""Number of offers tried, cheapest first, before renting is given up by default."""

SYSTEM_LEAST_BYTES, SYSTEM_SHARE = 3 * GIB, 1 / 16
"""Memory that people leave to the system where they raise a GPU's limit: 13,500 MiB of 16 GiB for a GPU (CryptoJones
MacminiM2Pro_LocalModelConfig), 126,976 of 131,072 on Strix Halo (ggml-org/llama.cpp logs)."""
LIMITS = {
    ("apple", "macos"): "raise the wired limit to {size} GiB (sudo sysctl iogpu.wired_limit_mb={mib})",
    ("amd", "linux"): "raise the GTT limit to {size} GiB (kernel parameter ttm.pages_limit={pages})",
}
"""Summary of raising the limit of a GPU that shares the host's memory, by vendor and platform."""
PAGE_BYTES = 4096


def raised(question: Question) -> Iterator[Proposal]:
    """A higher limit for a GPU that shares the host's memory, where its platform lets the owner set one."""
    gpus, work = question.asked.deployment.gpus, question.asked.deployment.workload
    words = LIMITS.get((gpus[0].vendor, work.platform))
    if len(gpus) > 1 or not gpus[0].unified or words is None or question.states("usable"):
        return
    whole = max(gpus[0].memory_bytes, work.ram_bytes or 0)
    kept = max(SYSTEM_LEAST_BYTES, round(whole * SYSTEM_SHARE))
    limit = (whole - kept) // GIB * GIB
    if limit <= max(question.asked.verdict.usable_bytes) + work.reserve_bytes:
        return
    after = question.attempt({"usable": limit})
    if after is not None:
        text = words.format(size=limit // GIB, mib=limit // MIB, pages=limit // PAGE_BYTES)
        trade = f"{kept // GIB} GiB are left to the system and to other programs"
        proposal = Proposal("engine-setting", {"usable": f"{limit // GIB}GiB"}, text, trade, after, 1)
        yield from question.best([proposal])


def several(question: Question) -> Iterator[Proposal]:
    """Smallest number of the card that holds the deployment; machines of eight where eight cards do not."""
    gpus = question.asked.deployment.gpus
    card = gpus[0]
    if any(gpu.id != card.id for gpu in gpus) or card.unified or card.vendor == "custom" or card.segment in BUILT_IN:
        return
    # No card holds more than it offers, so fewer cards than this need not be tried.
    offers = max(1, min(question.asked.verdict.usable_bytes))
    least = sum([gpu.weights_bytes for gpu in question.asked.estimate.gpus]) / offers
    counts = [count for count in COUNTS if count > len(gpus) and (count >= least or _replicated(question))]
    proposals = list(question.best((_split(question, card, count) for count in counts), one=True))
    yield from proposals
    if not proposals and (card.segment not in OWNED or question.everything):
        machines = [count for count in NODES if count * COUNTS[-1] > len(gpus)]
        yield from question.best((_nodes(question, card, count) for count in machines), one=True)


def _replicated(question: Question) -> bool:
    """True if each card holds the whole model, as in fine-tuning without ZeRO."""
    return question.asked.deployment.workload.task != "inference"


def _split(question: Question, card: Gpu, count: int) -> Proposal | None:
    before = question.asked.deployment
    changes, sharded = _spread(question, card.id, count)
    after = question.attempt(changes)
    if after is None:
        return None
    more = count - len(before.gpus)
    price = None if card.price_usd is None else more * card.price_usd
    trade = f"{more} more {'card' if more == 1 else 'cards'}"
    trade += "" if card.price_usd is None else f", about ${card.price_usd:,} each at launch"
    return Proposal(
        "multi-gpu",
        changes,
        f"split it over {count} x {card.name}{sharded}",
        f"{trade}; {_interconnect(after, card)}",
        after,
        3,
        price_usd=price,
    )


def _spread(question: Question, gpu: str, count: int) -> tuple[dict[str, object], str]:
    """Changes that spread the deployment over so many cards, and words for how a fine-tuning shards its states."""
    work = question.asked.deployment.workload
    changes: dict[str, object] = {"gpu": gpu if count == 1 else f"{count}x{gpu}"}
    if "tensor_parallel" in question.asked.estimate.settings:
        changes |= {"tensor_parallel": count, "pipeline_parallel": 1}
    if count == 1 or work.task == "inference" or work.training.sharding != "none":
        return changes, ""
    shard, name = question.sharded()
    return {**changes, **shard}, f" with {name}"


def _interconnect(after: Answer, card: Gpu) -> str:
    """Phrase on what the link between the cards does to the speed."""
    nvlink, pcie = card.nvlink_bytes_per_second, card.host_link_bytes_per_second
    link = f"NVLink at {rate(nvlink)}" if nvlink else f"PCIe at {rate(pcie)}" if pcie else "the link between them"
    if after.deployment.workload.task != "inference":
        return f"states are gathered over {link} in every step"
    if after.estimate.settings.get("tensor_parallel", 1) != 1:
        return f"the cards work at the same time and sum twice per layer over {link}"
    return f"the cards work one after another: no faster, and little crosses {link}"


def _nodes(question: Question, card: Gpu, machines: int) -> Proposal | None:
    """Machines of eight cards: tensor parallel inside each, pipeline parallel between them."""
    before = question.asked.deployment
    if before.workload.task != "inference":
        return None
    each = COUNTS[-1]
    changes: dict[str, object] = {
        "gpu": f"{machines * each}x{card.id}", "tensor_parallel": each, "pipeline_parallel": machines,
    }  # fmt: skip
    instead = ""
    if not engine(before.engine).spans_machines:
        server = next((one for one in map(engine, names()) if one.spans_machines), None)
        if server is None:
            return None
        scheme = before.scheme
        same = scheme.family in server.families
        usual = server.word_of(scheme) if same else server.scheme_of_class[scheme.precision]
        changes |= {"engine": server.name, "quant": usual}
        instead = f" and run {server.name}"
    after = question.attempt(changes)
    if after is None:
        return None
    more = machines * each - len(before.gpus)
    return Proposal(
        "multi-node",
        changes,
        f"split it over {machines} machines of {each} x {card.name}{instead}",
        f"{more} more cards; the machines pass hidden states on over their network",
        after,
        3,
        price_usd=None if card.price_usd is None else more * card.price_usd,
    )


def bigger(question: Question) -> Iterator[Proposal]:
    """Bigger cards among those people buy, cheapest first, each with more memory than the one before."""
    fits, tight = 0, None
    for proposal in _bigger(question):
        if not question.everything and proposal.answer.verdict.word != "fits":
            tight = tight or proposal
            continue
        yield proposal
        fits += 1
        if fits == BIGGER_OFFERS and not question.everything:
            return
    if not fits and tight is not None:
        yield tight


def _bigger(question: Question) -> Iterator[Proposal]:
    card, count = question.asked.deployment.gpus[0], len(question.asked.deployment.gpus)
    # Another card's context is a little smaller or larger: an eighth below the need is worth a try.
    least = card.memory_bytes
    for row in question.catalogue.gpus_for_sale(question.asked.required_bytes // count * 7 // 8):
        size = (row.memory_mib or 0) * MIB
        if size <= least or row.price_usd is None or row.segment not in OWNED or row.vendor != card.vendor:
            continue
        name = row.id if count == 1 else f"{count}x{row.id}"
        after = question.attempt({"gpu": name})
        if after is None or not question.improves(after):
            # Cards of this size have not enough, and little more would not do either.
            least = size - (0 if after is None else min(0, after.margin_bytes) * 7 // 8)
            continue
        price = f"about ${row.price_usd:,}{' each' if count > 1 else ''} at launch"
        total = count * row.price_usd
        yield Proposal("bigger-gpu", {"gpu": name}, f"use {_named(after)}", price, after, 3, price_usd=total)
        # The next one has a quarter more; where this one is tight, anything more is welcome.
        least = size * 5 // 4 if after.verdict.word == "fits" else size


def rented(question: Question) -> Iterator[Proposal]:
    """Cheapest card that holds it, by the hour, else the cheapest instance of several.

    With ``everything`` one of each kind of card.
    """
    yield from question.best(_offers(question))


def _offers(question: Question) -> Iterator[Proposal | None]:
    """Offers in the catalogue's order, of each kind of card no more than are needed."""
    estimated: set[tuple[str, int]] = set()
    fitting: set[str] = set()
    for offer in question.catalogue.cloud_offers(question.asked.required_bytes * 7 // 8):
        kind = (offer.gpu, offer.gpus)
        if kind in estimated or offer.gpu in fitting or (len(estimated) == RENTED_TRIES and not question.everything):
            continue
        estimated.add(kind)
        changes, sharded = _spread(question, offer.gpu, offer.gpus)
        after = question.attempt(changes)
        if after is None:
            continue
        if after.verdict.word == "fits":
            fitting.add(offer.gpu)
        place = offer.provider if offer.instance is None else f"{offer.provider} ({offer.instance})"
        cloud: Rent = {
            "provider": offer.provider,
            "instance": offer.instance,
            "gpus": offer.gpus,
            "usd_per_hour": offer.usd_per_hour,
            "as_of": offer.as_of,
        }
        trade = f"about ${offer.usd_per_hour:.2f}/h at {place}, as of {offer.as_of}"
        yield Proposal("cloud-gpu", changes, f"rent {_named(after)}{sharded}", trade, after, 3, cloud=cloud)


def _named(after: Answer) -> str:
    card, count = after.deployment.gpus[0], len(after.deployment.gpus)
    if count == 1:
        return f"{card.name} ({card.marketed_gb:g} GB)"
    return f"{count} x {card.name} ({card.marketed_gb:g} GB each)"
