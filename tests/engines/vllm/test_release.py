"""What differs between releases of vLLM."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit.engines.servers import ServerKeys
from vramfit.engines.vllm.release import Release, release


def facts(version: str | None) -> Release:
    """Facts of a version."""
    return release(ServerKeys(engine_version=version))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("compiled", "0.7.3", "0.8"),
        ("full_graphs", "0.10.2", "0.11.0"),
        ("keeps_workspace", "0.12", "0.13"),
        ("graphs_in_share", "0.20.1", "0.21.0"),
        ("counts_everything", "0.27.1", "0.28"),
        ("table_on_host", "0.29.1", "0.30"),
    ],
)
def test_what_changed_once(name: str, before: str, after: str) -> None:
    """False before a release, True from it on and in the newest."""
    assert [getattr(facts(version), name) for version in (before, after, None)] == [False, True, True]


@pytest.mark.parametrize(
    ("version", "expected"), [("0.16.0", False), ("0.17.0", True), ("0.19.1", True), ("0.20.0", False), (None, False)]
)
def test_candidates_of_the_triton_sampler(version: str | None, expected: bool) -> None:
    """Between the sampler that sorts and FlashInfer's."""
    assert facts(version).candidate_rows is expected


@pytest.mark.parametrize(
    ("sample", "version", "expected"),
    [
        # Dense models without states from 0.25 on, all from 0.29 on.
        ("llama-3.1-8b", "0.24", False),
        ("llama-3.1-8b", "0.25", True),
        ("latent", "0.25", True),
        ("mixtral-8x7b", "0.28.1", False),
        ("recurrent", "0.28.1", False),
        ("mixtral-8x7b", "0.29", True),
        ("recurrent", None, True),
    ],
)
def test_models_of_the_v2_runner(sample: str, version: str | None, expected: bool) -> None:
    """By release and kind of model."""
    assert facts(version).v2(model(sample)) is expected


@pytest.mark.parametrize(
    ("version", "sample", "size"),
    [
        ("0.7.3", "llama-3.1-8b", 38),
        ("0.16.0", "llama-3.1-8b", 38),
        ("0.17.0", "llama-3.1-8b", 14),
        ("0.24.0", "llama-3.1-8b", 14),
        # The V2 runner draws without top-k and top-p until 0.31.
        ("0.25.0", "llama-3.1-8b", 6),
        ("0.25.0", "mixtral-8x7b", 14),
        ("0.30.0", "mixtral-8x7b", 6),
        ("0.31.0", "mixtral-8x7b", 14),
        (None, "llama-3.1-8b", 14),
    ],
)
def test_bytes_of_the_sampler(version: str | None, sample: str, size: int) -> None:
    """For each row and vocabulary entry."""
    assert facts(version).sampler_bytes(model(sample)) == size


@pytest.mark.parametrize(("keys", "numbers"), [({}, (0, 33, 0)), ({"engine_version": "0.19"}, (0, 19))])
def test_the_newest_is_meant_without_a_version(keys: dict[str, Any], numbers: tuple[int, ...]) -> None:
    """The newest whose source was read."""
    assert release(ServerKeys(**keys)).numbers == numbers
