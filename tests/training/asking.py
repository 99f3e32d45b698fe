"""Short ways to ask for fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue
from vramfit.training.memory import training_memory
from vramfit.training.profile import find_trainer
from vramfit.units import GIB
from vramfit.workload.common import Workload
from vramfit.workload.tuning import training

if TYPE_CHECKING:
    from vramfit.checks import Checked
    from vramfit.training.memory import TrainingMemory


def asked(**keys: Any) -> Checked:
    """Whole answer to one deployment, on an H100 unless another GPU is named."""
    raw = {"gpu": ("h100-sxm",), **keys}
    (found,) = check(parse_request(raw), open_catalogue())
    return found


def memory(
    model: str, task: str, gpus: int = 1, *, room: int = 80 * GIB, quant: str = "", **keys: Any
) -> TrainingMemory:
    """Moments of a step on one GPU, for a model of the catalogue and keys of fine-tuning."""
    images, attention = keys.pop("images", 0), keys.pop("flash_attention", True)
    trainer = find_trainer(str(keys.get("trainer", "transformers")))
    train = training(keys, trainer.defaults_of(task, gpus))
    scheme = quant or (trainer.scheme if task == "qlora" else "bf16")
    checkpoint = derive(open_catalogue().model(model), find_scheme(scheme))
    work = Workload(4096, task=task, training=train, images=images, flash_attention=attention)
    return training_memory(checkpoint, work, trainer, gpus, room)
