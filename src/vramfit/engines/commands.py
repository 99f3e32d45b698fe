"""Reading of launch commands: the engine that a command starts, and the deployment keys that it states."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines import DEFAULT, engine, names
from vramfit.engines.keys import common_keys
from vramfit.errors import UnknownProgram, UsageError
from vramfit.launch import runs, unsaid
from vramfit.launch.documents import started, with_documents
from vramfit.launch.files import NONE, on_machine, with_settings, with_texts, with_variables
from vramfit.launch.grammar import few
from vramfit.launch.python import is_code
from vramfit.launch.read import arguments, notes, plain
from vramfit.launch.scripts import missing, of_calls, of_code, with_calls
from vramfit.launch.shell import peeled, process, processes, within
from vramfit.launch.words import Word
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.launch import Program
    from vramfit.launch.files import Files
    from vramfit.launch.words import Process

FILES = ("model", "draft_model")
"""Keys whose value may be a file in a container, which is one of the machine where its folder is mounted."""
WIDTHS = ("tensor_parallel", "pipeline_parallel", "data_parallel")
"""Keys whose product is the number of GPUs of a server."""
SPREAD = (*WIDTHS, "nodes")
"""Keys that say over how many GPUs a server is spread."""
RELEASE = "engine_version"
"""Key for the release of an engine, which the tag of its image states."""
LONGEST_RELEASE = 20
"""Number of characters of a tag's release."""
TEXTUAL = ("echo", "printf", "grep", "egrep", "pgrep", "pkill", "awk", "sed", "git", "logger")
"""Programs whose words are texts, and no commands that they start."""
MOST_NAMED = 40
"""Number of characters of a program's name that a message shows."""


class Command(Record):
    """Engine and deployment keys that a launch command states."""

    engine: str
    keys: dict[str, object]
    """Deployment keys with values like a user would type them; ``model`` is the repository, file or tag that the
    command names."""
    notes: tuple[str, ...] = ()
    """Sentences on flags that are not in the estimate: unknown ones, and those that are not modelled."""
    processes: tuple[Process, ...] = ()
    text: str | None = None
    """The command as shell lines; None where it was not read from a text."""

    def __eq__(self, other: object) -> bool:
        """Compare what is stated, however it is written."""
        if not isinstance(other, Command):
            return NotImplemented
        return (self.engine, self.keys, self.notes) == (other.engine, other.keys, other.notes)

    __hash__ = Record.__hash__


def with_command(raw: Mapping[str, Any], files: Files = NONE) -> tuple[dict[str, Any], Command]:
    """Return raw deployment keys with those of the launch command under ``command``, and the command.

    The other keys count for more. The command is shell lines, or the words of one. Raises ``UsageError`` where it is
    neither, and as ``read_command``.
    """
    rest = {name: value for name, value in raw.items() if name != "command"}
    given = raw["command"]
    if not given or not isinstance(given, str | list):
        raise UsageError("command: no launch command", "for example: vramfit check -g rtx4090 -- llama-server -hf …")
    found = read_command(given if isinstance(given, str) else [_word(one) for one in given], files)
    key = common_keys()["engine"]
    asked = rest.get("engine")
    if asked is not None and parse_value(key, asked) != found.engine:
        raise UsageError(
            f"the command starts {found.engine}, and engine asks for {rest['engine']}", "leave one of them out"
        )
    keys = {"engine": found.engine, **found.keys, **rest}
    named = str(found.keys.get("model", ""))
    if rest.get("model") is not None and named and keys.get("quant") is None:
        # Whose files they are is known better by the user, and in which form they are by their name.
        keys["quant"] = _quant_of(named)
    return {key: value for key, value in keys.items() if key != "quant" or value is not None}, found


def _quant_of(name: str) -> str | None:
    """Quantization that the name of a file, of a repository or of one of its files states; None where it states none."""
    from vramfit.catalogue.repositories import file_quant, name_quant

    repository, colon, file = name.removeprefix("hf:").partition(":")
    if colon and "/" in repository:
        return file_quant(file) if file.lower().endswith(".gguf") else file
    return file_quant(name) or name_quant(repository)


