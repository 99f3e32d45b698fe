"""A model in GGUF form: one file or a set of shards, refused by name where it is no model, and its projector.

Sources: llama.cpp b11434 ``src/llama-model-loader.cpp`` (splits: ``split.no``, ``split.count``, ``split.tensors.count``),
``src/llama-adapter.cpp``, ``tools/imatrix/imatrix.cpp`` and ``tools/cvector-generator`` (files that are no models). Which
projector goes with a model is ``gguf_choice``'s to say.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.errors import InputError
from vramfit.importers.gguf_choice import shard_names
from vramfit.importers.header import FileTensor, Header, HeaderFile
from vramfit.importers.kept_headers import gguf_header
from vramfit.importers.source import printable
from vramfit.quantization.gguf_layout import BLOCKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vramfit.importers.gguf import Entry, GgufFile
    from vramfit.importers.source import Folder

DRAFTS = ("eagle3", "dflash", "gemma4-assistant")
"""Architectures that draft for another model and run only beside it (llama.cpp ``common/speculative.cpp``)."""

CONCATENATIONS = (".gguf-split-", ".gguf.part", ".gguf-part", "-split-", ".part1of", ".part2of")
"""Parts of names of files that were cut with ``split`` and must be joined before anything reads them."""

BUFFERS = ("exp_probs_b.bias", "layer_output_scale.weight", "ffn_gate_tid2eid.weight")
ROTARY = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Ends of names of tensors that nothing trains: selection biases and lookup tables, and tables of rotary angles."""

PARTS = (
    ("v.", "vision"), ("mm.a.", "audio"), ("mm.", "projector"), ("a.", "audio"), ("resampler.", "projector"),
    ("model.image_newline", "projector"),
)  # fmt: skip
"""Beginnings of the names of what looks and listens (llama.cpp ``tools/mtmd/clip-impl.h``); the first that fits."""


def read_gguf_model(folder: Folder, name: str) -> Header:
    """The model that ``name`` is, or is one shard of.

    Raises:
        InputError: a file that cannot be read, a missing shard, or a file that is no model (the message says what it
            is and the hint how it is used).
    """
    files = _files(folder, name)
    header = _joined(files)
    _refuse(header, name)
    return header


def read_projector(folder: Folder, name: str) -> Header:
    """A projector's own file: vision or audio tower and the way into the language model.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    header = _joined([gguf_header(folder, name)])
    if _kind(header) != "mmproj":
        raise InputError(f"{printable(name)} is not a projector", "remove it from the folder, or name the right one")
    return header


def read_adapter(folder: Folder, name: str) -> Header:
    """Read the header of a LoRA adapter's file; all of its tensors are parts of the adapter.

    Raises:
        InputError: The file cannot be read, or is something else.
    """
    header = _joined([gguf_header(folder, name)])
    if _kind(header) != "adapter":
        raise InputError(f"{printable(name)} is not a LoRA adapter", "name the model itself")
    return replace(header, tensors=tuple([replace(tensor, part="adapter") for tensor in header.tensors]))


def with_projector(model: Header, projector: Header) -> Header:
    """The model with the tensors and files of its projector behind its own."""
    return replace(
        model,
        files=model.files + projector.files,
        tensors=model.tensors + projector.tensors,
        notes=model.notes + projector.notes,
    )


def _files(folder: Folder, name: str) -> list[GgufFile]:
    """The headers of the file, or of every shard of its set."""
    lower = name.lower()
    if any(part in lower for part in CONCATENATIONS) and not lower.endswith(".gguf"):
        raise InputError(
            f"{printable(name)} is a piece of a file that was cut in parts",
            "join the parts with `cat`, and name the result",
        )
    names = shard_names(name)
    if names is None:
        file = gguf_header(folder, name)
        count = file.metadata.get("split.count", 1)
        if isinstance(count, int) and count > 1:
            raise InputError(
                f"{file.name} is one of {count} parts, but not named like one",
                "give the parts their names back, as model-00001-of-00004.gguf",
            )
        return [file]
    here = set(folder.names())
    for shard in names:
        if shard not in here:
            raise InputError(
                f"{printable(shard)} is missing: {printable(name)} is one of {len(names)} parts",
                "download all parts into one folder",
            )
    return [_shard(folder, shard, number, len(names)) for number, shard in enumerate(names)]


def _shard(folder: Folder, name: str, number: int, count: int) -> GgufFile:
    """One shard, its own idea of the set compared with its name's."""
    file = gguf_header(folder, name)
    stated = file.metadata.get("split.no"), file.metadata.get("split.count")
    if stated != (number, count):
        raise InputError(
            f"{file.name} is not part {number + 1} of {count} by its own account", "download the set again"
        )
    return file


