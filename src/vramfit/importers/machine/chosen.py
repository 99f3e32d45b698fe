"""Deployment keys that mean this machine: ``gpu: auto`` or none at all, ``reserve: auto``, ``ram: auto``, ``--free``."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import CannotTell, NoGpu, UsageError
from vramfit.importers.machine.match import match
from vramfit.units import gib, size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.importers.machine.find import ThisMachine
    from vramfit.importers.machine.match import Match
    from vramfit.importers.machine.record import Device, Machine, Memory

AUTO = "auto"
GIVE = "give the GPU as -g, for example -g rtx4090; `vramfit list gpus` has them"
MOST_NAMED = 3


class Asked(Record):
    """Deployment keys with this machine's values, and what they are taken from."""

    keys: dict[str, Any]
    catalogue: Catalogue
    """The catalogue, with this machine's GPUs where their driver states them otherwise."""
    notes: tuple[str, ...]
    """Sentences for the report's assumptions."""


def gpu_words(keys: Mapping[str, Any]) -> list[str]:
    """Names under ``gpu`` of raw keys, ``auto`` in small letters; none where nothing is given."""
    given = keys.get("gpu")
    words = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    return [AUTO if isinstance(word, str) and word.strip().lower() == AUTO else word for word in words]


def on_this_machine(keys: Mapping[str, Any], catalogue: Catalogue, here: ThisMachine, *, free: bool = False) -> Asked:
    """Raw deployment keys with the words that mean this machine replaced by what it has.

    With ``free`` the memory that others hold now is taken off. Raises ``NoGpu`` where there is none, ``CannotTell``
    for a fact that nothing here states, and ``UsageError`` for words that contradict each other.
    """
    words = gpu_words(keys)
    found: dict[str, Any] = dict(keys)
    if free and "reserve" in keys and keys["reserve"] != AUTO:
        raise UsageError("--free and --reserve exclude each other", "give one of them")
    if words and AUTO not in words:
        if free or keys.get("reserve") == AUTO:
            raise UsageError(
                "what is free now is known of this machine's GPUs alone", "leave --gpu out, or give --gpu auto"
            )
        notes = _state_ram(found, here.memory)
        return Asked(found, catalogue, tuple(notes))
    machine = here.machine
    devices, notes = used_devices(machine)
    matches = [match(device, catalogue, machine.platform) for device in devices]
    found["gpu"] = [name for word in words or [AUTO] for name in (_names(matches) if word == AUTO else [word])]
    notes = [_origin(machine, devices), *notes, *dict.fromkeys([note for one in matches for note in one.notes])]
    _state_surroundings(found, machine, devices, catalogue, matches)
    if free or keys.get("reserve") == AUTO:
        found["reserve"], note = _reserve(devices)
        notes.append(note)
    notes += _state_ram(found, machine.memory)
    own: dict[str, Gpu] = {one.name: one.gpu for one in matches if one.gpu is not None}
    return Asked(found, catalogue.with_gpus(own) if own else catalogue, tuple(notes))


def used_devices(machine: Machine) -> tuple[list[Device], list[str]]:
    """Devices that a program would use, and sentences on those that it would not.

    Divided GPUs, of which programs get slices, all slices but one, integrated GPUs beside cards, and cards of the vendor
    with less memory are left out. Raises ``NoGpu`` where nothing is left.
    """
    devices, notes = list(machine.devices), list(machine.notes)
    slices = [device for device in devices if device.mig_parent is not None]
    whole = [device for device in devices if device.mig_parent is None and not device.mig_enabled]
    if slices and not [device for device in whole if device.vendor == "nvidia"]:
        if len(slices) > 1:
            notes.append(f"a program uses one MIG slice: the first of {len(slices)} is taken")
        whole = [slices[0], *whole]
    elif slices:
        notes.append(f"{len(slices)} MIG slices are left out beside whole GPUs")
    cards = [device for device in whole if not device.integrated]
    if cards and len(cards) < len(whole):
        names = ", ".join(dict.fromkeys(device.name for device in whole if device.integrated))
        notes.append(f"{names} is integrated and left out")
    whole = cards or whole
    vendors = {device.vendor: 0 for device in whole}
    for device in whole:
        vendors[device.vendor] += device.memory_bytes or 0
    if len(vendors) > 1:
        most = max(vendors, key=lambda vendor: vendors[vendor])
        out = ", ".join(dict.fromkeys(device.name for device in whole if device.vendor != most))
        notes.append(f"one program seldom uses cards of several vendors: {out} is left out")
        whole = [device for device in whole if device.vendor == most]
    if not whole:
        raise NoGpu(f"no GPU was found on this machine: {outcomes(machine)}", GIVE)
    return whole, notes


