"""The catalogue room: ``data/*.yaml`` for people, one compiled file for the program.

``open_catalogue`` is what the rest of the program calls; it reads the compiled file and never YAML. The slow path
(``strict_yaml``, ``schema_*``, ``compile``, ``lint``, ``overlay``) runs when a wheel is built, when a checkout's data
changed, and for the people who edit the data.
"""

from __future__ import annotations

from vramfit.catalogue.compiled import Catalogue, open_catalogue
from vramfit.catalogue.names import parse_gpu

__all__ = ["Catalogue", "open_catalogue", "parse_gpu"]
