"""Writer of docs/accuracy.md: ``python -m tests.accuracy.write``."""

from __future__ import annotations

from pathlib import Path

from tests.accuracy import vllm

PAGE = Path(__file__).parent.parent.parent / "docs" / "accuracy.md"
OPENING = """# Accuracy of server estimates

How far the estimates are from what servers print when they start, term by term. `python -m tests.accuracy.write` writes
this page from the logs in `tests/engines/`, and a test holds it fresh.

## vLLM

Whole start-up logs of vLLM 0.7 to 0.29, most of them of 0.19 on one, two and four H100 (`tests/engines/vllm/logged.yaml`
names each source). An error is that of the expected bytes. "Between low and high" counts logs within the bounds of the
term; those of an estimate are the sums over its terms.
"""
SPREADS = """
The bounds are factors of the expected bytes (`SPREAD` in `src/vramfit/engines/vllm/parts.py`). Those that fit contain nine
tenths of the logs. They were fitted on the logs of one half of the models and checked on those of the other, each half
in turn, with five hundredths to spare:
"""


def page() -> str:
    """Text of the page."""
    return "\n".join([OPENING, *vllm.table(), SPREADS, *vllm.spreads(), ""])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
