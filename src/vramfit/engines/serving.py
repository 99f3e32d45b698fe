"""Parts of launch commands that vLLM and SGLang share: the checkpoint, its precision, and several machines."""

from __future__ import annotations

from vramfit.engines.naming import DTYPES, PLAIN, file_stem, is_own, is_published, is_stored, repository
from vramfit.quantization.schemes import is_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch import Program

WIDE = ("f16", "bf16", "f32")
"""Cache types that a command leaves at ``auto``, the element type of the model."""
ON_LOAD = {"fp8": "fp8", "nf4": "bitsandbytes"}
"""Schemes that servers make of a 16-bit checkpoint while loading, and their ``--quantization``. Any other scheme needs a
checkpoint that is stored in it: of bitsandbytes' own, a server makes NF4 whatever is asked (vLLM 0.33.0
``model_loader/bitsandbytes_loader.py`` ``_unquantized_generator``)."""
QUANTIZATIONS = {
    "fp8": "fp8", "bitsandbytes": "nf4", "awq": "awq", "awq_marlin": "awq", "auto_awq": "awq", "gptq": "gptq-int4",
    "gptq_marlin": "gptq-int4", "auto_gptq": "gptq-int4", "mxfp4": "MXFP4", "gpt_oss_mxfp4": "MXFP4",
    "modelopt_fp4": "nvfp4", "fp8_per_tensor": "fp8", "fp8_per_block": "fp8-block", "fp8_per_channel": "fp8-channel",
    "nvfp4_per_token": "nvfp4", "int8_per_channel_weight_only": "w8a16", "w8a8_int8": "w8a8", "w8a8_fp8": "fp8-channel",
    "sym_int4": "w4a16",
}  # fmt: skip
"""Schemes by the value of ``--quantization`` (bitsandbytes makes NF4 of a 16-bit checkpoint; vLLM 0.33.0
``layers/quantization/__init__.py``, SGLang 0.5.23 ``layers/quantization``, and ``sym_int4`` of Intel's builds). Other values
leave the scheme to the checkpoint."""
SPREAD = ("first_machine", "machine", "waits", "executor")
"""Names of the flags that say which of several machines a line is for, and how they are joined: no deployment keys."""


def checkpoint(deployment: Deployment) -> dict[str, object]:
    """Values of the flags for the checkpoint: ``model``, and ``dtype`` or ``quantization`` if its scheme needs one.

    ``model`` is a repository, or the name of a checkpoint that the user has to find or make.
    """
    scheme, native = deployment.scheme, deployment.model.dtype
    if scheme.id in DTYPES:
        return {"model": repository(deployment), "dtype": DTYPES[scheme.id]}
    if is_release(native, scheme) or is_stored(deployment):
        return {"model": repository(deployment)}
    if scheme.id in ON_LOAD:
        return {"model": repository(deployment), "quantization": ON_LOAD[scheme.id]}
    return {"model": repository(deployment) if is_own(deployment) else file_stem(deployment)}


def names_known_files(deployment: Deployment) -> bool:
    """Return True if ``checkpoint`` names a repository that has the weights, or 16-bit ones that a server quantizes."""
    return is_published(deployment, ON_LOAD)


def with_quant(keys: dict[str, Any]) -> dict[str, Any]:
    """Replace ``quantization`` and ``dtype`` in ``keys`` by ``quant`` if they determine it, and drop the flags' names.

    Of a model whose name states a quantization, ``dtype`` is the type of the activations alone, and a ``quantization`` that
    names a method of several widths (``gptq``, ``bitsandbytes``) has the bits that the name states.
    """
    quantization, dtype = keys.pop("quantization", None), keys.pop("dtype", "auto")
    quant = QUANTIZATIONS.get(quantization) if quantization is not None else PLAIN.get(dtype)
    stored = None if quant is None else _stored_quant(str(keys.get("model", "")))
    if quant is not None and quantization is not None:
        keys["quant"] = stored if stored is not None and _differ_in_bits(quant, stored) else quant
    elif quant is not None and stored is None:
        keys["quant"] = quant
    for name in SPREAD:
        keys.pop(name, None)
    return keys


def _differ_in_bits(quant: str, stored: str) -> bool:
    """Return True if two schemes are of one family and of different classes: ``gptq-int4`` and ``gptq-int8``."""
    from vramfit.quantization import find_scheme

    one, other = find_scheme(quant), find_scheme(stored)
    return one.family == other.family and one.precision != other.precision


def _stored_quant(model: str) -> str | None:
    """Quantization that the name of a repository or folder states; None for a name of 16-bit files, or of none."""
    from vramfit.catalogue.repositories import name_quant

    quant = name_quant(model)
    return None if quant in PLAIN.values() else quant


def machines(estimate: Estimate) -> int:
    """Number of machines that the estimate decided on."""
    return int(str(estimate.settings["nodes"]))


def with_variables(program: Program, values: Mapping[str, object]) -> list[str]:
    """Words of a program with the values of its variables in front."""
    from vramfit.launch import write

    return [*[f"{name}={text}" for name, text in write.pairs(program.variables, values)], *write.words(program, values)]


def switched(text: str) -> bool:
    """Read a switch of the environment: ``1`` or ``true``."""
    return text.strip().lower() in ("1", "true")


def share_text(share: float) -> str:
    """Write a share without trailing zeros, ``0.92``."""
    return f"{share:g}"
