"""Terms of activations that several engines share: one layer's results, logits, a vision encoder, an unpacked matrix."""

from __future__ import annotations

from vramfit.memory.activations import ACTIVATION_BYTES
from vramfit.memory.vision import encoder_bytes, image_patches, tokens_of_image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.terms import Ledger
    from vramfit.model import Model

LLAMA_CODE = "transformers 5.23.0 modeling_llama.py"
CLIP_CODE = "transformers 5.23.0 modeling_clip.py"


def add_layer(
    ledger: Ledger, device: str, model: Model, tokens: int, sequence: int, size: int, source: str = LLAMA_CODE,
    *, flash_attention: bool = True,
) -> None:  # fmt: skip
    """Add the peak of ``memory.activations.peak_bytes``, which is ``size`` bytes: one layer's results, or the logits."""
    logits = -(-tokens // max(1, sequence)) * model.vocab * (ACTIVATION_BYTES + 4)
    heads = 0 if flash_attention else _scored_heads(model)
    scores = heads * tokens * sequence * (ACTIVATION_BYTES + 4)
    widest = (size - scores) // (tokens * ACTIVATION_BYTES) - 4 * model.hidden if tokens else 0
    if size == logits:
        ledger.add(
            "compute", device, "logits of the last tokens", "sequences × vocabulary × (2 + 4)", size, source,
            "in 16 bits and as fp32", sequences=-(-tokens // max(1, sequence)), vocabulary=model.vocab,
        )  # fmt: skip
        return
    layer = size - scores
    if tokens and layer % (tokens * ACTIVATION_BYTES) == 0:
        ledger.add(
            "compute", device, "activations of a layer", "tokens × 2 × (4 × hidden + widest)", layer, source,
            "of one layer in 16 bits: residual stream, its norm, and the wider of attention and feed-forward network",
            tokens=tokens, hidden=model.hidden, widest=widest,
        )  # fmt: skip
    else:
        ledger.add_sum("compute", device, "activations of a layer", layer, source, "", activation_bytes=layer)
    ledger.add(
        "compute", device, "attention scores", "heads × tokens × sequence × (2 + 4)", scores, source,
        "of every pair of tokens, in 16 bits and as the fp32 softmax", heads=heads, tokens=tokens, sequence=sequence,
    )  # fmt: skip


def _scored_heads(model: Model) -> int:
    return max([mixer.widths.scored_heads for group in model.layers for mixer in group.mixers], default=0)


def add_encoder(
    ledger: Ledger, device: str, model: Model, images: int, size: tuple[int, int] | None, source: str = CLIP_CODE,
    *, flash_attention: bool = True, name: str = "vision encoder",
) -> None:  # fmt: skip
    """Add the activations of the vision tower over a batch of images (``memory.vision.encoder_bytes``)."""
    total, tower = encoder_bytes(model, images, size, flash_attention=flash_attention), model.vision
    if tower is None or not total:
        return
    plain = encoder_bytes(model, images, size)
    patches = image_patches(tower, size) or tokens_of_image(model, size)
    if not flash_attention:
        ledger.add_sum(
            "compute", device, name, total, source, "activations of a layer, and scores of each pair of patches in each head",
            layer_bytes=plain, score_bytes=total - plain,
        )  # fmt: skip
        return
    ledger.add(
        "compute", device, name, "images × patches × 2 × (4 × width + 2 × inner)", plain, source,
        "one layer of the tower, in 16 bits", images=images, patches=patches, width=tower.hidden, inner=tower.ffn,
    )  # fmt: skip


def add_unpacked(ledger: Ledger, device: str, elements: int, source: str) -> None:
    """Add one matrix of a quantized checkpoint, unpacked to 16 bits while it is multiplied."""
    ledger.add(
        "compute", device, "one matrix unpacked", "elements × 2", 2 * elements, source,
        "the largest linear layer in 16 bits", elements=elements,
    )  # fmt: skip
