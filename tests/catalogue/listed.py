"""Names that others publish, and which of them the catalogue answers without a file or the network.

``python -m tests.catalogue.listed`` prints for each list how many are answered, and the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.catalogued import catalogue
from vramfit.errors import VramfitError

LISTS = Path(__file__).parent / "lists"


def names(stem: str) -> list[str]:
    """Names of a list, in its order; lines that begin with a hash are remarks."""
    lines = (LISTS / f"{stem}.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def unanswered(stem: str) -> list[str]:
    """Names of a list that no entry of the catalogue has."""
    return [name for name in names(stem) if not _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        catalogue().model(name)
    except VramfitError:
        return False
    return True


def main() -> None:
    """Print the share of each list that is answered, and the names that are not."""
    for stem in ("vllm_recipes", "vllm_variants", "ollama_library", "threads"):
        missing = unanswered(stem)
        sys.stdout.write(f"{stem}: {len(names(stem)) - len(missing)} of {len(names(stem))} answered\n")
        for name in missing:
            sys.stdout.write(f"  {name}\n")


if __name__ == "__main__":
    main()
