"""Names of repositories that repackage a known model: another organisation's copy of it, or a quantized one.

``unsloth/Llama-3.2-3B-Instruct``, ``TheBloke/Mistral-7B-v0.1-GPTQ``, ``RedHatAI/Qwen3-8B-FP8-dynamic``: the name says
which model it is, and often in which scheme. What stands behind the model's name must be words of packaging and nothing
else, so that a fine-tune with a name of its own (``dolphin-2.1-mistral-7B``) is never taken for its base. Loaded only
when no entry has the name itself.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import UnsupportedScheme
from vramfit.quantization import SCHEMES, find_scheme, publishers
from vramfit.quantization.publishers import RECIPES_SINCE, WITH_HEAD
from vramfit.quantization.schemes import LOOSE, stock_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vramfit.model import Model

GGUF = {
    scheme.id.lower(): scheme.id
    for scheme in SCHEMES.values()
    if scheme.family == "gguf" and scheme.id not in ("F32", "F16", "BF16")
}
"""Quantized file types as names carry them, in small letters."""

FLOATS = {"f32": "F32", "f16": "F16", "bf16": "BF16", "fp32": "F32", "fp16": "F16"}
"""File types that are one element type: what a word says of a GGUF file, and of others another scheme."""

WITH_MATRIX = ("Q4_0", "Q5_0", "IQ4_NL", "IQ4_XS", "IQ3_XXS")
"""File types whose bytes an importance matrix changes (``quantization.gguf``); owners known to ``publishers`` use one."""

NEUTRAL = frozenset((
    "ud", "mtp", "mxfp8", "sc",
    "unsloth", "quantized", "quant", "hf", "qat", "dwq", "imatrix", "i1", "dynamic", "kv", "modelopt", "dq", "ct",
    "autoround", "marlin", "inc", "llmcompressor", "compressed", "tensors", "instruct", "it", "chat", "base", "pt",
    "block", "w4a4", "qad", "unquantized", "safetensors", "sharded", "quark", "sym", "fp8kv", "mtplx", "serve", "gb10",
))  # fmt: skip
"""Words of packaging and of tuning: they name no scheme, and change no tensor."""

STYLES = ("aggressive", "balanced")
"""Words behind the name of an edit (``publishers.EDITED``), which grade it."""

APEX, TIERS = "apex", ("i", "nano", "mini", "compact", "balanced", "quality")
"""Word for mixes that mudler makes (huggingface.co/mudler), which no scheme describes, and their grades."""

FAMILIES = ("gptq", "awq", "exl2", "exl3", "mlx", "hqq", "torchao")
"""Words that name a family; widths and groups beside them go with it."""

ALONE = {
    "bnb": "nf4", "bitsandbytes": "nf4", "nf4": "nf4", "fp8": "fp8", "nvfp4": "nvfp4", "fp4": "nvfp4", "mxfp4": "MXFP4",
    "w8a8": "w8a8", "w4a16": "w4a16", "w8a16": "w8a16", "bf16": "bf16", "fp16": "fp16", "fp32": "fp32", "gguf": "",
}  # fmt: skip
"""Words that name a scheme by themselves; a GGUF repository holds many."""

FP8_KINDS = {"block": "fp8-block", "dynamic": "fp8-channel"}
"""Kinds of FP8 by the word beside it, as llm-compressor's repositories are named."""
UNPACKED = "unquantized"
"""Word for weights that were trained for the type before it and are not stored in it."""

MLX_FLOATS = ("mxfp4", "nvfp4", "mxfp8")
"""Words for modes of MLX's quantization, which in other repositories name other schemes."""

_SIZES = (
    ("bits", "", "bits"), ("bits", "", "bit"), ("bits", "", "bpw"), ("bits", "int", ""), ("bits", "w", ""),
    ("group", "g", ""), ("group", "gs", ""), ("group", "", "g"), ("head", "h", ""),
)  # fmt: skip
"""Meaning of a number by the text before and behind it."""

