"""Commands and settings of TabbyAPI, the server that is built on ExLlamaV3 and ExLlamaV2.

theroyallab/tabbyAPI at e632af4 (August 2026): ``common/config_models.py`` and ``common/args.py``, by which a flag is a
field's name with dashes, and has a value even where the field is a truth. Flags of older releases are passed over too. It
is started by a script with a name that others have too, and known by its flags.
"""

from __future__ import annotations

from vramfit.engines.exllamav3.launch import CACHE_BITS, CACHE_OF
from vramfit.engines.naming import file_stem, is_own, is_stored, repository
from vramfit.launch import Flag, Program, neutral, write
from vramfit.launch.write import line
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment
    from vramfit.launch.words import Process

MODES = {"fp16": "f16", "q8": "int8", "q6": "int6", "q4": "int4", "fp8": "fp8"}
"""Cache types by TabbyAPI's names; other names are the bits of K and V with a comma between."""
SECTIONS = ("model", "draft_model", "network", "logging", "sampling", "developer", "embeddings", "lora", "memory")


def _words(stated: Mapping[str, Any]) -> list[str]:
    """Words of a file of settings, whose sections hold the flags."""
    flat: dict[str, Any] = {}
    for section, values in stated.items():
        if section in SECTIONS and isinstance(values, dict):
            flat.update(values)
    from vramfit.launch.files import flag_words

    return flag_words(flat)


SERVER = Program(
    ("tabbyapi",),
    (
        Flag("--model-name", "model"),
        Flag("--model-dir", "folder"),
        Flag("--max-seq-len", "context"),
        Flag("--cache-size", "cells"),
        Flag("--cache-mode", "mode"),
        Flag("--draft-model-name", "draft_model"),
        Flag("--cpu-moe-offload-layers", "cpu_moe_layers"),
        Flag("--backend", "backend"),
    ),
    also=(("tabbyAPI",),),
    scripts=(("python", "main.py"), ("python", "start.py"), ("main.py",), ("start.sh",), ("start.bat",)),
    own=("--model-name", "--cache-mode", "--max-seq-len", "--cache-size"),
    settings=("--config",),
    settings_words=_words,
    images=("theroyallab/tabbyapi",),
    shortens=True,
    neutral=neutral(
        "",
        "--host --port --sse-ping-interval --prompt-template --rope-scale --rope-alpha --tensor-parallel-backend"
        " --reasoning-start-token --reasoning-end-token --start-in-reasoning --reasoning-budget-tokens"
        " --reasoning-budget-message --template-vars-default --template-vars-force --tool-format --override-preset"
        " --draft-rope-scale --draft-rope-alpha --ngram-match-min --embedding-model-dir --lora-dir"
        " --sysmem-recurrent-cache --sysmem-kv-cache --num-experts-per-token --cuda-malloc-backend --seqlog-server-url"
        " --seqlog-api-key",
        "--api-servers --dummy-model-names --use-as-default --disable-auth --disable-fetch-requests --send-tracebacks"
        " --log-prompt --log-generation-params --log-requests --log-chat-completion-requests --inline-model-loading"
        " --use-dummy-models --force-enable-thinking --reasoning --tool-calls-in-reasoning --harmony --muse-glimmer"
        " --cuda-malloc-async --unsafe-launch --disable-request-streaming --realtime-process-priority --seqlog"
        " --gpu-split-auto --vision --fasttensors --uvloop --update-deps",
    ),
    unmodelled=neutral(
        "",
        "--chunk-size --max-batch-size --draft-mode --draft-num-tokens --draft-model-dir"
        " --draft-cache-mode --embedding-model-name --embeddings-device",
        "--tensor-parallel --output-chunking --gpu-split --autosplit-reserve --draft-gpu-split --dynamic-draft --loras",
    ),
)  # fmt: skip


def command(deployment: Deployment) -> str:
    """Write the line that starts the server with what the estimate assumed; the model is a folder beside its others."""
    work = deployment.workload
    in_repository = deployment.scheme.family == "plain" or is_own(deployment) or is_stored(deployment)
    name = repository(deployment) if in_repository else file_stem(deployment)
    kinds = (work.kv_cache_type, work.kv_cache_type_v)
    modes = {kind: mode for mode, kind in MODES.items()}
    mode = modes.get(kinds[0]) if kinds[0] == kinds[1] else None
    if mode is None and all(kind in CACHE_BITS for kind in kinds):
        mode = ",".join([str(CACHE_BITS[kind]) for kind in kinds])
    values = {
        "model": name.rstrip("/").rpartition("/")[2],
        "context": work.context,
        "cells": work.context * work.parallel,
        "mode": mode,
    }
    return line(write.words(SERVER, values))


def read(given: list[Process], backend: str) -> dict[str, Any] | None:
    """Read the deployment keys of the first process that starts the server with a backend; None if none does.

    Without a stated backend it is ExLlamaV3. Raises ``UsageError`` for a flag without its value.
    """
    from vramfit.launch.read import values

    for one in given:
        keys = values(SERVER, one)
        if keys is not None and keys.pop("backend", "exllamav3").lower() == backend:
            return _keys(keys)
    return None


def _keys(keys: dict[str, Any]) -> dict[str, Any]:
    """Deployment keys of the flags' values."""
    mode = keys.pop("mode", "fp16").lower()
    key, comma, value = mode.partition(",")
    kinds = (CACHE_OF.get(key, key), CACHE_OF.get(value, value)) if comma else (MODES.get(mode, mode),) * 2
    if kinds != ("f16", "f16"):
        keys["kv_cache_type"], keys["kv_cache_type_v"] = kinds
    folder, cells = keys.pop("folder", None), keys.pop("cells", None)
    if folder is not None and "model" in keys:
        keys["model"] = f"{folder.rstrip('/')}/{keys['model']}"
    if keys.get("context") == "-1":
        del keys["context"]
    context = keys.setdefault("context", "max" if cells is None else cells)
    number, length = whole(cells or ""), whole(context)
    if number is not None and length and number > length:
        slots, rest = divmod(number, length)
        keys.update({"context": cells} if rest else {"parallel": str(slots)})
    return keys
