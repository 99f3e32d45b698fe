"""Command lines of ``docker run`` and its like: the image, the command in it, and what the container gets.

docker/cli at 28f7560 (August 2026) ``cli/command/container/opts.go``, ``run.go`` and ``create.go``; containers/podman at
02a77d2 ``cmd/podman/common/create.go``. The switches of ``compose run`` and podman's of networks are from recollection.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.launch.words import Process, Word, assignment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("docker", "podman", "nerdctl", "nvidia-docker", "docker-compose", "hf", "huggingface-cli")
"""Programs that start a container; ``hf jobs run`` does so on machines of the Hub (huggingface_hub 2.4.0 ``cli/jobs.py``)."""
SWITCHES = (
    "--detach --disable-content-trust --help --init --interactive --no-healthcheck --oom-kill-disable --privileged"
    " --publish-all --quiet --read-only --rm --sig-proxy --tty --use-api-socket --replace --tls-verify --no-hosts"
    " --http-proxy --passwd --no-hostname --no-deps --service-ports --build --remove-orphans --env-host --unsetenv-all"
    " --read-only-tmpfs --rootfs --ssh --public --expose-public"
)
"""Flags without a value."""
LETTERS = frozenset("ditTPq")
"""Letters of short flags without a value, which may stand together (``-itd``)."""
GPUS = "--gpus"
DEVICES = "nvidia.com/gpu="
"""Beginning of the name of a GPU's device in the Container Device Interface."""


def peeled(given: Process) -> Process | None:
    """Process that a container's command starts; None if the words start none.

    The words of ``run`` are those behind the image, with its entry point if one is stated. Those of ``exec`` are behind
    the container's name.
    """
    rest = list(given.words[1:])
    while rest and (rest[0].startswith("-") or rest[0] in ("container", "compose", "jobs")):
        if rest.pop(0) in ("-H", "--host", "--context", "-c", "-f", "--file", "-p", "--project-name") and rest:
            del rest[0]
    if not rest or rest[0] not in ("run", "exec", "create"):
        return None
    runs, composed = rest.pop(0) != "exec", "compose" in given.words[:4] or "compose" in given.words[0]
    flags = dict.fromkeys(("--entrypoint", GPUS), "")
    variables: dict[str, str] = {}
    mounts: list[tuple[str, str]] = []
    files: list[str] = []
    for name, value in _flags(rest):
        if name in ("-e", "--env"):
            pair = assignment(value) or (value, given.variables.get(value))
            variables.update({pair[0]: pair[1]} if pair[1] is not None else {})
        elif name == "--env-file":
            files.append(value)
        elif name in ("-v", "--volume", "--mount"):
            mounts += _mount(value)
        elif name == "--device" and value.startswith(DEVICES):
            flags[GPUS] = _all_or(value.removeprefix(DEVICES))
        elif name in flags:
            flags[name] = value
    if not rest:
        return None
    image, *words = rest
    entry = flags["--entrypoint"]
    return replace(
        given,
        variables=variables,
        words=(entry, *words) if entry else tuple(words),
        image=image if runs and not composed else None,
        gpus=_gpus(flags[GPUS], variables),
        mounts=tuple(mounts),
        files=tuple(files),
    )


def _flags(rest: list[str]) -> Iterator[tuple[str, Word]]:
    """Flags at the front of the words, each with its value; they are taken off."""
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            return
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in SWITCHES.split() or (not name.startswith("--") and LETTERS.issuperset(name[1:])):
            continue
        if equals:
            whole = _word(word)
            source = whole.source if name == GPUS else None
            yield name, Word.at(value, source, whole.start, whole.end, whole.unset)
        elif not name.startswith("--") and len(name) > 2:
            head = next((letter for letter in name[1:] if letter not in LETTERS), "")
            place = name.index(head, 1) if head else len(name)
            behind = name[place + 1 :]
            if behind or rest:
                yield f"-{head}", Word(behind) if behind else _word(rest.pop(0))
        elif rest:
            yield name, _word(rest.pop(0))


def _word(text: str) -> Word:
    return text if isinstance(text, Word) else Word(text)


def _mount(text: str) -> list[tuple[str, str]]:
    """Folder of the machine and its place in the container; none for a volume without a folder."""
    if text.startswith("type=") or "target=" in text or "dst=" in text:
        parts = dict([part.partition("=")[::2] for part in text.split(",")])
        source = parts.get("source") or parts.get("src")
        target = parts.get("target") or parts.get("destination") or parts.get("dst")
        return [(source, target)] if source and target else []
    drive = 2 if text[1:3] in (":\\", ":/") and text[:1].isalpha() else 0
    source, colon, target = text[drive:].partition(":")
    return [(text[:drive] + source, target.partition(":")[0])] if colon else []


def _gpus(text: str, variables: dict[str, str]) -> str | None:
    """GPUs of the container: ``all``, a number, or ``device=`` with their numbers; None if nothing says them."""
    word, text = text, text.strip("\"'")
    if not text:
        visible = variables.get("NVIDIA_VISIBLE_DEVICES", "")
        return _all_or(visible) if visible and visible not in ("void", "none") else None
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name == "count":
            return "all" if value == "-1" else value
    found = "all" if text.split(",")[0] == "all" else text.split(",capabilities")[0]
    return Word.at(found, word.source, word.start, word.end) if isinstance(word, Word) else found


def _all_or(devices: str) -> str:
    return "all" if devices == "all" else f"device={devices}"
