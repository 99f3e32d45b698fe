"""Graphs of llama.cpp as its allocator sees them: what is alive at once on the GPUs, which no order of holes changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vramfit.engines.llamacpp import compute, legacy_pool, schedule
from vramfit.engines.llamacpp.placement import HOST, QUANTIZED, parts_of
from vramfit.model.architecture import Attention
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.answer import Answer
    from vramfit.engines.llamacpp.graph import Size
    from vramfit.engines.llamacpp.placement import Cells
    from vramfit.engines.llamacpp.schedule import Program


@dataclass(frozen=True)
class Graphs:
    """Tensors of a graph on the GPUs and on the host."""

    live_bytes: int
    """Most bytes of tensors that are needed at once, over all GPUs: no placement takes fewer."""
    host_bytes: int
    """Most bytes of tensors that are needed at once on the host."""
    host_steps: int
    """Number of tensors that are computed on the host, or copied to it."""
    streams: int
    """Number of separate caches."""
    vulkan: bool
    """True if a GPU uses the Vulkan backend."""
    cache_bytes: int
    """Bytes that a cache which is not F16 adds over all GPUs: what flash attention unpacks, and rotated copies."""
    stranded_bytes: int
    """Bytes over all GPUs by which older builds' pools may have grown for unpacked caches (``legacy_pool``)."""


def graphs(found: Answer) -> Graphs | None:
    """Graphs of an answer of llama.cpp or Ollama; None of others, and of graphs that are divided by rows of tensors."""
    plan, work = found.estimate.plan, found.deployment.workload
    keys, count = work.own, len(found.estimate.gpus)
    if not hasattr(plan, "placement") or getattr(keys, "split_mode", "") == "tensor":
        return None
    backend = found.estimate.settings.get("backend") or getattr(keys, "backend", None)
    vulkan = backend == "vulkan"
    model = found.deployment.model
    wanted = compute._wanted(model, work, keys, parts_of(found.deployment.checkpoint), plan.placement, count, vulkan)  # type: ignore[arg-type]
    programs = compute._planned(model, plan.placement, count, wanted, vulkan)
    unpacks = wanted.run.flash_attention and not vulkan
    sizes = {number: live_bytes(program, wanted.room, unpacks) for number, program in programs.items()}
    plain = sum(live_bytes(programs[number], wanted.room, False) for number in range(count))
    host, live = sizes.pop(HOST), sum(sizes.values())
    stranded = legacy_pool.stranded_bytes(model, work, wanted.room.full, keys.ubatch) * count  # type: ignore[attr-defined]
    return Graphs(
        live, host, len(programs[HOST].sizes), wanted.run.streams, vulkan, live - plain + _rotated(found) * count,
        stranded if backend == "rocm" else 0,
    )  # fmt: skip


def _rotated(found: Answer) -> int:
    """Most bytes of rotated queries, keys and values on a GPU, and of the matrices that rotate them; 0 for a plain cache.

    ``src/llama-kv-cache.cpp`` (attn_rot) rotates what goes into a quantized cache, by matrices of up to 256 x 256.
    """
    work, model = found.deployment.workload, found.deployment.model
    if not {work.kv_cache_type, work.kv_cache_type_v} & set(QUANTIZED):
        return 0
    mixers = [mixer for group in model.layers for mixer in group.mixers if isinstance(mixer, Attention)]
    widest = max([(one.heads + 2 * one.kv_heads) * max(one.head_dim, one.value_dim) for one in mixers], default=0)
    return 4 * int(work.own.ubatch) * widest + MIB  # type: ignore[attr-defined]


def live_bytes(program: Program, room: Cells, unpacking: bool) -> int:
    """Most bytes that the tensors of a device's buffer have at once."""
    sizes = [_bytes(size, room) for size in program.sizes]
    for number, size in program.scratch.items() if unpacking else ():
        sizes[number] += _bytes(size, room)
    now = most = sum(_bytes(size, room) for size in program.permanent)
    for event in program.events:
        now += -sizes[event >> 1] if event & 1 else sizes[event >> 1]
        most = max(most, now)
    return most


def _bytes(size: Size, room: Cells) -> int:
    return schedule.aligned(size[0] + size[1] * room.full + size[2] * room.sliding)