FILE = ".gguf"
PACKED = "-GGUF"
"""End of the name that a GGUF file has as a repository."""
HOSTS = ("https://", "huggingface.co/", "hf.co/")
_OWNER_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
PREFIXES = (
    "nvidia", "meta", "google", "microsoft", "mistralai", "openai", "ibm", "alibaba", "nous", "nousresearch", "cohere",
    "facebook", "moonshot", "moonshotai", "tencent", "baidu", "bytedance", "allenai", "ai2", "lg", "stability", "stabilityai",
    "upstage", "databricks", "liquid", "zai", "huggingface", "tii", "xiaomi", "stepfun",
)  # fmt: skip
"""Vendors that people put before a model's name."""


BASE = "-base"
"""End of the name of a model that was not trained to follow instructions."""


class Reading(Record):
    """Reading of a repository's name as that of a model."""

    model: str
    """Name of the model itself, to be looked up."""
    keys: Mapping[str, str] = {}
    """Deployment keys that the rest of the name states: ``quant``, and ``family``, that of its files."""


def readings(name: str) -> Iterator[Reading]:
    """Readings of ``name``, the nearest first; none for a path, or for a name that states nothing more.

    A word of packaging may be the model's own, so the longest name goes first.
    """
    owner, _, base = name.strip().rpartition("/")
    for host in HOSTS:
        owner = owner.removeprefix(host)
    if owner.strip(_OWNER_LETTERS) or owner.startswith("."):
        return
    words = _words(base)
    if not words:
        return
    if not owner:
        yield from _in_scheme(base)
    first = words[0][0]
    fewest = len(words)
    own = owner.rpartition("/")[2].lower()
    plain = [word for word, _ in words]
    while fewest > 1 and (_is_packaging(plain[fewest - 1]) or _is_of_owner(plain, fewest - 1, own)):
        fewest -= 1
    starts = [0]
    # Re-publishers join the owner and the name by a low line: ``TheDrummer_Cydonia-24B`` (bartowski, lmstudio-community).
    if len(words) > 1 and (first in PREFIXES or base[len(first) : len(first) + 1] == "_"):
        starts.append(len(first) + 1)
    for start in starts:
        for count in range(len(words), fewest - 1, -1):
            text = base[start : words[count - 1][1]].strip()
            if text and text != name:
                yield Reading(text, _keys([word for word, _ in words[count:]], owner.lower()))


def _in_scheme(base: str) -> Iterator[Reading]:
    """Reading of a name that ends in a scheme's id of several words, as written commands name files that are to be made."""
    stem = base.removesuffix(PACKED)
    family = {} if stem == base else {"family": "gguf"}
    model, dash, rest = stem.partition("-")
    while dash:
        behind, dash, last = rest.partition("-")
        if dash or "_" in rest:
            try:
                scheme = find_scheme(rest)
            except UnsupportedScheme:
                scheme = None
            if scheme is not None and scheme.id.lower() == rest.lower() and scheme.id not in GGUF.values():
                yield Reading(model, {**family, "quant": scheme.id})
                return
        model, rest = f"{model}-{behind}", last


def as_made(keys: Mapping[str, str], name: str, model: Model) -> Mapping[str, str]:
    """Deployment keys of a repository's name, with the scheme that its owner means by a type others make too.

    Owners have recipes of their own for recent models (``quantization.mixes``); their files of earlier ones are stock,
    but for those of which the catalogue knows the size.
    """
    owner = name.strip().rpartition("/")[0].rpartition("/")[2].lower()
    quant = keys.get("quant")
    if owner not in publishers.OWN or quant is None or keys.get("family") != "gguf":
        return keys
    stock = stock_name(quant)
    own = publishers.read(f"{owner}-{stock}")
    if own is None:
        return keys
    known = own.id in [scheme.removesuffix(WITH_HEAD) for scheme, _ in model.files]
    if known or "mix" not in own.settings or (model.released or "") >= RECIPES_SINCE:
        return {**keys, "quant": own.id}
    return keys


