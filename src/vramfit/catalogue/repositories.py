"""Names of repositories that repackage a known model: another organisation's copy of it, or a quantized one.

``unsloth/Llama-3.2-3B-Instruct``, ``TheBloke/Mistral-7B-v0.1-GPTQ``, ``RedHatAI/Qwen3-8B-FP8-dynamic``: the name says
which model it is, and often in which scheme. What stands behind the model's name must be words of packaging and nothing
else, so that a fine-tune with a name of its own (``dolphin-2.1-mistral-7B``) is never taken for its base. Loaded only
when no entry has the name itself.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.catalogue.packaging import GGUF, is_of_owner, is_packaging, keys_of, words_of
from vramfit.catalogue.tags import LATEST
from vramfit.errors import UnsupportedScheme
from vramfit.quantization import find_scheme, publishers
from vramfit.quantization.publishers import RECIPES_SINCE, WITH_HEAD
from vramfit.quantization.schemes import LOOSE, stock_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vramfit.catalogue.pruned import Cut
    from vramfit.model import Model

FILE = ".gguf"
PACKED = "-GGUF"
"""End of the name that a GGUF file has as a repository."""
SAFETENSORS, STORED = ".safetensors", "-safetensors"
"""End of the name of a file in safetensors, and that of its name as a repository's."""
SVDQUANT = ("svdq-", "nunchaku-")
"""Beginnings of the names of SVDQuant's files and repositories (nunchaku-tech on the Hub)."""
MOST_WORDS = 64
"""Words of the longest name that is taken apart: the Hub's names have at most 96 characters, a disk's 255."""
MOST_FOLDERS = 2
PATH_MARKS = ("\\", ":", "~", "//")
"""Signs of a path, or of a reference, that is no owner's file."""
KAGGLE_PARTS = (4, 5)
"""Parts of a model's path on Kaggle, without and with its version."""
HOSTS = ("https://", "huggingface.co/", "hf.co/")
_OWNER_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
PREFIXES = (
    "nvidia", "meta", "google", "microsoft", "mistralai", "openai", "ibm", "alibaba", "nous", "nousresearch", "cohere",
    "facebook", "moonshot", "moonshotai", "tencent", "baidu", "bytedance", "allenai", "ai2", "lg", "stability", "stabilityai",
    "upstage", "databricks", "liquid", "zai", "huggingface", "tii", "xiaomi", "stepfun", "huihui",
)  # fmt: skip
"""Vendors that people put before a model's name."""


SERIES = (
    "wan", "hunyuanvideo", "hunyuan_video", "hunyuan-video", "hunyuan video", "ltx", "cogvideox", "mochi", "skyreels",
    "kandinsky", "framepack", "fastwan", "allegro", "helios",
)  # fmt: skip
"""Beginnings of the names of video models, which ``video_files`` reads."""
SPEECH = ("faster", "ggml", "ct2", "ctranslate2")
"""Words by which names of Whisper's files for programs of its own begin or end (``speech_files``)."""
BASE = "-base"
"""End of the name of a model that was not trained to follow instructions."""


class Reading(Record):
    """Reading of a repository's name as that of a model."""

    model: str
    """Name of the model itself, to be looked up."""
    keys: Mapping[str, str] = {}
    """Deployment keys that the rest of the name states: ``quant``, and ``family``, that of its files."""
    cut: Cut | None = None
    """Experts that were cut out of the model."""


def names_video(name: str) -> bool:
    """True for a name that begins with a series of video models."""
    return name.strip().rpartition("/")[2].lower().startswith(SERIES)


def readings(name: str) -> Iterator[Reading]:
    """Readings of ``name``, the nearest first; none for a path, or for a name that states nothing more.

    A word of packaging may be the model's own, so the longest name goes first.
    """
    chosen = chosen_file(name)
    if chosen is not None:
        yield from readings(chosen)
        name = name.partition(":")[0]
    owner, _, base = name.strip().removesuffix(f":{LATEST}").rpartition("/")
    for host in HOSTS:
        owner = owner.removeprefix(host)
    if owner.strip(_OWNER_LETTERS) or owner.startswith("."):
        return
    words = words_of(base)
    if not words or len(words) > MOST_WORDS:
        return
    if words[0][0] in SPEECH or words[-1][0] in SPEECH:
        from vramfit.catalogue.speech_files import reading

        known = reading(base)
        if known is not None:
            yield Reading(*known)
            return
    if not owner:
        yield from _in_scheme(base)
    if base.endswith(STORED) or base.startswith(SVDQUANT):
        yield from _of_denoiser(base)
    first = words[0][0]
    fewest = len(words)
    own = owner.rpartition("/")[2].lower()
    plain = [word for word, _ in words]
    while fewest > 1 and (is_packaging(plain[fewest - 1]) or is_of_owner(plain, fewest - 1, own)):
        fewest -= 1
    starts = [0]
    # Re-publishers join the owner and the name by a low line: ``TheDrummer_Cydonia-24B`` (bartowski, lmstudio-community).
    if len(words) > 1 and (first in PREFIXES or base[len(first) : len(first) + 1] == "_"):
        starts.append(len(first) + 1)
    for start in starts:
        for count in range(len(words), fewest - 1, -1):
            text = base[start : words[count - 1][1]].strip()
            if text and text != name:
                yield Reading(text, keys_of([word for word, _ in words[count:]], owner.lower()))
    if "_" in base and not base.endswith(STORED):
        yield from _of_denoiser(base)


