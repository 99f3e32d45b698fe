"""Tables of flags and variables of llama.cpp's programs.

ggml-org/llama.cpp at 0c1e570 (2026, ``common/arg.cpp``); spellings, neutral flags and variables also from its
``tools/server/README.md`` at 00dc805.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.launch import OPTIONAL, SWITCH, Flag, Program
from vramfit.units import MIB
from vramfit.workload.common import layers_word, switch_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def shares_text(shares: tuple[float, ...]) -> str:
    """Write proportions separated by commas, ``3,1``."""
    return ",".join([f"{share:g}" for share in shares])


REFUSED = {
    "--rpc": (
        "--rpc adds the devices of other machines, whose memory is not known here",
        "name those cards with -g beside the others, in the order of the devices, and leave --rpc out",
    ),
    "-dr": (
        "-dr names a model of Docker Hub, which is not read here",
        "name the repository that it comes from as -hf",
    ),
    "--moe-cache-mib": (
        "--moe-cache-mib keeps experts on the GPU in a way that is not modelled",
        "leave it out, and give its size as --reserve",
    ),
    "--kv-unified-per-slot": (
        "--kv-unified-per-slot sizes the cache of all slots by the number of slots",
        "leave it out, and give -c as that number of tokens times the number of slots, with -kvu",
    ),
    "--spec-draft-override-tensor": (
        "--spec-draft-override-tensor moves tensors of the draft in a way that is not modelled",
        "leave it out, and place the draft with --spec-draft-ngl",
    ),
}
"""Flags that move memory in a way that is not modelled, with the reason and what to ask instead."""


REFUSED_TOO = {
    "--spec-draft-override-tensor": ("-otd", "--override-tensor-draft"),
}
"""Other spellings of flags of ``REFUSED``."""


def refused(flag: str) -> Callable[[str], None]:
    """Reader of a flag of ``REFUSED``: it raises ``UsageError``."""

    def read(text: str) -> None:
        raise UsageError(*REFUSED[flag])

    return read


def adapters_bytes(text: str) -> tuple[int, ...]:
    """Sizes of the files of adapters that stand with commas between, each with a scale behind a colon or without.

    Raises ``UsageError`` for a file that is not on this machine.
    """
    import os

    sizes = []
    for name in text.split(","):
        path, colon, scale = name.rpartition(":")
        file = path if colon and scale.replace(".", "", 1).lstrip("-").isdecimal() else name
        if not os.path.isfile(file):
            raise UsageError(
                f"the adapter {file} is not on this machine, so its size is not known",
                "leave it out of the command, and give the size of all adapters as --adapter-size",
            )
        sizes.append(os.path.getsize(file))
    return tuple(sizes)


def cache_text(size: int | str) -> str:
    """Write a size of the prompt cache in MiB, and -1 for one without a bound."""
    return "-1" if isinstance(size, str) else str(-(-size // MIB))


_SPEC_TYPES = {"mtp": "draft-mtp", "eagle3": "draft-eagle3", "draft": "draft-simple"}
"""Words of ``--spec-type`` for the methods that take memory; drafts from n-grams of the text take none."""


def draft_layers(text: str) -> str:
    """Number of layers of a draft on the GPU; ``auto`` and -1 are taken for all, which is what fits with the model."""
    return "all" if text in ("auto", "-1", "-2") else text


def spec_type(text: str) -> str | None:
    """Method of ``--spec-type``, whose words stand with commas between; None for n-grams alone, and for ``none``."""
    words = [word for word in text.split(",") if word != "none" and not word.startswith("ngram")]
    return words[0] if words else None


def commas(text: str) -> str:
    """Proportions with commas between; llama.cpp takes a slash for one."""
    return text.replace("/", ",")


def one_pattern(text: str) -> tuple[str, ...]:
    """The patterns of one flag."""
    return (text,)


SERVER = Program(
    ("llama-server",),
    (
        Flag("-m", "model", ("--model",)),
        Flag("-hf", "repository", ("-hfr", "--hf-repo")),
        Flag("-c", "cells", ("--ctx-size",), of_model="context"),
        Flag("-np", "parallel", ("--parallel",)),
        Flag("-ot", "override_tensor", ("--override-tensor",), spell=",".join, read=one_pattern, many=True),
        Flag("-ngl", "gpu_layers", ("--gpu-layers", "--n-gpu-layers"), read=layers_word),
        Flag("--n-cpu-moe", "cpu_moe_layers", ("-ncmoe",)),
        Flag("--cpu-moe", "all_experts", ("-cmoe",), SWITCH),
        Flag("-sm", "split_mode", ("--split-mode",)),
        Flag("-mg", "main_gpu", ("--main-gpu",)),
        Flag("-ts", "tensor_split", ("--tensor-split",), spell=shares_text, read=commas),
        Flag("-b", "batch", ("--batch-size",)),
        Flag("-ub", "ubatch", ("--ubatch-size",)),
        Flag("-fa", "flash_attention", ("--flash-attn",), OPTIONAL, read=switch_word, on="on"),
        Flag("-ctk", "kv_cache_type", ("--cache-type-k",)),
        Flag("-ctv", "kv_cache_type_v", ("--cache-type-v",)),
        Flag("--kv-unified", "unified_kv", ("-kvu",), SWITCH, off=("-no-kvu", "--no-kv-unified")),
        Flag("--swa-full", "swa_full", (), SWITCH),
        Flag("--no-kv-offload", "no_kv_offload", ("-nkvo",), SWITCH, off=("-kvo", "--kv-offload")),
        Flag("--spec-type", "speculative", (), spell=_SPEC_TYPES.__getitem__, read=spec_type),
        Flag("--spec-draft-n-max", "speculative_tokens", ("--draft", "--draft-n", "--draft-max")),
        Flag("--spec-draft-model", "draft_model", ("-md", "--model-draft")),
        Flag("--spec-draft-hf", "draft_repository", ("-hfd", "-hfrd", "--hf-repo-draft")),
        Flag("--spec-draft-type-k", "draft_kv_cache_type", ("-ctkd", "--cache-type-k-draft")),
        Flag("--spec-draft-type-v", "draft_kv_cache_type_v", ("-ctvd", "--cache-type-v-draft")),
        Flag(
            "--spec-draft-ngl",
            "draft_gpu_layers",
            ("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft"),
            read=draft_layers,
        ),
        Flag(
            "--spec-draft-n-cpu-moe",
            "draft_cpu_moe_layers",
            ("--spec-draft-ncmoe", "-ncmoed", "--n-cpu-moe-draft"),
        ),
        Flag("--spec-draft-cpu-moe", "all_draft_experts", ("-cmoed", "--cpu-moe-draft"), SWITCH),
        Flag("--mmproj", "projector", ("-mm", "--mmproj-url", "-mmu")),
        Flag("--no-mmproj-offload", "projector_in_ram", (), SWITCH, off=("--mmproj-offload",)),
        Flag("--no-mmproj", "no_projector", ("--no-mmproj-auto",), SWITCH, off=("--mmproj-auto",)),
        Flag("--ctx-checkpoints", "context_checkpoints", ("-ctxcp", "--swa-checkpoints")),
        Flag("--cache-ram", "cache_ram", ("-cram",), spell=cache_text),
        Flag("-fit", "fit", ("--fit",), read=switch_word),
        Flag("-fitt", "fit_target", ("--fit-target",)),
        Flag("-dev", "device", ("--device",)),
        Flag("--checkpoint-min-step", "checkpoint_min_step", ("-cms",)),
        Flag("--lora", "adapters", ("--lora-scaled",), read=adapters_bytes, many=True),
        Flag("-hff", "repository_file", ("--hf-file",)),
        Flag("-mu", "url", ("--model-url",)),
        Flag("-ncffn", "ram_ffn_layers", ("--n-cpu-ffn",)),
        Flag("--embedding", "embeds", ("--embeddings",), SWITCH),
        Flag("--reranking", "ranks", ("--rerank",), SWITCH),
        *[Flag(flag, "", REFUSED_TOO.get(flag, ()), read=refused(flag)) for flag in REFUSED],
        Flag("--docker-repo", "", read=refused("-dr")),
    ),
    also=(("llama", "serve"), ("server",), ("llama-cpp-server",)),
    prefix="LLAMA_ARG_",
    images=("ggml-org/llama.cpp:server", "ggerganov/llama.cpp:server"),
)
"""The server, with the flags that are written; ``programs`` adds those that are only read."""
