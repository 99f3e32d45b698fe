"""Keys that every deployment has, and the ``Workload`` record of their values."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.workload.keys import SWITCHED, Form, Group, Key
from vramfit.workload.training import Training

LARGEST = "max"
"""Word for the longest context that the model has."""
FITTING = "auto"
"""Word for the longest context that an engine chooses by itself for what the GPUs have."""

CLASSES = ("fp16", "int8", "int4")
"""Precision classes. Each engine names the scheme that it uses for one (``Engine.scheme_of_class``)."""

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "fp8", "fp8_e4m3", "fp8_e5m2",
               "int8", "int7", "int6", "int5", "int4", "int3", "int2", "fp8_per_token_head", "int4_per_token_head",
               "nvfp4", "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")  # fmt: skip
"""Element types of a KV cache in any engine. Each engine offers some of them (``Engine.cache_types``)."""
BITS_OF_BLOCKS = {"q8_0": "int8", "q5_0": "int5", "q4_0": "int4"}
"""Types of as many bits in engines whose own settings say ``q8`` or ``8``, where llama.cpp's types mean blocks."""


class Workload(Record):
    """Values of a deployment's keys with every default filled in.

    The keys ``gpu``, ``model``, ``engine``, ``quant`` and ``name`` are not among them. Tokens, counts and bytes have
    the units of the contract. None stands where a key does not apply or the engine decides.
    """

    context: int
    parallel: int = 1
    images: int = 0
    image_size: tuple[int, int] | None = None
    """Width and height of each image in pixels; None for the largest that the model takes."""
    kv_cache_type: str = "f16"
    kv_cache_type_v: str = "f16"
    flash_attention: bool = True
    gpu_layers: int | str = "all"
    """Number of layers on the GPU, the output layer counted as one more, or ``all``, or ``auto``."""
    cpu_moe_layers: int | str = 0
    """Number of layers whose experts stay in host memory."""
    prompt_tokens: int | None = None
    """Length of the prompt for which speeds are given; None for half of the context."""
    kv_bytes_per_token: int | None = None
    """Bytes of a token in the cache of all layers; None for the model's own rule."""
    image_tokens: int | None = None
    """Tokens of one image; None for the model's own rule."""
    ram_bytes: int | None = None
    ram_bandwidth_bytes_per_second: int | None = None
    """Peak bandwidth of the host's memory; None where it was not stated (``speed.decode.host_bandwidth`` has the
    default)."""
    reserve_bytes: int = 0
    platform: str = "linux"
    task: str = "inference"
    level: str = "tight"
    own: object = None
    """Record of the engine's own keys (``Engine.record``); None for an engine that has none."""
    speculative: str | None = None
    """Method of speculative decoding, one of ``SPECULATION``; None without."""
    speculative_tokens: int | None = None
    """Number of tokens drafted before each pass of the model; None without speculation."""
    draft: object = None
    """Checkpoint of what drafts (``engines.speculative.Draft``); None without speculation."""
    training: Training = Training()
    """Values of the keys of fine-tuning, which mean nothing to inference."""


_CACHE_WORDS = {"fp16": "f16", "float16": "f16", "half": "f16", "bfloat16": "bf16", "fp32": "f32", "float32": "f32",
                "q8": "q8_0", "q4": "q4_0", "q5": "q5_0", "8": "q8_0", "5": "q5_0", "4": "q4_0",
                **{word: f"int{bits}" for bits in "7632" for word in (f"q{bits}", bits)}}  # fmt: skip
"""Other spellings of element types. Numbers of bits that llama.cpp has no type for are those of other engines."""


def _cache_type(spelling: str) -> str:
    """Element type in the spelling of the table, whatever its case."""
    word = spelling.strip().lower()
    if word.replace("-", "_").replace(" ", "_") in CACHE_TYPES:
        return word.replace("-", "_").replace(" ", "_")
    bits = word.replace(" ", "").replace("-", "").removesuffix("s").removesuffix("bit")
    return _CACHE_WORDS.get(word) or (_CACHE_WORDS.get(bits, word) if word[:1].isdecimal() else word)


_SWITCHES = {"1": "on", "true": "on", "auto": "on", "enabled": "on", "0": "off", "false": "off", "disabled": "off"}


