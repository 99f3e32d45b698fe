"""A newcomer with the README and the pages it leads to, at a terminal of 100 columns and 40 lines.

For each kind of machine the newcomer finds a command on a page, types it as it stands, and copies the command that the
answer ends in. That command must be one of the engine's own: vramfit reads it back and gives the same answer.
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
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import SOURCE
from tests.importers import models
from tests.importers.trees import hub_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
COLUMNS, LINES = 100, 40


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


def typed(command: str, folder: Path) -> tuple[int, str]:
    """Exit code of a command typed at a terminal, and what stands on the screen, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
    variables = {**kept, "PYTHONPATH": str(SOURCE), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    words = [sys.executable, "-m", *shlex.split(command)]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=variables) as process:
        os.close(theirs)
        screen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            screen += piece
        code = process.wait(timeout=60)
    os.close(ours)
    text = screen.decode("utf-8").replace("\r\n", "\n")
    assert "\x1b[" in text, "no colour on a terminal"
    return code, re.sub(r"\x1b\[[0-9;]*m", "", text)


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


def starts(command: str, gpu: str, folder: Path) -> str:
    """Screen of the same question asked with the engine's own command, which must be answered alike."""
    last = [line for line in command.splitlines() if line.strip()][-1]
    code, screen = typed(f"vramfit check {gpu} -- {last}", folder)
    assert 0 == code, screen
    return screen


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to begin in, which is the home too; the compiled catalogue stays where it is."""
    from vramfit.catalogue.files import cache_path, source_directory
    from vramfit.sources import open_catalogue

    open_catalogue()
    compiled = cache_path(source_directory())
    assert compiled is not None
    content = Path(compiled).read_bytes()
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    moved = cache_path(source_directory())
    assert moved is not None
    Path(moved).parent.mkdir(parents=True)
    Path(moved).write_bytes(content)
    return tmp_path


CASES = [
    ("a 12 GB card", ("rtx3060-12gb", "--cpu-moe-layers"), "-g rtx3060-12gb --ram 32GiB", "llama-server "),
    ("a Mac", ("m4-pro-24gb", "--engine mlx"), "-g m4-pro-24gb", "mlx_lm."),
    ("two L40S with 16 users", ("2xl40s", "vllm", "--users 16"), "-g 2xl40s --users 16", "vllm serve "),
]


@pytest.mark.parametrize(("words", "gpu", "program"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_from_a_page_to_a_command_that_runs(words: tuple[str, ...], gpu: str, program: str, home: Path) -> None:
    """The answer is yes and fits the screen, and its command is one of the engine's own."""
    code, screen = typed(command_with(*words), home)
    assert 0 == code, screen
    assert " fits " in screen.splitlines()[0]
    assert len(screen.splitlines()) <= LINES
    command = copied(screen)
    assert command.splitlines()[-1].startswith(program)
    again = starts(command, gpu, home)
    assert " fits " in again.splitlines()[0]


def test_the_example_of_the_readme(home: Path) -> None:
    """It does not fit, and the command is that of what would."""
    code, screen = typed(command_with("rtx4090", "llava-1.6-13b"), home)
    assert 1 == code
    assert len(screen.splitlines()) <= LINES
    assert " fits " in starts(copied(screen), "-g rtx4090", home).splitlines()[0]


def test_a_file(home: Path) -> None:
    """The page's command, in a folder with the page's file."""
    command = command_with(".gguf")
    name = next(word for word in shlex.split(command) if word.endswith(".gguf"))
    models.gguf().write(home / name)
    code, screen = typed(command, home)
    assert 0 == code, screen
    assert name.removeprefix("./") in copied(screen)
    assert " fits " in starts(copied(screen), "-g rtx4070", home).splitlines()[0]


def test_an_id_of_the_hub(home: Path) -> None:
    """The page's command, where the repository lies in the Hub's cache."""
    command = command_with("-m hf:")
    reference = next(word for word in shlex.split(command) if word.startswith("hf:"))
    repository, _, scheme = reference.removeprefix("hf:").partition(":")
    raw = models.gguf().write(home / "x.gguf").read_bytes()
    file = f"{repository.partition('/')[2].removesuffix('-GGUF')}-{scheme}.gguf"
    hub_snapshot(home / "cache" / "huggingface" / "hub", repository, {file: raw})
    code, screen = typed(f"{command} --offline", home)
    assert 0 == code, screen
    assert copied(screen).startswith("llama-server ")


@pytest.mark.slow
def test_from_nothing(tmp_path: Path) -> None:
    """The README's first block in an empty environment, from a copy of what git has."""
    block = re.search(r"(?ms)^<!-- example -->\n```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    checkout = tmp_path / "vramfit"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", checkout], check=True)
    ran = subprocess.run(["sh", "-e", "-c", block[1]], cwd=checkout, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stderr
    assert "LLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short." in ran.stderr