def outcomes(machine: Machine) -> str:
    """Sources that were asked, with what they said where that is news, in one line."""
    news = [f"{probe.source}: {probe.outcome}" for probe in machine.probes if not probe.absent]
    hidden = [note for note in machine.notes if "_VISIBLE_DEVICES" in note or "AFFINITY" in note]
    absent = [probe.source for probe in machine.probes if probe.absent]
    parts = [*hidden, *news, f"nothing at {', '.join(absent)}" if absent else ""]
    return "; ".join([part for part in parts if part])


def _names(matches: Sequence[Match]) -> list[str]:
    """Names of the devices in order, equal neighbours counted: ``["2xrtx3090", "rtx4090"]``."""
    found: list[tuple[str, int]] = []
    for one in matches:
        if found and found[-1][0] == one.name:
            found[-1] = (one.name, found[-1][1] + 1)
        else:
            found.append((one.name, 1))
    return [name if count == 1 else f"{count}x{name}" for name, count in found]


def _origin(machine: Machine, devices: Sequence[Device]) -> str:
    """Sentence on where the GPUs come from."""
    names = list(dict.fromkeys(device.name for device in devices))
    named = ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
    driver = "" if machine.driver is None else f", driver {machine.driver}"
    count = "the GPU is" if len(devices) == 1 else f"the {len(devices)} GPUs are"
    return f"{count} this machine's, by {devices[0].source}{driver}: {named}"


def _state_surroundings(
    keys: dict[str, Any], machine: Machine, devices: Sequence[Device], catalogue: Catalogue, matches: Sequence[Match]
) -> None:
    """State what of a GPU's memory depends on this machine, where the user does not: platform, share, RAM."""
    if machine.platform == "windows":
        keys.setdefault("platform", machine.platform)
    stated = [device.usable_bytes for device in devices if device.usable_bytes is not None]
    if stated and all(one.gpu is None for one in matches):
        keys.setdefault("usable", size_text(min(stated)))
    device = devices[0]
    shared = device.shared_bytes or machine.memory.total_bytes
    if device.integrated and shared is not None:
        keys.setdefault("ram", size_text(shared))
    if device.unified and not device.integrated and device.vendor == "nvidia" and device.memory_bytes is not None:
        _cap(keys, device.memory_bytes, matches[0], catalogue, machine.platform)


def _cap(keys: dict[str, Any], total_bytes: int, one: Match, catalogue: Catalogue, platform: str) -> None:
    """State that a board's programs have no more than the memory that its kernel sees, where the entry says more."""
    from vramfit.hardware import usable_bytes

    if one.gpu is None and usable_bytes(catalogue.gpu(one.name), platform) > total_bytes:
        keys.setdefault("usable", size_text(total_bytes))


def _reserve(devices: Sequence[Device]) -> tuple[str, str]:
    """Memory that others hold now, as the key ``reserve`` states it: of several cards the most."""
    taken = []
    for device in devices:
        used, free, usable = device.used_bytes, device.free_bytes, device.usable_bytes or device.memory_bytes
        if used is None:
            raise CannotTell(
                f"what is in use of {device.name} is not known: {device.gap or 'nothing states it'}", "give --reserve"
            )
        taken.append(max(used, usable - free) if device.integrated and usable and free is not None else used)
    unequal = " on the fullest card" if len(set(taken)) > 1 else " on each card" if len(taken) > 1 else ""
    return size_text(max(taken)), f"others hold {gib(max(taken))} now{unequal}; that is taken off"


def _state_ram(keys: dict[str, Any], memory: Memory) -> list[str]:
    """State the RAM that is available where ``ram`` asks for it; returns the sentence that says so."""
    if keys.get("ram") != AUTO:
        return []
    available = memory.available_bytes or memory.total_bytes
    if available is None:
        raise CannotTell("how much RAM this machine has is not known", "give --ram, for example --ram 64GiB")
    keys["ram"] = size_text(available)
    within = "" if memory.limit is None else f" within the limit of {memory.limit}"
    return [f"RAM is what is available now{within}: {gib(available)}"]
