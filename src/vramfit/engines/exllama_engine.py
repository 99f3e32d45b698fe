"""Base class of ExLlamaV2 and ExLlamaV3: the cards, the programs and the lines that start them, which both have alike."""

from __future__ import annotations

from vramfit.engines.base import Engine
from vramfit.workload.common import BITS_OF_BLOCKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.engines.interface import Deployment, Estimate, View
    from vramfit.hardware import Gpu
    from vramfit.launch import Program
    from vramfit.launch.words import Process
    from vramfit.workload.common import Workload

    K = TypeVar("K")


class ExLlama(Engine[None, "K"]):
    """Engine that is started by its own chat example or by TabbyAPI."""

    cache_words = BITS_OF_BLOCKS
    runtime_formula = "CUDA context of a process"
    runtime_source = "out-of-memory messages in issues of pytorch/pytorch and vllm-project/vllm"

    def view(self, gpus: tuple[Gpu, ...], work: Workload) -> View[None]:
        """Make the view of the GPUs, which contains only the context; raises ``UsageError`` for other vendors."""
        from vramfit.engines.exllama import view

        return view(self.name, gpus)

    def chat_program(self) -> Program:
        """Program of the chat example."""
        raise NotImplementedError

    def read_chat(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line that starts the chat example; None if no line does."""
        raise NotImplementedError

    def command_in(self, program: Program, deployment: Deployment, estimate: Estimate) -> str | None:
        """Write the line of TabbyAPI where that is the program; None for any other."""
        from vramfit.engines.exllamav3 import tabby

        return tabby.command(deployment) if program.words == tabby.SERVER.words else None

    def programs(self) -> tuple[Program, ...]:
        """Programs that start it, in the order in which a process is looked up in them."""
        from vramfit.engines.exllamav3.tabby import SERVER

        return (self.chat_program(), SERVER)

    def read_command(self, given: list[Process]) -> dict[str, object] | None:
        """Read the deployment keys of a line that starts the chat example or TabbyAPI; None if no line does."""
        found = self.read_chat(given)
        if found is None:
            from vramfit.engines.exllamav3 import tabby

            found = tabby.read(given, self.name)
        return found
