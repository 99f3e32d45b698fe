"""Base class of engines that run Whisper alone: whisper.cpp, faster-whisper and openai-whisper."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.engines.pipelines import SPEECH_GROUPS, SpeechKeys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.model import Model
    from vramfit.quantization import Checkpoint
    from vramfit.workload.common import Workload

    V = TypeVar("V")


class Recognizer(Engine["V", SpeechKeys]):
    """Engine of one network, whose caches follow windows of sound."""

    cache_types = ("f16",)
    groups = SPEECH_GROUPS
    record = SpeechKeys

    def runs(self, model: Model) -> bool:
        """Return True for Whisper."""
        from vramfit.engines.recognition import sizes

        return sizes(model) is not None

    def check(self, checkpoint: Checkpoint, work: Workload) -> None:
        """Raise ``CannotTell`` for a model that is not Whisper, and ``UsageError`` for layers in RAM."""
        from vramfit.engines.recognition import check

        check(self.title, checkpoint, work)
