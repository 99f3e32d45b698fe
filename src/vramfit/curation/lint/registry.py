"""Table of rules. A rule is a function from what a file holds to its faults; ``rule`` enters it."""

from __future__ import annotations

from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from vramfit.curation.strict_yaml import Fault

    Check = TypeVar("Check", bound=Callable[..., Iterator[Fault]])


class Rule(NamedTuple):
    """Rule on catalogue files, for one thing that can be wrong."""

    name: str
    """Name of the function, with dashes."""
    kind: str
    """Files it applies to, ``gpus`` or ``models``."""
    needed: bool
    """False for provenance and tidiness: an entry that breaks the rule still answers rightly."""
    faults: Callable[[Any], Iterator[Fault]]


RULES: list[Rule] = []


def rule(kind: str, *, needed: bool = True) -> Callable[[Check], Check]:
    """Enter a function into ``RULES``; its first docstring line says what it refuses."""

    def enter(check: Check) -> Check:
        RULES.append(Rule(check.__name__.replace("_", "-"), kind, needed, check))
        return check

    return enter
