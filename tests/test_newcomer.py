"""A newcomer with the README and the pages it leads to, at a terminal of 100 columns and 40 lines, and of 80 and 24.

For each need the newcomer finds a command on a page, types it as it stands, and copies the command that the answer ends in.
That command must be one of the engine's own: vramfit reads it back and gives the same answer. Once the program is that of
the checkout, and once, as a slow test, what the README's first block installs from a clone into an empty environment.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import SOURCE
from tests.importers import models
from tests.importers.trees import hub_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
WIDE, SMALL = (100, 40), (80, 24)
NOWHERE = "http://127.0.0.1:9"
"""Address where nothing answers."""


def pages() -> Iterator[Path]:
    """README, and the pages that its links lead to, in the order of the links."""
    known: list[Path] = [ROOT / "README.md"]
    for page in known:
        yield page
        targets = re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8"))
        found = [(page.parent / target).resolve() for target in targets if "://" not in target]
        known += [path for path in dict.fromkeys(found) if path not in known]


def command_with(*words: str) -> str:
    """First command of a page that has all of these words."""
    for page in pages():
        for line in page.read_text(encoding="utf-8").splitlines():
            command = line.removeprefix("$ ").removeprefix(".venv/bin/").partition(" #")[0].partition(" || ")[0]
            if command.startswith("vramfit check ") and all(word in command for word in words):
                return command
    raise AssertionError(f"no page has a command with {words}")


@dataclass(frozen=True)
class Terminal:
    """A terminal with the program on it."""

    columns: int
    lines: int
    program: tuple[str, ...]
    """Words that start the program."""
    variables: Mapping[str, str]

    def typed(self, command: str, folder: Path, **variables: str) -> tuple[int, str]:
        """Exit code of a command typed here, and what stands on the screen, without its colours."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, self.columns, 0, 0))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
        own = {**kept, **self.variables, "TERM": "xterm-256color", "LANG": "C.UTF-8", **variables}
        words = [*self.program, *shlex.split(command.removeprefix("vramfit "))]
        with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=own) as process:
            os.close(theirs)
            screen = b"".join(_pieces(ours))
            code = process.wait(timeout=60)
        os.close(ours)
        text = screen.decode("utf-8").replace("\r\n", "\n")
        assert 0 == text.count("\n") or max(map(len, _plain(text).splitlines())) <= self.columns or "error: " in text
        assert "\x1b[" in text or "error: " in text, "no colour on a terminal"
        return code, _plain(text)


