"""optimum-quanto on load: 8 bits with one scale per row, 4 bits with a scale and a zero point per group.

Scales are 16-bit floats, which is what torchao stores as well (huggingface/optimum-quanto ``tensor/weights/qbytes.py``,
``qbits.py``; ``QuantoConfig`` of diffusers and transformers replaces every ``nn.Linear`` but the head).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.quantization import torchao

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme, Stored

GROUP = 128


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Linear layers at ``settings["bits"]``, 4 bits in groups of 128 inputs."""
    group = GROUP if scheme.settings["bits"] == 4 else -1
    return torchao.store(model, replace(scheme, settings={**scheme.settings, "group": group}))
