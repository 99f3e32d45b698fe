"""Optimizers of fine-tuning: what each keeps for a trained parameter, and its names in frameworks.

Names are those of transformers 5.24.0 (``training_args.py`` ``OptimizerNames``), of the classes of torch 2.13
(``torch/optim``), bitsandbytes 0.50.2 (``optim/__init__.py``), torchao 0.18.0 (``optim/__init__.py``) and PEFT 0.21.2
(``optimizers/lorafa.py``).
"""

from __future__ import annotations

from vramfit._record import Record

STATE_BYTES = {8: 1 + 4 / 256, 4: 0.5 + 4 / 128}
"""Bytes of one element of a quantized state, by its bits: 8 bits and a float32 scale for each 256 (bitsandbytes
``optim/optimizer.py``), 4 bits and one for each 128 (torchao ``optim/subclass_4bit.py``)."""


class Optimizer(Record):
    """One optimizer, described by what it keeps for each trained parameter."""

    name: str
    """Value of the deployment key ``optimizer``."""
    states: float
    """Number of tensors of the parameter's size that it keeps."""
    source: str
    """Place where its states were read."""
    transformers: str | None = None
    """Value of ``TrainingArguments.optim``; None for one that the Trainer takes as an object."""
    aliases: tuple[str, ...] = ()
    """Further names in frameworks, in lower case without dashes, underscores and spaces."""
    bits: int | None = None
    """Bits per element of its states; None where they have the parameter's dtype."""
    paged: bool = False
    """True if the states lie in managed memory, which the driver moves to the host under pressure."""
    adapters_only: bool = False
    """True if it trains the adapters of LoRA and nothing else."""

    def state_bytes(self, parameters: int, width: int) -> int:
        """Bytes on the GPU of the states of ``parameters`` with ``width`` bytes each; 0 where they are paged."""
        if self.paged:
            return 0
        return round(parameters * self.states * (width if self.bits is None else STATE_BYTES[self.bits]))


_ADAMW = "two moments: torch optim/adamw.py"
_ADEMAMIX = "a fast, a slow and a second moment: bitsandbytes optim/ademamix.py"
_LION = "one momentum: bitsandbytes optim/lion.py"

OPTIMIZERS = (
    Optimizer(
        "adamw", 2.0, _ADAMW, "adamw_torch",
        ("adam", "adamwtorchfused", "adamwtorchxla", "adamwtorchnpufused", "adamwapexfused", "adamwanyprecision", "adamwhf",
         "adam32bit", "adamw32bit"),
    ),
    Optimizer("adamw8bit", 2.0, _ADAMW, "adamw_8bit", ("adam8bit", "adamwbnb8bit", "adamwtorch8bit"), bits=8),
    Optimizer("adamw4bit", 2.0, _ADAMW, "adamw_torch_4bit", ("adam4bit",), bits=4),
    Optimizer("paged_adamw", 2.0, _ADAMW, "paged_adamw_32bit", ("pagedadam", "pagedadam32bit"), paged=True),
    Optimizer("paged_adamw8bit", 2.0, _ADAMW, "paged_adamw_8bit", ("pagedadam8bit",), bits=8, paged=True),
    Optimizer("ademamix", 3.0, _ADEMAMIX, "ademamix", ("ademamix32bit",)),
    Optimizer("ademamix8bit", 3.0, _ADEMAMIX, "ademamix_8bit", bits=8),
    Optimizer("adafactor", 0.05, "a row and a column, small, by the shapes: transformers optimization.py", "adafactor"),
    Optimizer("adagrad", 1.0, "one sum: torch optim/adagrad.py", "adagrad", ("adagrad32bit",)),
    Optimizer(
        "rmsprop", 1.0, "one mean of squares: torch optim/rmsprop.py", "rmsprop",
        ("rmspropbnb", "rmspropbnb32bit", "rmsprop32bit"),
    ),
    Optimizer("sgd", 1.0, "one momentum: torch optim/sgd.py", "sgd", ("sgd32bit",)),
    Optimizer("lion", 1.0, _LION, "lion_32bit"),
    Optimizer("lion8bit", 1.0, _LION, "lion_8bit", bits=8),
    Optimizer("paged_lion", 1.0, _LION, "paged_lion_32bit", paged=True),
    Optimizer("paged_lion8bit", 1.0, _LION, "paged_lion_8bit", bits=8, paged=True),
    Optimizer(
        "lora_fa", 1.0, "AdamW's two moments of the half of an adapter that is trained: PEFT optimizers/lorafa.py",
        adapters_only=True,
    ),
)  # fmt: skip
OPTIMIZER_BY_NAME = {optimizer.name: optimizer for optimizer in OPTIMIZERS}


CLASSES = {
    "adamw": "torch.optim.AdamW", "adamw8bit": "bitsandbytes.optim.AdamW8bit", "sgd": "torch.optim.SGD",
    "paged_adamw": "bitsandbytes.optim.PagedAdamW", "paged_adamw8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "adamw4bit": "torchao.optim.AdamW4bit", "ademamix": "bitsandbytes.optim.AdEMAMix",
    "ademamix8bit": "bitsandbytes.optim.AdEMAMix8bit", "lion": "bitsandbytes.optim.Lion",
    "lion8bit": "bitsandbytes.optim.Lion8bit", "paged_lion": "bitsandbytes.optim.PagedLion",
    "paged_lion8bit": "bitsandbytes.optim.PagedLion8bit", "rmsprop": "torch.optim.RMSprop",
    "adagrad": "torch.optim.Adagrad", "adafactor": "torch.optim.Adafactor",
}  # fmt: skip
"""Classes of the optimizers by name; none makes LoRA-FA, which needs the model as well."""


def find_optimizer(spelling: str) -> Optimizer | None:
    """Find the optimizer that a framework or a user calls ``spelling``; None where no optimizer has that name."""
    plain = _plain(spelling)
    for optimizer in OPTIMIZERS:
        if plain and plain in (_plain(optimizer.name), _plain(optimizer.transformers or ""), *optimizer.aliases):
            return optimizer
    return None


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