def switch_word(spelling: str) -> str:
    """``on`` or ``off`` for llama.cpp's words; ``auto`` turns it on wherever the backend has it."""
    word = spelling.strip().lower()
    return _SWITCHES.get(word, word)


_CLASS_WORDS = {"16bit": "fp16", "8bit": "int8", "4bit": "int4", "16bits": "fp16", "8bits": "int8", "4bits": "int4",
                "16": "fp16", "8": "int8", "4": "int4", "i8": "int8", "i4": "int4", "none": "fp16", "unquantized": "fp16",
                "halfprecision": "fp16",
                **{word: word for word in CLASSES}}  # fmt: skip
"""Classes by what people call them, without dashes and blanks."""


def _class_or_scheme(spelling: str) -> str:
    """Class by any of its names; any other text as it is."""
    word = spelling.strip()
    return _CLASS_WORDS.get(word.lower().replace("-", "").replace("_", "").replace(" ", ""), word)


def layers_word(spelling: str) -> str:
    """Number or word; -1 is ``auto`` and -2 ``all``, as llama.cpp has the numbers behind its words."""
    word = spelling.strip().lower()
    return {"-1": "auto", "-2": "all"}.get(word, word)


QUESTION = (
    Key(
        "gpu",
        "texts",
        "GPU: an id, [COUNTx]ID, custom:24GiB[@1008GB/s] or auto; repeat it for mixed cards",
        flags=("-g",),
        default_text="auto: this machine's",
        separator=",+",
    ),
    Key("model", "text", "model: a catalogue id or alias", flags=("-m",)),
    Key("engine", "choice", "the runtime"),
    Key(
        "quant",
        "text",
        "a scheme the engine knows, or a class: fp16, int8, int4",
        default_text="by the model's name; else all three classes",
        read=_class_or_scheme,
    ),
    Key(
        "context",
        "tokens",
        "tokens a sequence may hold; max for all that the model has, auto for what llama.cpp chooses to fit",
        choices=(LARGEST, FITTING),
        flags=("-c", "--ctx-size", "--max-model-len"),
        default_text="min(4096, the model's)",
        follows=True,
    ),
    Key("parallel", "count", "sequences held at once", flags=("-np", "--users"), default=1, maximum=2**20),
    Key(
        "images",
        "count",
        "images per sequence",
        minimum=0,
        maximum=4096,
        default_text="1 for a vision model, else 0",
        follows=True,
    ),
    Key(
        "image_size",
        "pixels",
        "size of each image, for example 1344x1008: its tokens by the model's own rule",
        default_text="the largest the model takes",
    ),
    Key(
        "kv_cache_type",
        "choice",
        "element type of the KV cache",
        choices=CACHE_TYPES,
        flags=("-ctk", "--cache-type-k", "-cq"),
        read=_cache_type,
        second="kv_cache_type_v",
        default_text="the engine's",
        follows=True,
    ),
    Key(
        "kv_cache_type_v",
        "choice",
        "the same for V alone",
        choices=CACHE_TYPES,
        flags=("-ctv", "--cache-type-v"),
        read=_cache_type,
        default_text="as kv_cache_type",
        follows=True,
    ),
    Key(
        "flash_attention",
        "choice",
        "flash attention",
        choices=SWITCHED,
        flags=("-fa", "--flash-attn"),
        default=True,
        follows=True,
        read=switch_word,
    ),
)
"""Keys that say what is run, and how much of it at once."""

EXPERTS = "cpu_moe_layers"
"""Key of what few engines can do: leave the experts of some layers in host memory."""

OFFLOADING = (
    Key(
        "gpu_layers",
        "count-or-word",
        "layers on the GPU",
        choices=("all", "auto"),
        minimum=0,
        flags=("-ngl", "--n-gpu-layers"),
        default="all",
        decided=True,
        read=layers_word,
    ),
    Key(
        EXPERTS,
        "count-or-word",
        "layers whose experts stay in RAM",
        choices=("all", "auto"),
        minimum=0,
        flags=("--n-cpu-moe", "-ncmoe"),
        default=0,
        decided=True,
    ),
)
"""Keys that say which parts of the model stay in host memory."""

SPECULATION = ("mtp", "eagle3", "draft")
"""Methods of speculative decoding: the model's own prediction head, an EAGLE-3 head, a draft model."""
_METHODS = {"draft-mtp": "mtp", "nextn": "mtp", "draft-eagle3": "eagle3", "eagle-3": "eagle3", "draft-simple": "draft",
            "draft_model": "draft", "standalone": "draft"}  # fmt: skip
