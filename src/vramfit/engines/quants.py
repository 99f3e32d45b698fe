"""Quantizations that a request means: the word of a scheme or class, for an engine and a model, as its scheme."""

from __future__ import annotations

from vramfit.errors import CannotTell, UnsupportedScheme, UsageError
from vramfit.quantization import SCHEMES, STORED, find_scheme, own_checkpoint
from vramfit.quantization.schemes import LOOSE
from vramfit.workload.common import CLASSES
from vramfit.workload.training import trainer_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.base import Engine
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.keys import Request

NATIVE = ("fp16", "bf16")
"""Schemes that belong to the class ``fp16`` without conversion."""
RELEASED = {"fp8": "fp8-block", "mxfp4": "MXFP4", "int4": "w4a16"}
"""Schemes of models released in fewer than 16 bits, by the element type of the release."""
FLOATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
"""PyTorch's element types by the types of GGUF files that are one element type."""
TRAINING_SCHEME = "bf16"
"""Scheme of the base weights of fine-tuning, if the request states no ``quant``; 4-bit ones are in the trainer's."""


def quants(request: Request, task: str, dtype: str = "", families: Sequence[str] = ()) -> tuple[str, ...]:
    """Quantizations to resolve: the requested one, or else the three classes, or the scheme of a fine-tuning task.

    For a model released in fewer than 16 bits (``dtype``) they are the released form, if the engine loads its family
    (one of ``families``), and the classes of fewer bits.
    """
    asked = request.get("quant")
    if asked is not None:
        return (asked,)
    if task != "inference":
        return (training_scheme(request, task),)
    released = RELEASED.get(dtype)
    if released is None:
        return CLASSES
    scheme = find_scheme(released)
    return (released, *CLASSES[CLASSES.index(scheme.precision) + 1 :]) if scheme.family in families else CLASSES


def training_scheme(request: Request, task: str) -> str:
    """Scheme of the base weights of a fine-tuning task, if the request states no ``quant``: the trainer's own."""
    if task != "qlora":
        return TRAINING_SCHEME
    from vramfit.training.profile import find_trainer

    return find_trainer(trainer_name(request)).scheme


def scheme_of(word: str, runtime: Engine[object, object], model: Model) -> Scheme:
    """Find the scheme that a quantization's name means for an engine; it can be that of the file the model is from.

    Raises ``CannotTell`` if the file's scheme is requested and unknown, ``UsageError`` if there is no file, and
    ``UnsupportedScheme`` if the engine cannot load the scheme.
    """
    own = own_checkpoint(model)
    if own is not None and (word in (STORED, own.scheme.id) or _is_class_of(word, own.scheme)):
        scheme = own.scheme
    elif word == STORED:
        if model.origin is not None and model.origin.stored_gap is not None:
            raise CannotTell(
                f"how {model.name} is stored cannot be told: {model.origin.stored_gap}",
                "give a file of its weights, or --quant",
            )
        raise UsageError(f"{model.id} is not read from a file", "name the quantization; see `vramfit list quants`")
    else:
        scheme = _of_bits(word, runtime) or find_scheme(runtime.meant_by(word, model))
        if scheme.family not in runtime.families:
            scheme = _in_families(word, scheme, runtime)
    if scheme.family not in runtime.families:
        raise UnsupportedScheme(
            f'{runtime.name} cannot load quant "{word}"',
            f"{runtime.name} takes {', '.join(runtime.scheme_of_class)} or: {', '.join(runtime.families)}",
        )
    if "apex" in scheme.settings:
        from vramfit.quantization.gguf_apex import check

        check(model)
    return scheme


def _of_bits(word: str, runtime: Engine[object, object]) -> Scheme | None:
    """Scheme of the engine's own that a bare bit rate means: ``4.65bpw-h8`` on ExLlamaV2 is ``exl2-4.65-h8``.

    None for any other word, and where several families of the engine have such a rate or none has.
    """
    if not word[:1].isdecimal() or "bpw" not in word.lower():
        return None
    from vramfit.quantization.spelling import EXL, FAMILIES, read

    named = [read(f"{family}-{word}") for family in runtime.families if family in EXL or family in FAMILIES]
    found = [scheme for scheme in named if scheme is not None]
    return found[0] if len(found) == 1 else None


def _in_families(word: str, scheme: Scheme, runtime: Engine[object, object]) -> Scheme:
    """Scheme of the engine's own families that a word means too; the scheme itself where it means none.

    ``bf16`` is a type of GGUF files as well, ``BF16`` one of PyTorch's, and ``Q4`` no more than a number of bits.
    """
    for spelling in (word.upper(), FLOATS.get(scheme.id, word)):
        known = SCHEMES.get(spelling)
        if known is not None and known.family in runtime.families:
            return known
    own = runtime.scheme_of_class.get(scheme.precision)
    return scheme if own is None or word.lower() not in LOOSE else find_scheme(own)


def _is_class_of(word: str, own: Scheme) -> bool:
    """Return True if the class ``fp16`` is requested of a 16-bit file, which then needs no other checkpoint."""
    return word == own.precision and own.id in NATIVE


def nearer(asked: str | None, stated: str | None) -> str | None:
    """Choose the scheme of a repository (``stated``) if the request asks for no scheme or for a kind that it belongs to.

    For a repository in ``fbgemm_fp8`` a request for "fp8" means that scheme, and for one in AWQ a request for "int4".
    """
    if asked in (None, STORED) or stated in (None, STORED):
        return stated if asked in (None, STORED) and stated is not None else asked
    kind = find_scheme(stated)
    if asked in CLASSES:
        return stated if kind.precision == asked else asked
    return stated if asked in (kind.family, f"{kind.family}-{kind.precision}") else asked
