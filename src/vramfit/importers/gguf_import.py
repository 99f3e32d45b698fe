"""A GGUF file, or set of files, as a model with its own checkpoint."""

from __future__ import annotations

import os

from vramfit._record import replace
from vramfit.errors import InputError
from vramfit.importers.gguf_architecture import file_type_label, gguf_facts
from vramfit.importers.gguf_choice import shard_names
from vramfit.importers.gguf_set import read_gguf_model, read_projector, with_projector
from vramfit.importers.imported import Imported, assemble, idle_notes
from vramfit.importers.roles import stored_rows
from vramfit.importers.source import printable
from vramfit.model.build import build
from vramfit.model.spec import read_spec
from vramfit.quantization.checkpoint import STORED
from vramfit.quantization.schemes import SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.importers.gguf_architecture import GgufFacts
    from vramfit.importers.header import Header
    from vramfit.importers.source import Folder
    from vramfit.model import Model
    from vramfit.model.origin import Origin

FAMILY = "gguf"
DYNAMIC = "UD-"
"""Word in the names of files whose mix was chosen tensor by tensor (Unsloth), whatever type they state."""
BITS = (("fp16", 12.0), ("int8", 6.0), ("int4", 0.0))
"""Bits per weight from which on a mix without a name counts to a class: Q6_K, the least of INT8, takes 6.56."""


def import_gguf(
    folder: Folder, file: str, identity: str, origin: Origin, projector: tuple[Folder, str] | None
) -> Imported:
    """The model of a file, which may be any shard of a set, with the projector that goes with it.

    Raises:
        InputError: a file that cannot be read, is no model, or contradicts itself.
    """
    header = read_gguf_model(folder, file)
    found = gguf_facts(header)
    notes = [*header.notes, *found.notes, *idle_notes(header)]
    if projector is not None:
        beside = getattr(projector[0], "path", None)
        if beside is not None:
            origin = replace(origin, projector=os.path.join(beside, projector[1]))
        header = with_projector(header, read_projector(*projector))
        notes.append(f"images are not in the estimate: the rule for them of {printable(projector[1])} is not known")
    scheme = scheme_of(header, file)
    shards = shard_names(file.rpartition("/")[2])
    path = origin.path
    if path is not None and shards is not None:
        # llama.cpp is given the first shard of a set, whichever the user named.
        path = path[: len(path) - len(shards[0])] + shards[0]
    origin = replace(
        origin,
        path=path,
        kind=FAMILY,
        files=tuple([one.name for one in header.files]),
        knowledge="unknown" if found.gaps else "known",
        gap=found.gaps[0] if found.gaps else None,
        notes=(*origin.notes, *notes),
    )
    model = _model(found, identity, file, origin)
    checkpoint = assemble(model, stored_rows(header), scheme, header.files[0].name)
    return Imported(model, {"quant": scheme.id}, checkpoint)


def _model(found: GgufFacts, identity: str, file: str, origin: Origin) -> Model:
    """The model of what a file says; without mixers where its caches are not known."""
    facts = dict(found.facts)
    if found.gaps:
        facts["pattern"] = "none"
    facts["id"] = identity
    own = file.rpartition("/")[2].removesuffix(".gguf") if origin.tag is None else origin.tag.removesuffix(":latest")
    facts.setdefault("name", printable(own))
    facts["dtype"] = "bf16"
    try:
        spec = read_spec(facts)
        return replace(build(spec), origin=origin)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            f"{printable(file)}: its metadata does not make sense: {printable(str(error))}",
            "the file is damaged: convert or download it again",
        ) from None


def scheme_of(header: Header, file: str) -> Scheme:
    """The scheme that a file states, or one of its own for a mix that has no name."""
    label = file_type_label(header)
    known = SCHEMES.get(label)
    if known is not None and known.family == FAMILY and DYNAMIC not in file:
        return known
    text = [tensor for tensor in header.tensors if tensor.part == "text"]
    stored, elements = sum([one.stored_bytes for one in text]), sum([one.elements for one in text])
    bits = 8 * stored / elements if elements else 0.0
    precision = next(word for word, least in BITS if bits >= least)
    most = _dominant(header.bytes_by_type())
    return Scheme(STORED, FAMILY, precision, f"GGUF: its own mix, mostly {most}", {"type": most})


def _dominant(sizes: Mapping[str, int]) -> str:
    return next(iter(sizes), "F32")
