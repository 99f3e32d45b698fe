"""Slack of the allocator beside a step, and the interval that holds what a process takes.

The constants were fitted on the runs of tests/training/measured.yaml with a process figure: T4 with transformers (fitcheck-llm
0.3.1) and A100 with Qwen's own script (QwenLM/Qwen README). docs/fine-tuning.md has what is left of error.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.memory import TrainingMemory
    from vramfit.training.profile import Trainer

LOW_SHARE, LOW_SLACK = 0.97, 0.02
"""Shares of the held memory and of the activations in the lower bound."""
HIGH_SHARE, HIGH_SLACK = 1.03, 0.42
HIGH_SLACK_FUSED = 0.22
"""The same of the upper bound; a loss in chunks leaves less behind."""
EAGER_SLACK = 1.6
"""Factor of the slack where attention keeps its scores: blocks of a size that nothing else asks for."""


def slack_bytes(found: TrainingMemory, trainer: Trainer, room: int) -> int:
    """Bytes that the allocator keeps beside what a step holds; no more than the GPU has left, for it gives them back."""
    held = found.held_bytes(found.peak)
    factor = EAGER_SLACK if found.eager else 1.0
    usual = round(factor * trainer.slack_share * found.loose_bytes) + found.fixed_bytes
    return max(round(trainer.uneven_share * held) + found.fixed_bytes, min(usual, room - held))


def interval(found: TrainingMemory, trainer: Trainer, slack: int) -> tuple[int, int]:
    """Lowest and highest bytes of a step, without the context of the process."""
    held = found.held_bytes(found.peak)
    fixed = held - found.elastic_bytes
    low = round(LOW_SHARE * fixed + LOW_SLACK * found.loose_bytes)
    most = HIGH_SLACK_FUSED if found.fused else HIGH_SLACK
    factor = EAGER_SLACK if found.eager else 1.0
    high = found.fixed_bytes + round(HIGH_SHARE * held + most * factor * found.loose_bytes)
    return min(low, held + slack), max(high, held + slack)
