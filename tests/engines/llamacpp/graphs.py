"""Part of a layer's graph written alone, node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.samples import model
from vramfit.engines.llamacpp.graph import Builder, Home, Run
from vramfit.engines.llamacpp.placement import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines.llamacpp.graph import Node

TOKENS, SEQUENCES, HIDDEN = 6, 2, 10
STORE = "store"
"""A write into a cache or a state, which has memory of its own."""


def nodes(write: Callable[[Builder, Node], Node], home: str = "gpu", **traits: Any) -> list[int | str]:
    """Floats of each node in its order, of what ``write`` makes of a source: on a ``gpu``, in ``ram``, experts there."""
    made = model("llama-3.1-8b", hidden=HIDDEN, heads=1, kv_heads=1, head_dim=10, layers=2, vocab=50, traits=traits)
    build = Builder(made, Run(TOKENS, SEQUENCES, SEQUENCES, SEQUENCES, True, "f16", "f16"))
    build.at({"gpu": Home(0, 0, {}), "experts in ram": Home(0, HOST, {}), "ram": Home(HOST, HOST, {})}[home])
    build.graph.expand(write(build, build.graph.given((4 * HIDDEN * TOKENS, 0, 0))))
    return [STORE if node.stored else node.size[0] // 4 for node in build.graph.nodes]
