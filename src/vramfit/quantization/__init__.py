"""Schemes and checkpoints, which give the bytes that each tensor of a model takes.

``SCHEMES`` is the one table of what users may ask for, and ``spelling`` the grammar of names it does not list; each
family is one module with one function ``store(model, scheme)`` that gives every tensor its element type and bytes.
``derive`` makes the ``Checkpoint`` of a model by a scheme. Nothing here knows an average of bits per weight:
``bits_per_weight`` computes it from the stored tensors.
"""

from __future__ import annotations

from vramfit.errors import UnsupportedScheme
from vramfit.quantization.checkpoint import STORED, Checkpoint, Stored, bits_per_weight, derive, own_checkpoint
from vramfit.quantization.schemes import ALIASES, SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

__all__ = [
    "SCHEMES",
    "STORED",
    "Checkpoint",
    "Scheme",
    "Stored",
    "bits_per_weight",
    "derive",
    "find_scheme",
    "own_checkpoint",
    "store",
]


def find_scheme(name: str) -> Scheme:
    """Find the scheme of an id, alias or parametrised name, whatever its case; raises ``UnsupportedScheme``.

    Examples are ``q4_k_m``, ``LLM.int8``, ``gptq-int4-g32`` and ``exl3-3.5``; ``spelling`` documents the last two.
    """
    scheme = SCHEMES.get(name) or SCHEMES.get(ALIASES.get(name.lower(), ""))
    if scheme is None:
        from vramfit.quantization.spelling import read

        scheme = read(name)
    if scheme is None:
        from vramfit.quantization import publishers

        scheme = publishers.read(name)
    if scheme is None:
        folded = {_folded(one): one for one in (*ALIASES, *SCHEMES)}
        spelled = folded.get(_folded(name)) or folded.get(_without_container(_folded(name)), "")
        scheme = SCHEMES.get(spelled) or SCHEMES.get(ALIASES.get(spelled, ""))
    if scheme is None and " (" in name:
        return find_scheme(name.partition(" (")[0])
    if scheme is None:
        raise _unknown(name)
    return scheme


_WHICH = {
    "gguf": "say which type of file: Q4_K_M, Q5_K_M, Q8_0",
    "exl2": "say the bits of a weight: exl2-4.0",
    "exl3": "say the bits of a weight: exl3-4.0",
    "mlx": "say the bits of a weight: mlx-4bit",
    "fullprecision": "say bf16 or fp16 for the 16 bits that most models come in, fp32 for 32",
}
"""Next steps for names that mean several schemes."""


def _unknown(name: str) -> UnsupportedScheme:
    """The error of a name that no table and no grammar knows."""
    from vramfit.quantization.publishers import is_undescribed

    if is_undescribed(name):
        return UnsupportedScheme(
            f'"{name}" is a mix whose bytes no source states',
            "say what its file weighs: --file-size 20GB, or --bits-per-weight 4.8",
        )
    return UnsupportedScheme(f'unknown quant "{name}"', _WHICH.get(_folded(name)) or _hint(name))


def _hint(name: str) -> str:
    """Next step for a name that no table and no grammar knows: the nearest ones, where there are any."""
    from vramfit.quantization.spelling import EXL, read

    if "bpw" in name.lower() and (rated := [one.id for family in EXL if (one := read(f"{family}-{name}")) is not None]):
        return f"a bit rate alone may be of several formats: write {' or '.join(rated)}, or name the engine"
    from vramfit.similar import close

    known = {scheme.lower(): scheme for scheme in SCHEMES}
    near = [known[one] for one in close(name.lower(), known, 3)]
    if near:
        return f"did you mean {' or '.join(near)}? See `vramfit list quants`."
    return "see `vramfit list quants`; of a mix that is not there, say what its file weighs: --file-size 20GB"


def _folded(name: str) -> str:
    """Letters and digits of a name, in small letters: ``Q4_K_M`` and ``q4km`` are one."""
    return "".join([letter for letter in name.lower() if letter.isalnum()])


def _without_container(folded: str) -> str:
    """Folded name without the kind of file before or behind it: ``Q4_K_M.gguf``, ``GGUF Q4_K_M``."""
    for kind in ("gguf", "ggml"):
        folded = folded.removeprefix(kind).removesuffix(kind)
    return folded


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Store every tensor of ``model`` under ``scheme``, in inventory order."""
    return derive(model, scheme).stored
