"""The grammar of references: from the text behind ``--model`` to a record of ``reference``.

Nothing is opened or asked here; the only question put to the disk, what lies at a path, goes through the function that
the caller gives.

Sources of the foreign grammars: Ollama ``types/model/name.go`` (``ParseName``), llama.cpp b11434
``common/download.cpp`` (``common_download_split_repo_tag``), huggingface_hub 2.4 ``utils/_hf_uris.py``.
"""

from __future__ import annotations

import os

from vramfit.errors import UsageError
from vramfit.importers.reference import (
    HUB_HOSTS,
    MODEL_SUFFIXES,
    OLLAMA_HOST,
    OLLAMA_NAMESPACE,
    OLLAMA_TAG,
    HubRepository,
    LmStudioModel,
    LocalDirectory,
    LocalFile,
    OllamaTag,
    Url,
    is_path,
    without_secrets,
)
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.importers.reference import Reference

WEIGHT_SUFFIXES = (".gguf", ".safetensors")
OLLAMA_PAGES = ("ollama.com", "www.ollama.com", "ollama.ai", "registry.ollama.ai")
OLLAMA_FOREIGN_HOSTS = ("hf.co/", "registry.ollama.ai/", "ollama.com/")
"""Hosts that a name begins with when it is meant for ``ollama run``."""
NO_REPOSITORIES = ("datasets", "spaces", "docs", "blog", "papers", "collections", "models", "api", "settings", "tasks")
"""First words of pages of the Hub that are no model's."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_HUB_LETTERS = _LETTERS | frozenset("-.")
_LONGEST_HUB_NAME = 96
_LONGEST_OLLAMA_PART = 80
_FORMS = "a file is ./x.gguf, a repository hf:org/name, a tag of Ollama ollama:name:tag"


def parse_reference(text: str, kind_of: Callable[[str], str], endpoint: str = "") -> Reference:
    """The record of a reference.

    ``kind_of`` answers ``"file"``, ``"directory"`` or ``""`` of a path; ``endpoint`` is the address of the user's own
    Hub (``HF_ENDPOINT``), whose pages count as the Hub's.

    Raises:
        UsageError: ``text`` has no form of a reference, or names a file that does not exist.
    """
    text = text.strip()
    low = text.lower()
    if low.startswith(("http://", "https://")):
        return _address(text, endpoint)
    if low.startswith("hf:"):
        return parse_hub(text[3:].removeprefix("//").removeprefix("models/"))
    if low.startswith("ollama:"):
        return parse_ollama(text[7:])
    if low.startswith("lmstudio:"):
        return _lm_studio(text[9:])
    if low.startswith("file:"):
        path = text[5:]
        return _local(path.removeprefix("//") if path.startswith("///") else path, kind_of)
    if is_path(text):
        return _local(text, kind_of)
    if low.startswith(OLLAMA_FOREIGN_HOSTS):
        return parse_ollama(text)
    return _plain(text, kind_of)


def parse_hub(text: str) -> HubRepository:
    """``org/name[@revision][:QUANT or file]`` as a record.

    Raises:
        UsageError: that is no name of a repository.
    """
    head, colon, choice = text.partition(":")
    name, at, revision = head.strip("/").partition("@")
    if (at and not _is_revision(revision)) or (colon and not choice):
        raise _no_repository(text)
    owner, slash, base = name.partition("/")
    org, base = (owner, base) if slash else ("", owner)
    if not _is_hub_name(base) or (slash and not _is_hub_name(org)):
        raise _no_repository(text)
    quant, file, folder = _choice(choice)
    return HubRepository(org, base, revision or None, quant, file, folder)


def parse_ollama(text: str) -> OllamaTag:
    """``[host/][namespace/]name[:tag]`` with Ollama's defaults.

    Raises:
        UsageError: a part is empty or has a character that Ollama does not take.
    """
    shown = printable(text)
    if "@" in text:
        raise UsageError(f"ollama:{shown} names a digest", "name a tag, as in ollama:llama3.1:8b")
    name = text.partition("://")[2] or text
    tag = OLLAMA_TAG
    if name.rfind(":") > name.rfind("/"):
        name, _, tag = name.rpartition(":")
    parts = name.split("/")
    host, namespace = OLLAMA_HOST, OLLAMA_NAMESPACE
    if len(parts) >= 3:
        host, parts = parts[0], parts[1:]
    if len(parts) == 2:
        namespace = parts[0]
    if host in OLLAMA_PAGES:
        host = OLLAMA_HOST
    base = parts[-1]
    sound = len(parts) <= 2 and _is_part(namespace, "-") and _is_part(base, "-.") and _is_part(tag, "-.")
    if not sound or not _is_part(host, "-.:", 350):
        raise UsageError(
            f'"{shown}" is no name of a model of Ollama', "write ollama:name:tag, as in ollama:llama3.1:8b"
        )
    return OllamaTag(host, namespace, base, tag)


def _local(text: str, kind_of: Callable[[str], str]) -> LocalFile | LocalDirectory:
    path = os.path.expanduser(text) if text.startswith("~") else text
    kind = kind_of(path)
    if kind == "directory":
        return LocalDirectory(path)
    if kind == "file":
        return LocalFile(path)
    raise UsageError(f"there is no file or directory {printable(text)}", _repository_file(text))


def _repository_file(text: str) -> str:
    """Hint on what was perhaps meant by a path that does not exist."""
    parts = text.split("/")
    if len(parts) >= 3 and _is_hub_name(parts[0]) and _is_hub_name(parts[1]):
        return f"a file of a repository is hf:{parts[0]}/{parts[1]}:{'/'.join(parts[2:])}"
    return _FORMS


def _plain(text: str, kind_of: Callable[[str], str]) -> Reference:
    """A name without a word in front: of the Hub with one slash, of Ollama's local store without, else a path."""
    name, colon, _ = text.partition(":")
    if name.count("/") == 1 and not text.endswith("/"):
        try:
            found = parse_hub(text)
        except UsageError:
            if not (kind := kind_of(text)):
                raise
            return LocalFile(text) if kind == "file" else LocalDirectory(text)
        path = text if not colon and kind_of(text) else None
        return HubRepository(found.org, found.name, found.revision, found.quant, found.file, found.folder, path)
    kind = kind_of(text)
    if kind:
        return LocalFile(text) if kind == "file" else LocalDirectory(text)
    if "/" not in text:
        found_tag = parse_ollama(text)
        return OllamaTag(found_tag.host, found_tag.namespace, found_tag.name, found_tag.tag, plain=True)
    raise UsageError(f'"{printable(text)}" is no file and no repository', _FORMS)


