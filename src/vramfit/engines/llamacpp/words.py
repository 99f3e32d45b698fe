"""Assumptions of an estimate in sentences, as far as they matter for the deployment."""

from __future__ import annotations

from vramfit.engines.llamacpp.auto import FIT_MARGIN_BYTES
from vramfit.engines.llamacpp.placement import HOST, asked_cells, cells, local_window, padded, windows_of
from vramfit.engines.llamacpp.ram import kept_by_server
from vramfit.engines.llamacpp.ram import sentences as kept_sentences
from vramfit.units import GB, MIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import Job
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.placement import Parts, Placement
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint

NOTABLE_LOGITS_BYTES = 64 * MIB
"""Bytes of a whole batch's logits from which a sentence about them is written."""


def assumptions(
    job: Job[Cards, LlamaCppKeys], parts: Parts, placement: Placement, buffers: Compute, backends: Sequence[str]
) -> tuple[str, ...]:
    """Write the assumptions of an estimate as short sentences for the report."""
    model, work, keys = job.model, job.workload, job.keys
    sentences = []
    if keys.fitted_from:
        sentences.append(
            f"--fit shortens the context from {keys.fitted_from:,} tokens to {work.context:,}, which leaves 1024 MiB of each "
            "GPU free; -c states another, for which layers would move to RAM"
        )
    asked = asked_cells(work, keys)
    rounded = padded(asked)
    if rounded != asked:
        sentences.append(f"llama.cpp rounds the context up to {rounded} tokens")
    if _ignores_window(model):
        sentences.append("llama.cpp ignores the sliding window of this model and caches every token")
    if keys.outputs == "slots" and 4 * model.vocab * keys.ubatch >= NOTABLE_LOGITS_BYTES:
        sentences.append("logits are reserved for one row per sequence, as llama-server does since June 2026")
    if parts.tied_bytes and placement.output_device != HOST:
        sentences.append("the tied embedding is loaded twice: as input in RAM and as output head on the GPU")
    if parts.lazy_bytes:
        sentences.append(
            f"rows of a table of {gib(parts.lazy_bytes)} are read from the file as they are asked, which is the default since"
            " August 2026 (--lazy-mode auto); before, or with off, it is in RAM"
        )
    sentences += _stored(job.checkpoint)
    sentences += _placed(job, placement)
    unpacking = max(buffers.unpacking_bytes)
    if unpacking >= MIB and set(backends) & {"cuda", "rocm"}:
        sentences.append(f"flash attention unpacks the cache to F16: {unpacking // MIB} MiB, counted as overhead")
    if "rocm" in backends:
        sentences += _stranded(job)
    sentences += kept_sentences(kept_by_server(model, work, keys), keys, work.ram_bytes is not None)
    if not keys.kv_offload:
        sentences.append("caches and states stay in RAM (--no-kv-offload), and the CPU attends to them or copies them")
    if "vulkan" in backends and not work.flash_attention:
        sentences.append(
            "Vulkan leaves tables of attention scores beyond 4 GiB to the CPU, where the driver cannot bind them"
        )
    if work.images and parts.vision_bytes:
        sentences += _seeing(parts, keys)
    if work.draft is not None:
        from vramfit.engines.llamacpp import speculative

        sentences += speculative.sentences(model, work, keys)
    elif model.mtp_layers:
        sentences += _idle_head(job.checkpoint)
    return tuple(sentences)


def _seeing(parts: Parts, keys: LlamaCppKeys) -> list[str]:
    """Say where the tower that reads images is, and which file has it."""
    place = "in RAM" if keys.mmproj == "host" else "on the first GPU"
    return [
        f"vision tower and projector (mmproj) are 16-bit {place}; one image or tile is encoded at a time",
        f"the projector's file is beside the checkpoint's: mmproj of {parts.vision_bytes / MIB:,.0f} MiB",
    ]


def _stranded(job: Job[Cards, LlamaCppKeys]) -> list[str]:
    """Say what older builds lose of ROCm's memory to unpacked caches."""
    from vramfit.engines.llamacpp.legacy_pool import stranded_bytes

    work, keys = job.workload, job.keys
    room = cells(work, keys, local_window(job.model))
    lost = stranded_bytes(job.model, work, room.full, keys.ubatch)
    if lost < NOTABLE_LOGITS_BYTES:
        return []
    return [
        f"builds before June 2026 lose up to {lost / MIB:,.0f} MiB of a ROCm card to copies of the unpacked cache while a"
        " prompt grows, which the highest value contains; an f16 cache or Vulkan avoids it"
    ]


def _idle_head(checkpoint: Checkpoint) -> list[str]:
    """Say what a prediction head costs, for a model of the catalogue; notes on a file say it of that file."""
    from vramfit.engines import engine
    from vramfit.engines.llamacpp import speculative
    from vramfit.engines.speculative import stored_head

    model = checkpoint.model
    if model.origin is not None:
        return []
    if checkpoint.idle_bytes:
        head = f"{checkpoint.idle_bytes / MIB:,.0f} MiB"
        return [f"the file has a prediction head (MTP) of {head}, which is not loaded unless it is used"]
    if not speculative.runs_head(model):
        return []
    return [speculative.idle_head(stored_head(engine("llama.cpp"), checkpoint).file_bytes)]


