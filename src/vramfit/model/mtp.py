"""Prediction head of a model (MTP, nextn): the layers that predict tokens ahead, as a model of their own.

Such a layer is a block like the model's last one, behind a projection of two vectors side by side: the normalised
embedding of the last token, and the normalised residual of the model's last layer. Embedding and output head are those of
the model, unless the checkpoint has copies of them for the head (DeepSeek-V3 technical report, section 2.2; tensor names
of ggml-org/llama.cpp b11434 ``src/llama-arch.cpp``, ``LLM_TENSOR_NEXTN_*``). DeepSeek-V4 has that projection in two parts
of the same size together, and its head attends to the last tokens alone, whatever its last layer compresses (vLLM 0.33.0
``models/deepseek_v4/nvidia/mtp.py`` and ``attention.py``: a layer behind the model's has no rate of compression).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.model import inventory
from vramfit.model.architecture import Layers, Tensor
from vramfit.model.counted import active_parameters, tensors
from vramfit.model.mixers import CompressedAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model
    from vramfit.model.mixers import Mixer


@per_model
def prediction_head(model: Model) -> Model | None:
    """Return the prediction head of a model as a model of ``mtp_layers`` layers; None for a model without one.

    Its tensors are those that the head adds: embedding and output head are among them only where it has its own.
    """
    if not model.mtp_layers:
        return None
    last = max(model.layers, key=lambda group: group.indices[-1])
    indices = tuple(range(model.mtp_layers))
    head = replace(
        model,
        id=f"{model.id}-mtp",
        name=f"prediction head of {model.name}",
        tied=False,
        layers=(Layers(indices, tuple([_local(mixer) for mixer in last.mixers]), last.feed_forward),),
        vision=None,
        audio=None,
        hf=(),
        ollama=(),
        files=(),
        origin=None,
        mtp_layers=0,
        mtp_embeddings=False,
    )
    hidden = model.hidden
    rows = [row for row in inventory.tensors(head) if row.layers]
    own: list[tuple[str, tuple[int, ...], bool]] = [("nextn.eh_proj.weight", (2 * hidden, hidden), True)]
    own += [(f"nextn.{name}.weight", (hidden,), False) for name in ("enorm", "hnorm", "shared_head_norm")]
    if model.mtp_embeddings:
        own += [(f"nextn.{name}.weight", (hidden, model.vocab), False) for name in ("embed_tokens", "shared_head_head")]
    rows += [Tensor(name, shape, indices, "text", linear) for name, shape, linear in own]
    tensors.remember(head, tuple(rows))
    passed = sum([row.parameters for row in rows]) - inventory.resting_parameters(head)
    active_parameters.remember(head, passed)
    return head


def _local(mixer: Mixer) -> Mixer:
    """Token mixer of a head behind a layer with ``mixer``: the same, but for attention that would compress old tokens."""
    if not isinstance(mixer, CompressedAttention):
        return mixer
    return replace(mixer, ratio=0, indexer_dim=None, indexer_heads=None)
