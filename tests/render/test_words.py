"""Sentences and small phrases of the report, its bars, and its broken commands."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.sample import MIB, report, tight, two_gpus, unknown
from vramfit.render.bars import MARGIN, MARK, SHADES, bar
from vramfit.render.commands import wrapped
from vramfit.render.headline import gpu_name, headline, requests_in_cache, requests_text, with_article, without_maker
from vramfit.render.words import joined, size, spare


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA GeForce RTX 4090", "an RTX 4090"),
        ("NVIDIA H100 80GB HBM3", "an H100 80GB HBM3"),
        ("Tesla T4", "a Tesla T4"),
        ("NVIDIA T4", "a T4"),
        ("AMD Radeon RX 7900 XTX", "a Radeon RX 7900 XTX"),
        ("AMD Instinct MI300X", "an Instinct MI300X"),
        ("Intel Arc B580", "an Arc B580"),
        ("Apple M4 Max", "an Apple M4 Max"),
        ("NVIDIA A100-SXM4-80GB", "an A100-SXM4-80GB"),
        ("NVIDIA GB200", "a GB200"),
    ],
)
def test_gpus_are_named_as_people_say_them(name: str, expected: str) -> None:
    """The maker's words go, the article follows the sound."""
    assert expected == with_article(without_maker(name))


def test_several_gpus_have_no_article() -> None:
    """Alike or mixed."""
    alike = {"name": "NVIDIA GeForce RTX 3090", "count": 2}
    mixed = {"count": 3, "name": "both", "gpus": [alike, {"name": "NVIDIA GeForce RTX 4090", "count": 1}]}

    assert with_article(gpu_name(alike)) == "2 × RTX 3090"
    assert with_article(gpu_name(mixed)) == "2 × RTX 3090 + RTX 4090"


def _with(estimate: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return estimate | changes


FP16, INT8, INT4 = report()["estimates"]
NO = "LLaVA 1.6 13B does not fit an RTX 4090 in FP16: 5.6 GiB short."


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        (
            [FP16, INT8, INT4],
            ("LLaVA 1.6 13B fits an RTX 4090 in INT8 and INT4, not in FP16: 5.6 GiB short.", ""),
        ),
        (
            [FP16, _with(INT8, verdict="exceeds"), INT4],
            ("LLaVA 1.6 13B fits an RTX 4090 in INT4, not in FP16: 5.6 GiB short.", "INT8 does not fit either."),
        ),
        (
            [FP16, INT8, _with(INT4, verdict="tight")],
            ("LLaVA 1.6 13B fits an RTX 4090 in INT8, not in FP16: 5.6 GiB short.", "INT4 only just fits."),
        ),
        ([FP16], (NO, "")),
        (
            [FP16, _with(INT8, verdict="exceeds"), _with(INT4, verdict="tight")],
            (
                "LLaVA 1.6 13B only just fits an RTX 4090 in INT4, not in FP16: 5.6 GiB short.",
                "INT8 does not fit either.",
            ),
        ),
        ([INT8, INT4], ("LLaVA 1.6 13B fits an RTX 4090 in INT8: 6.3 GiB free.", "INT4 fits too.")),
        (
            [tight()],
            ("LLaVA 1.6 13B only just fits an RTX 4090 in Q4_K_M: 0.08 GiB free, less than the estimate's margin.", ""),
        ),
        ([unknown()], ("Whether LLaVA 1.6 13B fits an RTX 4090 in AWQ is unknown.", "")),
        ([two_gpus()], ("LLaVA 1.6 13B does not fit 2 × RTX 4090 in F16: 0.98 GiB short on the fullest GPU.", "")),
        (
            [_with(INT4, deployment={"task": "qlora"})],
            ("QLoRA fine-tuning of LLaVA 1.6 13B fits an RTX 4090 in NF4: 12.3 GiB free.", ""),
        ),
    ],
)
def test_headlines(estimates: list[dict[str, Any]], expected: tuple[str, str]) -> None:
    """The answer in a sentence, the other precisions in a second."""
    assert expected == headline(estimates)


def test_a_shortage_of_system_ram_is_told_as_one() -> None:
    """The GPU holds its share; the host does not."""
    estimate = _with(tight(), verdict="exceeds")
    estimate["devices"][1] |= {"total_bytes": 20480 * MIB, "headroom_bytes": -4096 * MIB}

    assert headline([estimate])[0].endswith("in Q4_K_M: system RAM is 4.0 GiB short.")


SERVING = {
    "cache_tokens": 43_690, "concurrent_requests": 5.3399, "max_num_seqs": 256, "starts": True, "refusal": None
}  # fmt: skip


@pytest.mark.parametrize(
    ("end", "changes"),
    [
        ("its cache holds 5.33 of 16 requests of 8,192 tokens at once.", {}),
        # Where enough requests are held, or none is, memory is what is short.
        ("5.6 GiB short.", {"concurrent_requests": 16.0}),
        ("5.6 GiB short.", {"starts": False}),
    ],
)
def test_fewer_requests_than_asked(end: str, changes: dict[str, Any]) -> None:
    """A server starts and lets the others wait."""
    asked = {"parallel": 16, "context": 8192}
    estimate = _with(FP16, serving=SERVING | changes, deployment=asked)
    assert headline([estimate]) == (f"LLaVA 1.6 13B does not fit an RTX 4090 in FP16: {end}", "")
    assert requests_in_cache(_with(FP16, serving=SERVING, deployment=asked)).endswith(
        "5.33 of 16 requests of 8,192 tokens at once"
    )


