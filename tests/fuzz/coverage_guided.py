"""The targets under atheris, which keeps inputs that reach new code: ``python -m tests.fuzz.coverage_guided TARGET FOLDER``.

FOLDER is the corpus: the sound inputs of the target are put into it first, and further ones are added; arguments of libFuzzer
may follow (``-max_total_time=60``). atheris is no dependency of the project: ``pip install atheris``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["vramfit"]):
    from tests.fuzz.targets import TARGETS
    from vramfit.errors import VramfitError


def main() -> None:
    """Run one target until libFuzzer's arguments end it; any error but one of ours ends it with the input that raised it."""
    target, folder = TARGETS[sys.argv[1]], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.corpus()):
        (folder / f"sound-{number}").write_bytes(data)

    def read(data: bytes) -> None:
        try:
            target.read(data)
        except VramfitError:
            return

    atheris.Setup([sys.argv[0], str(folder), *sys.argv[3:]], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
