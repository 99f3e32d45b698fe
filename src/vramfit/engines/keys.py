"""Table of all deployment keys: those of ``workload``, and those of each engine."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import DEFAULT, names, own_groups
from vramfit.errors import CannotTell, UsageError
from vramfit.workload.common import GROUPS as COMMON
from vramfit.workload.keys import SPELLED, parse_value
from vramfit.workload.training import GROUPS as TRAINING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.workload.keys import Group, Key, Request


_shared: dict[str, Key] = {}
_every: dict[tuple[bool | str, ...], dict[str, Key]] = {}


def common_keys() -> dict[str, Key]:
    """Keys that every engine has, by name; the choices of the key ``engine`` are the names of all engines."""
    if not _shared:
        for group in COMMON:
            _shared.update({key.name: key for key in group.keys})
    default = f"by the model's name, the quant and keys of one engine alone; else {DEFAULT}"
    _shared["engine"] = replace(_shared["engine"], choices=names(), default_text=default, read=_engine_name)
    return _shared


NOT_MODELLED = {
    "lmdeploy": ("LMDeploy", "vllm"), "tgi": ("Text Generation Inference", "vllm"),
    "textgenerationinference": ("Text Generation Inference", "vllm"), "aphrodite": ("Aphrodite", "vllm"),
    "mlcllm": ("MLC LLM", "llama.cpp"), "ktransformers": ("KTransformers", "llama.cpp"),
    "mistralrs": ("mistral.rs", "llama.cpp"), "ikllamacpp": ("ik_llama.cpp", "llama.cpp"), "openvino": ("OpenVINO", "llama.cpp"),
}  # fmt: skip
"""Titles of engines that are known by name and not modelled, with the modelled engine that loads files most like theirs."""


OTHER_NAMES = {
    "hf": "transformers", "huggingface": "transformers", "hftransformers": "transformers",
    "llamaserver": "llama.cpp", "llamacli": "llama.cpp", "llamacppserver": "llama.cpp", "llamacpppython": "llama.cpp",
    "koboldcpp": "llama.cpp", "kobold": "llama.cpp", "lmstudio": "llama.cpp", "gguf": "llama.cpp", "jan": "llama.cpp",
    "gpt4all": "llama.cpp", "llamafile": "llama.cpp", "ramalama": "llama.cpp",
    "textgenerationwebui": "llama.cpp", "textgen": "llama.cpp", "oobabooga": "llama.cpp", "ooba": "llama.cpp",
    "transformer": "transformers", "pytorch": "transformers", "torch": "transformers", "accelerate": "transformers",
    "sgl": "sglang", "trtllm": "tensorrt-llm", "trt": "tensorrt-llm",
    "exl2": "exllamav2", "exllama2": "exllamav2", "exl3": "exllamav3", "exllama3": "exllamav3", "exllama": "exllamav3",
    "tabbyapi": "exllamav3", "tabby": "exllamav3", "mlxlm": "mlx", "mlxvlm": "mlx", "comfy": "comfyui",
    "whispercli": "whisper.cpp", "whisperserver": "whisper.cpp", "ctranslate2": "faster-whisper", "ct2": "faster-whisper",
    "whisperx": "faster-whisper", "speaches": "faster-whisper", "whisper": "openai-whisper",
}  # fmt: skip
"""Engines by names that people have for them, for their programs, and for programs that run them, letters and digits only.

