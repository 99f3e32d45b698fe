"""Limit that an engine sets itself below the usable memory of a GPU: a share, and what must be free at its start."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Pool(Record):
    """Limit that an engine sets itself: a share of each GPU's usable memory, and bytes that it takes outside of it."""

    share: float
    outside_bytes: tuple[int, ...]
    """Bytes that the engine takes of each GPU in addition to the share."""
    rounded_up: bool
    """True if the share is rounded up to whole bytes, False if it is rounded to the nearest."""
    must_be_free: bool = False
    """True if the engine starts only if its whole share is free then."""
    context_bytes: tuple[int, ...] = ()
    """Bytes that the runtime holds of each GPU when the engine looks at what is free."""
    taken_bytes: tuple[int, ...] | None = None
    """Bytes that the engine has taken of each GPU, beside those of the runtime, when it looks at what is free and takes
    its share of that; None if the share is of the whole GPU."""
    beside_bytes: tuple[int, ...] = ()
    """Further bytes of each GPU that the engine takes beside its share, before it looks or after it has filled that."""
    starting_bytes: tuple[int, ...] = ()
    """Bytes of each GPU that the engine takes for a moment while it starts, whatever its share; none if it takes no more
    than it keeps."""
    starting_text: str = ""
    """Description of what takes them, as the end of a sentence."""
    fixed_bytes: tuple[int | None, ...] = ()
    """Bytes that replace the share of each GPU; None for all that the GPU offers. Empty if the share is the limit."""
    spare_bytes: tuple[int, ...] = ()
    """Bytes of each GPU that must be left in addition to the need, or the engine does not start. Empty for none."""
    spare_reason: str = ""
    """Reason why it does not start where they are not left, as a sentence without a full stop."""

    @property
    def reads_free(self) -> bool:
        """True if the engine looks at what is free of a GPU, so that it matters what others and the runtime hold."""
        return self.must_be_free or self.taken_bytes is not None

    def _share_bytes(self, offered_bytes: int) -> int:
        """Bytes of the share of a GPU that offers so many."""
        if self.rounded_up:
            return min(offered_bytes, -int(-offered_bytes * self.share // 1))
        return round(self.share * offered_bytes)

    def free_bytes(self, offered_bytes: Iterable[int], reserve_bytes: int) -> tuple[int, ...]:
        """Bytes of each GPU that are free for the share when the engine looks, without those that it takes beside it."""
        offered = tuple(offered_bytes)
        none = (0,) * len(offered)
        sizes = zip(offered, self.context_bytes or none, self.beside_bytes or none, strict=True)
        return tuple([size - reserve_bytes - context - beside for size, context, beside in sizes])

    def limits(self, offered_bytes: Iterable[int], reserve_bytes: int = 0) -> tuple[int, ...]:
        """Largest number of bytes that the engine takes of each GPU, given the usable bytes of each.

        ``reserve_bytes`` are those that others hold of each.
        """
        if self.taken_bytes is not None:
            before = [
                taken + own + reserve_bytes for taken, own in zip(self.taken_bytes, self.context_bytes, strict=True)
            ]
            offered_bytes = [max(0, offered - one) for offered, one in zip(offered_bytes, before, strict=True)]
        limits = []
        for number, (offered, outside) in enumerate(zip(offered_bytes, self.outside_bytes, strict=True)):
            if self.fixed_bytes:
                fixed = self.fixed_bytes[number]
                limits.append((offered if fixed is None else min(offered, fixed)) + outside)
                continue
            limits.append(self._share_bytes(offered) + outside)
        return tuple(limits)

    def lacking_bytes(self, left_bytes: Iterable[int]) -> int:
        """Bytes that are not left in addition to the need, on the GPU with fewest, where the need itself is met; else 0."""
        left = tuple(left_bytes)
        if not self.spare_bytes or min(left) < 0:
            return 0
        return max(0, *[spare - room for spare, room in zip(self.spare_bytes, left, strict=True)])

    def short_bytes(self, offered_bytes: Iterable[int], reserve_bytes: int) -> int:
        """Bytes of memory that must be free at the start and are not, on the GPU with fewest; 0 if nothing is short."""
        if not self.must_be_free:
            return 0
        offered = tuple(offered_bytes)
        free = self.free_bytes(offered, reserve_bytes)
        short = max([self._share_bytes(size) - left for size, left in zip(offered, free, strict=True)])
        return max(0, short, self.starting_short_bytes(offered, reserve_bytes))

    def starting_short_bytes(self, offered_bytes: Iterable[int], reserve_bytes: int) -> int:
        """Bytes that are short for a moment while the engine starts, on the GPU with fewest; 0 if nothing is."""
        if not self.starting_bytes:
            return 0
        sizes = zip(offered_bytes, self.starting_bytes, self.context_bytes, strict=True)
        return max(0, *[size + context - (offered - reserve_bytes) for offered, size, context in sizes])

    def stretched(self, limit_bytes: int, usable_bytes: int, total_bytes: int, cache_bytes: int) -> int:
        """Limit of a GPU for a need of ``total_bytes`` with ``cache_bytes`` of cache, where all is ``usable_bytes``.

        It is greater than ``limit_bytes`` for an engine that starts with less cache than was asked for.
        """
        return limit_bytes

    def reason(self, title: str, offered_bytes: Sequence[int], reserve_bytes: int) -> str:
        """Sentence on what is short at the start of the engine called ``title``."""
        short = gib(self.short_bytes(offered_bytes, reserve_bytes))
        return (
            f"{title} starts only if {self.share:.1%} of each card is free, and {short} of that is taken: by its own"
            " context and by what else runs there"
        )