@pytest.mark.parametrize(
    ("expected", "requests"),
    [("0", 0.0), ("0.99", 0.999), ("1", 1.0), ("15.99", 15.999), ("99.99", 99.999), ("100", 100.0), ("1,234", 1234.9)],
)
def test_numbers_of_requests_are_rounded_down(expected: str, requests: float) -> None:
    """15.99 requests are not 16."""
    assert expected == requests_text(requests)


def test_sizes_never_round_to_nothing() -> None:
    """A shortage of 3 MiB is not 0.00 GiB."""
    assert (spare(-3 * MIB), spare(12 * MIB), spare(1024 * MIB)) == ("3.00 MiB short", "0.01 GiB free", "1.00 GiB free")
    assert (size(5734 * MIB, 1), size(1000 * MIB, 1), size(0)) == ("5.6 GiB", "0.98 GiB", "0.00 GiB")


def test_joined() -> None:
    """As in a sentence."""
    assert [joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


sizes = st.integers(0, 2**45)
shell_options = st.from_regex(r"--?[a-z]{1,8} [A-Za-z0-9./_'\"]{0,20}", fullmatch=True)


@given(st.tuples(sizes, sizes, sizes, sizes), st.integers(0, 2**45), st.integers(1, 2**45), st.integers(12, 60), sizes)
def test_a_bar_crosses_the_mark_exactly_when_the_need_does(
    parts: tuple[int, ...], more: int, usable: int, cells: int, beyond: int
) -> None:
    """However small the difference, and whatever the scale."""
    total = sum(parts)
    high = total + more
    drawn = bar(parts, high, usable, max(usable, high) + beyond, cells)
    inside, mark, outside = drawn.partition(MARK)

    assert mark
    assert any(c in SHADES for c in outside) == (total > usable)
    assert bool(outside) == (high > usable)
    assert len(drawn) <= cells + 1
    assert list(inside.rstrip() + outside) == sorted(inside.rstrip() + outside, key=(SHADES + MARGIN).index)


def test_a_bar() -> None:
    """Half a card of weights, a quarter of cache, a little of the rest, and a margin."""
    assert bar((50, 25, 5, 5), 90, 100, 100, 20) == "██████████▓▓▓▓▓▒░·  ┃"
    assert bar((100, 70, 5, 10), 190, 90, 200, 20) == "█████████┃█▓▓▓▓▓▓▓░·"


@given(st.lists(shell_options, max_size=12), st.integers(20, 90))
def test_a_broken_shell_line_is_the_same_command(options: list[str], width: int) -> None:
    """The shell that reads the copied lines sees the same words."""
    command = " ".join(["llama-server", *options]).rstrip()
    lines = wrapped(command, width)
    try:
        words = shlex.split(command)
    except ValueError:
        return

    assert words == shlex.split("\n".join(lines).replace("\\\n", ""))
    assert all(len(line) <= width or '"' in line or "'" in line or line.count(" -") <= 1 for line in lines)


@pytest.mark.parametrize(("width", "expected"), [(200, 4), (95, 6), (75, 8), (60, 10), (48, 14)])
def test_a_broken_python_line_is_the_same_program(width: int, expected: int) -> None:
    """Broken between statements, after commas in parentheses, and where it must behind one that opens or at a space."""
    command = report()["estimates"][0]["remedies"][3]["command"]
    lines = wrapped(command, width)

    assert expected == len(lines)
    assert max(map(len, lines)) <= width
    assert compile(command, "", "exec").co_code == compile("\n".join(lines), "", "exec").co_code


def test_a_comment_stands_on_a_line_of_its_own() -> None:
    """Where the statement before it leaves no room; it is never continued."""
    line = "Trainer(model, settings, train_dataset=samples).train()  # samples of 2048 tokens"

    assert [line] == wrapped(line, 90)
    assert [
        "Trainer(model, settings,",
        "    train_dataset=samples).train()",
        "    # samples of 2048 tokens",
    ] == wrapped(line, 40)


def test_variables_and_printf_are_broken_too() -> None:
    """Ollama's lines: the shell runs the same, each broken line within the width."""
    command = (
        "OLLAMA_CONTEXT_LENGTH=4096 OLLAMA_KV_CACHE_TYPE=q8_0 OLLAMA_FLASH_ATTENTION=1 OLLAMA_SCHED_SPREAD=0 env\n"
        "printf '%s\\n' 'FROM ./a-model-of-some-length.gguf' 'PARAMETER num_batch 512' 'PARAMETER num_gpu 20'"
    )
    lines = wrapped(command, 60)

    assert len(lines) > 2
    assert all(len(line) <= 60 for line in lines)
    whole, broken = (
        subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout.splitlines()
        for text in (command, "\n".join(lines))
    )
    assert sorted(whole) == sorted(broken)
    assert b"PARAMETER num_gpu 20" == broken[-1]


def test_several_lines_stay_several() -> None:
    """A command that is more than one line already."""
    assert wrapped("a -b\nc\n", 80) == ["a -b", "c"]
    assert wrapped("", 80) == []