KoboldCpp, LM Studio, Jan, GPT4All, llamafile and RamaLama run llama.cpp (each one's README), and so does
text-generation-webui by default (oobabooga/textgen README); TabbyAPI serves ExLlamaV3 (theroyallab/tabbyAPI README).
``exllama`` alone is the generation that is developed."""


def _engine_name(spelling: str) -> str:
    """Name of the engine that a spelling means, whatever its case, dots and dashes; the spelling of an unknown one.

    Raises ``CannotTell`` for one that is known and not modelled.
    """
    folded = {_folded(name): name for name in names()}
    word = _folded(spelling)
    if word in NOT_MODELLED and word not in folded:
        title, nearest = NOT_MODELLED[word]
        raise CannotTell(
            f"the memory of {title} is not modelled: it sizes its buffers and its cache by rules of its own",
            f"--engine {nearest} loads the same kind of files: weights and cache of a token are alike, the rest is not",
        )
    return folded.get(word) or OTHER_NAMES.get(word, spelling)


def _folded(name: str) -> str:
    return "".join([letter for letter in name.lower() if letter.isalnum()])


def every_key(task: str | None = None) -> dict[str, Key]:
    """Deployment keys of all engines by name, in the order of help texts and reports.

    For ``task`` inference those of ``workload.tuning`` are left out. If several engines declare a key with the same name,
    the first declaration is used.
    """
    tuned = task != "inference"
    known = _every.get((tuned, *names()))
    if known is None:
        training: tuple[Group, ...] = TRAINING
        if tuned:
            from vramfit.workload.tuning import GROUPS

            training = (*TRAINING, *GROUPS)
        groups = sorted((*COMMON, *training, *own_groups()), key=lambda group: group.place)
        known = _every[(tuned, *names())] = {}
        for group in groups:
            for key in group.keys:
                known.setdefault(key.name, key)
        known["engine"] = common_keys()["engine"]
    return known


_shown: dict[tuple[bool | str, ...], tuple[tuple[str, str, object, bool, Key], ...]] = {}


def shown_keys(task: str) -> tuple[tuple[str, str, object, bool, Key], ...]:
    """Keys in the order of a task's reports: name, field, default, True if the value may be shown otherwise than it is held, key.

    A report asks this of every key, and reading it from the keys each time takes longer than all else that it does.
    """
    place: tuple[bool | str, ...] = (task != "inference", *names())
    known = _shown.get(place)
    if known is None:
        known = _shown[place] = tuple(
            [
                (name, key.field or name, key.default, key.decided or key.kind in SPELLED, key)
                for name, key in every_key(task).items()
            ]
        )
    return known


_moving: dict[tuple[str, ...], tuple[tuple[Key, ...], tuple[Key, ...]]] = {}


def moving_keys() -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """Two groups of keys: those whose default depends on GPUs, model or engine, and those an engine may decide itself."""
    known = _moving.get(names())
    if known is None:
        every = every_key("inference").values()  # no key of ``workload.tuning`` follows or is decided
        following, decided = [key for key in every if key.follows], [key for key in every if key.decided]
        known = _moving[names()] = (tuple(following), tuple(decided))
    return known


def tuning_keys() -> tuple[Key, ...]:
    """Keys of fine-tuning, whose defaults a trainer may set."""
    common, inference = every_key(), every_key("inference")
    own = [key for group in TRAINING for key in group.keys if key.name != "task"]
    return (*own, *[key for name, key in common.items() if name not in inference])


def _unknown(name: str, known: Mapping[str, Key]) -> UsageError:
    """Error for a name that no key has: a flag of a key leads to it, and so does a slip of the finger."""
    from vramfit.similar import close

    flag = f"--{name.replace('_', '-')}"
    near = [key.name for key in known.values() if flag in key.flags] or close(name, known, 2)
    hint = f"did you mean {' or '.join(near)}?" if near else "`vramfit check --help` has all of them"
    return UsageError(f'unknown key "{name}"', hint)


def parse_request(raw: Request) -> dict[str, Any]:
    """Parse the values of a request; raises ``UsageError`` for a key that no engine has, and for a value it refuses."""
    request = {}
    known = common_keys()
    for name, value in raw.items():
        if name in OF_TRAINING and "engine" not in raw and str(raw.get("task", "inference")).lower() != "inference":
            name, known = OF_TRAINING[name], every_key()  # noqa: PLW2901
        if name not in known:
            known = every_key("inference")
        if name not in known:
            known = every_key()
        key = known.get(name)
        if key is None:
            raise _unknown(str(name), known)
        if value is None:
            continue
        if key.second and isinstance(value, str) and ("," in value or "/" in value):
            first, _, behind = value.replace("/", ",").partition(",")
            request[key.name] = parse_value(key, first)
            request.setdefault(key.second, parse_value(known[key.second], behind))
        else:
            try:
                request[key.name] = parse_value(key, value)
            except UsageError as error:
                raise _of_another(key, value) or error from None
    return request


OF_TRAINING = {"batch": "micro_batch"}
"""Keys of an engine that runs models, with what they mean where one is trained and no engine is asked."""

_MIXED_UP = ("engine", "task", "trainer", "objective")
"""Keys whose values people give under another key of choices, such as ``--backend vllm`` and ``--task dpo``."""


def _of_another(key: Key, value: Any) -> UsageError | None:
    """Error for a value that is one of another key's, saying whose; None for any other value."""
    known = every_key()
    for name in _MIXED_UP if key.kind == "choice" and isinstance(value, str) else ():
        if name != key.name:
            try:
                meant = parse_value(known[name], value)
            except (UsageError, CannotTell):
                continue
            return UsageError(
                f'{key.name}: "{value}" is not a valid value', f"it is one of {name}: say --{name} {meant}"
            )
    return None
