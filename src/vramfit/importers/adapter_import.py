"""LoRA adapter with the model it was trained on.

``adapter_config.json`` names the base (PEFT 0.21 ``config.py``, ``base_model_name_or_path``), which is looked up like any
name; the adapter's own matrices are counted beside it. PEFT turns matrices in 16 bits into 32 when it loads them
(``tuners/tuners_utils.py``, ``cast_adapter_dtype``), and a server keeps its slots in the model's type, so 32 bits are
what a report counts.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.errors import InputError
from vramfit.importers.folder_import import read_settings
from vramfit.importers.gguf_set import layer_number, read_adapter
from vramfit.importers.imported import Imported
from vramfit.importers.packed import logical_header
from vramfit.importers.place import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vramfit.importers.reference import has_scheme, is_path
from vramfit.importers.roles import stored_rows
from vramfit.importers.safetensors import read_set
from vramfit.importers.source import kind_of, printable
from vramfit.model.counted import active_parameters, tensors
from vramfit.quantization.checkpoint import ADAPTER, Checkpoint, Stored, adapter_rows, keep, own_checkpoint
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.importers.header import Header
    from vramfit.importers.place import Place
    from vramfit.model import Model
    from vramfit.model.origin import Origin

ELEMENT_BYTES = 4
SAFETENSORS, PICKLE = ADAPTER_WEIGHTS
SLOTS = "slots that a server reserves for further adapters (vLLM's --max-loras) are not in the estimate"


def base_name(place: Place, identity: str) -> str:
    """Name of the model that an adapter was trained on, as ``--model`` takes it.

    Raises:
        InputError: it names none, or a directory that this disk does not have.
    """
    stated = read_settings(place.folder, ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(stated, str) or not stated.strip() or not stated.isprintable():
        raise InputError(f"{printable(identity)} is an adapter that names no base model", "name the model itself")
    if place.local and kind_of(stated) == "directory":
        return stated if is_path(stated) else f"./{stated}"
    if is_path(stated) or has_scheme(stated) or stated.count("/") > 1:
        raise InputError(
            f"{printable(identity)} is an adapter of {printable(stated)}, which is not on this disk",
            "name the base: -m org/name",
        )
    return stated


def import_adapter(place: Place, identity: str, origin: Origin, base: Model, keys: Mapping[str, Any]) -> Imported:
    """Base model with the matrices of an adapter beside it, under the adapter's name.

    Raises:
        InputError: the adapter's weights are not there, are pickles, or cannot be read.
    """
    above = base.origin
    if above is not None and above.kind == "gguf":
        raise InputError(
            f"{printable(identity)} goes on {base.name}, which is here as GGUF: llama.cpp takes adapters as GGUF alone",
            "convert it with convert_lora_to_gguf.py, or name the base: -m " + printable(base.id),
        )
    header = _weights(place, identity)
    rows = tuple([_widened(row) for row in stored_rows(header)])
    added = sum([row.elements for row in rows])
    size = sum([row.total_bytes for row in rows]) / MIB
    notes = (
        f"it is an adapter of {base.name}: its {added:,} parameters are counted in 32 bits ({size:,.1f} MiB), as PEFT loads them",
        SLOTS,
    )
    model = replace(
        base,
        id=identity,
        origin=replace(
            origin,
            kind=header.format,
            files=(ADAPTER_CONFIG, *[file.name for file in header.files]),
            base=base.hf[0] if base.hf else above.repository or above.path if above is not None else base.id,
            knowledge="known" if above is None else above.knowledge,
            gap=None if above is None else above.gap,
            stored_gap=None if above is None else above.stored_gap,
            notes=(*origin.notes, *(() if above is None else above.notes), *notes),
        ),
    )
    tensors.remember(model, tensors(base))
    adapter_rows.remember(model, rows)
    own = own_checkpoint(base)
    checkpoint = None
    if own is not None:
        checkpoint = Checkpoint(model, own.scheme, (*own.stored, *rows), own.source, own.idle_bytes)
        keep(checkpoint)
    return Imported(model, keys, checkpoint)


def with_gguf_adapters(base: Imported, place: Place) -> Imported:
    """Model of a GGUF file with the matrices of the adapters at its place, which are GGUF files too.

    llama.cpp keeps them in the types of their files (``src/llama-adapter.cpp``, ``llama_adapter_lora_init_impl``). Raises
    ``InputError`` if a file cannot be read or is no adapter.
    """
    headers = [read_adapter(place.folder, name) for name in place.adapters]
    last = max(base.model.layer_count - 1, 0)
    rows = tuple([_beside_layer(row, last) for header in headers for row in stored_rows(header)])
    names = tuple([file.name for header in headers for file in header.files])
    added = sum([row.elements for row in rows])
    size = sum([row.total_bytes for row in rows]) / MIB
    note = f"an adapter goes on it: its {added:,} parameters are counted as its file has them ({size:,.1f} MiB)"
    model, checkpoint = base.model, base.checkpoint
    if model.origin is not None:
        origin = replace(model.origin, files=(*model.origin.files, *names), notes=(*model.origin.notes, note))
        model = replace(model, origin=origin)
    tensors.remember(model, tensors(base.model))
    active_parameters.remember(model, active_parameters(base.model))
    adapter_rows.remember(model, rows)
    if checkpoint is not None:
        own = (*checkpoint.stored, *rows)
        checkpoint = Checkpoint(model, checkpoint.scheme, own, checkpoint.source, checkpoint.idle_bytes)
        keep(checkpoint)
    return Imported(model, base.keys, checkpoint)


def _beside_layer(row: Stored, last: int) -> Stored:
    """Row of an adapter in the layer of the matrix that it changes, since llama.cpp keeps both on one device.

    A matrix behind the layers, which is on the device of the last one, counts to that layer.
    """
    number = layer_number(row.tensor.name)
    layers = (min(number, last) if number >= 0 else last,)
    return Stored(replace(row.tensor, layers=layers), row.type, row.bytes_each, layers)


def _weights(place: Place, identity: str) -> Header:
    """Header of an adapter's file, every tensor of it the adapter's: full copies of modules (``modules_to_save``) too."""
    here = place.folder.names()
    if SAFETENSORS not in here:
        problem = "are a pickle, which is not opened" if PICKLE in here else "are not there"
        raise InputError(f"the weights of the adapter {printable(identity)} {problem}", f"it needs {SAFETENSORS}")
    header = logical_header(read_set(place.folder, (SAFETENSORS,)))
    return replace(header, tensors=tuple([replace(tensor, part=ADAPTER) for tensor in header.tensors]))


def _widened(row: Stored) -> Stored:
    """Row in 32 bits, where its file has less."""
    return Stored(row.tensor, "F32", max(row.bytes_each, ELEMENT_BYTES * row.tensor.elements), row.layers)
