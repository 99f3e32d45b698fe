"""An engine from outside of the package that states nothing of its speed: transformers but for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vramfit.engines.base import Engine
from vramfit.engines.transformers import Transformers

if TYPE_CHECKING:
    from vramfit.engines.profile import SpeedProfile


class Unmeasured(Transformers):
    """Its memory is known, its speed is not."""

    name = "unmeasured"

    def speed(self) -> SpeedProfile:
        """What any engine has that states nothing."""
        return Engine.speed(self)


ENGINE = Unmeasured()