def _address(text: str, endpoint: str) -> Reference:
    """A page or file of the Hub, a page of Ollama, or a file of weights anywhere."""
    shown = without_secrets(text)
    scheme, _, rest = shown.partition("://")
    host, _, path = rest.partition("/")
    own = endpoint.partition("://")[2].rstrip("/").lower()
    if host.lower() in HUB_HOSTS:
        return _hub_page(path, text)
    if own and f"{rest}/".lower().startswith(f"{own}/"):
        return _hub_page(rest[len(own) :].lstrip("/"), text)
    if host.lower() in OLLAMA_PAGES and path.strip("/"):
        return parse_ollama(path.strip("/"))
    if host and scheme.lower() in ("http", "https") and path.lower().endswith(WEIGHT_SUFFIXES):
        return Url(text)
    raise UsageError(
        f"{printable(shown)} is no address of a model", "give the address of a .gguf file, or of a page of the Hub"
    )


def _hub_page(path: str, address: str) -> HubRepository:
    """``org/name[/tree/revision[/folder]]`` or ``org/name/{blob,resolve,raw}/revision/file``.

    A page that shows one file over the model's own (``?show_file_info=x.gguf``) means that file.
    """
    from urllib.parse import unquote

    parts = [unquote(part) for part in path.split("/") if part]
    no_page = UsageError(
        f"{printable(without_secrets(address))} is no page of a model", "open the model's page and copy its address"
    )
    if not parts or parts[0] in NO_REPOSITORIES:
        raise no_page
    words = ("tree", "blob", "resolve", "raw", "discussions", "commits", "commit")
    size = 1 if len(parts) == 1 or parts[1] in words else 2
    found = parse_hub("/".join(parts[:size]))
    if len(parts) < size + 2 or parts[size] not in words[:4]:
        query = address.partition("#")[0].partition("?")[2].split("&")
        shown = next((unquote(one[15:]) for one in query if one.startswith("show_file_info=")), "")
        return HubRepository(found.org, found.name, file=_choice(shown)[1])
    word, rest = parts[size], parts[size + 1 :]
    # refs/pr/3 and refs/convert/parquet are names of revisions, with their slashes.
    count = 3 if rest[0] == "refs" and len(rest) >= 3 else 1
    revision, below = "/".join(rest[:count]), "/".join(rest[count:]) or None
    if not _is_revision(revision) or (below and ".." in below.split("/")):
        raise no_page
    if word == "tree":
        return HubRepository(found.org, found.name, revision, folder=below)
    return HubRepository(found.org, found.name, revision, file=below)


