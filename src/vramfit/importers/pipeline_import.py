"""Diffusers pipeline: a folder of several networks.

Its ``model_index.json`` names the components, each a folder with weights of its own; their headers give the parameters
of each (diffusers 0.36 ``pipelines/pipeline_utils.py``).
"""

from __future__ import annotations

from vramfit.errors import InputError
from vramfit.importers.imported import Imported
from vramfit.importers.packed import logical_header
from vramfit.importers.safetensors import find_files, read_set
from vramfit.importers.source import printable
from vramfit.model.architecture import Component, Model
from vramfit.model.traits import Architecture, Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vramfit.importers.source import Folder
    from vramfit.model.origin import Origin

INDEX = "model_index.json"
MOST_COMPONENTS = 64


def import_pipeline(
    index: Mapping[str, Any], below: Callable[[str], Folder], identity: str, name: str, origin: Origin
) -> Imported:
    """The networks of a pipeline, each with the parameters that its header counts.

    Raises:
        InputError: no component has weights, or one's cannot be read.
    """
    from vramfit._record import replace

    components, files = [], [INDEX]
    for part, named in list(index.items())[:MOST_COMPONENTS]:
        if part.startswith("_") or not isinstance(named, list) or len(named) != 2 or not isinstance(named[1], str):
            continue
        if not part.replace("_", "").isalnum():
            continue
        folder = below(part)
        try:
            chosen, missing, total = find_files(folder)
        except InputError:
            continue  # a scheduler, a tokenizer, or weights as pickles
        if missing:
            raise InputError(f"{part}/{printable(missing[0])} is missing", "download all files of the pipeline")
        header = logical_header(read_set(folder, chosen, total))
        files += [f"{part}/{file.name}" for file in header.files]
        components.append(Component(part, header.parameters, printable(named[1])))
    if not components:
        raise InputError(f"{printable(identity)} has no component with weights in safetensors", "download its weights")
    model = Model(
        id=identity,
        name=name,
        family=printable(str(index.get("_class_name", "pipeline"))),
        modality="image-generation",
        hidden=0,
        vocab=0,
        tied=False,
        context=0,
        dtype="bf16",
        layers=(),
        traits=Traits(),
        architecture=Architecture(),
        vision=None,
        audio=None,
        components=tuple(components),
        origin=replace(origin, kind="safetensors", files=tuple(files)),
    )
    return Imported(model)
