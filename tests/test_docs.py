"""What the documentation shows is what the program does.

In README.md, CONTRIBUTING.md and docs/**/*.md a block fenced as ``console`` is a session: lines that begin with ``$ `` are
commands, and what stands below each, up to the next, is all it prints, stdout and stderr, at a width of 100 and without
colour; ``...`` on a line of its own stands for any lines. In blocks fenced as ``sh`` the ``vramfit`` commands run and
must not fail as usage or as a bug. Links and paths named in backticks must exist.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from tests.command import vramfit
from tests.docs.fresh import WRITTEN
from tests.each import each
from tests.importers.machine.placing import place
from vramfit.catalogue.files import source_directory
from vramfit.cli.options import COMMANDS, options, read, spellings
from vramfit.cli.synonyms import COUNTS
from vramfit.curation.lint import check
from vramfit.curation.overlay import built_in
from vramfit.engines import engine, names, pipeline_engines, registered
from vramfit.importers.machine.find import ThisMachine
from vramfit.launch import Program

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"console", "sh", "text", "yaml", "json", "python", "mermaid"}

MACHINES = {"docs/this-machine.md": "rtx5090-and-3090ti"}
"""Pages whose commands run on a machine of ``tests/importers/machine/machines.yaml``; those of others on one without a GPU."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(text: str, page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    inside: list[str] | None = None
    start, fence, language = 0, "", ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})\s*(\S*)", line)
        if inside is None and mark:
            inside, start, fence, language = [], number, mark[1], mark[2]
        elif inside is not None and line.strip() == fence:
            found.append(Block(page, start, language, "\n".join(inside)))
            inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{page}:{start}: a fence without its end"
    return found


BLOCKS = [
    block for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
]


@dataclass(frozen=True)
class Shown:
    """A command and what a page says it prints; None where it says nothing."""

    where: str
    command: str
    output: str | None

    def __str__(self) -> str:
        return f"{self.where} {self.command}"


def session(block: Block) -> list[Shown]:
    """The commands of a ``console`` block, each with its output."""
    found: list[Shown] = []
    command = ""
    output: list[str] = []
    lines = block.text.splitlines()
    for number, line in enumerate([*lines, "$ "], block.line + 1):
        if command.endswith("\\"):
            command = command[:-1] + line.strip()
        elif line.startswith("$ "):
            if command:
                found.append(Shown(f"{block.page}:{number}", command, "\n".join(output)))
            command, output = line[2:], []
        else:
            assert command, f"{block}: output without a command"
            output.append(line)
    return found


def script(block: Block) -> list[Shown]:
    """The ``vramfit`` commands of an ``sh`` block; installation and other programs are left to their own tests."""
    text = block.text.replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    return [Shown(str(block), line, None) for line in lines if line.startswith("vramfit ")]


SESSIONS = [shown for block in BLOCKS if block.language == "console" for shown in session(block)]
SCRIPTS = [shown for block in BLOCKS if block.language == "sh" for shown in script(block)]
FILES = {
    name: block.text
    for block in reversed(BLOCKS)  # of two with one name README's, which goes first
    for name, language, key in (("deployments.yaml", "yaml", "deployments"), ("config.json", "json", "model_type"))
    if block.language == language and key in (yaml.safe_load(block.text) or {})
}
"""Files the commands read: the deployments file, the model's configuration and the log that are shown."""

FILES["start.sh"] = "#!/bin/sh\nexec vllm serve Qwen/Qwen2.5-7B-Instruct --max-model-len 16384 --kv-cache-dtype fp8\n"
FILES["server.log"] = next(block.text for block in BLOCKS if "model buffer size" in block.text)


def test_there_is_something_to_hold() -> None:
    """The pages are found, and the README shows at least one command with what it prints."""
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= {
        page.relative_to(ROOT).as_posix() for page in PAGES
    }
    assert any(shown.where.startswith("README.md") for shown in SESSIONS)
    assert SCRIPTS


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_what_it_is(block: Block) -> None:
    """A block in no known language would escape these tests."""
    assert block.language in LANGUAGES