def _joined(files: Sequence[GgufFile]) -> Header:
    """The files as one header; metadata stands in the first."""
    first = files[0]
    entries = [entry for file in files for entry in file.tensors]
    whole = first.metadata.get("split.tensors.count", len(entries))
    if len(files) > 1 and (whole != len(entries) or len({entry.name for entry in entries}) < len(entries)):
        raise InputError(
            f"{first.name} and its parts hold {len(entries)} tensors, not the {whole} they should",
            "download the set again",
        )
    prediction = _prediction_layers(first.metadata)
    return Header(
        format="gguf",
        files=tuple([HeaderFile(file.name, file.size_bytes) for file in files]),
        tensors=tuple([_tensor(entry, prediction) for entry in entries]),
        metadata=first.metadata,
        array_lengths=first.array_lengths,
        notes=tuple(_notes(entries)),
    )


def _tensor(entry: Entry, prediction: range) -> FileTensor:
    """An entry with its part of the model."""
    name = entry.name
    part = next((part for start, part in PARTS if name.startswith(start)), "text")
    if ".nextn." in name or layer_number(name) in prediction:
        part = "mtp"
    elif name.endswith((".lora_a", ".lora_b")):
        part = "adapter"
    buffer = name.endswith(BUFFERS) or name.endswith(ROTARY)
    return FileTensor(name, entry.type, entry.shape, entry.stored_bytes, part, buffer)


def layer_number(name: str) -> int:
    """The layer that a GGUF tensor of the language model belongs to, -1 for one that stands outside."""
    if not name.startswith("blk."):
        return -1
    digits = name[4:].partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 6 else -1


def _prediction_layers(metadata: Mapping[str, object]) -> range:
    """Numbers of the layers that only predict ahead (``nextn_predict_layers``): the last of ``block_count``."""
    architecture = metadata.get("general.architecture")
    layers = metadata.get(f"{architecture}.block_count")
    ahead = metadata.get(f"{architecture}.nextn_predict_layers", 0)
    if not isinstance(layers, int) or not isinstance(ahead, int) or not 0 < ahead < layers:
        return range(0)
    return range(layers - ahead, layers)


def _notes(entries: Sequence[Entry]) -> list[str]:
    """Lines that a report should have: types that are not known, and rows that llama.cpp will not take."""
    unknown = [entry for entry in entries if entry.type not in BLOCKS]
    broken = [e for e in entries if e.type in BLOCKS and e.shape and e.shape[0] % BLOCKS[e.type][0]]
    notes = []
    if unknown:
        kinds = ", ".join(sorted({entry.type for entry in unknown}))
        notes.append(
            f"{len(unknown)} tensors of {kinds}, which is not known: their bytes are the distances in the file"
        )
    if broken:
        notes.append(
            f"rows of {broken[0].name} are no whole blocks of {broken[0].type}: llama.cpp will refuse to load the file"
        )
    return notes


def _kind(header: Header) -> str:
    """Kind of the file, in ``general.type``'s words; older ones are known by what they hold."""
    stated = header.metadata.get("general.type")
    architecture = header.metadata.get("general.architecture")
    if architecture == "clip":
        return "mmproj"
    if architecture == "controlvector":
        return "controlvector"
    if "adapter.type" in header.metadata:
        return "adapter"
    if "imatrix.chunk_count" in header.metadata:
        return "imatrix"
    return stated if isinstance(stated, str) else "model"


def _refuse(header: Header, name: str) -> None:
    """Raise for a file that is no model."""
    kind, metadata = _kind(header), header.metadata
    architecture, shown = metadata.get("general.architecture"), printable(name)
    if kind == "adapter":
        base = metadata.get("general.base_model.0.repo_url")
        page = printable(base) if isinstance(base, str) and base.startswith("https://") else ""
        hint = (
            f"name the model it was trained on{page and f', as of {page}'}, and give the adapter to llama.cpp: --lora"
        )
        raise InputError(f"{shown} is a LoRA adapter, not a model", hint)
    if kind == "mmproj":
        raise InputError(
            f"{shown} is a projector (the part of a model that sees or hears), not a model",
            "name the language model's file; a projector beside it is found",
        )
    if kind == "imatrix":
        raise InputError(f"{shown} is an importance matrix, not a model", "name the model that it helps to quantize")
    if kind == "controlvector":
        raise InputError(f"{shown} is a control vector, not a model", "name the model that it steers")
    if kind != "model":
        raise InputError(f"{shown} is of the type {printable(kind)}, not a model", "name the model's own file")
    if not isinstance(architecture, str):
        raise InputError(f"{shown} names no architecture", "download it again: general.architecture is missing")
    if not header.tensors:
        raise InputError(f"{shown} is a vocabulary without a model", "name the model's own file")
    layers = {layer_number(tensor.name) for tensor in header.tensors if tensor.part != "mtp"}
    heads_only = any(tensor.part == "mtp" for tensor in header.tensors) and layers <= {-1}
    if architecture in DRAFTS or heads_only:
        raise InputError(f"{shown} is a draft for another model, not a model", "name the model that it drafts for")
