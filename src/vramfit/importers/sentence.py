"""Modules that sentence-transformers puts behind a transformer: dense layers with weights in folders of their own.

``modules.json`` lists them in order (sentence-transformers 5.2 ``base/model.py``); the transformer is the first. Poolings
and normalizations have no weights. A dense layer has ``linear.weight`` and perhaps ``linear.bias`` in safetensors, or in a
pickle, beside which ``config.json`` states its extents (``models/Dense.py``). Nothing quantizes them.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import InputError
from vramfit.importers.packed import logical_header
from vramfit.importers.safetensors import SINGLE_NAMES, parse, read_set
from vramfit.importers.source import printable
from vramfit.model.architecture import Tensor
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from vramfit.importers.source import Folder

MODULES = "modules.json"
CONFIG = "config.json"
WEIGHTS, PICKLE = SINGLE_NAMES[0], "pytorch_model.bin"
MOST_MODULES = 64
LONGEST_BYTES = 1 << 20
LARGEST = 1 << 31
ELEMENT_BYTES = 4
"""Bytes of an element of a dense layer that was saved as a pickle: PyTorch's default type, which the class saves."""


class Modules(Record):
    """Modules of a folder that ``modules.json`` lists."""

    transformer: str
    """Folder of the transformer below the model's own; empty where they are one."""
    rows: tuple[Stored, ...]
    """Weights of the modules behind it."""
    files: tuple[str, ...]
    """Files that were read."""


def read_modules(folder: Folder, below: Callable[[str], Folder]) -> Modules:
    """Modules of a folder that has a ``modules.json``; ``below`` gives the folders below it.

    Raises:
        InputError: the list has another form, or leads out of the folder, or a module's weights cannot be read.
    """
    rows: list[Stored] = []
    files = [MODULES]
    transformer = ""
    for number, path in enumerate(_paths(folder)):
        if number == 0:
            transformer = path
        elif path:
            found = tuple(_rows(below(path), path))
            rows += [row for row, _ in found]
            files += dict.fromkeys([f"{path}/{file}" for _, file in found])
    return Modules(transformer, tuple(rows), tuple(files))


def _paths(folder: Folder) -> list[str]:
    """Paths of the modules in order."""
    source = folder.open(MODULES)
    text = source.read(0, LONGEST_BYTES)
    # A list is no settings, so it is read as the one value of an object.
    modules = parse(b'{"modules":' + text + b"}", source.name)["modules"]
    if not isinstance(modules, list) or len(modules) > MOST_MODULES:
        raise InputError(f"{source.name} is no list of modules", "the file is damaged: download it again")
    paths = [one.get("path") if isinstance(one, dict) else None for one in modules]
    for path in paths:
        if not isinstance(path, str) or not path.isprintable() or path.startswith(".") or "/" in path or "\\" in path:
            raise InputError(f"{source.name} names the folder {printable(repr(path))}", "download it again")
    return [path for path in paths if isinstance(path, str)]


def _rows(folder: Folder, path: str) -> Iterator[tuple[Stored, str]]:
    """Weights of a module, each with the file that states it; none of a module without weights."""
    try:
        here = folder.names()
    except InputError:
        return  # a module without settings has no folder
    if WEIGHTS in here:
        for tensor in logical_header(read_set(folder, (WEIGHTS,))).tensors:
            yield _row(f"{path}.{tensor.name}", tensor.shape, tensor.type, tensor.stored_bytes), WEIGHTS
    elif PICKLE in here and CONFIG in here:
        source = folder.open(CONFIG)
        settings = parse(source.read(0, LONGEST_BYTES), source.name)
        inputs, outputs = _extent(settings, "in_features", path), _extent(settings, "out_features", path)
        yield _row(f"{path}.linear.weight", (inputs, outputs), "F32", inputs * outputs * ELEMENT_BYTES), CONFIG
        if settings.get("bias", True):
            yield _row(f"{path}.linear.bias", (outputs,), "F32", outputs * ELEMENT_BYTES), CONFIG


def _extent(settings: dict[str, Any], field: str, path: str) -> int:
    value = settings.get(field)
    if type(value) is not int or not 0 < value < LARGEST:
        raise InputError(
            f"{path}/{CONFIG} states no {field} of a dense layer, and its weights are a pickle", "ask for safetensors"
        )
    return value


def _row(name: str, shape: tuple[int, ...], kind: str, stored_bytes: int) -> Stored:
    return Stored(Tensor(name, shape or (1,), (), "text", False), kind, stored_bytes, ())
