"""What is asked of a model: the deployment keys of the contract, and the ``Workload`` they make.

``KEYS`` is the one declaration of the options. The light argument reader, the Typer command, the deployments file
and the report's ``deployment`` object are all read from it.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.errors import UsageError
from vramfit.optimizers import OPTIMIZER_BY_NAME, find_optimizer
from vramfit.units import parse_pixels, parse_rate, parse_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ENGINES = ("transformers", "llama.cpp", "vllm", "sglang", "ollama", "exllamav3", "mlx", "tensorrt-llm")
CLASSES = ("fp16", "int8", "int4")
"""Precision classes: each engine names the scheme it uses for one (``engines.Engine``)."""

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "fp8", "fp8_e4m3", "fp8_e5m2",
               "int8", "int4")  # fmt: skip


@record
class Key:
    """One deployment key: its flag is ``--name-with-dashes``, its field in files and reports ``name``."""

    name: str
    kind: str
    """``text``, ``texts`` (repeatable), ``count`` (integer), ``number``, ``size`` (``64GiB``), ``rate`` (``51.2GB/s``),
    ``choice``, ``flag``, ``count-or-word`` (an integer or one of ``choices``), ``pixels`` (``1344x1008``, width first),
    ``shares`` (``3,1``)."""
    help: str
    choices: tuple[str, ...] = ()
    minimum: float = 1
    maximum: float = 2**31 - 1
    flags: tuple[str, ...] = ()
    """Other spellings of the flag: short letters, and the engine's own words."""
    default: str = ""
    """The default in words, for help texts; the value itself comes from ``check.resolve``."""


KEYS: tuple[Key, ...] = (
    Key("gpu", "texts", "GPU: an id, [COUNTx]ID or custom:24GiB[@1008GB/s]; repeat it for mixed cards", flags=("-g",)),
    Key("model", "text", "model: a catalogue id or alias", flags=("-m",)),
    Key("engine", "choice", "the runtime", choices=ENGINES, default="transformers; llama.cpp for a GGUF quant"),
    Key("quant", "text", "a scheme the engine knows, or a class: fp16, int8, int4", default="all three classes"),
    Key(
        "context",
        "count",
        "tokens a sequence may hold",
        flags=("-c", "--max-model-len"),
        default="min(4096, the model's)",
    ),
    Key("parallel", "count", "sequences held at once", default="1", maximum=2**20),
    Key("images", "count", "images per sequence", minimum=0, maximum=4096, default="1 for a vision model, else 0"),
    Key(
        "image_size",
        "pixels",
        "size of each image, for example 1344x1008: its tokens by the model's own rule",
        default="the largest the model takes",
    ),
    Key(
        "kv_cache_type",
        "choice",
        "element type of the KV cache",
        choices=CACHE_TYPES,
        flags=("-ctk", "--cache-type-k"),
        default="the engine's",
    ),
    Key(
        "kv_cache_type_v",
        "choice",
        "the same for V alone",
        choices=CACHE_TYPES,
        flags=("-ctv", "--cache-type-v"),
        default="as kv_cache_type",
    ),
    Key("flash_attention", "choice", "flash attention", choices=("on", "off"), flags=("-fa",), default="on"),
    Key("batch", "count", "llama.cpp: logical batch", flags=("-b",), default="2048"),
    Key("ubatch", "count", "llama.cpp: physical batch", flags=("-ub",), default="512"),
    Key("unified_kv", "flag", "llama.cpp: one cache shared by all sequences", default="false"),
    Key("swa_full", "flag", "llama.cpp: full-size cache for sliding-window layers", default="false"),
    Key("outputs", "choice", "llama.cpp: rows of logits reserved", choices=("slots", "batch"), default="slots"),
    Key(
        "gpu_layers",
        "count-or-word",
        "layers on the GPU",
        choices=("all", "auto"),
        minimum=0,
        flags=("-ngl", "--n-gpu-layers"),
        default="all",
    ),
    Key(
        "cpu_moe_layers",
        "count-or-word",
        "layers whose experts stay in RAM",
        choices=("all", "auto"),
        minimum=0,
        flags=("--n-cpu-moe",),
        default="0",
    ),
    Key(
        "backend",
        "choice",
        "llama.cpp: the library it computes with",
        choices=("cuda", "rocm", "metal", "vulkan", "sycl"),
        default="the GPU vendor's own; vulkan for Intel",
    ),
    Key(
        "split_mode",
        "choice",
        "llama.cpp: how several GPUs share the model",
        choices=("layer", "row", "none"),
        flags=("-sm",),
        default="layer",
    ),
    Key("main_gpu", "count", "llama.cpp: the GPU of split_mode none", minimum=0, flags=("-mg",), default="0"),
    Key(
        "tensor_split",
        "shares",
        "llama.cpp: proportions of the model for the GPUs, for example 3,1",
        flags=("-ts",),
        default="by their memory",
    ),
    Key("sched_spread", "flag", "Ollama: over all GPUs even if one is enough", default="false"),
    Key(
        "tensor_parallel",
        "count",
        "GPUs each layer is split over",
        flags=("-tp",),
        maximum=1024,
        default="the engine's",
    ),
    Key(
        "pipeline_parallel",
        "count",
        "stages the layers are split into",
        flags=("-pp",),
        maximum=1024,
        default="the engine's",
    ),
    Key(
        "max_batched_tokens",
        "count",
        "vLLM: tokens of one step",
        flags=("--max-num-batched-tokens",),
        default="the engine's",
    ),
    Key(
        "gpu_memory_utilization",
        "number",
        "vLLM: share of the card it may take",
        minimum=0.01,
        maximum=1.0,
        default="the engine's",
    ),
    Key("enforce_eager", "flag", "vLLM: no CUDA graphs", default="false"),
    Key("prompt_tokens", "count", "tokens of the prompt that speeds are given for", default="half the context"),
    Key("ram", "size", "host memory, for example 64GiB", default="unknown: not checked"),
    Key("ram_bandwidth", "rate", "peak bandwidth of the host's memory, for example 51.2GB/s", default="89.6GB/s"),
    Key("reserve", "size", "GPU memory others hold, for example 1GiB", default="0"),
    Key(
        "platform",
        "choice",
        "decides what of the card is usable",
        choices=("linux", "windows", "macos"),
        default="linux; macos for Apple",
    ),
    Key("task", "choice", "what is run", choices=("inference", "full", "lora", "qlora"), default="inference"),
    Key("sequence_length", "count", "fine-tuning: tokens per sample", default="2048"),
    Key("micro_batch", "count", "fine-tuning: samples per step and GPU", maximum=2**16, default="1"),
    Key("lora_rank", "count", "fine-tuning: rank of the adapters", maximum=2**16, default="16"),
    Key("optimizer", "choice", "fine-tuning: optimizer", choices=tuple(OPTIMIZER_BY_NAME), default="adamw"),
    Key("gradient_checkpointing", "flag", "fine-tuning: recompute activations", default="true"),
    Key("zero_stage", "count", "fine-tuning: DeepSpeed ZeRO stage", minimum=0, maximum=3, default="0"),
    Key("level", "choice", "what must hold for exit 0", choices=("fits", "tight"), default="tight"),
    Key("name", "text", "a label, copied into the report"),
)

