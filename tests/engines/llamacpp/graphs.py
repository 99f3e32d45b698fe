"""Graphs small enough to follow by hand, node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.samples import model
from vramfit.engines.llamacpp.graph import Builder, Home, Run
from vramfit.engines.llamacpp.layers import build_graph
from vramfit.engines.llamacpp.placement import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines.llamacpp.graph import Graph, Node
    from vramfit.model import Model

TOKENS, OUTPUTS, SEQUENCES = 6, 2, 2
HIDDEN, NETWORK, VOCABULARY = 10, 30, 50
HOMES = {"gpu": Home(0, 0, {}), "experts in ram": Home(0, HOST, {}), "ram": Home(HOST, HOST, {})}
STORE = "store"
"""A write into a cache or a state, which has memory of its own."""

Size = int | str | tuple[int, int, int]
"""Floats of a node; bytes, of which some are for each cell of full and sliding layers, where there are such; or a write."""


def built(run: dict[str, Any] | None = None, changes: dict[str, Any] | None = None, **traits: Any) -> tuple[Model, Run]:
    """Two layers with four heads of queries and two of keys, 64 wide, values 192 wide; all sequences in one cache."""
    made = model("llama-3.1-8b", **{
        "hidden": HIDDEN, "heads": 4, "kv_heads": 2, "head_dim": 64, "value_dim": 192, "ffn": NETWORK, "layers": 2,
        "vocab": VOCABULARY, "traits": traits, **(changes or {}),
    })  # fmt: skip
    asked = {"streams": 1, "flash_attention": True, "key_type": "f16", "value_type": "f16", **(run or {})}
    return made, Run(tokens=TOKENS, outputs=OUTPUTS, sequences=SEQUENCES, **asked)


def sizes(found: list[Node]) -> list[Size]:
    """Each as ``Size`` says."""
    return [STORE if one.stored else one.size if any(one.size[1:]) else one.size[0] // 4 for one in found]


def part(write: Callable[[Builder, Node], Node], home: str = "gpu", **asked: Any) -> Graph:
    """Graph of what ``write`` makes of a source, on a ``gpu``, there with experts ``in ram``, or all in ``ram``."""
    build = Builder(*built(**asked))
    build.at(HOMES[home])
    source = Builder(*built(**asked)).graph.given((4 * HIDDEN * TOKENS, 0, 0))
    build.graph.expand(write(build, source))
    return build.graph


def nodes(write: Callable[[Builder, Node], Node], home: str = "gpu", **asked: Any) -> list[Size]:
    """Nodes of such a part, in order."""
    return sizes(part(write, home, **asked).nodes)


def whole(home: str = "gpu", **asked: Any) -> Graph:
    """Graph of a model of two layers: of each kind one, or twice the only one."""
    made, run = built(**asked)
    groups = made.layers * (2 // len(made.layers))
    return build_graph(made, run, [(group, HOMES[home]) for group in groups], HOMES[home])
