"""Commands of ``koboldcpp``, which runs llama.cpp with defaults of its own.

LostRuins/koboldcpp at 000115d ``koboldcpp.py``, each flag of which is in the table: a context of 8,192 tokens for one user,
batches of 512, and a whole cache for windows unless ``--useswa`` is given. It is started as a program of its own, whose name
says the system, or by Python.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.flags import adapters_bytes, one_pattern, shares_text
from vramfit.engines.llamacpp.programs import CONSOLE_KEYS
from vramfit.engines.llamacpp.reading import in_ram
from vramfit.errors import UsageError
from vramfit.launch import OPTIONAL, SWITCH, WORDS, Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.workload.common import layers_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.launch.words import Process
    from vramfit.workload.common import Workload

CONTEXT, BATCH = "8192", "512"
CACHE_TYPES = {"0": "f16", "1": "q8_0", "2": "q4_0"}
"""Element types of the levels of ``--quantkv``."""
ALL_LAYERS = 999
"""Number of layers of ``--moecpu`` without a number."""

BESIDE = (
    "--sdmodel", "--sdupscaler", "--whispermodel", "--ttsmodel", "--embeddingsmodel", "--musicllm", "--musicdiffusion",
)  # fmt: skip
"""Flags that load models for images, speech, search and music onto the GPU too."""
KOBOLD = Program(
    ("koboldcpp",),
    (
        Flag("--model", "model", ("-m",)),
        Flag("--contextsize", "context", ("--ctx-size", "-c")),
        Flag(
            "--gpulayers", "gpu_layers", ("--gpu-layers", "--n-gpu-layers", "-ngl"), OPTIONAL, read=layers_word, on="1"
        ),
        Flag("--tensor_split", "tensor_split", ("--tensorsplit", "--tensor-split", "-ts"), WORDS, spell=shares_text),
        Flag("--usecuda", "backend_words", ("--usecublas", "--usehipblas"), WORDS),
        Flag("--usevulkan", "vulkan_words", (), WORDS),
        Flag("--maingpu", "main_gpu", ("--main-gpu", "-mg")),
        Flag("--batchsize", "batch", ("--blasbatchsize", "--batch-size", "-b")),
        Flag("--quantkv", "quantkv"),
        Flag("--flashattention", "flash_attention", ("--flash-attn", "-fa"), SWITCH, on="on"),
        Flag("--lowvram", "kv_offload", ("-nkvo", "--no-kv-offload"), SWITCH, on=False),
        Flag("--useswa", "windows", (), SWITCH),
        Flag("--mmproj", "projector"),
        Flag("--mmprojcpu", "projector_in_ram", ("--no-mmproj-offload",), SWITCH),
        Flag("--draftmodel", "draft_model", ("--model-draft", "-md")),
        Flag("--draftamount", "speculative_tokens", ("--draft-max", "--draft-n")),
        Flag("--draftgpulayers", "draft_gpu_layers", ("--gpu-layers-draft", "--n-gpu-layers-draft", "-ngld")),
        Flag("--moecpu", "cpu_moe_layers", ("--n-cpu-moe", "-ncmoe"), OPTIONAL, on=str(ALL_LAYERS)),
        Flag(
            "--overridetensors", "override_tensor", ("--override-tensor", "-ot"), spell=",".join, read=one_pattern,
            many=True,
        ),
        Flag("--lora", "adapters", (), WORDS, read=adapters_bytes, many=True),
        Flag("--usecpu", "cpu_only", (), SWITCH),
    ),
    also=(
        ("koboldcpp.py",), ("python", "koboldcpp.py"), ("koboldcpp.exe",), ("koboldcpp_nocuda.exe",), ("koboldcpp_cu12.exe",),
        ("koboldcpp-nocuda.exe",), ("koboldcpp-linux-x64",), ("koboldcpp-linux-x64-nocuda",), ("koboldcpp-linux-x64-cuda1210",),
        ("koboldcpp-linux-x64-cuda1150",), ("koboldcpp-linux-x64-rocm",), ("koboldcpp-mac-arm64",), ("koboldcpp.sh",),
    ),
    positional="model",
    refused={
        flag: (f"{flag} loads another model beside, whose memory is not known", "leave it out, and give it as --reserve")
        for flag in BESIDE
    },
    settings=("--config",),
    settings_win=True,  # "Other arguments will be ignored"
    shortens=True,
    unmodelled=neutral("--enableguidance --failsafe --admin --ttsgpu --embeddingsgpu", "", "--useclblast"),
    neutral=neutral(
        "--launch --noshift --no-context-shift --nofastforward --usemmap --usemlock --mlock --noavx2 --cli --multiplayer"
        " --websearch --remotetunnel --highpriority --foreground --quiet --nocertify --ignoremissing --jinja --jinja_tools"
        " --jinja-tools --nomodel --nobostoken --showgui --skiplauncher --singleinstance --version --smartcontext --noblas"
        " --nommap --no-mmap --sdnotile --testmemory --sdflashattention --sdoffloadcpu --sdvaecpu --sdclipgpu --sdvaeauto",
        "--port --host --threads -t --blasthreads --batchthreads --threadsbatch --threads-batch --loramult"
        " --overridenativecontext --onready --prompt -p --genlimit --promptlimit --preloadstory --savedatafile --visionmaxres"
        " --password --ratelimit --chatcompletionsadapter --moeexperts --defaultgenamt --maxrequestsize --overridekv"
        " --override-kv --analyze --forceversion --unpack --exportconfig --exporttemplate --hordemodelname --hordeworkername"
        " --hordekey --hordemaxctx --hordegenlen --sdthreads --sdclampedsoft --sdt5xxl --sdclip1 --sdclipl --sdclip2"
        " --sdclipg --sdphotomaker --sdconvdirect --sdvae --sdlora --sdloramult --sdtiledvae --sdgendefaults"
        " --ttswavtokenizer --ttsmaxlen --ttsthreads --embeddingsmaxctx --adminpassword --admindir",
        " --ropeconfig --debugmode --benchmark --multiuser --ssl --draftgpusplit --hordeconfig --sdconfig --sdclamped"
        " --sdquant",
    ),
)  # fmt: skip


def command(values: Mapping[str, object], work: Workload, keys: LlamaCppKeys) -> str:
    """Write the line from the values of the server's flags, as far as koboldcpp has flags of that meaning."""
    levels = {kind: level for level, kind in CACHE_TYPES.items()}
    level = levels.get(str(work.kv_cache_type), "0")
    own = {
        "context": work.context,
        "quantkv": None if level == "0" else level,
        "flash_attention": "on" if work.flash_attention else None,
        "kv_offload": keys.kv_offload,
        "windows": not keys.swa_full,
    }
    return line(write.words(KOBOLD, {**values, **own}))


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts koboldcpp; None if no line does.

    Raises ``UsageError`` for a batch of -1.
    """
    from vramfit.launch.read import first

    keys = first(KOBOLD, given)
    if keys is None:
        return None
    backend, vulkan = keys.pop("backend_words", None), keys.pop("vulkan_words", None)
    if "lowvram" in (backend or ""):
        keys["kv_offload"] = False
    cpu, level = keys.pop("cpu_only", False), keys.pop("quantkv", "0")
    kind = CACHE_TYPES.get(level, level)
    # Without flash attention only K is quantized.
    flash = keys.setdefault("flash_attention", "off")
    if kind != "f16":
        keys |= {"kv_cache_type": kind, "kv_cache_type_v": kind if flash == "on" else "f16"}
    batch = keys.pop("batch", BATCH)
    if batch == "-1":
        raise UsageError("--batchsize -1 of koboldcpp is not modelled", "state a number, or leave it out for 512")
    keys |= {"batch": batch, "ubatch": batch, "swa_full": not keys.pop("windows", False)}
    if "projector" not in keys:
        keys["images"] = 0
    elif keys.get("projector_in_ram"):
        keys["mmproj"] = "host"
    for name in ("projector", "projector_in_ram"):
        keys.pop(name, None)
    if keys.get("cpu_moe_layers") == str(ALL_LAYERS):
        keys["cpu_moe_layers"] = "all"
    if keys.get("draft_gpu_layers") == str(ALL_LAYERS):
        keys["draft_gpu_layers"] = "all"
    in_ram(keys)
    keys["gpu_layers"] = "0" if cpu else keys.get("gpu_layers", "auto")
    if vulkan is not None:
        keys["backend"] = "vulkan"
    return {**CONSOLE_KEYS, "context": CONTEXT, **keys}
