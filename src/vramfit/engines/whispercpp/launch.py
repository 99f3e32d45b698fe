"""Launch commands of whisper.cpp: its transcriber and its server, written and read.

ggml-org/whisper.cpp at 233fe1fc9: ``examples/cli/cli.cpp``, ``examples/server/server.cpp``, ``models/README.md``.
"""

from __future__ import annotations

from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment
    from vramfit.engines.pipelines import SpeechKeys
    from vramfit.launch.words import Process

REPOSITORY = "ggerganov/whisper.cpp"
FOLDER = "models"
PUBLISHED = {"F16": "", "Q5_0": "-q5_0", "Q5_1": "-q5_1", "Q8_0": "-q8_0"}
"""Ends of the names of the repository's files, by scheme; each model has some of them."""
OURS = "whisper-"
"""Beginning of the models' ids in the catalogue, which names of files have not."""
SERVER_BEAMS = 2
"""Number of hypotheses that the server keeps where no flag states it (``server.cpp`` ``best_of``)."""

_FLAGS = (
    Flag("-m", "model", ("--model",)),
    Flag("-p", "parallel", ("--processors",)),
    Flag("-bs", "beam_size", ("--beam-size",)),
    Flag("-bo", "best_of", ("--best-of",)),
    Flag("-nfa", "plain_attention", ("--no-flash-attn",), SWITCH),
)
_SWITCHES = (
    "-h --help -debug --debug-mode -tr --translate -di --diarize -tdrz --tinydiarize -sow --split-on-word -nf"
    " --no-fallback -otxt --output-txt -ovtt --output-vtt -osrt --output-srt -owts --output-words -olrc --output-lrc -ocsv"
    " --output-csv -oj --output-json -ojf --output-json-full -np --no-prints -ps --print-special -pc --print-colors"
    " --print-confidence -pp --print-progress -nt --no-timestamps -dl --detect-language --carry-initial-prompt -ls"
    " --log-score -fa --flash-attn -sns --suppress-nst --vad -pr --print-realtime --convert -nlp"
    " --no-language-probabilities"
)
_VALUES = (
    "-t --threads -ot --offset-t -on --offset-n -d --duration -mc --max-context -ml --max-len -wt --word-thold -et"
    " --entropy-thold -lpt --logprob-thold -nth --no-speech-thold -tp --temperature -tpi --temperature-inc -fp --font-path"
    " -of --output-file -l --language --prompt -f --file -oved --ov-e-device -dev --device --suppress-regex --grammar"
    " --grammar-rule --grammar-penalty -vm --vad-model -vt --vad-threshold -vspd --vad-min-speech-duration-ms -vsd"
    " --vad-min-silence-duration-ms -vmsd --vad-max-speech-duration-s -vp --vad-speech-pad-ms -vo --vad-samples-overlap"
    " --host --port --public --request-path --inference-path --tmp-dir"
)
_UNMODELLED = {"-ac": 1, "--audio-ctx": 1, "-dtw": 1, "--dtw": 1}
_REFUSED = dict.fromkeys(("-ng", "--no-gpu"), ("the CPU computes everything, and no GPU is used", "leave the flag out"))
CLI = Program(
    ("whisper-cli",),
    (*_FLAGS, Flag("", "sound")),
    also=(("whisper-cpp",), ("main-whisper",), ("build/bin/whisper-cli",)),
    positional="sound",
    neutral=neutral(_SWITCHES, _VALUES),
    unmodelled=_UNMODELLED,
    refused=_REFUSED,
)
SERVER = Program(
    ("whisper-server",), _FLAGS, neutral=neutral(_SWITCHES, _VALUES), unmodelled=_UNMODELLED, refused=_REFUSED,
    images=("ggml-org/whisper.cpp",),
)  # fmt: skip


def is_published(deployment: Deployment) -> bool:
    """Return True for a type of file that the project's own repository has."""
    return deployment.scheme.id in PUBLISHED and deployment.model.id.startswith(OURS)


def file_name(deployment: Deployment) -> str:
    """Name of the ggml file of a deployment: ``ggml-large-v3-turbo-q5_0.bin``."""
    kind = deployment.scheme.id
    mark = PUBLISHED.get(kind, f"-{kind.lower()}")
    return f"ggml-{deployment.model.id.removeprefix(OURS)}{mark}.bin"


def command(deployment: Deployment, keys: SpeechKeys) -> str:
    """Write the line that fetches the file, where it is published, and the one that transcribes a sound."""
    name, work = file_name(deployment), deployment.workload
    values: dict[str, object] = {
        "model": f"{FOLDER}/{name}",
        "parallel": work.parallel if work.parallel > 1 else None,
        "beam_size": keys.beams,
        "plain_attention": True if not work.flash_attention else None,
        "sound": "sound.wav",
    }
    lines = []
    if is_published(deployment):
        lines.append(line(["hf", "download", REPOSITORY, name, "--local-dir", FOLDER]))
    return "\n".join([*lines, line(write.words(CLI, values))])


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that transcribes or serves; None if no line does.

    Raises ``CannotTell`` for a flag that leaves the GPU out.
    """
    from vramfit.launch.read import first

    keys, usual = first(CLI, given), None
    if keys is None:
        keys, usual = first(SERVER, given), SERVER_BEAMS
    if keys is None:
        return None
    best = keys.pop("best_of", usual)
    keys.pop("sound", None)
    if keys.pop("plain_attention", None):
        keys["flash_attention"] = "off"
    if best is not None and usual is not None:
        keys.setdefault("beam_size", best)
    keys.setdefault("model", "ggml-base.en.bin")
    keys.update(_named(str(keys["model"])))
    return keys


def _named(path: str) -> dict[str, str]:
    """Model and scheme that the name of a ggml file states; nothing for a file of another name."""
    from vramfit.catalogue.speech_files import FILE, SUFFIX, of_file

    name = path.replace("\\", "/").rpartition("/")[2].lower()
    if not name.startswith(FILE) or not name.endswith(SUFFIX):
        return {}
    model, stated = of_file(name)
    return {"model": model, "quant": stated["quant"]}