def _pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal, until its other end is closed."""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return
        if not piece:
            return
        yield piece


def _plain(text: str) -> str:
    """A text without colours, and without lines of progress, which are erased again."""
    return re.sub(r"\x1b\[[0-9;]*m", "", re.sub(r"\r[^\n]*?\r?\x1b\[K", "", text))


def sentence(screen: str) -> str:
    """First sentence of a screen, which may be on several lines."""
    return " ".join(screen.partition("\n\n")[0].split())


def copied(screen: str) -> str:
    """Command below ``To run it``, its lines put together again."""
    lines = screen.splitlines()
    begun = next(number for number, line in enumerate(lines) if line.startswith("To run "))
    block = []
    for line in lines[begun + 1 :]:
        if not line.startswith("  "):
            break
        block.append(line[2:])
    return "\n".join(block).replace("\\\n", " ")


def starts(terminal: Terminal, screen: str, gpu: str, folder: Path) -> None:
    """Ask with the engine's own command that a screen ends in; the answer must have the same figure."""
    last = [line for line in copied(screen).splitlines() if line.strip()][-1]
    code, again = terminal.typed(f"vramfit check {gpu} -- {last}", folder)
    assert 0 == code, again
    figure = re.compile(r"[\d.]+ GiB")
    assert figure.findall(sentence(screen))[:1] == figure.findall(sentence(again))[:1] != []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Program that the README's first block installs and runs, in an empty environment, from a clone of what git has."""
    block = re.search(r"(?ms)^<!-- example -->\n```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    checkout = tmp_path_factory.mktemp("newcomer") / "vramfit"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", checkout], check=True)
    ran = subprocess.run(["sh", "-e", "-c", block[1]], cwd=checkout, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stderr
    assert "LLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short." in ran.stderr
    return (str(checkout / ".venv" / "bin" / "vramfit"),)


@pytest.fixture(params=[WIDE, SMALL], ids=["100x40", "80x24"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Columns and lines of the terminal."""
    columns, lines = request.param
    return columns, lines


@pytest.fixture(params=["checkout", pytest.param("installed", marks=pytest.mark.slow)])
def terminal(request: pytest.FixtureRequest, size: tuple[int, int]) -> Terminal:
    """A terminal with the checkout's program, or with the installed one."""
    if request.param == "installed":
        return Terminal(*size, request.getfixturevalue("installed"), {})
    return Terminal(*size, (sys.executable, "-m", "vramfit"), {"PYTHONPATH": str(SOURCE)})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to begin in, which is the home too; the compiled catalogue stays where it is."""
    from vramfit.catalogue.files import cache_path, source_directory
    from vramfit.sources import open_catalogue

    open_catalogue()
    compiled = cache_path(source_directory())
    assert compiled is not None
    content = Path(compiled).read_bytes() if Path(compiled).exists() else None  # it may lie beside the sources
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    moved = cache_path(source_directory())
    assert moved is not None
    if content is not None:
        Path(moved).parent.mkdir(parents=True)
        Path(moved).write_bytes(content)
    return tmp_path


CASES = {
    "a 12 GB card": (("rtx3060-12gb", "--cpu-moe-layers"), "-g rtx3060-12gb --ram 32GiB", "llama-server "),
    "a Mac": (("m4-pro-24gb", "--engine mlx"), "-g m4-pro-24gb", "mlx_lm."),
    "two L40S with 16 users": (("2xl40s", "vllm", "--users 16"), "-g 2xl40s --users 16", "vllm serve "),
}
"""Words of the command on a page, what the engine's own command does not say, and the program it starts, by need."""


@pytest.mark.parametrize(("words", "gpu", "program"), CASES.values(), ids=CASES)
def test_from_a_page_to_a_command_that_runs(
    words: tuple[str, ...], gpu: str, program: str, terminal: Terminal, home: Path
) -> None:
    """The answer is yes and fits the wide screen, and its command is one of the engine's own."""
    code, screen = terminal.typed(command_with(*words), home)
    assert 0 == code, screen
    assert " fits " in sentence(screen)
    assert len(screen.splitlines()) <= WIDE[1]
    assert copied(screen).splitlines()[-1].startswith(program)
    starts(terminal, screen, gpu, home)


def test_the_example_of_the_readme(terminal: Terminal, home: Path) -> None:
    """It does not fit, and the command is that of what would."""
    code, screen = terminal.typed(command_with("rtx4090", "llava-1.6-13b"), home)
    assert 1 == code
    assert len(screen.splitlines()) <= WIDE[1] or terminal.columns < WIDE[0]
    last = copied(screen).splitlines()[-1]
    code, again = terminal.typed(f"vramfit check -g rtx4090 -- {last}", home)
    assert (0, True) == (code, " fits " in sentence(again))


def test_a_file(terminal: Terminal, home: Path) -> None:
    """The page's command, in a folder with the page's file."""
    command = command_with(".gguf")
    name = next(word for word in shlex.split(command) if word.endswith(".gguf"))
    models.gguf().write(home / name)
    code, screen = terminal.typed(command, home)
    assert 0 == code, screen
    assert name.removeprefix("./") in copied(screen)
    starts(terminal, screen, "-g rtx4070", home)


def test_a_repository_that_is_known(terminal: Terminal, home: Path) -> None:
    """README's form of a name gives a command that downloads the file, and needs no network to be answered."""
    (name,) = re.findall(r"`-m (\S+GGUF:\S+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    code, screen = terminal.typed(f"vramfit check -g rtx4070 -m {name}", home, HF_ENDPOINT=NOWHERE)
    assert 0 == code, screen
    assert copied(screen).startswith(f"llama-server -hf {name} ")
    starts(terminal, screen, "-g rtx4070", home)


def test_an_id_of_the_hub(terminal: Terminal, home: Path) -> None:
    """The page's command, where the repository lies in the Hub's cache."""
    command = command_with("-m hf:")
    reference = next(word for word in shlex.split(command) if word.startswith("hf:"))
    repository, _, scheme = reference.removeprefix("hf:").partition(":")
    raw = models.gguf().write(home / "x.gguf").read_bytes()
    file = f"{repository.partition('/')[2].removesuffix('-GGUF')}-{scheme}.gguf"
    hub_snapshot(home / "cache" / "huggingface" / "hub", repository, {file: raw})
    code, screen = terminal.typed(f"{command} --offline", home)
    assert 0 == code, screen
    assert copied(screen).startswith("llama-server ")


def test_an_id_of_the_hub_without_a_network(terminal: Terminal, home: Path) -> None:
    """One line with what is wrong and one with what can be done here: never a traceback, and soon."""
    code, screen = terminal.typed("vramfit check -g rtx4070 -m someone/SomeModel-7B", home, HF_ENDPOINT=NOWHERE)
    error, hint = screen.strip().splitlines()
    assert 4 == code
    assert error.startswith(
        ("error: 127.0.0.1 cannot be reached: ", "error: this needs the network, and huggingface_hub")
    )
    assert "./config.json, ./model.gguf" in hint
