"""Entry point: the finder of the package's modules first, then the command line as a process."""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

GC_THRESHOLD = 100_000
"""Allocations before a collection, instead of 700: bounds memory in a long file of deployments, never runs in one."""
INTERRUPTED = 130
"""Exit code of a command that a user ends before it is run, or behind it."""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command and return its exit code: that of ``sys.argv``, as all that the process does, or another."""
    if argv is not None:
        from vramfit.cli.process import run

        return run(list(argv))
    # A check makes some ten thousand objects and no cycles worth finding; looking for them takes a thirtieth of its time.
    gc.set_threshold(GC_THRESHOLD)
    try:
        return _run_all(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_all(arguments: list[str]) -> int:
    from vramfit._boot import start

    groups, finder = start(), None
    if groups is not None:
        from vramfit._finder import put_first

        finder = put_first(groups)
    if finder is not None:
        finder.load_ahead(arguments)
    from vramfit.cli.process import run_once

    return run_once(arguments, finder)


if __name__ == "__main__":
    sys.exit(main())