def _lm_studio(text: str) -> LmStudioModel:
    """``publisher/name[:QUANT or file]``, or ``publisher/name/file`` as LM Studio's own index has it."""
    head, colon, choice = text.strip("/").partition(":")
    parts = head.split("/", 2)
    sound = len(parts) >= 2 and all(part not in ("", ".", "..") and "\\" not in part for part in parts)
    if not sound or (colon and not choice) or not head.isprintable():
        raise UsageError(
            f'"{printable(text)}" is no model of LM Studio', "write lmstudio:publisher/name, as `lms ls` does"
        )
    quant, file, _ = _choice(choice or (parts[2] if len(parts) == 3 else ""))
    return LmStudioModel(parts[0], parts[1], quant, file)


def _choice(text: str) -> tuple[str | None, str | None, str | None]:
    """The quantization, the file and the folder that the words behind a colon name."""
    if not text:
        return None, None, None
    if ".." in text.split("/") or "\\" in text or text.startswith("/") or not text.isprintable():
        raise UsageError(f'"{printable(text)}" is no file of a repository', "write a path below the repository's root")
    if text.endswith("/"):
        return None, None, text.rstrip("/")
    if "/" in text or text.lower().endswith((*MODEL_SUFFIXES, ".bin", ".pt", ".pth")):
        return None, text, None
    return text, None, None


def _no_repository(text: str) -> UsageError:
    return UsageError(
        f'"{printable(text)}" is no name of a repository',
        "write hf:org/name, hf:org/name@revision or hf:org/name:Q4_K_M",
    )


def _is_hub_name(text: str) -> bool:
    """A user's, organization's or repository's name (huggingface_hub ``utils/_validators.py``, ``validate_repo_id``)."""
    return (
        0 < len(text) <= _LONGEST_HUB_NAME
        and _HUB_LETTERS.issuperset(text)
        and text[0] not in "-."
        and text[-1] not in "-."
        and "--" not in text
        and ".." not in text
    )


def _is_revision(text: str) -> bool:
    """A branch, tag or commit that can stand in an address: no empty or relative part, nothing unprintable."""
    return text.isprintable() and " " not in text and all(part not in ("", ".", "..") for part in text.split("/"))


def _is_part(text: str, also: str, longest: int = _LONGEST_OLLAMA_PART) -> bool:
    """A part of a name of Ollama (``isValidPart``): letters, digits and ``_``, then ``also`` too."""
    return 0 < len(text) <= longest and text[0] in _LETTERS and (_LETTERS | frozenset(also)).issuperset(text)
