"""Header of a model's files: every tensor with its bytes, independent of any architecture."""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def extent(shape: tuple[int, ...], axis: int) -> int:
    """Extent along an axis; 1 along those that a file leaves out, as ggml has it (``ggml.h``, ``ne``)."""
    return shape[axis] if axis < len(shape) else 1


class FileTensor(Record):
    """One tensor of a model, with the side tensors (scales, zero points, codebooks) that its packing needs."""

    name: str
    """Name as in the file; of a packed tensor without the suffixes of its pieces."""
    type: str
    """Element type: ``BF16``, ``Q4_K``, ``nf4``, ``fp8``; ``type 250`` where the number is unknown."""
    shape: tuple[int, ...]
    """Extents as the model uses them, row length first (ggml's order: ``shape[0]`` is ``in_features``)."""
    stored_bytes: int
    """Bytes in the file, side tensors included, padding between tensors not."""
    part: str = "text"
    """``text``, ``vision``, ``projector``, ``audio``, ``mtp`` (prediction heads) or ``adapter`` (LoRA matrices)."""
    buffer: bool = False
    """True for what files store and training does not touch: bytes, no parameters."""

    @property
    def elements(self) -> int:
        """Elements of the tensor as the model uses it, however they are packed."""
        product = 1
        for extent in self.shape:
            product *= extent
        return product

    @property
    def parameters(self) -> int:
        """Elements that count as parameters; 0 for a buffer."""
        return 0 if self.buffer else self.elements


class HeaderFile(Record):
    """One file that was read from."""

    name: str
    size_bytes: int | None
    """Bytes of the whole file; None where its server does not say."""


class Raw(Record):
    """One entry of a header."""

    dtype: str
    shape: tuple[int, ...]
    """Torch's order: rows first."""
    stored_bytes: int
    file: int
    """Number of the file in its set, from 0."""
    offset: int
    """Bytes from the start of that file."""


class RawHeader(Record):
    """The headers of a set, tensors as the files state them."""

    files: tuple[HeaderFile, ...]
    entries: dict[str, Raw]
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


class Header(Record):
    """A model's files taken together."""

    format: str
    """``gguf`` or ``safetensors``."""
    files: tuple[HeaderFile, ...]
    tensors: tuple[FileTensor, ...]
    metadata: Mapping[str, object]
    """Key-value pairs of the file (of the first shard): GGUF's typed ones, safetensors' ``__metadata__`` strings."""
    array_lengths: Mapping[str, int] = {}
    """Elements of each array of the metadata, kept or not: long ones (a vocabulary) are stepped over unread."""
    notes: tuple[str, ...] = ()
    """Lines that a report should have on the reading."""

    @property
    def total_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum([tensor.stored_bytes for tensor in self.tensors])

    @property
    def parameters(self) -> int:
        """Parameters of all tensors, prediction heads and adapters included."""
        return sum([tensor.parameters for tensor in self.tensors])

    def bytes_by_type(self) -> dict[str, int]:
        """Bytes of each element type, the most first."""
        found: dict[str, int] = {}
        for tensor in self.tensors:
            found[tensor.type] = found.get(tensor.type, 0) + tensor.stored_bytes
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))