KEY_BY_NAME = {key.name: key for key in KEYS}


@record
class Workload:
    """The deployment keys with every default filled in, minus ``gpu``, ``model``, ``engine``, ``quant`` and ``name``.

    Tokens, counts and bytes as the contract says; None where the key does not apply or the engine decides.
    """

    context: int
    parallel: int = 1
    images: int = 0
    image_size: tuple[int, int] | None = None
    """Width and height of each image in pixels; None for the largest the model takes."""
    kv_cache_type: str = "f16"
    kv_cache_type_v: str = "f16"
    flash_attention: bool = True
    batch: int = 2048
    ubatch: int = 512
    unified_kv: bool = False
    swa_full: bool = False
    outputs: str = "slots"
    gpu_layers: int | str = "all"
    """Layers on the GPU as llama.cpp counts them (the output layer is one), or ``all``, or ``auto``."""
    cpu_moe_layers: int | str = 0
    backend: str | None = None
    """None for the one each GPU's vendor offers."""
    split_mode: str = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] | None = None
    """Proportions, one for each GPU; None for their memory."""
    sched_spread: bool = False
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    max_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    enforce_eager: bool = False
    prompt_tokens: int | None = None
    """None for half of the context."""
    ram_bytes: int | None = None
    ram_bandwidth_bytes_per_second: int | None = None
    """None where it was not stated (``speed.decode.host_bandwidth`` says what is taken)."""
    reserve_bytes: int = 0
    platform: str = "linux"
    task: str = "inference"
    sequence_length: int = 2048
    micro_batch: int = 1
    lora_rank: int = 16
    optimizer: str = "adamw"
    gradient_checkpointing: bool = True
    zero_stage: int = 0
    level: str = "tight"


