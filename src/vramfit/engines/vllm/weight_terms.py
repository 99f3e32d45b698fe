"""Terms of one rank's weights: its part of each group of tensors, and what kernels and the allocator add to them."""

from __future__ import annotations

from math import gcd

from vramfit.engines.distributed import Experts, local_share
from vramfit.engines.tensor_terms import OUTSIDE, Group, add_stored, group_of
from vramfit.engines.vllm.weights import EXPERTS, SHARED_EXPERTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.engines.terms import Ledger
    from vramfit.quantization import Checkpoint

    Key = tuple[str, str, int, int]
    """Group, type, and the part of a tensor that a rank has, as a fraction."""

MORE = "scales in the kernels' layout, padded matrices, and PyTorch's blocks of 2 MiB"


def rank_groups(
    checkpoint: Checkpoint, ranks: int, over: Experts | None, layers: tuple[int, int], stages: int
) -> dict[Key, Group]:
    """Tensors of one rank of the stage with the ``layers`` from a first to before a last one, by group and part.

    The first of the ``stages`` has the embedding and the towers, the last the head.
    """
    model = checkpoint.model
    division = over or Experts(ranks, False)
    first, last = layers[0] == 0, layers[1] == model.layer_count
    found: dict[Key, Group] = {}
    for row in checkpoint.stored:
        tensor = row.tensor
        is_expert = EXPERTS in tensor.name
        parts = 1 if division.shared_whole and SHARED_EXPERTS in tensor.name else ranks
        above, below = division.share(model, tensor) if is_expert else local_share(model, tensor, parts)
        name = group_of(tensor.name, tensor.part, bool(row.layers))
        if row.layers:
            count = len([layer for layer in row.layers if layers[0] <= layer < layers[1]])
        elif tensor.part == "text" and tensor.name.startswith("output"):
            count = tensor.copies if last else 0
        else:
            count = tensor.copies if first else 0
            if tensor.name == "token_embd.weight" and model.tied and last and stages > 1:
                again = _group(found, "embeddings again, as head of a tied model", row.type, above, below)
                again.add(row, 1)
        if count:
            _group(found, name, row.type, above, below).add(row, count)
    return found


def _group(found: dict[Key, Group], name: str, kind: str, above: int, below: int) -> Group:
    common = gcd(above, below)
    return found.setdefault((name, kind, above // common, below // common), Group())


def add_rank_weights(
    ledger: Ledger,
    device: str,
    where: str,
    groups: Iterable[Mapping[Key, Group]],
    size: int,
    source: str,
    more: str = MORE,
) -> None:
    """Add the weights of one rank, ``size`` bytes in all, by groups; ``more`` says what they take beside the stored bytes."""
    whole = 0
    for one in groups:
        for (name, kind, above, below), group in one.items():
            cut = "" if above == below else f"{above}/{below}"
            words = [name, "" if name in OUTSIDE or "again" in name else where, kind, cut]
            title = ", ".join([word for word in words if word])
            whole += add_stored(ledger, device, title, group, source, (above, below))
    if size != whole:
        ledger.add(
            "weights", device, "layout of the weights", "loaded_bytes - stored_bytes", size - whole, source, more,
            loaded_bytes=size, stored_bytes=whole,
        )  # fmt: skip
