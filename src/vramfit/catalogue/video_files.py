"""Names of files and repositories of video pipelines, as ComfyUI's folders and its packagers have them.

``Wan2_2-T2V-A14B-HIGH_fp8_e4m3fn_scaled_KJ.safetensors`` is Wan2.2 T2V A14B in FP8: beside the model such a name says which of
two experts the file is, the size of the pictures it was made for, how it was distilled and who packed it, none of which changes
a tensor's shape. Only names that begin with a series are read so (``repositories.SERIES``). Names of models that run on
their makers' machines alone, and of those without an entry, are refused with what to do. Loaded only when no entry has a name.
"""

from __future__ import annotations

from vramfit.catalogue.nearest import ambiguous
from vramfit.catalogue.packaging import GGUF
from vramfit.catalogue.repositories import Reading, names_video
from vramfit.errors import UnknownModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILES = (".safetensors", ".gguf", ".pth", ".pt", ".ckpt", "-gguf")
PARTS = frozenset((
    "high", "low", "noise", "highnoise", "lownoise", "module", "transformer", "diffusion", "model", "models", "pytorch",
    "repackaged", "kj", "ema", "input",
    "e4m3fn", "e5m2", "scaled", "mixed", "fp8", "fp4", "nvfp4", "fp16", "bf16", "fp32",
    "480p", "540p", "720p", "1080p", "480", "540", "720", "1080", "5s", "10s", "hd", "sd",
    "cfg", "distill", "distilled", "cfgdistill", "cfgdistilled", "step", "steps", "4steps", "8steps", "4step", "8step",
    "nocfg", "dev", "sft", "pretrain", "preview", "exp", "df", "original", "fixed", "hy", "f1", "20250503",
))  # fmt: skip
"""Words that change no tensor's shape: parts of a pipeline, types, sizes of pictures, distillation, packagers."""
PROGRAMS = ("comfy", "diffuser")
"""Beginnings of the names of programs that load such files."""
TASKS = ("t2v", "i2v", "ti2v")
"""Words for a task, which are left out where a series has one model for all of them."""
SCHEMES = {"nvfp4": "nvfp4", "fp4": "nvfp4", "fp8": "fp8", "bf16": "bf16", "fp16": "bf16"}
"""Schemes by the word of a file's type. ComfyUI runs FP16 files in 16 bits as well."""
SPELT = (
    (("kandinsky5lite",), "kandinsky-5.0-t2v-lite"), (("kandinsky", "5", "lite"), "kandinsky-5.0-t2v-lite"),
    (("kandinsky", "5.0", "lite"), "kandinsky-5.0-t2v-lite"), (("kandinsky5pro",), "kandinsky-5.0-t2v-pro"),
    (("kandinsky", "5", "pro"), "kandinsky-5.0-t2v-pro"), (("kandinsky", "5.0", "pro"), "kandinsky-5.0-t2v-pro"),
    (("kandinsky", "5.0", "t2v", "pro"), "kandinsky-5.0-t2v-pro"), (("mochi",), "mochi-1"),
    (("ltxv", "2b"), "ltx-video"), (("ltx", "video", "2b"), "ltx-video"), (("ltxv", "13b"), "ltx-video-13b"),
    (("ltx", "video", "13b"), "ltx-video-13b"), (("ltxv",), "ltx-video"),
    (("fastwan2.2",), "wan2.2"), (("fastwan2.1",), "wan2.1"), (("fastwan",), "wan2.1"),
)  # fmt: skip
"""Words at the beginning of a name that stand for an entry's, the longest first where several begin alike."""
EXPERTS = "a14b"
"""Size of Wan2.2's pairs of experts, whose files people call 14B."""
PAIRS = frozenset(("t2v", "i2v", "vace"))

