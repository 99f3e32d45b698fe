"""Writes every page that comes from declarations, and the sessions of all others: ``python -m tests.docs``.

Read the change before committing it.
"""

from __future__ import annotations

from tests.docs.fresh import DOCS, WRITTEN
from tests.refresh_docs import main

for name, write in WRITTEN.items():
    path = DOCS / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(write(), encoding="utf-8")
main()
