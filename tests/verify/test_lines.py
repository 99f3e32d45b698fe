"""Lines as they come: colours, services' prefixes, other encodings, files that go on and on."""

from __future__ import annotations

import gzip
import io
import json
import random

import pytest

from tests.verify.asking import HERE, lines
from vramfit.engines.logs import Figure, added
from vramfit.verify import lines as reading
from vramfit.verify import marks, read

LINE = "load_tensors:        CUDA0 model buffer size =  4403.49 MiB"
TEXT = (HERE / "logs" / "llamacpp-b5192-glm.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (f"{LINE}\n".encode(), (LINE,)),
        (f"{LINE}".encode(), (LINE,)),
        (f"{LINE}\r\n".encode(), (LINE,)),
        (f"\x1b[34m0.01\x1b[0m \x1b[32mI \x1b[0m{LINE}\n".encode(), (f"0.01 I {LINE}",)),
        (f"\x1b]0;title\x07{LINE}\x1b\n".encode(), (LINE,)),
        (f"50%|##   |\r100%|####|\r{LINE}\n".encode(), (LINE,)),
        (b"\xef\xbb\xbf" + LINE.encode(), (LINE,)),
        (b"\xff\xfe" + f"nothing\r\n{LINE}\r\n".encode("utf-16-le"), (LINE,)),
        (b"\xfe\xff" + LINE.encode("utf-16-be"), (LINE,)),
        (b"\xe9\xff " + LINE.encode() + b"\n", (f"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} {LINE}",)),
        (json.dumps({"log": f"{LINE}\n", "stream": "stderr"}, separators=(",", ":")).encode(), (LINE,)),
        (b'{"log":"buffer size', ('{"log":"buffer size',)),
        (b"request done\n\n\x00\n", ()),
        (b"", ()),
    ],
)
def test_lines_that_are_kept(raw: bytes, kept: tuple[str, ...]) -> None:
    assert lines(raw) == kept


def test_long_lines_are_cut() -> None:
    """What follows the limit of a line is no line of its own."""
    long = b"buffer size " + b"x" * reading.LONGEST_LINE_BYTES * 3 + b" buffer size"
    found = lines(long + b"\n" + LINE.encode())

    assert [len(line) for line in found] == [reading.LONGEST_LINE_BYTES, len(LINE)]


@pytest.mark.parametrize(
    ("raw", "refused"),
    [
        (gzip.compress(random.Random(1).randbytes(4000)), True),
        (bytes(range(256)) * 2, True),
        (b"\x01" * 26 + b"x" * 486, True),
        (b"\x01" * 25 + b"x" * 487, False),
        (b"\x01" * 26 + b"x" * 485, False),  # of less than 512 bytes nothing is concluded
        (b"\0" * 4096 + TEXT.encode(), False),  # what rotation by truncating leaves
        (TEXT.encode("utf-16"), False),
        (TEXT.encode() * 30 + b"\x01" * 200_000, False),  # a file of text with a damaged end
    ],
)
def test_what_is_no_text(raw: bytes, refused: bool) -> None:
    stream = reading.Bounded(io.BytesIO(raw))
    if refused:
        with pytest.raises(OSError, match="it is no text; unpack a log that is compressed"):
            reading.kept(stream, marks())
    else:
        reading.kept(stream, marks())
        assert stream.read(1) == b""


def test_the_first_lines_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the last lines are kept."""
    monkeypatch.setattr(reading, "MOST_KEPT_CHARACTERS", 100)
    stream = io.BytesIO("".join(f"buffer size {number:08}\n" for number in range(50)).encode())
    found = reading.kept(stream, marks())

    assert found.lines == tuple(f"buffer size {number:08}" for number in range(45, 50))
    assert found.dropped == 45


def test_requests_are_not_kept() -> None:
    """Lines of a server at work have none of the words."""
    work = (
        "slot update_slots: id  0 | task 12 | new prompt, n_ctx_slot = 4096, n_keep = 0\n"
        'INFO:     127.0.0.1:4242 - "POST /v1/chat/completions HTTP/1.1" 200 OK\n'
        "INFO 04-21 19:00:00 [loggers.py:259] Engine 000: Avg prompt throughput: 9.9 tokens/s, GPU KV cache usage: 4.1%\n"
        "[2025-07-22 07:00:00 TP0] Decode batch. #running-req: 1, token usage: 0.01, gen throughput (token/s): 80.2\n"
    )

    assert lines(work * 1000) == ()


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "srv  log_server_r: request: GET /health 127.0.0.1 200\n" * 10,
        "".join(f"Nov 29 05:00:00 host llama[7]: {line}\n" for line in TEXT.splitlines()),
        TEXT.replace("llama-server-1  | ", "\x1b[36mllama-server-1  | \x1b[0m"),
        TEXT[: TEXT.index("CUDA_Host compute buffer") + 9],
    ],
)
def test_prefixes_and_ends_change_nothing(text: str) -> None:
    """Weights, cache and compute buffer of the GPU, whatever stands in front of them or was cut off behind."""
    _, log = read(lines(text))
    found = {one.name: round(one.value / 2**20, 2) for one in log.figures if one.device == "gpu0"}

    assert found == {"weights": 16303.48, "KV cache": 1952.0, "compute buffer": 353.0, "buffers together": 18608.48}


def test_the_last_start_counts() -> None:
    """Of several starts the last that allocated something."""
    longer = TEXT.replace("32768", "16384").replace("1952.00", "976.00")
    failed = (
        "llama_model_loader: loaded meta data with 37 key-value pairs and 613 tensors from x.gguf (version GGUF V3)\n"
    )
    _, log = read(lines(TEXT + longer + failed))

    assert log.starts == 2
    assert log.keys["context"] == "16384"
    assert {one.name: one.value for one in log.figures}["KV cache"] == 976 * 2**20


def test_a_draft_is_left_out() -> None:
    """What is loaded behind the line on a draft model is no start of the server's."""
    draft = TEXT.replace("16303.48", "400.00")
    _, log = read(lines(f"{TEXT}srv    load_model: loading draft model '/m/draft.gguf'\n{draft}"))

    assert log.starts == 1
    assert {one.name: one.value for one in log.figures if one.device == "gpu0"}["weights"] == pytest.approx(
        16303.48 * 2**20, abs=1
    )
    assert log.notes == ("the draft model's buffers are not compared",)


def test_figures_of_one_name_are_summed_with_their_slack() -> None:
    first, other = Figure("weights", "gpu0", 1.5, "B", 0.25), Figure("weights", "gpu1", 4.0, "B", 0.5)
    assert added([first, other, first]) == [Figure("weights", "gpu0", 3.0, "B", 0.5), other]
    assert added([other]) == [other]
