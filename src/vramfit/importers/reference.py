"""References: where a model lies that the catalogue does not have, as a typed record of each kind.

A file or directory of this disk, a repository of the Hugging Face Hub, a tag of Ollama, a model of LM Studio, or an
address. ``grammar`` reads them from text; ``str`` writes them so that they are read back the same. ``is_path`` and
``has_scheme`` decide by characters alone what can be no name of the catalogue.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

MODEL_SUFFIXES = (".gguf", ".safetensors", ".json")
"""Ends of the names of files that describe a model."""
SCHEMES = ("hf:", "ollama:", "lmstudio:", "http://", "https://", "file:")
HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
OLLAMA_HOST = "registry.ollama.ai"
OLLAMA_NAMESPACE = "library"
OLLAMA_TAG = "latest"


class LocalFile(Record):
    """A file of this disk: GGUF, safetensors, or a JSON file such as ``config.json``."""

    path: str

    def __str__(self) -> str:
        return self.path


class LocalDirectory(Record):
    """A directory of this disk that holds a model's files."""

    path: str

    def __str__(self) -> str:
        return self.path


class HubRepository(Record):
    """A repository of the Hugging Face Hub, and which of its files is meant."""

    org: str
    """User or organization; empty for the Hub's oldest models (``gpt2``)."""
    name: str
    revision: str | None = None
    """Branch, tag or commit; None for the main branch."""
    quant: str | None = None
    """Quantization that picks a GGUF file, as in ``llama-server -hf org/name:Q4_K_M``."""
    file: str | None = None
    """Path of one file in the repository."""
    folder: str | None = None
    """Directory in the repository to which the choice is limited."""
    path: str | None = None
    """Path that exists on this disk under the plain spelling; the reference means it only when written with ``./``."""

    @property
    def id(self) -> str:
        """``org/name``."""
        return f"{self.org}/{self.name}" if self.org else self.name

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        choice = self.quant or self.file or (f"{self.folder}/" if self.folder else "")
        return f"hf:{self.id}{revision}{':' if choice else ''}{choice}"


class OllamaTag(Record):
    """A model of an Ollama registry or of the local store, with the registry's defaults filled in."""

    host: str
    namespace: str
    name: str
    tag: str
    plain: bool = False
    """True where only the local store may answer: the text was a name without ``ollama:``."""

    def __str__(self) -> str:
        if self.host != OLLAMA_HOST:
            return f"ollama:{self.host}/{self.namespace}/{self.name}:{self.tag}"
        owner = "" if self.namespace == OLLAMA_NAMESPACE else f"{self.namespace}/"
        return f"ollama:{owner}{self.name}:{self.tag}"


class LmStudioModel(Record):
    """A model in LM Studio's folder, by publisher and name as the program shows them."""

    publisher: str
    name: str
    quant: str | None = None
    """Quantization that picks one of the model's GGUF files."""
    file: str | None = None
    """One of the model's files."""

    def __str__(self) -> str:
        choice = self.quant or self.file or ""
        return f"lmstudio:{self.publisher}/{self.name}{':' if choice else ''}{choice}"


class Url(Record):
    """The address of a GGUF or safetensors file on any server."""

    address: str

    @property
    def file(self) -> str:
        """File name at the end of the address."""
        return without_secrets(self.address).rpartition("/")[2]

    def __str__(self) -> str:
        return without_secrets(self.address)

    def __repr__(self) -> str:
        return f"Url(address={without_secrets(self.address)!r})"


if TYPE_CHECKING:
    Reference: TypeAlias = LocalFile | LocalDirectory | HubRepository | OllamaTag | LmStudioModel | Url


def is_path(text: str) -> bool:
    """True if the characters say that ``text`` is a path: ``./x``, ``/x``, ``~/x``, ``C:\\x``, ``x.gguf``, ``x\\y``."""
    if text[:1] in ("/", "\\", "~") or text in (".", "..") or text.startswith(("./", "../", ".\\", "..\\")):
        return True
    if text[1:3] in (":\\", ":/") and text[0].isalpha():
        return True
    return ":" not in text and text.lower().endswith(MODEL_SUFFIXES)


def has_scheme(text: str) -> bool:
    """True if ``text`` begins with ``hf:``, ``ollama:``, ``lmstudio:``, ``https://`` or another word of that kind."""
    return text[:8].lower().startswith(SCHEMES) or text.lower().startswith("lmstudio:")


def without_secrets(address: str) -> str:
    """An address as it may be shown: without user, password, query and fragment, any of which can hold a key."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    host, slash, path = rest.partition("/")
    path = path.partition("?")[0].partition("#")[0]
    host = host.partition("?")[0].partition("#")[0].rpartition("@")[2]
    return f"{scheme}://{host}{slash}{path}"
