"""Schemes: how many bytes each tensor of a model takes.

``SCHEMES`` is the one table of what users may ask for, and ``spelling`` the grammar of names it does not list; each
family is one module with one function ``store(model, scheme)`` that gives every tensor its element type and bytes.
Nothing here knows an average of bits per weight: ``bits_per_weight`` computes it from the stored tensors.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record
from vramfit.errors import UnsupportedScheme
from vramfit.quantization.schemes import ALIASES, SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.model import Model, Tensor

__all__ = ["SCHEMES", "Scheme", "Stored", "bits_per_weight", "checkpoint_bytes", "find_scheme", "store"]


@record
class Stored:
    """A tensor (or the part of it in some layers) as a checkpoint holds it."""

    tensor: Tensor
    type: str
    """Element type after quantization: ``F16``, ``int8``, ``nf4``, ``Q6_K``."""
    bytes_each: int
    """Bytes of one such tensor, scales and zero points included."""
    layers: tuple[int, ...]
    """The layers stored this way, a part of ``tensor.layers``; empty for a tensor that stands alone."""

    @property
    def total_bytes(self) -> int:
        """Bytes of all copies."""
        return self.bytes_each * self.count

    @property
    def count(self) -> int:
        """How many such tensors this row stands for."""
        return self.tensor.copies * (len(self.layers) or 1)

    @property
    def elements(self) -> int:
        """Elements of all of them."""
        return self.tensor.elements * self.count


def find_scheme(name: str) -> Scheme:
    """The scheme of an id, alias or parametrised name, case-insensitively; raises ``UnsupportedScheme``.

    ``q4_k_m``, ``LLM.int8``, ``gptq-int4-g32``, ``exl3-3.5``; ``spelling`` documents the last two.
    """
    scheme = SCHEMES.get(name) or SCHEMES.get(ALIASES.get(name.lower(), ""))
    if scheme is None:
        from vramfit.quantization.spelling import read

        scheme = read(name)
    if scheme is None:
        import difflib

        known = {s.lower(): s for s in SCHEMES}
        near = [known[n] for n in difflib.get_close_matches(name.lower(), known, 3)]
        hint = f"did you mean {' or '.join(near)}? See `vramfit list quants`." if near else "See `vramfit list quants`."
        raise UnsupportedScheme(f'unknown quant "{name}"', hint)
    return scheme


def checkpoint_bytes(stored: Iterable[Stored], scheme: Scheme) -> int:
    """Tensor data of the quantized file: what ``checkpoint_bytes`` of the report means.

    All tensors of a Hugging Face checkpoint; of GGUF only the language model, since the towers are a second file.
    """
    parts = ("text", "component") if scheme.family == "gguf" else None
    return sum([row.total_bytes for row in stored if parts is None or row.tensor.part in parts])


def bits_per_weight(stored: Iterable[Stored], parts: tuple[str, ...] | None = None) -> float:
    """Bits a parameter takes on average, over all parts of a model or the named ones; 0 where there are none.

    Small tensors, scales and zero points are in it, so a "4-bit" scheme comes out above 4. Buffers weigh and do not
    count.
    """
    chosen = [row for row in stored if parts is None or row.tensor.part in parts]
    parameters = sum([0 if row.tensor.buffer else row.elements for row in chosen])
    return 8 * sum([row.total_bytes for row in chosen]) / parameters if parameters else 0.0


@per_model
def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Every tensor of ``model`` under ``scheme``, in inventory order."""
    module = __import__(f"vramfit.quantization.{scheme.family}", fromlist=["store"])
    stored: tuple[Stored, ...] = module.store(model, scheme)
    return stored
