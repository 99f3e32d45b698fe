"""The terminal report: whole pages as they must look, and what must hold at any width."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text

from tests.each import each
from tests.render import golden
from tests.render.sample import document, error, report, tight, two_gpus, unknown
from vramfit.render.page import Page
from vramfit.render.table import print_report

REPORTS = {
    "three rows": report(),
    "two GPUs": document(two_gpus()),
    "several": document(*report()["estimates"], tight(), unknown(), error(), two_gpus()),
    **{name: golden.recorded(name) for name in golden.SCENARIOS},
}
WIDTHS_OF_ALL = [40, 41, 59, 72, 80, 97, 100, 120, 200]


class Stream(io.StringIO):
    """A stream with an encoding, as standard output has."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Said by the test."""
        return self._encoding

    def write(self, text: str) -> int:
        """Fails, as a real stream would, for what the encoding does not have."""
        text.encode(self._encoding)
        return super().write(text)


def drawn(
    told: dict[str, Any], width: int = 100, encoding: str = "utf-8", *, colour: bool = False, details: bool = False
) -> str:
    """The report as text."""
    stream = Stream(encoding)
    print_report(told, stream=stream, colour=colour, width=width, details=details)
    return stream.getvalue()


@pytest.mark.parametrize(("name", "width"), golden.PAGES)
def test_whole_page(name: str, width: int | None) -> None:
    """The pages in ``golden/`` were read by a person; a change here is a change of what users see."""
    expected = golden.path(name, width).read_text(encoding="utf-8")

    assert expected == golden.drawn(golden.recorded(name), width)


def test_a_page_in_ascii() -> None:
    """A stream that has no block characters gets others, and every word."""
    expected = (golden.GOLDEN / "ascii-60.txt").read_text(encoding="ascii")

    assert expected == drawn(report(), 60, "ascii")


def test_the_example_of_the_readme_is_one_screen() -> None:
    """40 lines at 100 columns: the verdict first, each kind of remedy once, one command."""
    lines = drawn(golden.recorded("readme")).splitlines()

    assert len(lines) <= 40
    assert "LLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short." == lines[0]
    begun = lines.index(next(line for line in lines if line.startswith("What would make fp16 fit")))
    kinds = [line.split()[0] for line in lines[begun + 1 : begun + 8]]
    assert ["quantize", "keep", "rent", "split", "use", "use", "fine-tune"] == kinds
    assert 1 == sum(line.startswith("  llama-server ") for line in lines)


def unbreakable(name: str) -> str:
    """Words of the commands of a report, which no width breaks."""
    estimates = REPORTS[name]["estimates"]
    remedies = [remedy for one in estimates for remedy in one.get("remedies") or ()]
    commands = [one.get("command") for one in remedies] + [one.get("own_command") for one in estimates]
    return "\n".join(text for text in commands if text)


@pytest.mark.parametrize("width", WIDTHS_OF_ALL)
@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_wider_than_the_terminal(name: str, details: bool, width: int) -> None:
    """Only one word of a command may be; nothing ends in spaces, nothing is cut short."""
    words = unbreakable(name)
    for line in each(drawn(REPORTS[name], width, details=details).splitlines()):
        alone = line.strip().removesuffix(" \\")
        assert cell_len(line) <= width or (alone in words and " -" not in alone), line
        assert line == line.rstrip()
        assert "…" not in line


@pytest.mark.parametrize("width", WIDTHS_OF_ALL)
@pytest.mark.parametrize("details", [False, True])
def test_no_figure_is_lost(width: int, details: bool) -> None:
    """Every part of the memory, its sum and what it leaves are there at any width, in one unit."""
    text = drawn(report(), width, details=details)

    parts = ("24.87", "3.12", "0.47", "0.62", "12.75", "0.68", "0.63", "6.87", "0.60")
    for figure in (*parts, "29.09", "17.19", "11.23", "−5.58", "6.33", "12.29", "✗ exceeds", "✓ fits"):
        assert figure in text


@pytest.mark.parametrize("width", [100, 120, 200])
def test_wide_terminals_are_used(width: int) -> None:
    """Bars grow with the terminal, prose does not beyond what can be read."""
    lines = drawn(golden.recorded("readme"), width).splitlines()

    (bar,) = [line for line in lines if line.startswith("  fp16") and "┃" in line]
    assert {100: 100, 120: 120, 200: 144}[width] == len(bar)
    assert max(len(line) for line in lines if "prefill" in line) <= 120
    assert drawn(golden.recorded("readme"), 400) == drawn(golden.recorded("readme"), 200)