def parse_value(key: Key, raw: Any) -> Any:
    """The typed value of one key, from a command-line string or a YAML scalar.

    Integers for ``count``, two of them for ``pixels``, bytes for ``size``, bytes per second for ``rate``, bool for
    ``flag``, strings for ``texts``. Raises ``UsageError`` naming the key; nothing is clamped or guessed.
    """
    kind = key.kind
    if kind == "texts":
        values = raw if isinstance(raw, list | tuple) else [raw]
        if not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise _wrong(key, raw, "give a GPU id, or a list of them")
        return tuple(values)
    if kind == "text":
        if isinstance(raw, bool) or not isinstance(raw, str | int | float) or not str(raw).strip():
            raise _wrong(key, raw, "give a text")
        return str(raw)
    if kind == "flag":
        if isinstance(raw, bool):
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        raise _wrong(key, raw, "give true or false")
    if kind == "choice":
        if isinstance(raw, bool) and key.choices == ("on", "off"):
            return "on" if raw else "off"
        if raw in key.choices:
            return raw
        if key.name == "optimizer" and isinstance(raw, str):
            optimizer = find_optimizer(raw)
            if optimizer is not None:
                return optimizer.name
        raise _wrong(key, raw, f"one of: {', '.join(key.choices)}")
    if kind == "size":
        if isinstance(raw, str):
            return parse_size(raw)
        raise _wrong(key, raw, "write the unit: 64GiB or 64GB")
    if kind == "shares":
        return _shares(key, raw)
    if kind == "rate":
        rate = parse_rate(str(raw))
        if not rate:
            raise _wrong(key, raw, "more than 0GB/s")
        return rate
    if kind == "pixels":
        try:
            return parse_pixels(str(raw))
        except UsageError as error:
            raise UsageError(f'{key.name}: "{raw}" is not a valid value', error.hint) from None
    if kind == "count-or-word" and raw in key.choices:
        return raw
    if kind == "number":
        return _number(key, raw)
    return _integer(key, raw)


def parse_request(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A request of typed values from raw ones; raises ``UsageError`` for a key the contract does not have."""
    request = {}
    for name, value in raw.items():
        key = KEY_BY_NAME.get(name)
        if key is None:
            import difflib

            near = difflib.get_close_matches(str(name), KEY_BY_NAME, 2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known keys: {', '.join(KEY_BY_NAME)}"
            raise UsageError(f'unknown key "{name}"', hint)
        if value is not None:
            request[key.name] = parse_value(key, value)
    return request


def _integer(key: Key, raw: Any) -> int:
    value = raw
    if isinstance(raw, str):
        digits = raw.strip().removeprefix("-")
        if not digits.isascii() or not digits.isdigit():
            raise _wrong(key, raw, _expected(key))
        value = int(raw) if len(digits) < 20 else 2**63
    if isinstance(value, bool) or not isinstance(value, int) or not key.minimum <= value <= key.maximum:
        raise _wrong(key, raw, _expected(key))
    return value


def _shares(key: Key, raw: Any) -> tuple[float, ...]:
    """Proportions from ``3,1`` or a list; not all of them 0."""
    parts = raw if isinstance(raw, list | tuple) else str(raw).split(",")
    shares = []
    for part in parts:
        number = str(part).strip()
        if not number.isascii() or not number.replace(".", "", 1).isdigit() or len(number) > 20:
            raise _wrong(key, raw, "numbers with commas between, one for each GPU: 3,1")
        shares.append(float(number))
    if not sum(shares):
        raise _wrong(key, raw, "at least one share above 0")
    return tuple(shares)


def _number(key: Key, raw: Any) -> float:
    try:
        value = float(raw)
    except (TypeError, ValueError):
        raise _wrong(key, raw, _expected(key)) from None
    if isinstance(raw, bool) or not key.minimum <= value <= key.maximum:
        raise _wrong(key, raw, _expected(key))
    return value


def _expected(key: Key) -> str:
    kind = "a number" if key.kind == "number" else "a whole number"
    words = f", or {' or '.join(key.choices)}" if key.choices else ""
    upper = f" to {key.maximum:g}" if key.maximum < 2**31 - 1 else " or more"
    return f"{kind}, {key.minimum:g}{upper}{words}"


def _wrong(key: Key, raw: Any, expected: str) -> UsageError:
    return UsageError(f'{key.name}: "{raw}" is not a valid value', f"expected {expected}")
