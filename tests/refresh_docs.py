"""Rewrites what the pages' sessions print to what the program prints today: ``python -m tests.refresh_docs``.

A session that ends in ``...`` keeps as many lines as it shows. Read the change before committing it.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest

from tests.test_docs import PAGES, ROOT, Shown, run

SESSION = re.compile(r"(?ms)^```console\n(.*?)^```$")


def main() -> None:
    """Every page, in place."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        where = page.relative_to(ROOT).as_posix()

        def anew(found: re.Match[str], where: str = where) -> str:
            return f"```console\n{refreshed(found[1], where)}```"

        page.write_text(SESSION.sub(anew, text), encoding="utf-8")


def refreshed(session: str, page: str) -> str:
    """A ``console`` block of a page with the outputs of today."""
    told = []
    for part in re.split(r"(?m)^(?=\$ )", session):
        if not part:
            continue
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command += "\n" + more
        lines = printed(re.sub(r"\\\n\s*", "", command)[2:], page).splitlines()
        if shown.rstrip().endswith("\n...") or shown.rstrip() == "...":
            lines = [*lines[: len(shown.rstrip().splitlines()) - 1], "..."]
        blank = "\n" if shown.endswith("\n\n") else ""
        told.append("\n".join([command, *[line.rstrip() for line in lines]]) + "\n" + blank)
    return "".join(told)


def printed(command: str, page: str) -> str:
    """What a command of a page prints on a terminal 100 columns wide."""
    here = Path.cwd()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        try:
            return run(Shown(page, command, None), patch, Path(folder))[1]
        finally:
            os.chdir(here)


if __name__ == "__main__":
    main()
