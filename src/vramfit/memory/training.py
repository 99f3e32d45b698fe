"""Memory of fine-tuning: weights, gradients, optimizer states, saved activations and logits.

Bytes per parameter follow the recipe (`full`: model loaded in bf16, gradients and optimizer states in the parameter's
dtype, as torch's own AdamW keeps them; `lora`: a frozen 16-bit base and fp32 adapters, as PEFT casts them; `qlora`:
an NF4 base whose other parameters PEFT upcasts to fp32, `peft/utils/other.py` ``prepare_model_for_kbit_training``).
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import UsageError
from vramfit.memory.activations import widest_feed_forward
from vramfit.memory.weights import slices
from vramfit.model import tensors
from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint
    from vramfit.workload.training import Training

LOGIT_BYTES = 2 + 4 + 4
"""Bytes per token and vocabulary row: 16-bit logits, their fp32 copy and the fp32 gradient (transformers 5.23.0
``loss/loss_utils.py`` ``ForCausalLMLoss``)."""


class TrainingBytes(Record):
    """Memory of one GPU at the peak of a training step."""

    states_bytes: int
    """Bytes of weights, gradients, optimizer states and adapters."""
    activation_bytes: int
    """Bytes of saved activations, the layer being recomputed and the logits, or of the optimizer step's temporary
    tensors if those are larger."""
    upcast_bytes: int
    """Bytes of the states that exist only because PEFT upcasts parameters to fp32; other frameworks do without."""
    assumptions: tuple[str, ...]
    """Assumptions for the report, one sentence each."""
    states: tuple[tuple[str, str, int, str], ...]
    """Components of the states: name, formula, bytes and source of each."""


def training_bytes(checkpoint: Checkpoint, task: str, work: Training, gpus: int) -> TrainingBytes:
    """Peak memory of one training step on each of ``gpus`` data-parallel GPUs.

    ``task`` is ``full``, ``lora`` or ``qlora``. Raises ``UsageError`` for an optimizer that trains only adapters under
    ``full``, and for a ZeRO stage under another task.
    """
    model, cut = checkpoint.model, slices(checkpoint)
    upcast = 0
    chosen = OPTIMIZER_BY_NAME[work.optimizer]
    if task == "full" and chosen.adapters_only:
        raise UsageError(
            f"optimizer {chosen.name} trains adapters only", "use --task lora or qlora, or another optimizer"
        )
    if task == "full":
        parameters = cut.total_bytes // 2
        gradient, optimizer = cut.total_bytes, chosen.state_bytes(parameters, 2)
        temporary = cut.total_bytes
        weights = cut.total_bytes
        assumptions = ["weights, gradients and optimizer states are kept in bf16, without an fp32 master copy"]
    else:
        parameters = adapter_parameters(model, work.lora_rank)
        gradient, optimizer, temporary = 4 * parameters, chosen.state_bytes(parameters, 4), 4 * parameters
        weights = cut.total_bytes + 4 * parameters
        assumptions = [f"rank-{work.lora_rank} adapters on every linear layer of the language model, kept in fp32"]
        if task == "qlora":
            upcast = sum(row.total_bytes for row in checkpoint.stored if row.type == "F16")
            weights += upcast
            assumptions.append("parameters that stay 16-bit (embeddings, head, norms) are upcast to fp32, as PEFT does")
    if work.zero_stage and gpus > 1:
        if task != "full":
            raise UsageError("zero_stage applies to task full only", "leave zero_stage out for lora and qlora")
        optimizer //= gpus
        gradient //= gpus if work.zero_stage >= 2 else 1
        weights //= gpus if work.zero_stage >= 3 else 1
        assumptions.append(f"ZeRO stage {work.zero_stage} over {gpus} GPUs")
    activations = _activation_bytes(model, work)
    assumptions.append(f"{work.micro_batch} sample(s) of {work.sequence_length} tokens per step")
    states = (
        (
            "weights and adapters",
            "stored weights + adapters + fp32 upcast, divided by ZeRO 3",
            weights,
            "PEFT utils/other.py",
        ),
        ("gradients", "trained parameters x their width, divided by ZeRO 2", gradient, "torch.autograd"),
        ("optimizer states", "trained parameters x states x width, divided by ZeRO 1", optimizer, chosen.source),
    )
    peak = max(activations, temporary)
    return TrainingBytes(weights + gradient + optimizer, peak, upcast, tuple(assumptions), states)


def adapter_parameters(model: Model, rank: int) -> int:
    """Number of trainable LoRA parameters: ``rank x (in + out)`` for each linear layer of the language model.

    Experts have no adapters. Llama-3.1-8B at rank 16 has 41,943,040.
    """
    return sum(
        rank * (t.shape[0] + t.shape[1]) * t.count
        for t in tensors(model)
        if t.linear and t.part == "text" and t.layers and len(t.shape) == 2
    )


def _activation_bytes(model: Model, work: Training) -> int:
    """Bytes saved for the backward pass in bf16 with FlashAttention and no dropout, and the logits of every token.

    Each layer saves for each token the inputs and outputs of its norms, Q, K, V, the attention output, gate, up, their
    product and the down projection's input, the fp32 copies of the RMS norms and the log-sum-exp of each head. With
    gradient checkpointing only the input of each layer is saved, and one layer is recomputed in full at a time.
    """
    tokens = work.sequence_length * work.micro_batch
    hidden, wide = model.hidden, widest_feed_forward(model)
    query = key = heads = 0
    for group in model.layers:
        for mixer in group.mixers:
            own = mixer.widths
            # The activations that compressed attention saves for training have not been measured: they are not counted.
            if own.scored_heads:
                query, key, heads = max(query, own.query), max(key, own.key), max(heads, own.heads)
    layer = 2 * (4 * hidden + 3 * query + 2 * key) + 8 * wide + 4 * heads + 8 * hidden
    saved = 2 * hidden * model.layer_count + layer if work.gradient_checkpointing else layer * model.layer_count
    return tokens * (saved + LOGIT_BYTES * model.vocab)
