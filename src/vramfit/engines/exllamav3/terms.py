"""Terms of an estimate for ExLlamaV3."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.engines.exllamav3.estimate import CHUNK, cache_bytes
from vramfit.engines.terms import STORED, span, stored_inputs
from vramfit.engines.transformers.estimate import split_layers
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger
    from vramfit.model.mixers import Mixer

EXLLAMA = "turboderp-org/exllamav3 4f8ad01"


def account(job: Job[None, ExLlamaKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches of each group of layers, activations of a chunk, and workspaces."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.exllamav3.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    work, cut, last = job.workload, slices(job.checkpoint), job.gpu_count - 1
    source = f"{EXLLAMA} exllamav3/modules"
    spans = split_layers(cut, job.model.layer_count, job.gpu_count, cut.other_bytes)
    for number, (start, stop) in enumerate(spans):
        device, gpu = f"gpu{number}", estimate.gpus[number]
        inputs = stored_inputs(job.checkpoint, range(start, stop))
        ledger.add("weights", device, span(start, stop), STORED, sum(cut.layer_bytes[start:stop]), source, **inputs)
        if number == 0:
            inputs = stored_inputs(job.checkpoint, names=("vision", "projector", "audio", "component"))
            ledger.add("weights", device, "towers and projectors", STORED, cut.other_bytes, source, **inputs)
        if number == last:
            inputs = stored_inputs(job.checkpoint, names=("output",))
            ledger.add("weights", device, "final norm and output head", STORED, cut.output_bytes, source, **inputs)
        _caches(job, ledger, device, start, stop)
        ledger.add(
            "compute", device, "activations of a chunk", "one layer's results and one matrix unpacked to 16 bits, or the "
            "vision encoder's", gpu.compute_bytes, f"{EXLLAMA} generator/generator.py",
            tokens=min(CHUNK, work.context), images=work.images,
        )  # fmt: skip
        workspace = "cuBLAS workspace, 32 MiB"
        ledger.add("overhead", device, "workspaces", workspace, gpu.overhead_bytes, "pytorch CUDABlas.cpp")
    inputs = stored_inputs(job.checkpoint, names=("token_embd", "position_embd", "per_layer"))
    embedding = f"{EXLLAMA} modules/embedding.py prefer_cpu"
    ledger.add("weights", "host", "input embedding", STORED, cut.input_bytes, embedding, **inputs)


def _caches(job: Job[None, ExLlamaKeys], ledger: Ledger, device: str, start: int, stop: int) -> None:
    work = job.workload
    for group in job.model.layers:
        count = len([index for index in group.indices if start <= index < stop])
        each = sum([cache_bytes(mixer, job) for mixer in group.mixers])
        kinds = " and ".join([_name(mixer) for mixer in group.mixers])
        ledger.add(
            "kv_cache", device, f"cache, {kinds}", "layers x sequences x pages x 256 tokens x widths x bits / 8",
            count * each, f"{EXLLAMA} exllamav3/cache", layers=count, sequences=work.parallel, context=work.context,
            type_k=work.kv_cache_type, type_v=work.kv_cache_type_v,
        )  # fmt: skip


def _name(mixer: Mixer) -> str:
    """Name of a kind of layer: as its record states it, else its class."""
    return mixer.kind if "kind" in fields(type(mixer)) else type(mixer).__name__