def run(shown: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[int, str]:
    """Exit code and output of one ``vramfit`` command, as if typed in a terminal 100 columns wide, without colour."""
    command = shown.command
    words = shlex.split(command)
    machine = MACHINES.get(shown.where.partition(":")[0])
    if machine is not None:
        (tmp_path / "machine").mkdir()
        here = ThisMachine(place(machine, tmp_path / "machine", monkeypatch))
        monkeypatch.setattr("vramfit.cli.this_machine._here", [here])
    assert words[0] == "vramfit", f"only vramfit is run here: {command}"
    assert not set(words) & {"|", ">", "<", ";", "&&", "||"}, f"a shell is not run here: {command}"
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    ran = vramfit(*words[1:], terminal=True)
    # A line of progress is erased again.
    return ran.code, ran.out + re.sub(r"\r?\x1b\[K[^\r\n\x1b]*", "", ran.err)


def matches(expected: str, printed: str) -> bool:
    """Equal but for trailing blanks; ``...`` on a line of its own stands for any number of lines."""
    pattern = "\n".join(re.escape(line.rstrip()) for line in expected.rstrip("\n").splitlines())
    pattern = re.sub(r"(?m)^\\\.\\\.\\\.$\n?", r"(?:.*\\n)*?", pattern + "\n")
    told = "\n".join(line.rstrip() for line in printed.splitlines()).rstrip("\n") + "\n"
    return re.fullmatch(pattern, told) is not None


@pytest.mark.parametrize("shown", SESSIONS, ids=str)
def test_sessions_print_what_is_shown(shown: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Word for word, so that the documentation cannot drift from the program."""
    code, printed = run(shown, monkeypatch, tmp_path)
    assert code in (0, 1, 2, 3, 4)
    assert shown.output is not None
    assert matches(shown.output, printed), f"{shown}\nprints\n{printed}"


@pytest.mark.parametrize("shown", SCRIPTS, ids=str)
def test_commands_that_are_shown_run(shown: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They give an answer: yes or no, not a usage error."""
    code, printed = run(shown, monkeypatch, tmp_path)
    assert code in (0, 1), printed


TEXTS = [
    line.removeprefix("$ ").partition(" >")[0].partition(" 2>")[0].rpartition(" | ")[2]
    for block in BLOCKS
    if block.language == "text"
    for line in block.text.splitlines()
    if "vramfit " in line.partition(" 2>")[0]
]
"""Commands of blocks that no test runs, since they need a network, a shell or a file of the reader's."""


def test_there_are_commands_in_texts() -> None:
    assert 6 < len(TEXTS)


@pytest.mark.parametrize("command", TEXTS)
def test_commands_in_texts_have_flags_that_exist(command: str) -> None:
    """Each is read in full, as far as that is possible without running it."""
    program, *words = shlex.split(command)
    assert "vramfit" == program
    assert read(words) is not None or words in [
        ["completion", shell] for shell in ("bash", "zsh", "fish", "powershell")
    ]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_deployments_that_are_shown_are_answered(block: Block) -> None:
    """Each one, as a file; catalogue entries are let in over the built-in ones."""
    document = yaml.safe_load(block.text)
    if "gpus" in document or "models" in document:
        under = built_in(source_directory())
        assert check(block.text.encode(), str(block), under, needed_only=True).findings == []
        return
    if block.page.endswith("ci.md") and "deployments" not in document:
        return  # a pipeline, which tests/test_ci.py runs
    if "deployments" not in document:
        pytest.fail(f"{block}: what kind of file is this? say how to test it here")
    ran = vramfit("check", "--file", "-", "--json", stdin=block.text)
    assert ran.code in (0, 1), ran
    assert not [estimate for estimate in ran.estimates if "error" in estimate]


def inline() -> list[tuple[str, str]]:
    """Page and text of everything in single backticks outside the blocks, of pages that people write."""
    found = []
    for page in PAGES:
        if page in [ROOT / "docs" / name for name in WRITTEN]:
            continue
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"(?ms)^\s*```.*?^\s*```", text):
            text = text.replace(block, "")
        found += [(page.name, " ".join(words.split())) for words in re.findall(r"`([^`]+)`", text)]
    return found


def flags_of_engines() -> set[str]:
    """Flags of the programs that engines' launch tables read and write."""
    found: set[str] = set()
    for name in names():
        if name in pipeline_engines():
            continue  # started by a script, or without flags that are read
        launch = import_module(f"{registered(name).module}.launch")
        for program in vars(launch).values():
            if isinstance(program, Program):
                found |= {word for flag in program.flags for word in (flag.flag, *flag.also, *flag.off)}
                found |= set(program.neutral)
    return found


def test_flags_that_are_named_exist() -> None:
    """Every ``--flag`` in running text is one of a command's, of the program's, or of an engine's own."""
    known = {flag for command in COMMANDS for key in options(command) for flag in spellings(key)}
    known |= {"--help", "--version", "--strict", "--", "--man", "--vram"} | flags_of_engines()
    known |= {"--examples", "--inputs", "--target", "--only", "--upgrade-deps"}  # of tests' own commands, and of venv
    known |= {"--fsdp", "--qlora", "--unsloth", "--windows", *COUNTS}  # values and counts alone, which people write
    known |= {"--model-id", "---"}  # of another program in the table of speeds, and of YAML
    known |= {flag for name in names() for flag in engine(name).switches}
    named = {
        (page, word)
        for page, words in inline()
        for word in words.split()
        if word.startswith("--") and "vllm" not in words
    }
    assert set() == {(page, word) for page, word in named if word.split("=")[0] not in known}


def test_commands_named_in_running_text_exist() -> None:
    """``vramfit x`` in backticks: ``x`` is a command, or it is an example of one that is refused."""
    commands = {words.split()[1] for _, words in inline() if words.startswith("vramfit ") and len(words.split()) > 1}
    for command in each(commands):
        if not command.startswith("-"):
            ran = vramfit(command, "--help")
            assert 0 == ran.code, f"vramfit {command}: {ran.err}"


REPOSITORY = re.compile(
    r"(ggml-org|bitsandbytes-foundation|vllm-project|sgl-project|ollama|huggingface|turboderp-org|ml-explore|Comfy-Org|NVIDIA)/[\w./-]+"
)
"""Other projects' sources, as pages cite them."""


def test_paths_that_are_named_exist() -> None:
    """Files and folders of the repository in backticks and in links, relative to it, to its package or to a page."""
    missing = []
    for page, words in inline():
        path = words.split()[0].rstrip("/.,")
        if (
            re.fullmatch(r"\.?[\w.-]+(/[\w.*-]+)+(\.\w+)?", path)
            and not re.match(r"\w+/\w+$", path)
            and "*" not in path
            and not path.startswith("./")  # a file of the user's
            and not REPOSITORY.fullmatch(path)
        ):
            places = (ROOT / path, ROOT / "src" / "vramfit" / path, ROOT / "docs" / path)
            if not any(place.exists() for place in places):
                missing.append((page, path))
    for page_path in PAGES:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page_path.read_text(encoding="utf-8"))
        here = [target for target in targets if "://" not in target]
        missing += [(page_path.name, target) for target in here if not (page_path.parent / target).exists()]
    assert missing == []