def test_numbers_stand_closer_before_a_table_is_broken() -> None:
    """One space between numbers where that makes one table, or keeps the parts with their sum; words keep two."""
    told = golden.recorded("ollama-fits")
    hundred = drawn(told, 100).splitlines()
    sixty = drawn(golden.recorded("vllm-exceeds"), 60).splitlines()

    assert [line for line in hundred if line.startswith("  GiB ")] == [
        "  GiB         weights cache compute overhead needed  free  RAM context users  per s  loss"
    ]
    assert "  fp16        61.03  1.00    0.69     1.58  64.31 −42.24" in sixty


def test_costs_of_remedies_where_there_is_room() -> None:
    """A wide terminal shows what each costs; all of them show what stays in RAM."""
    told = golden.recorded("readme")
    wide = drawn(told, 200)

    assert "quality\n" in wide
    assert "  at the cost of\n" in wide
    assert "  1 more card, about $1,599 each at launch" in wide
    assert "at the cost of" not in drawn(told, 120)
    assert "  keep 33 of 41 layers on the GPU with llama.cpp (F16), 5.7 GiB in RAM " in drawn(told, 120)
    assert "  keep the experts of 19 of 48 layers in RAM (" in drawn(golden.recorded("experts"), 100)


def test_a_share_of_the_card_is_named_in_the_legend() -> None:
    """What a server may use is less than what a program can have."""
    assert "┃ usable by vllm 22.06 GiB" in drawn(golden.recorded("vllm-fits"))
    assert "┃ usable 23.52 GiB" in drawn(golden.recorded("readme"))


