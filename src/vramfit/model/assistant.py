"""Assistants: small models, made for one larger model, that draft tokens by reading its caches (Gemma 4).

An assistant has four layers, three with the window of its model and one without, of its model's heads, and networks eight
times as wide as its residual stream. It keeps no K and V: each layer attends to the last cache of its kind that the model
has. A projection takes the model's embedding of the last token and its last residual together to the assistant's width,
another goes back; the output matrix is its own (``config.json`` of google/gemma-4-26B-A4B-it-assistant and
gemma-4-31B-it-assistant: ``hidden_size`` 1024, ``intermediate_size`` 8192, ``num_kv_shared_layers`` 4; ggml-org/llama.cpp
pull request 23398 ``src/models/gemma4-assistant.cpp``). That of the 12B has 423 million parameters by its page on the Hub, and
the same widths (files of sjakek/gemma4-12b-mtp-assistant).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.model import inventory
from vramfit.model.architecture import Attention, FeedForward, Layers, Tensor
from vramfit.model.counted import active_parameters, tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model

LAYERS = (0, 1, 2), (3,)
"""Layers with a window, and without."""
WIDENING = 8
"""Ratio of the inner width of a network to the residual stream."""


@per_model
def assistant(model: Model) -> Model | None:
    """Return the assistant of a model, with embedding left out, whose place the model's takes; None where none is known."""
    hidden = model.traits.assistant_hidden
    if not hidden:
        return None
    network = FeedForward(WIDENING * hidden)
    groups = tuple(
        [
            Layers(indices, (replace(mixer, shares_cache=True),), network)
            for indices, mixer in zip(LAYERS, (_mixer(model, True), _mixer(model, False)), strict=True)
        ]
    )
    traits = replace(model.traits, assistant_hidden=0, dense_beside_experts=False)
    found = replace(
        model, id=f"{model.id}-assistant", name=f"assistant of {model.name}", hidden=hidden, tied=False, layers=groups,
        traits=traits, vision=None, audio=None, hf=(), ollama=(), files=(), origin=None,
    )  # fmt: skip
    rows = [row for row in inventory.tensors(found) if row.name != "token_embd.weight"]
    rows += [
        Tensor("nextn.pre_projection.weight", (2 * model.hidden, hidden), (), "text", True),
        Tensor("nextn.post_projection.weight", (hidden, model.hidden), (), "text", True),
    ]
    tensors.remember(found, tuple(rows))
    active_parameters.remember(found, sum([row.parameters for row in rows]))
    return found


def _mixer(model: Model, window: bool) -> Attention:
    """Attention of the model's last layer of a kind; raises ``ValueError`` for a model without such a layer."""
    for group in sorted(model.layers, key=lambda one: one.indices[-1], reverse=True):
        for mixer in group.mixers:
            if isinstance(mixer, Attention) and (mixer.window is not None) == window:
                return mixer
    raise ValueError(f"{model.id} has no layer of a kind that its assistant reads")
