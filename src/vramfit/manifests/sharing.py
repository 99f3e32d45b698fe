"""Containers that share the GPUs of a host: each may fit alone, and all together not.

A server that reserves a share of a card holds all of it, whatever it needs; of any other program the need counts.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.answer import Answer

LEVELS = ("tight", "fits")
"""Levels that a deployment asks for, the weaker first."""


class Part(Record):
    """Answer of one container, and the host's GPUs that it has."""

    name: str
    cards: tuple[int, ...]
    answer: Answer


def claims(answer: Answer) -> list[tuple[int, int]]:
    """Expected and high bytes that a program holds of each of its GPUs."""
    pairs: list[tuple[int, int]] = []
    for device, limit in zip(answer.estimate.gpus, answer.verdict.usable_bytes, strict=True):
        reserved = limit if answer.estimate.pool is not None else 0
        pairs.append((max(device.total_bytes, reserved), max(device.high_bytes, reserved)))
    return pairs


def shared(parts: Sequence[Part]) -> dict[str, Any] | None:
    """Sum of containers that share GPUs, as plain data; None where no two of them have a GPU in common."""
    users: dict[int, list[tuple[str, int, int]]] = {}
    offers: dict[int, int] = {}
    cards: dict[int, str] = {}
    for part in parts:
        work = part.answer.deployment.workload
        gpus = part.answer.deployment.gpus
        offered = engine(part.answer.deployment.engine).offered_on(gpus, work)
        for card, gpu, offer, (expected, high) in zip(part.cards, gpus, offered, claims(part.answer), strict=True):
            users.setdefault(card, []).append((part.name, expected, high))
            offers[card] = min(offers.get(card, offer), offer - work.reserve_bytes)
            cards[card] = gpu.id
    if all(len(using) < 2 for using in users.values()):
        return None
    devices: list[dict[str, Any]] = []
    for card in sorted(users):
        total = sum(expected for _, expected, _ in users[card])
        devices.append(
            {
                "device": f"gpu{card}",
                "total_bytes": total,
                "high_bytes": sum(high for _, _, high in users[card]),
                "usable_bytes": offers[card],
                "headroom_bytes": offers[card] - total,
                "parts": {name: expected for name, expected, _ in users[card]},
            }
        )
    headroom = min(one["headroom_bytes"] for one in devices)
    certain = min(one["usable_bytes"] - one["high_bytes"] for one in devices)
    word = "exceeds" if headroom < 0 else "fits" if certain >= 0 else "tight"
    names = list(dict.fromkeys([name for using in users.values() for name, _, _ in using]))
    level = max((part.answer.deployment.workload.level for part in parts), key=LEVELS.index)
    return {
        "name": " + ".join(names),
        "shares": names,
        "gpu": _gpus([cards[card] for card in sorted(users)]),
        "verdict": word,
        "reached": word == "fits" or (word == "tight" and level == LEVELS[0]),
        "required_bytes": {
            "expected": sum(one["total_bytes"] for one in devices),
            "high": sum(one["high_bytes"] for one in devices),
        },
        "headroom_bytes": headroom,
        "devices": devices,
        "summary": _summary(word, devices),
    }


def _gpus(ids: Sequence[str]) -> dict[str, Any]:
    kinds = [{"id": name, "count": ids.count(name)} for name in dict.fromkeys(ids)]
    return kinds[0] if len(kinds) == 1 else {"id": kinds[0]["id"], "count": len(ids), "gpus": kinds}


def _summary(word: str, devices: Sequence[dict[str, Any]]) -> str:
    """Sentence on the fullest GPU that containers share."""
    shared_ones = [one for one in devices if len(one["parts"]) > 1]
    fullest = min(shared_ones, key=lambda one: int(one["headroom_bytes"]))
    parts = ", ".join([f"{name} {gib(size)}" for name, size in fullest["parts"].items()])
    room = fullest["headroom_bytes"]
    spare = f"{gib(abs(room))} {'short' if room < 0 else 'free'}"
    answer = {"exceeds": "do not fit together", "tight": "only just fit together", "fits": "fit together"}[word]
    return (
        f"The models {answer}: on {fullest['device']} they hold {gib(fullest['total_bytes'])} of"
        f" {gib(fullest['usable_bytes'])} ({parts}), {spare}."
    )
