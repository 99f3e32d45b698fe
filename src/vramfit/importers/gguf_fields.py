"""Figures of a GGUF's metadata, each checked where it is read, and the tensors of its layers."""

from __future__ import annotations

from vramfit.errors import InputError
from vramfit.importers.gguf_set import layer_number
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.header import FileTensor, Header

MOST = 1 << 31
MOST_LAYERS = 1024
"""llama.cpp's own limit is 512 (``LLAMA_MAX_LAYERS``)."""


class Fields:
    """Metadata of one architecture by its keys without the architecture's name, and the text model's tensors."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.architecture = str(header.metadata.get("general.architecture", ""))
        self._file = header.files[0].name if header.files else "the file"
        self.tensors: dict[str, FileTensor] = {}
        """Tensors outside the layers by name."""
        self.layers: dict[int, dict[str, FileTensor]] = {}
        """Tensors of each layer by number and name without ``blk.N.``; prediction heads left out."""
        for tensor in header.tensors:
            number = layer_number(tensor.name)
            if tensor.part != "text":
                continue
            if number < 0:
                self.tensors[tensor.name] = tensor
            else:
                self.layers.setdefault(number, {})[tensor.name.split(".", 2)[2]] = tensor

    def number(self, key: str, default: int | None = None) -> int | None:
        """A whole number, 0 included; ``default`` where the key is not there. Of an array the largest.

        Raises:
            InputError: it is something else.
        """
        value = self._stated(key)
        if value is None:
            return default
        values = value if isinstance(value, list) else [value]
        if not values or not all(type(one) is int and 0 <= one < MOST for one in values):
            raise self._wrong(key, value)
        largest: int = max(values)
        return largest

    def array(self, key: str, layers: int) -> list[int] | None:
        """A whole number for each layer, given one by one or once for all; None where the key is not there.

        Raises:
            InputError: it is something else, or there are too few.
        """
        value = self._stated(key)
        if value is None:
            return None
        if type(value) is int:
            value = [value] * layers
        if not isinstance(value, list) or len(value) < layers:
            raise self._wrong(key, value)
        if not all(type(one) in (int, bool) and 0 <= one < MOST for one in value):
            raise self._wrong(key, value)
        return [int(one) for one in value[:layers]]

    def is_array(self, key: str) -> bool:
        """True if the key holds one value for each layer."""
        return isinstance(self.header.metadata.get(f"{self.architecture}.{key}"), list)

    def needed(self, key: str) -> int:
        """A whole number above 0 that there must be.

        Raises:
            InputError: it is missing or something else.
        """
        value = self.number(key)
        if not value:
            raise self._wrong(key, None)
        return value

    def _stated(self, key: str) -> object:
        """Value of a key, None without one; raises for an array that was too long to be kept."""
        full = f"{self.architecture}.{key}"
        length = self.header.array_lengths.get(full, 0)
        if length and full not in self.header.metadata:
            raise self._wrong(key, f"a list of {length:,}")
        return self.header.metadata.get(full)

    def _wrong(self, key: str, value: object) -> InputError:
        name = f"{printable(self.architecture)}.{key}"
        what = f"{self._file} has no {name}" if value is None else f"{self._file}: {name} is {printable(repr(value))}"
        return InputError(what, "the file's metadata is damaged: convert or download it again")
