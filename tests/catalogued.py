"""The real catalogue, opened once: for tests that want its breadth rather than a few known figures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.catalogue.lookup import Catalogue


@cache
def catalogue() -> Catalogue:
    """Opened at the first call, which is in a test: the user's own files are out of the way then."""
    return open_catalogue()


def gpu_ids() -> list[str]:
    """Every GPU whose memory is known."""
    return [row.id for row in catalogue().gpu_rows() if row.memory_mib is not None]


def model_ids() -> list[str]:
    """Every model, pipelines included."""
    return [row.id for row in catalogue().model_rows()]


some_gpu_id = st.deferred(lambda: st.sampled_from(gpu_ids()))
some_model_id = st.deferred(lambda: st.sampled_from(model_ids()))
