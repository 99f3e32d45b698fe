"""Facts that were read of a repository, kept by commit: a commit never changes, so it need not be asked twice.

``$XDG_CACHE_HOME/vramfit/hub/HOST/ORG/NAME/COMMIT.json`` holds facts, never weights; ``refs.json`` beside it which commit
a branch was at, and when. Files are replaced in one step; what cannot be read or written is as if it were not there.
"""

from __future__ import annotations

import os
import time

from vramfit.catalogue.files import is_own_file, write_atomically
from vramfit.importers.stores import directory_of, home, read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REF_SECONDS = 86_400
"""Time for which a branch is taken to be where it was."""
LARGEST_BYTES = 4 << 20
"""Facts beyond this are not kept."""
LARGEST_HEADERS_BYTES = 16 << 20
"""Headers of a repository beyond this are not kept: 200,000 tensors take 14 MB."""
FORM = 1
"""Changes when what is kept changes its form."""


class FactsCache:
    """The facts kept of the repositories of one host."""

    def __init__(self, host: str, root: str | None = None, clock: Callable[[], float] = time.time) -> None:
        base = cache_directory() if root is None else root
        self._root = None if base is None else os.path.join(base, "vramfit", "hub", host.replace(":", "_"))
        self._clock = clock

    def commit_of(self, repository: str, revision: str, any_age: bool = False) -> str | None:
        """The commit that a revision was at within the last day, or whenever; None where that is not known."""
        match self.read(repository, "refs").get(revision):
            case [str(commit), int() | float() as noted] if any_age or 0 <= self._clock() - noted < REF_SECONDS:
                return commit
        return None

    def keep_commit(self, repository: str, revision: str, commit: str) -> None:
        """Note the commit that a revision is at now."""
        self.write(repository, "refs", {**self.read(repository, "refs"), revision: [commit, self._clock()]})

    def facts(self, repository: str, commit: str) -> Mapping[str, object]:
        """Facts that are known of a repository at a commit; empty where nothing is."""
        return self.read(repository, commit)

    def keep(self, repository: str, commit: str, facts: Mapping[str, object]) -> None:
        """Add to what is known of a repository at a commit."""
        self.write(repository, commit, {**self.read(repository, commit), **facts})

    def _path(self, repository: str, name: str) -> str | None:
        if self._root is None:
            return None
        return os.path.join(self._root, *repository.lower().split("/"), f"{name}.json")

    def read(self, repository: str, name: str) -> dict[str, object]:
        """Content of a file of the cache; empty where there is none that can be read, or it is not the user's own."""
        path = self._path(repository, name)
        value = None if path is None or not is_own_file(path) else read_json(path)
        kept = value.get("facts") if isinstance(value, dict) and value.get("form") == FORM else None
        return kept if isinstance(kept, dict) else {}

    def write(
        self, repository: str, name: str, facts: Mapping[str, object], largest_bytes: int = LARGEST_BYTES
    ) -> None:
        """Replace a file of the cache in one step; what is too long, or cannot be written, is not kept."""
        import json

        path = self._path(repository, name)
        text = json.dumps({"form": FORM, "facts": facts}, separators=(",", ":"))
        if path is None or len(text) > largest_bytes:
            return
        write_atomically(path, text.encode())


class KeptHeaders:
    """Headers of the files of one repository at one commit, in ``COMMIT.headers.json``; read when one is asked for.

    ``below`` is the folder of the repository whose files are meant.
    """

    def __init__(self, cache: FactsCache, repository: str, commit: str, below: str = "") -> None:
        self._cache, self._repository, self._name = cache, repository, f"{commit}.headers"
        self._prefix = f"{below}/" if below else ""
        self._known: dict[str, object] | None = None

    def get(self, name: str) -> object:
        """Header that was kept of a file, None where none was."""
        return self._all().get(self._prefix + name)

    def put(self, found: Mapping[str, object]) -> None:
        """Keep headers by the names of their files."""
        self._known = self._all() | {self._prefix + name: header for name, header in found.items()}
        self._cache.write(self._repository, self._name, self._known, LARGEST_HEADERS_BYTES)

    def _all(self) -> dict[str, object]:
        if self._known is None:
            self._known = self._cache.read(self._repository, self._name)
        return self._known


def cache_directory() -> str | None:
    """The user's folder for caches; None without a home directory."""
    own = home()
    return directory_of("XDG_CACHE_HOME") or (None if own is None else os.path.join(own, ".cache"))