def in_stated_form(model: Model, keys: Mapping[str, str], name: str) -> Model:
    """Model of a repository whose name states the deployment keys ``keys``, with all of its weights in that form.

    A name that ends in ``FP8`` says so of all weights: where the release has its experts in MXFP4 beside the rest in FP8
    (DeepSeek-V4), the repackaged model has them in FP8 too, and weighs nearly twice as much
    (sgl-project/DeepSeek-V4-Pro-FP8). So have the base models, whose experts were not trained for 4 bits:
    deepseek-ai/DeepSeek-V4-Flash-Base has 283 GiB (model card of EnsueAI/DeepSeek-V4-Flash-Base-INT4).
    """
    quant = keys.get("quant")
    if model.traits.expert_dtype is None:
        return model
    if not name.lower().endswith(BASE) and (quant is None or find_scheme(quant).family != "fp8"):
        return model
    return replace(model, traits=replace(model.traits, expert_dtype="fp8"))


def file_reading(name: str) -> str | None:
    """Name of a GGUF file as that of a repository: no suffix, no number of a shard, words joined alike.

    ``Qwen3-8B.Q4_K_M.gguf`` and ``Qwen3-8B-Q4_K_M-00001-of-00003.gguf`` are ``Qwen3-8B-Q4_K_M-GGUF``; None for a file
    of another kind.
    """
    stem = name.strip()
    if not stem.lower().endswith(FILE):
        return None
    stem = stem[: -len(FILE)].replace(".i1-", "-i1-")
    first, of, last = stem[-15:-9], stem[-9:-5], stem[-5:]
    if of.lower() == "-of-" and last.isdigit() and first[:1] == "-" and first[1:].isdigit():
        stem = stem[:-15]
    front, dot, back = stem.rpartition(".")
    if dot and (back.lower() in GGUF or publishers.read(back) is not None):
        stem = f"{front}-{back}"
    return f"{stem}{PACKED}"


def file_quant(name: str) -> str | None:
    """Quantization that the name of a GGUF file states; None for another file, and for a name that states none."""
    stem = file_reading(name.rpartition("/")[2])
    found = [] if stem is None else [reading.keys["quant"] for reading in readings(stem) if "quant" in reading.keys]
    return found[-1] if found else None


def name_quant(name: str) -> str | None:
    """Quantization that the last part of a repository's or folder's name states; None for one that states none."""
    last = name.rstrip("/").rpartition("/")[2]
    named = next(_in_scheme(last), None)
    if named is not None:
        return named.keys["quant"]
    found = [reading.keys["quant"] for reading in readings(last) if "quant" in reading.keys]
    return found[-1] if found else None


def packaging(name: str) -> tuple[list[str], dict[str, str]]:
    """Words of a repository's or file's name without those of packaging at its end, and the deployment keys of the latter."""
    owner, _, base = name.rpartition("/")
    words = [word for word, _ in _words(base)]
    count = len(words)
    if " " in base and count > 1 and words[-1] in LOOSE:
        return words[:-1], {"family": "gguf", "quant": find_scheme(words[-1]).id}
    while count > 1 and (_is_packaging(words[count - 1]) or _is_of_owner(words, count - 1, "")):
        count -= 1
    return words[:count], _keys(words[count:], owner.rpartition("/")[2].lower())


def _words(base: str) -> list[tuple[str, int]]:
    """Words of a name in small letters, and where each ends. ``Q4_K_M`` is one word, and so is ``4-bit``."""
    words: list[tuple[str, int]] = []
    low = base.lower()
    start = 0
    while start < len(low):
        stop = start
        while stop < len(low) and (low[stop].isalnum() or low[stop] in "._"):
            stop += 1
        piece = low[start:stop]
        if piece and piece not in GGUF and publishers.read(piece) is None:
            piece = piece.split("_", 1)[0]
            piece = "quantized" if piece.startswith("quantized.") else piece
            stop = start + len(piece)
        if piece in ("bit", "bits", "bpw") and words and words[-1][0].isdigit():
            words[-1] = (f"{words[-1][0]}{piece}", stop)
        elif words and words[-1][0] in FAMILIES and len(piece) == 2 and piece[0].isdigit() and piece[1] == "b":
            words.append((f"{piece}it", stop))
        elif piece:
            words.append((piece, stop))
        start = stop + 1
    return words


