"""The catalogue room: reading the compiled catalogue, which ``sources`` opens and ``curation`` compiles."""

from __future__ import annotations

from vramfit.catalogue.lookup import Catalogue
from vramfit.catalogue.names import parse_gpu

__all__ = ["Catalogue", "parse_gpu"]
