"""A report as a page of Markdown that stands alone: the verdicts, the table, what would make it fit, and one command."""

from __future__ import annotations

from vramfit.render.fields import RUNS, encodable, tokens_per_second
from vramfit.render.headline import headline
from vramfit.render.markdown import escape
from vramfit.render.markdown import lines as table
from vramfit.render.pieces import question, remedied
from vramfit.render.screen import best_of_each_kind, summary_of
from vramfit.render.sections import sections
from vramfit.render.words import loss, size, spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.render.fields import Object
    from vramfit.render.sections import Section


def lines(report: Object) -> Iterator[str]:
    """Lines of the page; of several deployments the remedies stand in the table alone, the first of each."""
    parts = [part for part in sections(report["estimates"]) if not part.is_error]
    for part in parts:
        lead, others = headline(part.estimates)
        name = f"{escape(part.first['name'])}: " if part.first.get("name") else ""
        yield f"{name}**{escape(lead)}** {escape(others)}".rstrip()
        yield ""
    yield from table(report)
    if len(parts) == 1:
        yield from _what_to_do(parts[0])


def _what_to_do(part: Section) -> Iterator[str]:
    """The best remedy of each kind, and the deployment's own command where it runs, else that of the best remedy."""
    estimate, first = remedied(part), part.first
    command = first.get("own_command") or first.get("command")
    if estimate["remedies"]:
        yield from ("", f"{question(part, estimate)}:", "")
        yield from (f"- {escape(_line(one))}" for one in best_of_each_kind(estimate["remedies"]))
        command = command if first["verdict"] in RUNS else estimate["remedies"][0].get("command")
    if command:
        yield from ("", "```sh", *encodable(command).splitlines(), "```")


def _line(remedy: Object) -> str:
    """Remedy with its verdict, need and room, and its speed and the loss of quality where they are known."""
    speed, label = remedy.get("decode_tokens_per_second"), remedy.get("quality")
    parts = [remedy["verdict"], f"{size(remedy['required_bytes'])} needed", spare(remedy["headroom_bytes"])]
    parts += [] if speed is None else [f"{tokens_per_second(speed)} tokens/s"]
    parts += [] if label in (None, "unknown") else [f"quality loss: {loss(label)}"]
    return f"{summary_of(remedy)}: {', '.join(parts)}"