def _of_denoiser(base: str) -> list[Reading]:
    """Readings of the name of a file of a pipeline's denoiser."""
    from vramfit.catalogue.component_files import denoiser_readings

    found = denoiser_readings(base.removesuffix(STORED), base.endswith(STORED), base.startswith(SVDQUANT))
    return [Reading(model, keys) for model, keys in found]


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
    if not name.lower().endswith(BASE):
        try:
            if quant is None or find_scheme(quant).family != "fp8":
                return model
        except UnsupportedScheme:
            return model  # a mix whose size is asked for when it is deployed
    return replace(model, traits=replace(model.traits, expert_dtype="fp8"))


def file_reading(name: str) -> str | None:
    """Name of a file of weights as that of a repository: no suffix, no number of a shard, words joined alike.

    ``Qwen3-8B.Q4_K_M.gguf`` and ``Qwen3-8B-Q4_K_M-00001-of-00003.gguf`` are ``Qwen3-8B-Q4_K_M-GGUF``, and
    ``flux1-dev-fp8.safetensors`` is ``flux1-dev-fp8``; None for a file of another kind.
    """
    stem = name.strip()
    suffix = next((one for one in (FILE, SAFETENSORS) if stem.lower().endswith(one)), None)
    if suffix is None:
        return None
    stem = stem[: -len(suffix)].replace(".i1-", "-i1-")
    first, of, last = stem[-15:-9], stem[-9:-5], stem[-5:]
    if of.lower() == "-of-" and last.isdecimal() and first[:1] == "-" and first[1:].isdecimal():
        stem = stem[:-15]
    front, dot, back = stem.rpartition(".")
    if dot and (back.lower() in GGUF or publishers.read(back) is not None):
        stem = f"{front}-{back}"
    return f"{stem}{PACKED}" if suffix == FILE else stem


def chosen_file(name: str) -> str | None:
    """Name of the file behind a repository's and a colon, as that of a repository of its owner; None for another name.

    ``unsloth/Qwen3-8B-GGUF:Qwen3-8B-UD-Q4_K_XL.gguf`` is ``unsloth/Qwen3-8B-UD-Q4_K_XL-GGUF``.
    """
    repository, _, tag = name.strip().partition(":")
    owner, _, base = repository.rpartition("/")
    path = file_reading(tag.rpartition("/")[2]) if owner and base else None
    return None if path is None else f"{owner}/{path}"


def of_kaggle(name: str) -> str | None:
    """Name of the variation in a model's path on Kaggle; None for another path.

    It is ``owner/model/framework/variation`` with or without a version: ``google/gemma-3/transformers/gemma-3-4b-it/1``.
    """
    parts = name.split("/")
    if len(parts) not in KAGGLE_PARTS or not all(parts) or not parts[3].lower().startswith(parts[1].lower()):
        return None
    return parts[3]


def published_file(name: str) -> str | None:
    """Name of the repository that a file's name is read as: of a bare one, or of one behind an owner, as stores have it.

    ``owner/file.gguf`` and ``owner/repository/file.gguf`` are the owner's; None for a path of any other form. A file in
    safetensors is read by its own name alone.
    """
    owner, *folders = name.split("/")
    path = folders[-1] if folders else owner
    if len(folders) > MOST_FOLDERS or any(mark in name for mark in PATH_MARKS) or not owner or owner.startswith("."):
        return None
    stem = path.removesuffix(SAFETENSORS)
    if stem != path:
        return f"{stem}{STORED}"
    return file_reading(f"{owner}/{path}" if folders else path)


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


def parted(name: str) -> tuple[list[str], list[str], str]:
    """Words of a repository's or file's name, those of packaging at its end, and its owner, all in small letters."""
    owner, _, base = name.rpartition("/")
    words = [word for word, _ in words_of(base)]
    count = len(words)
    if " " in base and count > 1 and words[-1] in LOOSE:
        return words[:-1], [find_scheme(words[-1]).id.lower(), "gguf"], ""
    while count > 1 and (is_packaging(words[count - 1]) or is_of_owner(words, count - 1, "")):
        count -= 1
    return words[:count], words[count:], owner.rpartition("/")[2].lower()
