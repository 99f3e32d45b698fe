"""The Hub's interface: its address, the token, the listing of a repository, and what its refusals mean.

The listing is the request that ``HfApi.model_info(files_metadata=True)`` makes: files with their bytes, the commit, and
whether the repository is gated, in one reply. Address, token and session are ``huggingface_hub``'s; see ``client`` for
why the reply is not read by it.
"""

from __future__ import annotations

import os

from vramfit.errors import InputError, MissingModel
from vramfit.importers.client import origin, read_json
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.importers.client import Client, Reply
    from vramfit.importers.reference import HubRepository

ENDPOINT = "https://huggingface.co"
MAIN = "main"
MOST_REFS = 5
"""Branches and tags named where the one asked for does not exist."""


def endpoint() -> str:
    """The Hub's address: ``HF_ENDPOINT``, or the public one."""
    return (os.environ.get("HF_ENDPOINT", "").strip() or ENDPOINT).rstrip("/")


def host_name(address: str) -> str:
    """Host of an address, with its port where that is not the usual one."""
    _, host, port = origin(address)
    return host if port in (80, 443) else f"{host}:{port}"


def token() -> str | None:
    """The token that ``huggingface_hub`` would send.

    Raises:
        InputError: the library is not installed, or its own way to a token (OIDC, a refresh) fails.
    """
    try:
        from huggingface_hub import constants, get_token
    except ImportError:
        return None
    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return None
    try:
        return get_token()
    except Exception:  # whatever it says may quote the token
        raise InputError("huggingface_hub cannot get a token", "set HF_TOKEN, or run `hf auth login`") from None


def list_files(client: Client, repository: HubRepository) -> tuple[str, dict[str, int | None]]:
    """The commit that a revision is at, and its files with their bytes (None where the Hub does not say).

    Raises:
        InputError: there is no such repository or revision, it may not be read, or the reply is no listing.
    """
    from urllib.parse import quote

    revision = repository.revision or MAIN
    base = f"{endpoint()}/api/models/{repository.id}"
    reply = client.get(f"{base}/revision/{quote(revision, safe='')}?blobs=true")
    if reply.status != 200:
        refs = _refs(client, base) if reply.headers.get("x-error-code") == "RevisionNotFound" else ()
        raise refusal(reply, repository, refs=refs)
    value = read_json(reply, f"the listing of {repository}")
    commit, siblings = (value.get("sha"), value.get("siblings")) if isinstance(value, dict) else (None, None)
    if not isinstance(commit, str) or not is_commit(commit) or not isinstance(siblings, list):
        raise InputError(f"the listing of {repository} from {reply.host} has no commit and files", "check HF_ENDPOINT")
    files: dict[str, int | None] = {}
    for one in siblings:
        name = one.get("rfilename") if isinstance(one, dict) else None
        if isinstance(name, str) and ".." not in name.split("/"):
            size = one.get("size")
            files[name] = size if isinstance(size, int) and size >= 0 else None
    return commit, files


def refusal(reply: Reply, repository: HubRepository, path: str | None = None, refs: Iterable[str] = ()) -> InputError:
    """The error for a reply that is not what was asked for, by the Hub's status and ``X-Error-Code``."""
    code = reply.headers.get("x-error-code", "")
    what = f"{path} of {repository}" if path else f"{repository}"
    if code == "GatedRepo" and reply.status in (401, 403):
        page = f"{endpoint()}/{repository.id}"
        return InputError(f"{repository} is gated", f"accept its terms at {page} and set HF_TOKEN")
    if reply.headers.get("x-error-message", "").startswith("Invalid credentials"):
        return InputError(f"{reply.host} does not accept the token that is set", "set HF_TOKEN, or run `hf auth login`")
    if code == "RevisionNotFound":
        known = ", ".join([printable(ref) for ref in refs][:MOST_REFS])
        hint = f"it has {known}" if known else "the repository's page lists its branches and tags"
        return InputError(f"hf:{repository.id} has no revision {repository.revision or MAIN}", hint)
    if code == "EntryNotFound":
        return InputError(f"{repository} has no file {printable(path or '')}", "the repository's page lists its files")
    if code == "RepoNotFound" or reply.status in (401, 404):
        hint = "check the spelling; for a private repository set HF_TOKEN to a token that may read it"
        if repository.path is not None:
            hint = f"for the one on this disk write ./{repository.path}"
        return MissingModel(f"{what} does not exist at {reply.host}, or is private ({reply.status})", hint)
    if reply.status == 403:
        return InputError(f"{reply.host} refuses {what} (403)", "set HF_TOKEN to a token that may read it")
    return InputError(f"{reply.host} answers {reply.status} for {what}", "check HF_ENDPOINT, or try again later")


def is_commit(text: str) -> bool:
    """True if a revision is the full name of a commit."""
    return len(text) == 40 and all(character in "0123456789abcdef" for character in text)


def _refs(client: Client, base: str) -> list[str]:
    """Names of the branches and tags of a repository; none where the Hub does not list them."""
    reply = client.get(f"{base}/refs")
    value = read_json(reply, "the list of revisions") if reply.status == 200 else None
    if not isinstance(value, dict):
        return []
    found = [one for kind in ("branches", "tags") for one in value.get(kind) or ()]
    return [one["name"] for one in found if isinstance(one, dict) and isinstance(one.get("name"), str)]
