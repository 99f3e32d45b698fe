"""Checkpoint: a model's tensors, the bytes they are stored in, and the place where that is known from.

It is derived by a scheme, or read from a file. Engines place what it holds and never ask how it came about, so a file
whose mix of types no scheme describes is no special case.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record, once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.model import Model, Tensor
    from vramfit.quantization.schemes import Scheme


TOWERS = ("vision", "projector", "audio")
"""Parts of a model that GGUF keeps in a file of their own (``mmproj``)."""

ADAPTER = "adapter"
"""Part of a LoRA adapter's matrices: loaded beside the model whatever scheme that is in, and a file of their own."""

STORED = "stored"
"""Word behind ``--quant`` for the form that a file is in, whatever its name; the id of a mix that has none."""


class Stored(Record):
    """A tensor (or the part of it in some layers) as a checkpoint holds it."""

    tensor: Tensor
    type: str
    """Element type after quantization: ``F16``, ``int8``, ``nf4``, ``Q6_K``."""
    bytes_each: int
    """Bytes of one such tensor, scales and zero points included."""
    layers: tuple[int, ...]
    """Layers stored this way, a part of ``tensor.layers``; empty for a tensor that stands alone."""

    if not TYPE_CHECKING:
        # A check makes hundreds, and the constructor of all records takes more than twice the time to fill one.
        def __init__(self, tensor, type, bytes_each, layers):
            self.tensor = tensor
            self.type = type
            self.bytes_each = bytes_each
            self.layers = layers

    @property
    def total_bytes(self) -> int:
        """Bytes of all copies."""
        return self.bytes_each * self.tensor.copies * (len(self.layers) or 1)

    @property
    def count(self) -> int:
        """Number of such tensors that this row stands for."""
        return self.tensor.copies * (len(self.layers) or 1)

    @property
    def elements(self) -> int:
        """Number of elements of all copies."""
        return self.tensor.elements * self.count


class Checkpoint:
    """Stored tensors of a model.

    Made by ``derive`` or by an importer, once for a model and a scheme: results computed from one are remembered by its
    identity, and two are equal only if they are the same object.
    """

    def __init__(
        self,
        model: Model,
        scheme: Scheme,
        stored: tuple[Stored, ...] | None = None,
        source: str = "",
        idle_bytes: int = 0,
        family: str = "",
        scaled: float = 1.0,
    ) -> None:
        self.model = model
        self.scheme = scheme
        """Scheme that it was derived by, or that a file states or comes nearest to."""
        self.source = source
        """File that it was read from; empty for one that a scheme derived."""
        self.idle_bytes = idle_bytes
        """Bytes of the file that no engine loads with the model: prediction heads."""
        self.family = family or scheme.family
        """Family of the file: the scheme's, unless an engine holds the scheme in a file of another (``GGUF``'s BF16)."""
        self.scaled = scaled
        """Ratio of the file to what the scheme alone would make of it: 1 unless its size was stated."""
        self._stored = stored

    @property
    def stored(self) -> tuple[Stored, ...]:
        """Every tensor that engines load, in inventory order."""
        if self._stored is None:
            module = __import__(f"vramfit.quantization.{self.scheme.family}", fromlist=["store"])
            self._stored = (*module.store(self.model, self.scheme), *adapter_rows(self.model))
        stored: tuple[Stored, ...] = self._stored
        return stored

    @once
    def file_bytes(self) -> int:
        """Bytes of tensor data in the file of weights, which is ``checkpoint_bytes`` of the report.

        They are all tensors of a Hugging Face checkpoint, and for GGUF all but the towers, which are a second file. An
        adapter is always a file of its own.
        """
        apart = (*TOWERS, ADAPTER) if self.family == "gguf" else (ADAPTER,)
        return self.idle_bytes + sum([row.total_bytes for row in self.stored if row.tensor.part not in apart])

    def __repr__(self) -> str:
        return f"Checkpoint({self.model.id}, {self.scheme.id}, {self.source or 'derived'})"


@per_model
def own_checkpoint(model: Model) -> Checkpoint | None:
    """Checkpoint that ``model`` was read from; None for a model of which no file was read (``keep``)."""
    return None


def keep(checkpoint: Checkpoint) -> None:
    """Make a checkpoint that was read from a file the one that ``derive`` gives for its model and scheme."""
    own_checkpoint.remember(checkpoint.model, checkpoint)


@per_model
def adapter_rows(model: Model) -> tuple[Stored, ...]:
    """Tensors of the adapter that ``model`` is loaded with; none for a model without one (``remember``)."""
    return ()


@per_model
def derive(model: Model, scheme: Scheme) -> Checkpoint:
    """Checkpoint of ``model`` stored as ``scheme``: its own where that is how its file is stored."""
    own = own_checkpoint(model)
    if own is not None and own.scheme.id == scheme.id:
        return own
    made = Checkpoint(model, scheme)
    if "mix" in scheme.settings:
        module = __import__(f"vramfit.quantization.{scheme.family}", fromlist=["idle_bytes"])
        made.idle_bytes = module.idle_bytes(model, scheme, made.stored)
    return made


def bits_per_weight(stored: Iterable[Stored], parts: tuple[str, ...] | None = None) -> float:
    """Bits that a parameter takes on average, over all parts of a model or the named ones; 0 where there are none.

    Adapters are none of its parts. Small tensors, scales and zero points are counted, so a "4-bit" scheme comes out
    above 4. Buffers add bytes and no parameters.
    """
    chosen = [row for row in stored if (row.tensor.part != ADAPTER if parts is None else row.tensor.part in parts)]
    parameters = sum([0 if row.tensor.buffer else row.elements for row in chosen])
    return 8 * sum([row.total_bytes for row in chosen]) / parameters if parameters else 0.0