def _stored(checkpoint: Checkpoint) -> list[str]:
    """Say what a publisher's mix, a file in MXFP4, or a file of a model released so is taken for."""
    model, scheme = checkpoint.model, checkpoint.scheme
    if checkpoint.family == "gguf" and "mix" in scheme.settings:
        return _mixed(checkpoint)
    if model.files and not checkpoint.source and checkpoint.scaled == 1:
        return _downloaded(checkpoint)
    if scheme.id in ("MXFP4", "MXFP4_MOE") and not model.has_experts:
        return ["the model has no experts, which MXFP4 files of llama.cpp keep so: all of it becomes Q8_0"]
    if model.dtype == "mxfp4" and checkpoint.family == "gguf" and scheme.family == "gguf" and scheme.id != "MXFP4_MOE":
        return [f"every file of this model keeps the experts in MXFP4; {scheme.id} is how the rest is stored"]
    return []


def _downloaded(checkpoint: Checkpoint) -> list[str]:
    """Say which files a bare type is taken for, where those that people download are not stock."""
    from vramfit.quantization import derive
    from vramfit.quantization.bare_types import published

    found = published(checkpoint.model, checkpoint.scheme)
    if found is None or found.expected == 1 or checkpoint is derive(checkpoint.model, checkpoint.scheme):
        return []
    return [
        f"{checkpoint.scheme.id} is taken as what Unsloth publishes under the name: {found.expected:.3f} times the stock "
        f"mix, {found.low:.2f} to {found.high:.2f} in publishers' files; file_size states what yours weighs",
    ]


def _mixed(checkpoint: Checkpoint) -> list[str]:
    """Say what a publisher's mix is taken for, unless its size was stated, and which program it needs."""
    from vramfit.quantization.mixes import IK_NAME, mix_of

    scheme = checkpoint.scheme
    mix = mix_of(checkpoint.model, scheme)
    publisher, label = scheme.settings["mix"]
    sentences = []
    if publisher == IK_NAME:
        sentences.append(f"{label} files need ik_llama.cpp: llama.cpp, Ollama and LM Studio do not load them")
    if mix is None or checkpoint.scaled != 1:
        return sentences
    if mix.published_bytes is not None:
        size = f"{mix.published_bytes / GB:,.2f} GB of tensors"
        sentences.append(f"{scheme.id} weighs what {publisher} published: {size}; file_size states what yours weighs")
    elif mix.low < mix.high:
        whose = "a publisher's" if publisher == IK_NAME else f"{publisher}'s"
        sentences.append(
            f"{scheme.id} is {whose} own mix: taken as {mix.expected:.2f} times {mix.base}, {mix.low:.2f} to "
            f"{mix.high:.2f} in published files; file_size states what yours weighs"
        )
    return sentences


def _placed(job: Job[Cards, LlamaCppKeys], placement: Placement) -> list[str]:
    """Sentences on a placement."""
    sentences = []
    work = job.workload
    count = len(placement.layer_device)
    for key, value, most in (
        ("gpu_layers", work.gpu_layers, count + 1),
        ("cpu_moe_layers", work.cpu_moe_layers, count),
    ):
        if isinstance(value, int) and value > most:
            sentences.append(f"{key} {value} is more than the model's {most} layers, and means all of them")
    if "auto" in (work.gpu_layers, work.cpu_moe_layers):
        flags = f"-ngl {placement.gpu_layers}"
        if placement.cpu_moe_layers:
            flags += f" --n-cpu-moe {placement.cpu_moe_layers}"
        margin = FIT_MARGIN_BYTES // MIB
        sentences.append(f"auto leaves {margin} MiB free on each GPU, as llama-server --fit does; this is {flags}")
    if placement.moved is not None:
        from vramfit.engines.llamacpp.overrides import sentences as on_moved

        sentences += on_moved(placement.moved)
    if job.gpu_count > 1:
        sentences.append(_shared(placement, job.keys))
    if placement.pipelined:
        sentences.append("inputs are held four times so that the GPUs can overlap (pipeline parallelism)")
    moved = placement.moved is not None and placement.moved.to_host
    if HOST in placement.layer_device or placement.output_device == HOST or placement.cpu_moe_layers or moved:
        sentences.append(
            "weights in RAM are computed by the CPU, and copied to the GPU one matrix at a time for long prompts"
        )
    return sentences


def _shared(placement: Placement, keys: LlamaCppKeys) -> str:
    """Sentence on the split of the model over several GPUs."""
    if keys.split_mode == "tensor":
        from vramfit.engines.llamacpp.tensor import SENTENCE

        return SENTENCE
    if placement.by_rows:
        return (
            "each matrix is cut by rows over the GPUs, caches follow the layers; llama.cpp calls this deprecated, and "
            "builds since June 2026 have it for SYCL only"
        )
    by = "as tensor_split asks" if keys.tensor_split is not None else "in proportion to their memory"
    return f"layers are split over the GPUs {by}; a token passes them one after another"


def _ignores_window(model: Model) -> bool:
    """Return True if the model has a sliding window that llama.cpp ignores."""
    return local_window(model) is None and any(windows_of(model))
