"""The real client of the Hub against the loopback server: it speaks as the Hub does, or these fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from tests.importers.loopback import Repository, safetensors
from vramfit.importers import hub_cache
from vramfit.importers.client import Network
from vramfit.importers.hub import open_repository
from vramfit.importers.reference import HubRepository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.importers.loopback import Loopback

SHARDS = {
    f"model-{n:05d}-of-00002.safetensors": safetensors({f"layers.{n}.w": ("BF16", (4, 2), 16)}, padding=n)
    for n in (1, 2)
}
INDEX = json.dumps({"weight_map": {f"layers.{n}.w": name for n, name in enumerate(SHARDS, 1)}}).encode()


@pytest.fixture
def foo(net: Loopback) -> Loopback:
    """A sharded repository that offers all its headers at once."""
    net.repositories["acme/foo"] = Repository(
        {"config.json": b"{}", "model.safetensors.index.json": INDEX, **SHARDS}, offers_headers=True
    )
    return net


def test_the_listing_is_the_one_that_the_library_reads(foo: Loopback) -> None:
    info = HfApi(foo.address("hub")).model_info("acme/foo", revision="main", files_metadata=True)
    ours = open_repository(HubRepository("acme", "foo"), Network())
    assert info.siblings is not None
    assert {one.rfilename: one.size for one in info.siblings} == ours.files
    assert info.sha == ours.commit
    theirs, own = foo.asked
    assert (theirs.path.lower(), theirs.method) == (own.path, own.method)


def test_the_headers_are_those_that_the_library_reads(foo: Loopback) -> None:
    theirs = HfApi(foo.address("hub")).get_sharded_safetensors_metadata("acme/foo")
    ranged = HfApi(foo.address("hub")).get_safetensors_metadata("acme/foo")
    assert theirs.files_metadata.keys() == ranged.files_metadata.keys() == SHARDS.keys()
    folder = open_repository(HubRepository("acme", "foo"), Network())
    for name, shard in SHARDS.items():
        start = folder.open(name).read(0, len(shard.start))
        ours = json.loads(start[8:])
        for files in (theirs.files_metadata, ranged.files_metadata):
            assert {
                tensor: {"dtype": one.dtype, "shape": list(one.shape), "data_offsets": list(one.data_offsets)}
                for tensor, one in files[name].tensors.items()
            } == ours
        assert start[:8] == shard.start[:8]


def test_what_the_library_downloads_is_found_in_its_cache(foo: Loopback, disk: Path) -> None:
    cache = disk / "hub"
    path = HfApi(foo.address("hub")).hf_hub_download("acme/foo", "config.json", cache_dir=cache)
    snapshot = hub_cache.find_snapshot(HubRepository("acme", "foo"), (str(cache),))
    assert snapshot is not None
    assert ((Repository({}).commit, path), ("config.json",)) == (
        (snapshot.commit, snapshot.files[0].path),
        snapshot.names,
    )
    assert hub_cache.describes(snapshot)
    assert not hub_cache.serves(snapshot, HubRepository("acme", "foo"))


def test_the_refusals_are_those_that_the_library_knows(foo: Loopback) -> None:
    foo.repositories["acme/gated"] = Repository({"config.json": b"{}"}, token="t", gated=True)
    api = HfApi(foo.address("hub"))
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("acme/none")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/foo", revision="v9")
    assert api.model_info("acme/gated").gated == "manual"
    with pytest.raises(GatedRepoError):
        api.hf_hub_download("acme/gated", "config.json")
