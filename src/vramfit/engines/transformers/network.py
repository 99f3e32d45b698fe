"""Networks of which an entry knows the parameters alone, and that are no pipeline of a denoiser: their weights, and a bound.

Vocoders, transducers and flows of speech run in PyTorch by their own libraries. What they need beside their weights was
measured of few. F5-TTS (351 million parameters with its vocoder, in 16 bits) takes 1,622 MiB (SWivid/F5-TTS issue 197), which
is 0.5 GiB beside weights and context. Chatterbox (798 million, in 32) takes 3,606 MiB after a sentence (pull request 43 of
shinshin86/local-tts-on-google-colab), 0.1 GiB; Parakeet (627 million, in 32) 5 GB (jfgonsalves/parakeet-diarized issue 5), 2.3
GiB. All are for a sentence, or a window of sound of half a minute: attention over a whole recording takes more, 20 GB for
Parakeet over 11 minutes (NVIDIA-NeMo/Speech issue 14111), and so does more than one sound at a time.
"""

from __future__ import annotations

from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, first_alone
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.weights import slices
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.terms import Ledger
    from vramfit.quantization import Checkpoint
    from vramfit.workload.common import Workload

SOURCE = "SWivid/F5-TTS issue 197; shinshin86/local-tts-on-google-colab pull request 43; jfgonsalves/parakeet-diarized issue 5"
LOW_BYTES, BYTES, HIGH_BYTES = 50 * MIB, 300 * MIB, 2048 * MIB
"""Lowest, expected and highest bytes of what a network needs for one sentence, beside a share of its weights."""
SHARE, HIGH_SHARE = 0.1, 1.0
"""Expected and highest share of the weights that it needs in addition."""


def check(checkpoint: Checkpoint, work: Workload) -> None:
    """Raise ``CannotTell`` for fine-tuning and for a quantized scheme, and ``UsageError`` for layers in RAM."""
    model, scheme = checkpoint.model, checkpoint.scheme
    if work.task != "inference":
        raise CannotTell(
            f"fine-tuning {model.name} cannot be told: its entry has its parameters alone", "ask for inference"
        )
    if scheme.family != "plain":
        raise CannotTell(
            f"what {scheme.id} makes of {model.name} cannot be told: its entry has its parameters alone",
            "use fp16, bf16 or fp32",
        )
    if work.cpu_moe_layers or work.gpu_layers != "all":
        raise UsageError(f"{model.name} is known as a whole, without its layers", "leave gpu_layers out")


def working_bytes(job: Job[object, None]) -> int:
    """Expected bytes beside the weights, for all sounds at a time."""
    return job.workload.parallel * (BYTES + round(SHARE * slices(job.checkpoint).total_bytes))


def estimate(job: Job[object, None]) -> Estimate:
    """Estimate the memory of one process on its first GPU; the others stay idle."""
    weights, times = slices(job.checkpoint).total_bytes, job.workload.parallel
    working = working_bytes(job)
    low, high = weights + LOW_BYTES, weights + times * (HIGH_BYTES + round(HIGH_SHARE * weights))
    gpu = DeviceMemory("gpu0", weights, 0, working, 0, low, high, weights)
    idle = tuple(range(1, job.gpu_count))
    notes = [
        "its entry has its parameters alone: the weights are exact, and what a sentence or half a minute of sound needs beside"
        " them is a bound from a few networks that were measured",
        "a whole recording at once, or several, takes more",
    ]
    if idle:
        notes.append("it runs on one GPU; the others stay idle")
    return Estimate(first_alone(gpu, job.gpu_count), NOTHING, weights, tuple(notes), {}, idle=idle)


def account(job: Job[object, None], found: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: its parts, and what it needs beside them."""
    from vramfit.engines.tensor_terms import add_tensors, rows_of

    rows = rows_of(job.checkpoint, (), lambda row: True)
    add_tensors(ledger, "gpu0", "", rows, found.gpus[0].weights_bytes, "parameters of the entry")
    share = round(SHARE * slices(job.checkpoint).total_bytes)
    ledger.add(
        "compute", "gpu0", "results of its layers", "sounds × (bytes + share)", working_bytes(job), SOURCE,
        "a bound from a few networks that were measured", sounds=job.workload.parallel, bytes=BYTES, share=share,
    )  # fmt: skip
