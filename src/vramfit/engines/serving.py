"""What the commands of servers have in common: a checkpoint from the Hub, its precision, and several machines."""

from __future__ import annotations

from vramfit.engines.naming import DTYPES, PLAIN, file_stem, is_own, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment

WIDE = ("f16", "bf16", "f32")
"""Cache types that servers call ``auto``: the model's own."""
ON_LOAD = {"fp8": "fp8", "nf4": "bitsandbytes", "int8": "bitsandbytes", "fp4": "bitsandbytes"}
"""Schemes that servers make of a 16-bit checkpoint while they load it; any other must be in the checkpoint."""
QUANTIZATIONS = {
    "fp8": "fp8", "bitsandbytes": "nf4", "awq": "awq", "awq_marlin": "awq", "gptq": "gptq-int4", "gptq_marlin": "gptq-int4",
    "mxfp4": "MXFP4",
}  # fmt: skip
"""Schemes of what ``--quantization`` asks for; others stand in the checkpoint. Of a 16-bit one, bitsandbytes makes NF4."""
FIRST_MACHINE = "FIRST_MACHINE"
"""Stands for the address of the first of several machines, which only the user knows."""
GPUS_PER_MACHINE = 8
SPREAD = ("machines", "first_machine", "machine", "waits")
"""Names of the flags that say which of several machines a line is for: no keys, as the GPUs tell how many there are."""


def checkpoint(deployment: Deployment) -> dict[str, Any]:
    """``model``, the repository or the name of a checkpoint yet to be found or made, and how its precision is asked for."""
    scheme, native = deployment.scheme, deployment.model.dtype
    if scheme.id in DTYPES:
        return {"model": repository(deployment), "dtype": DTYPES[scheme.id]}
    if native == scheme.family:
        return {"model": repository(deployment)}
    if scheme.id in ON_LOAD:
        return {"model": repository(deployment), "quantization": ON_LOAD[scheme.id]}
    return {"model": repository(deployment) if is_own(deployment) else file_stem(deployment)}


def with_quant(keys: dict[str, Any]) -> dict[str, Any]:
    """``keys`` with ``quant`` for ``quantization`` and ``dtype``, where they tell it, and without the flags' own names."""
    quantization, dtype = keys.pop("quantization", None), keys.pop("dtype", "auto")
    quant = QUANTIZATIONS.get(quantization) if quantization is not None else PLAIN.get(dtype)
    if quant is not None:
        keys["quant"] = quant
    for name in SPREAD:
        keys.pop(name, None)
    return keys


def machines(deployment: Deployment) -> int:
    """Whole machines of eight; other counts, such as the ten of some rented instances, are one."""
    count, left = divmod(len(deployment.gpus), GPUS_PER_MACHINE)
    return 1 if left else count


def share_text(share: float) -> str:
    """A share without needless digits, ``0.92``."""
    return f"{share:g}"