def test_the_readme_is_short_and_begins_with_two_commands() -> None:
    """Installing and asking, then the picture of what that prints."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120
    (first, *_) = [block for block in BLOCKS if block.page == "README.md"]
    assert [".venv/bin/pip", ".venv/bin/vramfit"] == re.findall(r"\.venv/bin/[a-z]+", first.text)
    assert first.line < lines.index(next(line for line in lines if line.startswith("![") and "docs/check.svg" in line))


def test_every_page_is_reached_from_the_readme() -> None:
    """By links, from page to page."""
    known, fresh = set(), {ROOT / "README.md"}
    while fresh:
        page = fresh.pop()
        known.add(page)
        targets = re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8"))
        fresh |= {(page.parent / target).resolve() for target in targets if "://" not in target} - known
    assert set() == {page for page in PAGES if page not in known}


def test_the_matcher_matches() -> None:
    """Only what is equal, but for ``...``."""
    assert matches("a\nb", "a  \nb\n")
    assert matches("a\n...\nd", "a\nb\nc\nd\n")
    assert matches("a\n...", "a\n")
    assert matches("", "\n")
    assert not matches("a\nb", "a\nc\n")
    assert not matches("a", "a\nb\n")
    assert not matches("", "b\n")
    assert not matches("a.c", "abc\n")