def test_colour_adds_codes_and_no_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page without the codes; the caller's choice beats the environment, which the caller has read."""
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = drawn(report(), colour=True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    plain = drawn(report())

    assert "\x1b[1mLLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short." in coloured
    assert "\x1b" not in plain
    assert plain == Text.from_ansi(coloured).plain


def test_colour_is_off_where_the_stream_is_no_terminal() -> None:
    """When the caller leaves it to the stream."""
    stream = Stream()
    print_report(report(), stream=stream, colour=None, width=None)

    assert drawn(report(), 80) == stream.getvalue()


def test_width_comes_from_the_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """``COLUMNS`` is how scripts and tests say it."""
    monkeypatch.setenv("COLUMNS", "100")
    stream = Stream()
    print_report(report(), stream=stream, colour=False, width=None)

    assert drawn(report(), 100) == stream.getvalue()


def test_names_from_files_cannot_steer_the_terminal() -> None:
    """Escape sequences, line breaks, bidirectional overrides and broken characters are shown as harmless marks."""
    told = document(tight())
    told["estimates"][0]["model"]["name"] = "\x1b[2Jevil\r\n\u202etxt\udcff[bold]:smile:"

    text = drawn(told)

    assert "\\x1b[2Jevil\\x0d\\n\\u202etxt�[bold]:smile: only just fits an RTX 4090" in text


def test_a_name_the_encoding_lacks_is_marked() -> None:
    """And nothing fails."""
    told = document(tight())
    told["estimates"][0]["model"]["name"] = "通义 Qwen é"

    assert "?? Qwen ? only just fits" in drawn(told, encoding="ascii")
    assert "?? Qwen é only just fits" in drawn(told, encoding="iso-8859-1")


def test_the_report_is_written_in_one_piece() -> None:
    """A reader who goes away breaks one write, which the caller sees as it is."""

    class Closed(Stream):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        print_report(report(), stream=Closed(), colour=False, width=80)


def test_an_error_alone() -> None:
    """The report of a file with one deployment that could not be answered."""
    expected = 'typo: error: unknown-gpu: unknown GPU "rtx4900"\n  hint: did you mean rtx4090 or rtx4080?\n'

    assert expected == drawn(document(error()))
    assert expected == drawn(error())


def test_no_estimates() -> None:
    """An empty list of deployments is said to be one."""
    assert drawn(document()) == "No estimates.\n"


def test_the_same_precision_twice_is_two_sections() -> None:
    """Two unnamed deployments that differ in offloading are not one table."""
    first, second = tight(), tight()
    second["deployment"]["gpu_layers"] = 20

    text = drawn(document(first, second))

    assert text.count("~ tight") == 2
    assert "2 estimates: 2 tight." in text


def test_what_a_spill_costs() -> None:
    """On Windows it runs, silently slow."""
    told = copy.deepcopy(report())
    told["estimates"][0]["if_tried"]["outcome"] = "spills"
    for estimate in told["estimates"]:
        estimate["deployment"]["platform"] = "windows"

    text = " ".join(drawn(told, details=True).split())

    assert "It starts, but the driver moves 5.58 GiB into system RAM and fetches it for every token" in text
    assert "about 3.4 tokens/s. Nothing says so on the screen." in text


def test_weights_that_fit_without_their_cache() -> None:
    """The failure comes later, and the report says when."""
    told = copy.deepcopy(report())
    tried = {"weights_fit": True, "link_bytes_per_second": None, "decode_tokens_per_second": None}
    told["estimates"][0]["if_tried"] |= tried

    text = " ".join(drawn(told, details=True).split())

    assert "The weights load; then transformers runs out of memory on the cache and buffers: 5.58 GiB" in text
    assert "Spilled" not in text


SERVING = {
    "cache_tokens": 43_690, "concurrent_requests": 5.3399, "max_num_seqs": 256, "starts": True, "refusal": None
}  # fmt: skip


def serving(outcome: str | None, changes: dict[str, Any]) -> str:
    """The page of a server that is asked to hold 16 requests of 8,192 tokens, as one line."""
    told = copy.deepcopy(report())
    told["estimates"] = told["estimates"][:1]
    (estimate,) = told["estimates"]
    estimate |= {"engine": "vllm", "serving": SERVING | changes}
    estimate["deployment"] |= {"engine": "vllm", "parallel": 16, "context": 8192}
    if outcome is not None:
        estimate["if_tried"] |= {"outcome": outcome, "weights_fit": True, "decode_tokens_per_second": None}
    return " ".join(drawn(told, details=True).split())


def test_requests_that_wait() -> None:
    """What the cache holds, and what happens beyond."""
    text = serving("queues", {})

    assert "Cache 43,690 tokens, 5.33 requests of 8,192 tokens at once" in text
    assert "further requests wait in a queue; at most 256 are processed together, however short" in text
    assert "It starts: its cache holds 5.33 of 16 requests of 8,192 tokens at once, and the others wait" in text
    assert "further requests wait in a queue What" not in serving("queues", {"max_num_seqs": None})


def test_a_server_that_does_not_start() -> None:
    """The reason, and nothing on what its cache would hold."""
    reason = "the cache of one request of 8,192 tokens takes 4.45 GiB, and 3.00 GiB are left for it"
    text = serving("does-not-start", {"starts": False, "refusal": reason})

    assert f"The weights load; then vllm does not start: {reason}." in text
    assert "Cache 43,690" not in text


def test_the_cache_of_one_of_several_rows() -> None:
    """The row is named, and is the first that starts."""
    told = copy.deepcopy(report())
    for estimate, starts in zip(told["estimates"], (False, True, True), strict=True):
        estimate["serving"] = SERVING | {"starts": starts}

    assert "Cache in INT8: 43,690 tokens, 5.33 requests of 4,096 tokens at once" in " ".join(drawn(told).split())


def test_ram_that_is_short() -> None:
    """What the GPU has room for is not what fails."""
    told = copy.deepcopy(report())
    told["estimates"][0]["headroom_bytes"] = 0

    text = " ".join(drawn(told, details=True).split())

    assert (
        "System RAM is 5.58 GiB short: what it cannot keep is read from the disk again for every token: about" in text
    )
    assert "Without a file to read it from, the system ends the process." in text


def test_a_card_known_by_its_size_alone() -> None:
    """A custom GPU has no box and no driver that says anything of it."""
    told = copy.deepcopy(report())
    custom = {"id": "custom:24GiB", "name": "custom GPU with 24GiB", "vendor": "custom", "memory_bytes": 24 * 2**30}
    unknown_facts = dict.fromkeys(("architecture", "memory_type", "cores", "core_unit", "tensor_cores", "price_usd"))
    for estimate in told["estimates"]:
        estimate["gpu"] |= custom | unknown_facts | {"bandwidth_bytes_per_second": None}

    text = drawn(told, details=True)

    assert "fits a custom GPU with 24GiB in INT8 and INT4, not in FP16" in text
    assert "GPU    custom GPU with 24GiB\nModel" in text
    assert "driver" not in text
    assert " box" not in text


def test_every_remedy_has_its_command_whole() -> None:
    """Broken lines put together again are the command of the report."""

    def run_together(text: str) -> str:
        return "".join(text.replace("\\\n", "").replace(";", "").split())

    text = run_together(drawn(report(), 80, details=True))

    for remedy in each(report()["estimates"][0]["remedies"]):
        assert run_together(remedy["command"]) in text


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("a bc def", 20, ["a bc def"]),
        ("one two three four", 10, ["one two", "three four"]),
        ("one  two three", 10, ["one  two", "three"]),
        ("a unbreakableword b", 10, ["a", "unbreakabl", "eword b"]),
        ("通义千问 大模型 abc", 10, ["通义千问", "大模型 abc"]),
    ],
)
def test_prose_is_wrapped_at_words(text: str, width: int, expected: list[str]) -> None:
    """By the cells that letters take; a word that is wider than the page is the only one broken within."""
    page = Page(40, "utf-8", colour=False)
    page.prose(text, indent=40 - width)

    assert expected == [line.removeprefix(" " * (40 - width)) for line in page.drawn().splitlines()]
