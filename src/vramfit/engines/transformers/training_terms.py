"""Terms of an estimate of fine-tuning: the states and parts of the largest moment of a step."""

from __future__ import annotations

from vramfit.engines.tensor_terms import add_tensors, rows_of
from vramfit.engines.terms import span
from vramfit.engines.transformers.training import memory
from vramfit.memory.weights import slices
from vramfit.training.memory import step_tokens
from vramfit.training.profile import trainer_of
from vramfit.training.states import trained_parameters, weight_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.engines.transformers.training import Room
    from vramfit.training.memory import TrainingMemory

STATES = (
    ("adapters_bytes", "adapters and matrices trained whole", "and copy, gradient and states of the latter"),
    ("gradients_bytes", "gradients", "as the sharding divides them"),
    ("optimizer_bytes", "optimizer states", "with the fp32 copy of the weights that DeepSpeed keeps"),
)
"""Fields of the states with their names and notes."""
PARTS = {
    "saved": ("saved for the backward pass", "inputs of the layers, or all that they save"),
    "logits": ("logits and loss", "of all tokens, or of one chunk of them"),
    "layer": ("layer computed again", "what one layer saves, scores of eager attention included"),
    "unpacked": ("dequantized matrix", "the largest linear layer in 16 bits"),
    "gathered": ("gathered parameters and buckets", "what GPUs exchange, and layers that are whole for a while"),
    "temporary": ("temporaries of the optimizer's step", "a tensor of each parameter's size"),
    "casts": ("16-bit casts of fp32 weights", "of all weights; of a layer or the head where they are made again"),
    "norms": (
        "norms of adapted matrices (DoRA)",
        "(inputs^2 + 4 x inputs x outputs) of the largest, in the adapters' type",
    ),
    "copies": ("matrices in the adapters' type (DoRA)", "a layer's adapted matrices"),
    "vllm": ("vLLM on the same GPU", "vllm_gpu_memory_utilization of the GPU's memory"),
    "cache": ("KV cache of sampled answers", "of all layers, for each answer and token"),
    "images": ("vision tower", "of all patches, scores of eager attention included"),
}
"""Parts of a moment with their names and notes."""
OF_PARAMETERS = ("temporary",)
OF_NO_TOKENS = ("unpacked", "gathered", "casts", "norms", "copies", "vllm", "cache", "images")
"""Parts that grow with the trained parameters, and those that no number of tokens divides."""


