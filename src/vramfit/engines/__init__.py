"""The runtimes vramfit can answer for."""

from __future__ import annotations

from vramfit.engines.interface import Deployment, DeviceMemory, Estimate
from vramfit.errors import CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import cast

    from vramfit.engines.interface import Engine
else:

    def cast(_, value):
        return value


__all__ = ["Deployment", "DeviceMemory", "Estimate", "engine"]

MODULES = {
    "transformers": "vramfit.engines.transformers",
    "llama.cpp": "vramfit.engines.llamacpp",
    "vllm": "vramfit.engines.vllm",
    "sglang": "vramfit.engines.sglang",
    "ollama": "vramfit.engines.ollama",
}
"""Engine names of the contract to modules; loaded when asked."""


def engine(name: str) -> Engine:
    """The engine module of a name; raises ``CannotTell`` for one the contract names but nobody has modelled yet."""
    module = MODULES.get(name)
    if module is None:
        raise CannotTell(
            f'engine "{name}" is not modelled yet', f"modelled so far: {', '.join(MODULES)}; see `vramfit list engines`"
        )
    return cast("Engine", __import__(module, fromlist=["estimate"]))
