"""Programs that start another program and leave its arguments as they are: ``env``, ``sudo``, ``sh -c``, ``docker run``."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import UsageError
from vramfit.launch import containers
from vramfit.launch.grammar import Reader
from vramfit.launch.words import Process, Source, Word, assigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CHARACTERS = 2**17
"""Length of a text that is read: what Linux takes for one argument (``MAX_ARG_STRLEN``)."""
DEEPEST = 8
"""Number of programs around a program that are taken off."""
KEYWORDS = ("then", "do", "else", "if", "while", "until", "elif", "{", "}", "!", "$", "%", "&", "time", "call", "start")
"""Words of the shell in front of a command, a prompt's sign, and those of Windows."""
SHELLS = ("sh", "bash", "zsh", "dash", "ash", "ksh", "cmd")


class Wrapper(Record):
    """Words of its own that a wrapper has in front of the command."""

    values: str = ""
    """Flags that are followed by a word of their own, separated by spaces."""
    own: int = 0
    """Number of words behind the flags that are the wrapper's."""
    behind: str = ""
    """Word that may stand first, such as ``run`` of ``uv run``; without it the program wraps nothing."""
    assigns: bool = False
    """True if ``NAME=value`` in front of the command sets variables."""


WRAPPERS = {
    "env": Wrapper("-u --unset -C --chdir", assigns=True),
    "sudo": Wrapper("-u --user -g --group -C -h --host -p --prompt -D --chdir -r -t", assigns=True),
    "doas": Wrapper("-u -C"),
    "exec": Wrapper("-a"),
    "command": Wrapper(),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "time": Wrapper("-f --format -o --output"),
    "nice": Wrapper("-n --adjustment"),
    "ionice": Wrapper("-c --class -n --classdata -p"),
    "chrt": Wrapper("-p", 1),
    "stdbuf": Wrapper("-i -o -e"),
    "unbuffer": Wrapper(),
    "numactl": Wrapper("-N -m -C -i -p -l"),
    "taskset": Wrapper("", 1),
    "timeout": Wrapper("-s --signal -k --kill-after", 1),
    "chroot": Wrapper("", 1),
    "gosu": Wrapper("", 1),
    "su-exec": Wrapper("", 1),
    "tini": Wrapper("-p -e"),
    "dumb-init": Wrapper(),
    "catchsegv": Wrapper(),
    "prime-run": Wrapper(),
    "uvx": Wrapper("--from --with --python -p --index-url --extra-index-url --refresh-package --torch-backend"),
    "uv": Wrapper(
        "--with --python -p --extra --group --project --directory --env-file --package --index-url --extra-index-url"
        " --torch-backend --with-requirements",
        behind="run",
    ),
    "pipx": Wrapper("--spec --python --pip-args", behind="run"),
    "poetry": Wrapper("-C --directory -P --project", behind="run"),
    "pipenv": Wrapper(behind="run"),
    "pdm": Wrapper("-p --project", behind="run"),
    "hatch": Wrapper("-e --env", behind="run"),
    "rye": Wrapper(behind="run"),
    "pixi": Wrapper("-e --environment --manifest-path", behind="run"),
    "conda": Wrapper("-n --name -p --prefix --cwd", behind="run"),
    "mamba": Wrapper("-n --name -p --prefix --cwd", behind="run"),
    "micromamba": Wrapper("-n --name -p --prefix --cwd", behind="run"),
    "mpirun": Wrapper("-n -np -N -H --host -host --hostfile -hostfile -x --map-by --bind-to --rank-by --mca"),
    "mpiexec": Wrapper("-n -np -N -H --host -host --hostfile -hostfile -x --map-by --bind-to --rank-by --mca"),
    "srun": Wrapper("-N -n -c -p -w -t -A -q -J -G"),
    "nsys": Wrapper("-o -t -s -c -w -e -f", behind="profile"),
    "apptainer": Wrapper("-B --bind --env --pwd -H --home -W --workdir", 1, "exec"),
    "singularity": Wrapper("-B --bind --env --pwd -H --home -W --workdir", 1, "exec"),
    "systemd-run": Wrapper("-p --property -u --unit -E --setenv --uid --gid --slice --working-directory"),
    "wsl": Wrapper("-d --distribution -u --user --cd"),
    "ssh": Wrapper("-i -p -l -o -L -R -D -F -J -b -c -E", 1),
    "tmux": Wrapper("-s -n -t -c -e -x -y -F", behind="new-session"),
    "screen": Wrapper("-S -t -c -L -Logfile -dmS"),
    "kubectl": Wrapper("-n --namespace -c --container", 1, "exec"),
}  # fmt: skip