HOSTED = (
    ("wan2.5", "Wan 2.5"), ("wan2.6", "Wan 2.6"), ("wan2.7", "Wan 2.7"), ("sora", "Sora"), ("veo", "Veo"), ("kling", "Kling"),
    ("seedance", "Seedance"), ("hailuo", "Hailuo"), ("runway", "Runway"), ("gen4", "Runway Gen-4"), ("pika", "Pika"),
    ("vidu", "Vidu"), ("luma", "Luma Ray"),
)  # fmt: skip
"""Video models whose weights are not published: beginning of the folded name, and title."""
LEFT_OUT = (
    ("ltx2.5", "LTX-2.5"), ("cosmos3", "Cosmos 3"), ("cosmospredict", "Cosmos Predict"), ("magi1", "MAGI-1"), ("magi", "MAGI-1"),
    ("stepvideo", "Step-Video"), ("opensora", "Open-Sora"), ("longcatvideo", "LongCat-Video"), ("animatediff", "AnimateDiff"),
    ("seedvr", "SeedVR2"), ("flashvsr", "FlashVSR"), ("ovi11b", "Ovi"), ("skyreelsv1", "SkyReels V1"),
    ("skyreelsv3", "SkyReels V3"), ("skyreelsa2", "SkyReels A2"), ("hunyuancustom", "HunyuanCustom"),
    ("hunyuanvideoavatar", "HunyuanVideo-Avatar"), ("hunyuanvideofoley", "HunyuanVideo-Foley"), ("infinitetalk", "InfiniteTalk"),
    ("framepack", "FramePack"), ("helios", "Helios"), ("allegro", "Allegro"), ("svd", "Stable Video Diffusion"),
    ("stablevideodiffusion", "Stable Video Diffusion"), ("phantomwan", "Phantom"), ("humo", "HuMo"),
    ("multitalk", "MultiTalk"), ("lingbotvideo", "LingBot-Video"), ("pyramidflow", "Pyramid Flow"), ("lightx2v", "LightX2V"),
)  # fmt: skip
"""Video models and upscalers of videos without an entry, as in ``HOSTED``. FramePack and Helios draw a video section by section,
which is not modelled; of the others no copy of a configuration was read."""
SHORT = {"Ovi": "ovi"}
"""Whole names that are the beginnings of others' (Ovis)."""
TASKED = ("vace", "flf2v")
"""Words for a task that people call the models by."""


def words_of(name: str) -> list[str]:
    """Words of a name in small letters, without its owner and suffix; versions in one word with what stands before them.

    >>> words_of("Kijai/Wan2_2-T2V-A14B-LOW_fp8.safetensors"), words_of("hunyuan_video_1.5_720p")
    (['wan2.2', 't2v', 'a14b', 'low', 'fp8'], ['hunyuanvideo', '1.5', '720p'])
    """
    text = name.strip().rpartition("/")[2].lower()
    for suffix in FILES:
        text = text.removesuffix(suffix)
    for mark in "_-":
        text = text.replace(mark, " ")
    words: list[str] = []
    for word in text.split():
        before = words[-1] if words else ""
        if word in ("1", "2", "5", "6") and before in ("wan1", "wan2"):
            words[-1] = f"{before}.{word}"
        elif (before == "wan" and word[:1].isdecimal() and "." in word) or (before, word[:5]) == ("hunyuan", "video"):
            words[-1] = before + word
        else:
            words.append(word)
    return words


def video_reading(name: str, known: Callable[[str], bool]) -> Reading | None:
    """Reading of the name of a video model's file or repository; None where it is no such name.

    ``known`` says whether the catalogue has exactly one entry of a name.
    """
    scheme = _scheme_of(name)
    words = [word for word in words_of(_without_scheme(name)) if not _is_part(word)]
    if "lora" in words:
        return None
    for run, entry in SPELT:
        if tuple(words[: len(run)]) == run:
            words = [*entry.split(), *words[len(run) :]]
            break
    if words and words[0].startswith("wan2.2") and not PAIRS.isdisjoint(words):
        words = [EXPERTS if word == "14b" else word for word in words]
    keys = {} if scheme is None else {"quant": scheme}
    if scheme is not None and name.lower().rpartition(".")[2] in ("safetensors", "gguf"):
        keys["family"] = "plain"  # whose file it is decides the engine
    for candidate in _candidates(words):
        if known("-".join(candidate)):
            return Reading("-".join(candidate), keys)
    return None


