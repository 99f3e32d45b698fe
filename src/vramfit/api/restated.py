"""Reports in which a launch command and its remedies stand as the user wrote it, each read again before it is shown."""

from __future__ import annotations

import sys

from vramfit.errors import VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.catalogue import Catalogue
    from vramfit.checks import Checked
    from vramfit.engines.commands import Command

UNSAID = ("gpu", "engine", "platform", "prompt_tokens", "level", "nodes")
"""Keys that are not the command's: those of the machine, and of what the question is about."""


def shown_of(
    command: Command, quiet: object, own: Mapping[str, Any] | None = None, catalogue: Catalogue | None = None
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Function that puts the user's own command into a report's object, and what is left out into its assumptions.

    What is left out is warned about on stderr too, unless ``quiet``. No secret of the command is in the object. With the
    deployment keys that stood beside the command (``own``) and a catalogue, every remedy's command is read again.
    """
    from vramfit.launch.mask import masked_values, one_line

    if not quiet:
        sys.stderr.writelines(f"warning: {one_line(note)}\n" for note in command.notes)
    restated = Restated(command, own or {}, catalogue)

    def show(shown: dict[str, Any], checked: Any) -> dict[str, Any]:
        found = {**shown, "assumptions": [*command.notes, *shown["assumptions"]]}
        answer = getattr(checked, "answer", None)
        if answer is not None:
            found["command"] = restated.command(shown, answer)
            found["remedies"] = restated.remedies(shown, checked, answer)
            _without_secrets(found)
        return masked_values(found)  # type: ignore[return-value]

    return show


def _without_secrets(found: dict[str, Any]) -> None:
    """Put variables in the places of secrets into the commands of a report's object, with a sentence on them."""
    from vramfit.launch.mask import HIDDEN, in_variables
    from vramfit.launch.python import is_code

    names: list[str] = []
    for one in (found, *found["remedies"]):
        if one["command"] is not None and not is_code(one["command"]):
            one["command"], hidden = in_variables(one["command"])
            names += hidden
    if names:
        shown = ", ".join([f"${name}" for name in dict.fromkeys(names)])
        found["assumptions"] = [*found["assumptions"], HIDDEN.format(shown)]


class Restated:
    """A user's command and its remedies, in the words of that command."""

    def __init__(self, command: Command, own: Mapping[str, Any], catalogue: Catalogue | None) -> None:
        self.given = command
        self.own = {name: value for name, value in own.items() if name != "command"}
        self.catalogue = catalogue
        self.before: list[str] = []
        """Command of ours for what the user's command starts: the first row, the form that its model's name means."""

    def command(self, shown: dict[str, Any], answer: Answer) -> str | None:
        """Command of a row: the user's own, or for a form that its model's name does not mean a changed one."""
        after = self._written(answer)
        self.before.append(after)
        first = len(self.before) == 1
        if first and self.given.text is not None:
            return self.given.text
        if shown["command"] is None or self.given.text is None:
            return shown["command"]  # type: ignore[no-any-return]
        from vramfit.engines.restating import restatements

        if answer.deployment.engine != self.given.engine:
            return after
        found = next(restatements(self.given, self.before[0], after), None)
        return self._with_unsaid(self.given.text, {"quant": answer.deployment.scheme.id}) if found is None else found

    def remedies(self, shown: dict[str, Any], checked: Checked, answer: Answer) -> list[dict[str, Any]]:
        """Remedies of a row, with their commands in the user's words."""
        asked = {**shown["deployment"], "model": shown["model"]["id"], "quant": shown["quant"]["scheme"]}
        found = []
        for remedy, made in zip(shown["remedies"], checked.remedies, strict=True):
            text = self._remedied(remedy, made.proposal.answer, len(answer.deployment.gpus), asked)
            found.append({**remedy, "command": text})
        return found

    def _remedied(self, remedy: dict[str, Any], other: Answer, gpus: int, asked: Mapping[str, Any]) -> str:
        """Command of a remedy: the first text of the user's that gives what is promised, else with comments on the rest."""
        text = self.given.text
        if text is None:
            return remedy["command"]  # type: ignore[no-any-return]
        if other.deployment.engine != self.given.engine:
            return self._elsewhere(remedy["command"], other)
        rest: list[str] = []
        for one in self._texts(remedy, other, gpus):
            if self._keeps(one, remedy):
                return one
            rest.append(one)
        changed = {
            name: value
            for name, value in remedy["changes"].items()
            if name not in UNSAID and value is not None and (asked.get(name) != value or name == "quant")
        }
        for one in dict.fromkeys((*rest[:1], text)):
            stated = self._with_unsaid(one, changed)
            if self._keeps(stated, remedy):
                return stated
        return self._with_unsaid(text, changed, everything=True)

    def _texts(self, remedy: dict[str, Any], other: Answer, gpus: int) -> list[str]:
        """Texts of the user's command for a remedy: with files that are known where there are any, then with usual names."""
        from vramfit._record import replace
        from vramfit.engines.resolve import published
        from vramfit.engines.restating import restatements

        found: list[str] = []
        count = len(other.deployment.gpus) // int(str(remedy["changes"].get("nodes") or 1))
        answers = [other]
        if self.catalogue is not None:
            known = published(other.deployment, self.catalogue)
            answers = [other] if known is other.deployment else [replace(other, deployment=known), other]
        for one in answers:
            after = self._written(one)
            found += restatements(
                self.given, self.before[0], after, remedy["changes"], None if count == gpus else count
            )
        return list(dict.fromkeys(found))

    def _written(self, answer: Answer) -> str:
        from vramfit.engines.restating import written

        return written(self.given, answer.deployment, answer.estimate)

    def _keeps(self, text: str, remedy: dict[str, Any]) -> bool:
        """True if a command gives what a remedy promises, or where that cannot be found out."""
        if self.catalogue is None:
            return True
        changes = remedy["changes"]
        beside = {name: value for name, value in self.own.items() if name not in changes}
        gpu = {"gpu": changes["gpu"]} if "gpu" in changes else {}
        machine = {name: changes[name] for name in ("platform", "level") if name in changes}
        bare = {name: value for name, value in beside.items() if name != "model"}
        for keys in (bare, beside):
            found = self._need({**keys, **gpu, **machine, "command": text})
            if found is not None:
                return found == (remedy["verdict"], remedy["required_bytes"])
        return False

    def _need(self, raw: dict[str, Any]) -> tuple[str, int] | None:
        """Verdict and need of the first row of a deployment; None where it cannot be answered."""
        from vramfit.api.launched import command_files, named_here
        from vramfit.checks import Unanswered, answers
        from vramfit.engines.commands import with_command
        from vramfit.engines.keys import parse_request
        from vramfit.engines.spread import with_gpus

        if self.catalogue is None:
            return None
        try:
            stated, command = with_command(raw, command_files())
            keys, _ = with_gpus(*named_here(stated, command, self.catalogue))
            row = next(answers(parse_request(keys), self.catalogue, remedied=False))
        except VramfitError:
            return None
        if isinstance(row, Unanswered):
            return None
        return row.answer.verdict.word, row.answer.required_bytes

    def _with_unsaid(self, text: str, changed: Mapping[str, Any], *, everything: bool = False) -> str:
        """Text with a comment in front for each key that it does not say."""
        from vramfit.engines.commands import read_command
        from vramfit.launch import unsaid

        known: Mapping[str, Any] = {}
        if not everything:
            from vramfit.api.launched import command_files

            try:
                known = read_command(text, command_files()).keys
            except VramfitError:
                known = {}
        program = self._program()
        lines = []
        for name, value in changed.items():
            if name in known and (name == "model" or str(known[name]) == str(value)):
                continue
            if name == "quant" and "model" in known and "quant" not in known:
                continue
            lines.append(unsaid.line(name, _text(value), self._in_file(name) or f"{program} does not say it here"))
        return unsaid.in_front(text, lines)

    def _in_file(self, key: str) -> str:
        """Line of a file of settings to be changed for a key; empty for a command without such a file."""
        from vramfit.api.launched import command_files
        from vramfit.engines import engine
        from vramfit.launch.files import line_of, settings_of

        for one in self.given.processes:
            for program in engine(self.given.engine).programs():
                names = [name for flag in program.flags if flag.key == key for name in (flag.flag, *flag.also)]
                for path in settings_of(program, one):
                    try:
                        place = line_of(command_files().text(path), names)
                    except VramfitError:
                        return f"state it in {path}"
                    return f"state it in {path}" if place is None else f"change {place[1]} on line {place[0]} of {path}"
        return ""

    def _program(self) -> str:
        """Name of the user's program in comments."""
        from vramfit.engines import engine
        from vramfit.launch.read import arguments

        for one in self.given.processes:
            for program in engine(self.given.engine).programs():
                if arguments(program, one) is not None:
                    return program.title
        return engine(self.given.engine).title

    def _elsewhere(self, text: str, other: Answer) -> str:
        """Command of another program, with a comment that it is one."""
        from vramfit.engines import engine
        from vramfit.launch import unsaid

        note = f"# another program than {self._program()}: {engine(other.deployment.engine).title}"
        return unsaid.in_front(text, [note])


def _text(value: object) -> str:
    """Value of a key as it is typed."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
