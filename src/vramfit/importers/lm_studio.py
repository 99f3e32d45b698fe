"""LM Studio's models on this disk: ``models/publisher/name/`` with GGUF files or a safetensors model (MLX).

Sources: https://lmstudio.ai/docs/app/basics/import-model (the layout); lmstudio-js ``findLMStudioHome`` (the home folder:
``~/.lmstudio-home-pointer``, else the old ``~/.cache/lm-studio``, else ``~/.lmstudio``).
"""

from __future__ import annotations

import os

from vramfit.errors import InputError
from vramfit.importers.source import printable
from vramfit.importers.stores import files_below, home, models_among, names_in, read_json, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.importers.reference import LmStudioModel
    from vramfit.importers.stores import Found

STORE = "lmstudio"


def directories() -> tuple[str, ...]:
    """The folders of models of every home that LM Studio has or had, and of the one chosen in its settings."""
    own = home()
    if own is None:
        return ()
    pointer = read_text(os.path.join(own, ".lmstudio-home-pointer")) or b""
    bases = [
        pointer.decode("utf-8", "replace").strip(),
        os.path.join(own, ".lmstudio"),
        os.path.join(own, ".cache", "lm-studio"),
    ]
    found: dict[str, None] = {}
    for base in bases:
        if os.path.isabs(base):
            settings = read_json(os.path.join(base, "settings.json"))
            chosen = settings.get("downloadsFolder") if isinstance(settings, dict) else None
            if isinstance(chosen, str) and os.path.isabs(chosen):
                found[chosen] = None
            found[os.path.join(base, "models")] = None
    return tuple(found)


def find_folder(model: LmStudioModel, folders: Sequence[str]) -> str:
    """The folder of a model of LM Studio.

    Raises:
        InputError: none of ``folders`` has it.
    """
    for folder in folders:
        for publisher in names_in(folder):
            for name in (
                names_in(os.path.join(folder, publisher)) if publisher.lower() == model.publisher.lower() else ()
            ):
                path = os.path.join(folder, publisher, name)
                if name.lower() == model.name.lower() and os.path.isdir(path):
                    return path
    here = " or ".join([printable(folder) for folder in folders]) or "a home directory"
    raise InputError(
        f"LM Studio has no model {printable(model.publisher)}/{printable(model.name)} in {here}",
        "`lms ls` or `vramfit list models --here` names those that are there",
    )


def models_in(folder: str) -> Iterator[Found]:
    """The models below one folder of models, in the order of their names."""
    for publisher in names_in(folder):
        below = os.path.join(folder, publisher)
        if publisher.startswith(".") or not os.path.isdir(below):
            continue
        for name in names_in(below):
            path = os.path.join(below, name)
            if not name.startswith(".") and os.path.isdir(path):
                yield from models_among(files_below(path), STORE, f"lmstudio:{publisher}/{name}")