def _candidates(words: list[str]) -> list[list[str]]:
    """Words in the orders and selections that are looked up: as they are, sorted as ids are, and without versions and tasks."""
    plain = [word for word in words if not _is_version(word)]
    ordered = [*plain[:1], *sorted(plain[1:], key=_is_size)]
    of_all_tasks = [[word for word in one if word not in TASKS] for one in (words, ordered)]
    return [candidate for candidate in (words, plain, ordered, *of_all_tasks) if candidate]


def _is_size(word: str) -> bool:
    """True for billions of parameters: ``14b``, ``a14b``, ``1.3b``."""
    return word[-1:] == "b" and word[:-1].removeprefix("a").replace(".", "").isdecimal()


def _is_version(word: str) -> bool:
    """True for a number behind the model's own name: ``0.9.8``, ``v0.9.5``, ``v1``."""
    bare = word.removeprefix("v")
    return bare != "" and bare.replace(".", "").isdecimal() and (word[:1] == "v" or bare.startswith("0."))


def _is_part(word: str) -> bool:
    """True for a word that changes no tensor's shape; of programs' names, and of steps that a distilled model takes, too."""
    return word in PARTS or word.startswith(PROGRAMS) or _is_step(word)


def _is_step(word: str) -> bool:
    """True for a word that counts steps of a distilled model."""
    return word.removesuffix("s").removesuffix("step").isdecimal() and not word.isdecimal()


def _scheme_of(name: str) -> str | None:
    """Scheme that the words of a name state; None for one that states none."""
    low = name.lower()
    if _gguf_of(low) is not None:
        return GGUF[str(_gguf_of(low))]
    words = words_of(name)
    return next((SCHEMES[word] for word in SCHEMES if word in words), None)


def _gguf_of(low: str) -> str | None:
    """File type of GGUF in a name in small letters, the longest."""
    return max([one for one in GGUF if one in low.replace("-", "_")], key=len, default=None)


def _without_scheme(name: str) -> str:
    """Name without a file type of GGUF, whose letters are words of their own."""
    low = name.lower()
    found = _gguf_of(low)
    if found is None:
        return name
    start = low.replace("-", "_").rindex(found)
    return name[:start] + name[start + len(found) :]


def refuse(name: str, ids: Callable[[], Sequence[str]]) -> None:
    """Raise an error for the name of a video model that means no entry, where it is known why.

    ``ids`` gives those of all models. Raises ``UnknownModel`` for one whose weights are not published, or that has no entry,
    and ``AmbiguousName`` for a series of several.
    """
    words, key = [word for word in words_of(name) if not _is_part(word)], "".join(words_of(name))
    hosted = next((title for beginning, title in HOSTED if key.startswith(beginning)), None)
    if hosted is not None:
        raise UnknownModel(
            f"{hosted} runs on its maker's machines alone: its weights are not published",
            "ask of one with weights, as wan2.2-t2v-a14b, ltx-2.3-22b or hunyuanvideo-1.5",
        )
    left_out = next(
        (title for beginning, title in LEFT_OUT if key.startswith(beginning) or key == SHORT.get(title)), None
    )
    if left_out is not None:
        raise UnknownModel(
            f"{left_out} has no entry: the sizes of its parts are not in the catalogue, or its way of drawing is not modelled",
            "give the folder of its pipeline as the model, or ask of another; see `vramfit list models`",
        )
    several = _series(words, ids()) if names_video(name) or key in TASKED else []
    if len(several) > 1:
        raise ambiguous("model", name, several, "vramfit list models")


def _series(words: list[str], ids: Sequence[str]) -> list[str]:
    """Ids of the models of a series that words mean without saying which: those of ``wan2.2``, of ``wan`` or of ``vace``."""
    first, rest = ("", words) if words[0] in TASKED else (words[0], words[1:])
    return [one for one in ids if one.startswith(first) and set(rest) <= {*one.split("-")}]