def _word(value: object) -> str:
    """Word of a command that a file lists, where a number or a truth is none; raises ``UsageError`` for what is no word."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise UsageError("command: a list of words has something else in it", "write one text, or words alone")
    return value if isinstance(value, str) else str(value)


def check_spread(command: Command, keys: Mapping[str, Any], gpus: int) -> None:
    """Raise ``UsageError`` where a command leaves all but one of ``gpus`` GPUs unused, and no key says otherwise."""
    if gpus > 1 and engine(command.engine).one_gpu_by_default and not any(name in keys for name in SPREAD):
        raise UsageError(
            f"the command does not say over how many GPUs the model is spread, which means one, and {gpus} were given",
            f"have the command spread it over {gpus}, or ask with --tensor-parallel {gpus}; or give one GPU",
        )


def read_command(given: str | Sequence[str], files: Files = NONE) -> Command:
    """Read the engine and its keys from shell lines, or from the words of a single line.

    Raises ``UsageError`` if no engine is known that the command starts, or for what it cannot say; ``CannotTell`` for an
    engine or a flag that is not modelled.
    """
    if isinstance(given, str):
        found = read_processes(of_code(given) if is_code(given) else processes(given), files)
        return replace(found, keys={**found.keys, **unsaid.read(given)}, text=given)
    whole = process(given)
    source = getattr(whole.begin, "source", None)
    return replace(read_processes(peeled(whole), files), text=None if source is None else source.text)


def read_processes(given: list[Process], files: Files = NONE) -> Command:
    """Read the engine and its keys from processes, in the order in which they are started; raises as ``read_command``."""
    parts = [part for one in given for part in peeled(one)]
    few(len(parts))
    known = [program for name in names() for program in engine(name).programs()]
    lines: list[Process] = []
    for program in [one for one in known if one.launches]:
        parts = [one for part in parts for one in started(program, part)]
    for part in parts:
        lines += _complete(part, lines, known, files)
    launched: UsageError | None = None
    for name in names():
        try:
            keys = engine(name).read_command(lines)
        except UsageError as error:
            if name != DEFAULT:
                raise
            launched, keys = error, None  # a launcher of a script that no trainer has, which may be another engine's
        if keys is not None:
            found = {key: _on_machine(keys[key], lines) if key in FILES else keys[key] for key in keys}
            release = _release(name, lines)
            if release is not None:
                found.setdefault(RELEASE, release)
            left_out = [note for program in engine(name).programs() for one in lines for note in notes(program, one)]
            return Command(name, found, tuple(dict.fromkeys(left_out)), tuple(lines))
    if launched is not None:
        raise launched
    from vramfit.engines.others import refuse

    refuse(lines)
    inside = _quoted(lines)
    if inside is not None:
        return read_processes(inside, files)
    word = next((one.words[0] for one in lines if one.words), "")
    shown = word if len(word) <= MOST_NAMED else f"{word[:MOST_NAMED]}…"
    script = missing(lines)
    hint = (
        f"run it where {script} is, which says what is loaded" if script else "give the command that starts the server"
    )
    raise UnknownProgram(f'no engine is known that "{shown}" starts', hint)


def _quoted(lines: list[Process]) -> list[Process] | None:
    """Processes of a command that another program is given as one word (``--server-cmd "vllm serve …"``); None for none."""
    for one in lines:
        for word in () if one.words[:1] and plain(one.words[0]) in TEXTUAL else one.words[1:]:
            if " " not in word or not isinstance(word, Word) or word.source is None or word.source.parent is not None:
                continue
            try:
                found = within(word)
            except UsageError:
                continue
            if any(
                arguments(program, part) is not None
                for name in names()
                for program in engine(name).programs()
                for part in found
            ):
                return found
    return None


def _complete(given: Process, before: list[Process], known: list[Program], files: Files) -> list[Process]:
    """The process with its image's entry point, and with what its files say."""
    one = with_variables(_entered(given, known), files)
    near = _near(known, one)
    if not near:
        one = of_calls(known, with_calls(one, before, files))
        near = _near(known, one)
    for program in near:
        one = with_settings(program, one, files)
    for program in near:
        one = with_documents(program, one, before, files)
    for program in near:
        if arguments(program, one) is not None:
            return with_texts(program, one, before, files)
    return [one]


def _near(known: list[Program], given: Process) -> list[Program]:
    """Programs that the process starts: mostly one or none, where all of them are some sixty."""
    return [program for program in known if arguments(program, given) is not None]


def _entered(given: Process, known: list[Program]) -> Process:
    """The process with its image's entry point in front of its words, where these start no known program themselves."""
    if given.image is None or _near(known, given):
        return given
    for program in known:
        if any(runs(pattern, given.image) for pattern in program.images):
            return replace(given, words=(*program.words, *given.words))
    return given


def _release(name: str, lines: list[Process]) -> str | None:
    """Release of an engine that the tag of its own image begins with (``v0.11.0-cu129``); None for any other tag."""
    if all(key.name != RELEASE for group in engine(name).groups for key in group.keys):
        return None
    patterns = [pattern for program in engine(name).programs() for pattern in program.releases]
    for one in lines:
        if one.image is None or not any(runs(pattern, one.image) for pattern in patterns):
            continue
        tag = one.image.partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")
        numbers = tag[: len(tag) - len(tag.lstrip("0123456789."))].strip(".")
        if "." in numbers and len(numbers) <= LONGEST_RELEASE:
            return numbers
    return None


def _on_machine(value: object, lines: list[Process]) -> object:
    """Path on the machine of a file in a container; any other value as it is."""
    if not isinstance(value, str):
        return value
    for one in lines:
        found = on_machine(value, one)
        if found != value:
            return found
    return value
