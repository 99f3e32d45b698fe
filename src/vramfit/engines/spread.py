"""Reconciliation of the number of GPUs in a launch command with the GPUs that a request names."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import engine
from vramfit.engines.commands import WIDTHS
from vramfit.errors import UsageError
from vramfit.launch.gpus import Counted, launched, visible
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.commands import Command

MACHINE = "auto"


def with_gpus(raw: Mapping[str, Any], command: Command) -> tuple[Mapping[str, Any], Command]:
    """Deployment keys with the number of GPUs that the command uses, and the command with a note if that is more than one.

    A kind of GPU without a number gets the command's number. Raises ``UsageError`` for a number that the command's
    launcher, environment or container contradicts.
    """
    given = raw.get("gpu")
    listed = [given] if isinstance(given, str) else list(given or ())
    if len(listed) != 1 or not isinstance(listed[0], str) or listed[0].strip().lower() == MACHINE:
        return raw, command
    from vramfit.catalogue.names import parse_gpu

    count, name = parse_gpu(listed[0])
    widths = _widths(raw, command)
    exact = widths or launched(engine(command.engine).programs(), command.processes)
    most = visible(command.processes)
    if exact is None and not engine(command.engine).one_gpu_by_default:
        exact, most = most, None
    if exact is None:
        return raw, command
    machines = str(raw.get("nodes", command.keys.get("nodes", "1")))
    each = -(-exact.gpus // (whole(machines) or 1))
    if most is not None and most.gpus < each:
        raise UsageError(
            f"{exact.words} uses {each} GPUs, and {most.words} leaves {most.gpus} of them visible",
            "state as many in both places",
        )
    if name != listed[0].strip():
        if count != exact.gpus and exact is not widths:  # servers have a message of their own
            raise _contradicted(exact, count, name)
        return raw, command
    if exact.gpus == 1:
        return raw, command
    wide = f"{exact.gpus}x{name}"
    note = f"{exact.words} means {exact.gpus} GPUs: answered for {wide}"
    return {**raw, "gpu": [wide]}, replace(command, notes=(*command.notes, note))


def _contradicted(exact: Counted, count: int, name: str) -> UsageError:
    """Error of a number of GPUs that is not the command's."""
    one = "one GPU" if exact.gpus == 1 else f"{exact.gpus} GPUs"
    return UsageError(
        f"{exact.words} means {one}, and {count} were given",
        f"give -g {name if exact.gpus == 1 else f'{exact.gpus}x{name}'}, or change the command",
    )


def _widths(raw: Mapping[str, Any], command: Command) -> Counted | None:
    """Number of GPUs over which a server's flags spread it; None where they state none, or a key replaces one."""
    total, words = 1, []
    for key in WIDTHS:
        text = str(command.keys.get(key, ""))
        if text and str(raw.get(key)) != text:
            return None
        if text.isdecimal() and 0 < len(text) < 5 and int(text):
            total *= int(text)
            words.append(f"{key} {text}")
    return Counted(total, " x ".join(words)) if words else None