def inner(source: Source, variables: Mapping[str, str], depth: int) -> list[Process]:
    """Processes of a text inside so many others; raises ``UsageError`` for text that no shell would read."""
    bounded(source.text)
    return [part for one in Reader(source, variables).read() for part in peeled(one, depth)]


def bounded(text: str) -> None:
    """Raise ``UsageError`` for a text that is too long for a command."""
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"the command has {len(text):,} characters, more than {MOST_CHARACTERS:,}", "give the lines that start it"
        )


def peeled(given: Process, depth: int = 0) -> list[Process]:
    """Processes inside a process that only wraps them; the process itself if it wraps none.

    Raises ``UsageError`` if they stand too deep.
    """
    while True:
        if depth > DEEPEST:
            raise UsageError(f"more than {DEEPEST} programs around a program", "give the innermost command")
        depth += 1
        name = program_name(given.words[0]) if given.words else ""
        if given.words and given.words[0] in KEYWORDS and len(given.words) > 1:
            unwrapped: Process | None = _set(given, given.words[1:])
        elif name in SHELLS:
            return _of_shell(given, depth)
        elif name in containers.PROGRAMS:
            unwrapped = containers.peeled(given)
        else:
            wrapper = WRAPPERS.get(name)
            unwrapped = None if wrapper is None else _unwrapped(wrapper, given)
        if unwrapped is None or unwrapped.words == given.words:
            return [given]
        given = unwrapped


def program_name(word: str) -> str:
    """Name of a program without its folder and, on Windows, its ending."""
    name = word.replace("\\", "/").rsplit("/", 1)[-1]
    return name[:-4] if name.lower().endswith(".exe") else name


def _set(given: Process, words: tuple[str, ...]) -> Process:
    """The process with other words, of which leading assignments are variables beside its own."""
    made = assigned(words)
    return replace(given, variables={**given.variables, **made.variables}, words=made.words)


def _unwrapped(wrapper: Wrapper, given: Process) -> Process | None:
    """The process that a wrapper starts; None if it starts none."""
    rest = list(given.words[1:])
    if wrapper.behind:
        while rest and rest[0].startswith("-"):
            _drop_flag(rest, wrapper.values)
        if rest[:1] != [wrapper.behind] and not (wrapper.behind == "new-session" and rest[:1] == ["new"]):
            return None
        del rest[0]
    while rest and rest[0].startswith("-"):
        if rest[0] == "--":
            del rest[0]
            break
        _drop_flag(rest, wrapper.values)
    del rest[: wrapper.own]
    if rest[:1] == ["--"]:
        del rest[0]
    if not rest:
        return None
    if len(rest) == 1 and " " in rest[0]:
        return replace(given, words=("sh", "-c", rest[0]))
    made = _set(given, tuple(rest)) if wrapper.assigns else replace(given, words=tuple(rest))
    return made if made.words else None


def _drop_flag(rest: list[str], values: str) -> None:
    """Drop a wrapper's flag from the front of the words, with its value."""
    word = rest.pop(0)
    if word in values.split() and rest:
        del rest[: 2 if word == "--mca" else 1]


def _of_shell(given: Process, depth: int) -> list[Process]:
    """Processes that a shell starts: of the text behind ``-c``, or of the here-document that it reads."""
    words = given.words[1:]
    for number, word in enumerate(words):
        if word.lower() in ("/c", "/k"):
            return peeled(replace(given, words=tuple(words[number + 1 :])), depth)
        if not word.startswith("-"):
            return [given]
        if not word.startswith("--") and word.endswith("c") and number + 1 < len(words):
            text = words[number + 1]
            parent = text if isinstance(text, Word) else Word(text)
            return _within(given, Source(str(text), parent), depth)
    return [given] if given.input is None else _within(given, _document(given, given.input), depth)


def _document(shell: Process, text: str) -> Source:
    """Here-document of a shell, which counts with the text that the shell stands in."""
    source = getattr(shell.words[0], "source", None)
    return Source(text, None, None if source is None else source.spent)


def _within(given: Process, source: Source, depth: int) -> list[Process]:
    """Processes of a shell's text, in the shell's environment and its container."""
    found = inner(source, given.variables, depth)
    return [
        replace(
            one,
            variables={**given.variables, **one.variables},
            image=one.image or given.image,
            gpus=one.gpus or given.gpus,
            mounts=(*one.mounts, *given.mounts),
            files=(*one.files, *given.files),
        )
        for one in found
    ]