def _is_of_owner(words: list[str], number: int, owner: str) -> bool:
    """True if a word is the owner's own: its name, the grade or version of an edit, or a mix that no scheme describes."""
    word, before = words[number], words[:number]
    version = word[:1] == "v" and word[1:].replace(".", "", 1).isdigit()
    if (word in STYLES or version) and not set(publishers.EDITED).isdisjoint(before):
        return True
    if word == "lite" and before[-1:] and before[-1] in publishers.EDITED:
        return True  # an edit of less strength: ``Derestricted-Lite``
    if version and before[-1:] and before[-1] in ALONE and ALONE[before[-1]]:
        return True
    if word in ("w", "a") and words[number + 1 : number + 2] and words[number + 1] in ALONE:
        return True
    return word in (owner, APEX) or (word in TIERS and APEX in before)


def _is_packaging(word: str) -> bool:
    return (
        word in NEUTRAL
        or word in publishers.EDITED
        or word in ALONE
        or word in FAMILIES
        or word in GGUF
        or word in FLOATS
        or _size(word) is not None
        or publishers.read(word) is not None
    )


def _size(word: str) -> tuple[str, str] | None:
    """Kind and number of a size: ``4bit`` and ``int4`` are ("bits", "4"), ``128g`` is ("group", "128")."""
    for kind, before, after in _SIZES:
        if word.startswith(before) and word.endswith(after):
            digits = word[len(before) : len(word) - len(after)]
            if digits.isascii() and digits.replace(".", "", 1).isdigit():
                return kind, digits
    return None


def _keys(words: list[str], owner: str) -> dict[str, str]:
    """Deployment keys that words of packaging state."""
    if UNPACKED in words:
        words = [word for word in words if word not in GGUF]
    if words.count(APEX) > 1 or (APEX in words and not set(TIERS).isdisjoint(words)):
        grade = [word for word in words if word in TIERS]
        return {"family": "gguf", "quant": "-".join([APEX, *grade]).upper()}
    for word in words:
        own = publishers.read(f"{publishers.DYNAMIC}{word}" if "ud" in words else word)
        if own is not None:
            return {"family": "gguf", "quant": own.id}
        if word in GGUF:
            kind = GGUF[word]
            marked = "i1" in words or (owner in publishers.OWN and kind in WITH_MATRIX)
            return {"family": "gguf", "quant": f"i1-{kind}" if marked else kind}
        if word in FLOATS and ("gguf" in words or word not in ALONE):
            return {"family": "gguf", "quant": FLOATS[word]}
    if "gguf" in words:
        return {"family": "gguf", "quant": ALONE["mxfp4"]} if "mxfp4" in words else {"family": "gguf"}
    sizes = dict([size for word in words if (size := _size(word)) is not None])
    floats = next((word for word in words if word in MLX_FLOATS), None)
    if floats is not None and (owner == "mlx-community" or "mlx" in words):
        return {"quant": f"mlx-{floats}"}
    family = next((word for word in words if word in FAMILIES), "mlx" if owner == "mlx-community" and sizes else None)
    if family == "mlx" and not sizes:
        # mlx_lm.convert and mlx_vlm.convert keep 16 bits unless they are told to quantize (-q).
        return {"quant": next((ALONE[word] for word in words if ALONE.get(word)), "bf16")}
    if family is not None:
        return _of_family(family, sizes)
    alone = [ALONE[word] for word in words if ALONE.get(word)]
    if "nf4" in alone:
        return {"quant": "int8" if sizes.get("bits") == "8" else "nf4"}
    if alone:
        kinds = [kind for word, kind in FP8_KINDS.items() if alone[0] == "fp8" and word in words]
        return {"quant": [*kinds, alone[0]][0]}
    rate = next((word for word in words if word.endswith("bpw")), None)
    if rate is not None:
        return {"quant": rate}  # of several formats: the engine decides, or an error asks for one
    bits = sizes.get("bits")
    return {"quant": f"int{bits}"} if bits in ("4", "8") else {}


def _of_family(family: str, sizes: Mapping[str, str]) -> dict[str, str]:
    """Scheme of a family at the sizes beside its word; nothing where no such scheme exists."""
    parts = [family]
    if "bits" in sizes:
        parts.append(sizes["bits"] + ("" if family.startswith("exl") else "bit"))
    if "group" in sizes:
        parts.append(f"g{sizes['group']}")
    if "head" in sizes:
        parts.append(f"h{sizes['head']}")
    try:
        return {"quant": find_scheme("-".join(parts)).id}
    except UnsupportedScheme:
        return {}