def account_training(job: Job[object, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of the largest moment to the ledger, for every GPU and for the host."""
    rooms: tuple[Room, ...] = job.traits  # type: ignore[assignment]
    trainer = trainer_of(job.workload.training)
    for gpu, room in zip(estimate.gpus, rooms, strict=True):
        found = memory(job, room)
        _weights(job, found, ledger, gpu.device, trainer.source)
        _states(job, found, ledger, gpu.device, trainer.source)
        _moment(job, found, ledger, gpu.device, trainer.source)
        _slack(gpu, found, ledger, trainer.slack_share)
    host = estimate.host.weights_bytes
    ledger.add_sum(
        "weights", "host", "states and saved inputs in host memory", host, trainer.source,
        f"what is offloaded, paged or kept there by the trainer, for {job.gpu_count} GPUs", host_bytes=host,
    )  # fmt: skip


def _weights(job: Job[object, None], found: TrainingMemory, ledger: Ledger, device: str, source: str) -> None:
    """Add the weights by groups where a GPU has all of them, else its part of the sharding."""
    size, count = found.states.weights_bytes, job.model.layer_count
    whole = weight_bytes(job.checkpoint, job.workload, trainer_of(job.workload.training))
    stored = slices(job.checkpoint).total_bytes
    if size >= stored:
        rows = rows_of(job.checkpoint, range(count), lambda _: True)
        where = span(0, count) if count else ""
        more = "what is upcast to fp32, and the reference model of DPO"
        add_tensors(ledger, device, where, rows, size, source, more)
        return
    gpus = job.gpu_count
    for formula, value in (
        ("ceil(whole_bytes / gpus)", -(-whole // gpus)),
        ("floor(whole_bytes / gpus)", whole // gpus),
    ):
        if size == value:
            note = "divided over the GPUs by the sharding"
            ledger.add("weights", device, "weights", formula, size, source, note, whole_bytes=whole, gpus=gpus)
            return
    ledger.add_sum(
        "weights",
        device,
        "weights",
        size,
        source,
        f"the GPU's part of {whole:,} B, and what is whole on it",
        part_bytes=size,
    )


def _states(job: Job[object, None], found: TrainingMemory, ledger: Ledger, device: str, source: str) -> None:
    for field, name, note in STATES:
        if field != "gradients_bytes" or found.peak.gradients:
            _of_parameters(job, ledger, "weights", device, name, getattr(found.states, field), source, note)


def _of_parameters(
    job: Job[object, None], ledger: Ledger, part: str, device: str, name: str, size: int, source: str, note: str
) -> None:
    """Add a term of so many bytes for each trained parameter, divided over the GPUs where that gives the bytes."""
    trained, _ = trained_parameters(job.checkpoint, job.workload, trainer_of(job.workload.training))
    gpus = job.gpu_count
    for share in dict.fromkeys((1, gpus)):
        each, rest = divmod(2 * size * share, trained) if trained else (0, 1)
        if rest or not each:
            continue
        width: float = each // 2 if each % 2 == 0 else each / 2
        if share == 1:
            ledger.add(
                part, device, name, "parameters × bytes_each", size, source, note, parameters=trained, bytes_each=width
            )
        else:
            ledger.add(
                part, device, name, "parameters × bytes_each / gpus", size, source, note, parameters=trained,
                bytes_each=width, gpus=gpus,
            )  # fmt: skip
        return
    ledger.add_sum(part, device, name, size, source, f"of {trained:,} trained parameters; {note}", state_bytes=size)


def _moment(job: Job[object, None], found: TrainingMemory, ledger: Ledger, device: str, source: str) -> None:
    work, model = job.workload, job.model
    tokens = step_tokens(work, job.gpu_count)
    moment = f"at the moment of the {found.peak.name}"
    for part, size in found.peak.parts:
        name, words = PARTS[part]
        note = f"{words}; {moment}"
        inner = tokens * model.layer_count * model.hidden
        if part in OF_PARAMETERS:
            _of_parameters(job, ledger, "compute", device, name, size, source, note)
        elif part == "saved" and inner and size % inner == 0:
            ledger.add(
                "compute", device, name, "tokens × layers × hidden × bytes_each", size, source, note, tokens=tokens,
                layers=model.layer_count, hidden=model.hidden, bytes_each=size // inner,
            )  # fmt: skip
        elif part not in OF_NO_TOKENS and tokens and size % tokens == 0:
            ledger.add(
                "compute", device, name, "tokens × token_bytes", size, source, note, tokens=tokens,
                token_bytes=size // tokens,
            )  # fmt: skip
        else:
            ledger.add_sum("compute", device, name, size, source, note, part_bytes=size)


def _slack(gpu: DeviceMemory, found: TrainingMemory, ledger: Ledger, share: float) -> None:
    """Add what the allocator keeps beside the activations, and what of the process nothing else explains."""
    fixed = found.fixed_bytes
    ledger.add_sum(
        "overhead", gpu.device, "rest of the process", fixed, "docs/fine-tuning.md", "measured; nothing else explains it",
        fixed_bytes=fixed,
    )  # fmt: skip
    slack = gpu.overhead_bytes - fixed
    ledger.add_sum(
        "overhead", gpu.device, "allocator slack", slack, "docs/fine-tuning.md",
        f"{share:g} of the activations ({found.loose_bytes:,} B), more with eager attention, no more than is left on the GPU",
        slack_bytes=slack,
    )  # fmt: skip
