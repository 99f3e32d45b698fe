"""Names of models in Ollama's library: what a tag says of the model and of how its file is stored.

A tag is a size and words behind it: ``12b``, ``8b-instruct-q8_0``, ``12b-it-qat``. The library's pages give the
quantization of each (ollama.com/library, "tags"): a tag that names none is in Q4_K_M, or in the form that the model was
released in where that has 4 bits; ``qat`` files are Q4_0. Loaded only for names with a colon.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.quantization.schemes import SCHEMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LATEST = "latest"
ENGINE, LIBRARY = "ollama", "library"
USUAL, RELEASED = "Q4_K_M", {"mxfp4": "MXFP4"}
"""Scheme of a tag that states none: the library's usual one, or by the element type that the model was released in."""
TRAINED = {"qat": "Q4_0"}
"""Words for checkpoints that were trained for one quantization (ollama.com/library/gemma3: ``12b-it-qat`` is Q4_0)."""
OTHERWISE = frozenset(("mlx", "nvfp4", "mxfp8", "int4", "int8", "cloud"))
"""Words of tags that are no GGUF files: those of Ollama's MLX runner, and models that run on Ollama's machines."""
MLX = "mlx"
"""Word of those that run on Apple alone."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


class Tag(Record):
    """A name of the library, divided."""

    name: str
    words: tuple[str, ...]
    """Words of the tag in small letters; none for a bare name and for ``latest``."""

    @property
    def quant(self) -> str | None:
        """Scheme that a word states; None where none does."""
        for word in self.words:
            if word in TRAINED:
                return TRAINED[word]
            scheme = word.upper().replace("FP", "F")
            if scheme in SCHEMES:
                return scheme
        return None

    def models(self) -> Iterable[str]:
        """Names under which a catalogue may have the model, the longest first; its size is never left out."""
        if not self.words:
            return (self.name,)
        return tuple([f"{self.name}:{'-'.join(self.words[:count])}" for count in range(len(self.words), 0, -1)])

    def keys(self, dtype: str) -> dict[str, str]:
        """Deployment keys that the tag states of a model that was released in elements of ``dtype``.

        Of a file for MLX it is the engine alone: the library's pages do not say what it is quantized to.
        """
        if MLX in self.words:
            return {"family": MLX}
        if OTHERWISE.intersection(self.words):
            return {}
        return {LIBRARY: ENGINE, "quant": self.quant or RELEASED.get(dtype, USUAL)}


def read(text: str) -> Tag | None:
    """Divide a name of the library such as ``gemma3:12b-it-qat``; None for what has no form of one."""
    name, colon, tag = text.strip().lower().partition(":")
    if not colon or not name or not tag or not LETTERS.issuperset(name + tag):
        return None
    return Tag(name, () if tag == LATEST else tuple(tag.split("-")))


def known_as(tag: Tag, known: Callable[[str], bool]) -> str | None:
    """Name by which a catalogue, asked through ``known``, has the model of a tag; None where it has none."""
    return next((name for name in tag.models() if known(name)), None)
