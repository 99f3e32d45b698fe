"""Outcome of running a deployment that does not fit: in one clause, and in sentences."""

from __future__ import annotations

from vramfit.render.fields import tokens_per_second, usable_bytes
from vramfit.render.headline import requests_in_cache
from vramfit.render.words import size
from vramfit.units import gib, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.render.fields import Object


def clause(estimate: Object) -> str:
    """Clause on what happens if it is run anyway, with the speed once what is missing lies in system RAM."""
    outcome = estimate["if_tried"]
    missing, engine = size(outcome["missing_bytes"]), estimate["engine"]
    spilled = outcome.get("decode_tokens_per_second")
    slow = "" if spilled is None else f", about {tokens_per_second(spilled)} tokens/s"
    if estimate["headroom_bytes"] >= 0:
        return f"what the RAM cannot keep, {missing}, is read from the disk again for every token{slow}"
    if outcome["outcome"] == "queues":
        return f"it starts; {requests_in_cache(estimate)}, and the others wait"
    if outcome["outcome"] == "does-not-start":
        return f"the weights load, then {engine} does not start: {estimate['serving']['refusal']}"
    if outcome["outcome"] == "spills":
        return f"it starts, and the driver moves {missing} into system RAM without a word{slow}"
    moment = f"on {_rest(estimate)}" if outcome["weights_fit"] else "while it loads the weights"
    return f"out of memory {moment}" + ("" if spilled is None else f"; if spilled into RAM{slow}")


def sentences(estimate: Object) -> list[str]:
    """Sentences on what happens if it is run anyway."""
    outcome = estimate["if_tried"]
    missing, engine = size(outcome["missing_bytes"]), estimate["engine"]
    link, spilled = outcome.get("link_bytes_per_second"), outcome.get("decode_tokens_per_second")
    across = "" if link is None else f", across PCIe at {rate(link)}"
    slow = "" if spilled is None else f": about {tokens_per_second(spilled)} tokens/s"
    if estimate["headroom_bytes"] >= 0:
        return [
            f"System RAM is {missing} short: what it cannot keep is read from the disk again for every token{slow}.",
            "Without a file to read it from, the system ends the process.",
        ]
    if outcome["outcome"] == "queues":
        return [f"It starts: {requests_in_cache(estimate)}, and the others wait until one of them is done."]
    if outcome["outcome"] == "does-not-start":
        return [f"The weights load; then {engine} does not start: {estimate['serving']['refusal']}."]
    if outcome["outcome"] == "spills":
        return [
            f"It starts, but the driver moves {missing} into system RAM and fetches it for every token{across}{slow}.",
            "Nothing says so on the screen.",
        ]
    if outcome["weights_fit"]:
        found = [f"The weights load; then {engine} runs out of memory on {_rest(estimate)}: {missing} are missing."]
    else:
        offer = usable_bytes(estimate)
        against = "" if offer is None else f", {gib(offer)} usable"
        weights = gib(estimate["breakdown"]["weights"])
        found = [f"{engine} runs out of memory while it loads the weights: {weights} of them{against}."]
    if spilled is not None:
        found.append(f"Spilled into system RAM instead, {missing} would be read for every token{across}{slow}.")
    return found


def _rest(estimate: Object) -> str:
    """Name of what is allocated beside the weights; a pipeline of images has no cache."""
    return "the activations" if estimate["model"].get("max_context") == 0 else "the cache and buffers"
