"""References to published files: what the name says that a user gave for a catalogue's model.

``Qwen/Qwen3-32B-AWQ``, ``unsloth/Qwen3-8B-GGUF:Q4_K_M``, ``Qwen3-8B-Q4_K_M.gguf`` and ``qwen3:8b`` all mean an entry of
the catalogue, and commands name the files that the user named. Loaded only for names that are no id.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.model import Model
    from vramfit.quantization import Scheme

FILE = ".gguf"
GGUF, IMPORTANCE = "gguf", "i1-"
STORES = ("https://", "huggingface.co/", "hf.co/", "hf:", "ollama:")
"""Beginnings of names that say where the files are."""


class Reference(Record):
    """Published files that a name means."""

    repository: str | None = None
    """Repository on the Hugging Face Hub."""
    gguf: bool = False
    """True if its files are GGUF files."""
    file: str | None = None
    """Name of a GGUF file."""
    tag: str | None = None
    """Tag of Ollama's library."""
    quant: str | None = None
    """Scheme that the name states; None where it states none."""
    choice: bool = False
    """True if a repository has GGUF files of several types, and the one that is asked for."""

    def has(self, scheme: Scheme) -> bool:
        """Return True if the files are in the scheme."""
        return self.choice or self.quant == scheme.id

    def type_of(self, scheme: Scheme) -> str:
        """Type in the names of a repository's GGUF files: an importance matrix is no part of it."""
        return scheme.id.removeprefix(IMPORTANCE).upper()


def reference(name: str, stated: Mapping[str, str], model: Model) -> Reference | None:
    """Make the reference of a name, with the deployment keys that the catalogue finds stated in it; None for other names.

    A repository is spelled as the catalogue spells it.
    """
    text, quant = name.strip(), stated.get("quant")
    for store in STORES:
        text = text.removeprefix(store)
    if text.lower().endswith(FILE) and "/" not in text:
        return Reference(gguf=True, file=text, quant=quant)
    if "library" in stated:
        return Reference(tag=text.lower(), quant=quant)
    repository = text.partition(":")[0]
    if repository.count("/") != 1:
        return None
    spelled = {one.lower(): one for one in model.hf}.get(repository.lower(), repository)
    if stated.get("family") != GGUF:
        return Reference(spelled, quant=quant)
    alone = quant is not None and quant.removeprefix(IMPORTANCE).lower() in repository.lower()
    return Reference(spelled, gguf=True, quant=quant, choice=not alone)