"""Engines' own words for them: llama.cpp's ``--spec-type``, vLLM's ``method``, SGLang's ``--speculative-algorithm``."""


def method_word(spelling: str) -> str:
    """Method of speculative decoding in the spelling of the table, whatever its case and the engine that it is from."""
    word = spelling.strip().lower()
    return _METHODS.get(word, word)


SPECULATIVE = (
    Key(
        "speculative",
        "choice",
        "speculative decoding: what drafts tokens for the model",
        choices=SPECULATION,
        flags=("--spec-type", "--speculative-algorithm"),
        default_text="none",
        read=method_word,
    ),
    Key(
        "speculative_tokens",
        "count",
        "tokens drafted before each pass of the model",
        maximum=64,
        flags=("--draft-max", "--spec-draft-n-max", "--num-speculative-tokens"),
        default_text="the engine's",
    ),
    Key(
        "draft_model",
        "text",
        "what drafts: a model's id, a repository, a file",
        flags=("-md", "--model-draft", "--spec-draft-model", "--speculative-draft-model-path"),
        default_text="none",
    ),
)
"""Keys of speculative decoding, which few engines have (``Engine.speculates``)."""

SPECULATING = frozenset([key.name for key in SPECULATIVE])
"""Names of the keys of speculative decoding."""

SUPPLIED = (
    Key(
        "kv_bytes_per_token",
        "count",
        "bytes a token takes in the cache, for a model whose cache is not known",
        default_text="the model's",
    ),
    Key(
        "file_size",
        "size",
        "what the file of the weights weighs, for example 17.6GB: its tensors are scaled to it",
        default_text="the scheme's",
        decimal=True,
    ),
    Key(
        "bits_per_weight",
        "number",
        "the same as bits that a weight takes on average",
        minimum=0.5,
        maximum=32,
        default_text="the scheme's",
    ),
    Key(
        "encoder_tokens",
        "tokens",
        "tokens an encoder reads for a sequence, for an encoder-decoder (T5, BART) that reads any number",
        default_text="the model's",
    ),
    Key("image_tokens", "count", "tokens of an image, for a model whose rule is not known", default_text="the model's"),
)
"""Keys with facts that the user knows of a model and vramfit does not."""

SURROUNDINGS = (
    Key("prompt_tokens", "tokens", "tokens of the prompt that speeds are given for", default_text="half the context"),
    Key(
        "ram",
        "size",
        "host memory, for example 64GiB; auto: what is available here",
        default_text="unknown: not checked",
        field="ram_bytes",
    ),
    Key(
        "ram_bandwidth",
        "rate",
        "peak bandwidth of the host's memory, for example 51.2GB/s",
        default_text="89.6GB/s",
        field="ram_bandwidth_bytes_per_second",
    ),
    Key(
        "reserve",
        "size",
        "GPU memory others hold, for example 1GiB; auto: what they hold here now",
        default=0,
        field="reserve_bytes",
    ),
    Key(
        "usable",
        "size",
        "what a program can have of each GPU, where you know it: GTT, VGM, a headless Windows",
        default_text="the catalogue's",
    ),
    Key(
        "platform",
        "choice",
        "decides what of the card is usable",
        choices=("linux", "windows", "macos"),
        default_text="linux; macos for Apple",
        follows=True,
    ),
)
"""Keys of the machine and of what else runs on it."""

JUDGEMENT = (
    Key("level", "choice", "what must hold for exit 0", choices=("fits", "tight"), default="tight"),
    Key("name", "text", "a label, copied into the report"),
)
"""Keys that name the deployment and say what its verdict must reach."""

_ASKED = [key.name for key in QUESTION].index("kv_cache_type")
"""Number of keys that say what is run; those behind them say how its cache is kept."""

GROUPS = (
    Group(QUESTION[:_ASKED], 0, "Model and GPU"),
    Group(QUESTION[_ASKED:], 0),
    Group(OFFLOADING, 20),
    Group(SPECULATIVE, 50, "Speculative decoding"),
    Group(SUPPLIED, 55),
    Group(SURROUNDINGS, 60),
    Group(JUDGEMENT, 90, "Output"),
)
FORM = Form(Workload, GROUPS)
