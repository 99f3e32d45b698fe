"""Launch command of ExLlamaV3's chat example, whose cache settings apply to any server built on ExLlamaV3 as well.

turboderp-org/exllamav3 at 4f8ad01 (1.4.1): ``model_init.py``, ``examples/chat.py``.
"""

from __future__ import annotations

from vramfit.engines.exllamav3.estimate import BITS, PAGE
from vramfit.engines.naming import file_stem, is_own, is_stored, repository
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch.words import Process

CACHE_BITS = {"f16": 16, **BITS}
"""Bits of an element of each cache type."""
CACHE_OF = {str(bits): kind for kind, bits in CACHE_BITS.items()}
"""Cache type by its number of bits, as text."""


def _bits_text(kinds: tuple[str, str]) -> str:
    return ",".join([str(CACHE_BITS[kind]) for kind in kinds])


def _bits(text: str) -> tuple[str, str]:
    """Read the cache types of K and V; a single number applies to both."""
    key, comma, value = text.partition(",")
    return CACHE_OF.get(key, key), CACHE_OF.get(value, value) if comma else CACHE_OF.get(key, key)


CHAT = Program(
    ("python", "examples/chat.py"),
    (
        Flag("-m", "model", ("--model_dir", "--model-dir")),
        Flag("-cs", "context", ("--cache_size", "--cache-size")),
        Flag("-cq", "cache", ("--cache_quant", "--cache-quant"), spell=_bits_text, read=_bits),
        Flag("-mtp", "head", ("--mtp",), SWITCH),
        Flag("-dm", "draft_model", ("--draft_model_dir", "--draft-model-dir")),
        Flag("-ndt", "speculative_tokens", ("--num_draft_tokens", "--num-draft-tokens")),
        Flag("-mcl", "cpu_moe_layers", ("--moe_cpu_offload", "--moe-cpu-offload")),
        Flag("-swa_full", "swa_full", ("--swa_full", "--swa-full"), SWITCH),
    ),
    also=(("chat.py",), ("python", "chat.py")),
    neutral=neutral(
        "-basic --basic_console -think --think",
        "-mode --mode -un --user_name -bn --bot_name -mr --max_response_tokens",
    ),
)

DOWNLOAD = Program(
    ("hf", "download"),
    (Flag("--local-dir", "model"),),
    also=(("huggingface-cli", "download"),),
    positional="repository",
    neutral=neutral("--quiet --force-download", "--revision --token --repo-type --cache-dir --max-workers"),
)
"""Download of a repository into a folder, from which the example loads (huggingface_hub 1.x, ``cli/download.py``)."""


def command(deployment: Deployment, _estimate: Estimate, keys: ExLlamaKeys) -> str:
    """Write the line that starts the chat example, with a cache large enough for every sequence.

    It loads from a folder, so a repository is downloaded in a line before.
    """
    work, scheme = deployment.workload, deployment.scheme
    in_repository = scheme.family in ("plain", deployment.model.dtype) or is_own(deployment) or is_stored(deployment)
    kinds = (work.kv_cache_type, work.kv_cache_type_v)
    model, lines = repository(deployment) if in_repository else file_stem(deployment), []
    if in_repository and model in (*deployment.model.hf, *_repositories(deployment)):
        folder = model.rpartition("/")[2]
        lines.append(line(write.words(DOWNLOAD, {"repository": model, "model": folder})))
        model = folder
    values = {
        "model": model,
        "context": -(-work.context // PAGE) * PAGE * work.parallel,
        "cache": None if kinds == ("f16", "f16") else kinds,
        **_drafting(deployment),
        "cpu_moe_layers": deployment.model.layer_count if work.cpu_moe_layers == "all" else work.cpu_moe_layers or None,
        "swa_full": keys.swa_full,
    }
    return "\n".join([*lines, line(write.words(CHAT, values))])


def _repositories(deployment: Deployment) -> list[str]:
    """Repositories that the request names, or that the model was read from."""
    found = [one.repository for one in (deployment.reference, deployment.model.origin) if one is not None]
    return [name for name in found if name is not None]


def _drafting(deployment: Deployment) -> dict[str, object]:
    """Values of the flags for what drafts; none without speculative decoding."""
    work = deployment.workload
    if work.draft is None:
        return {}
    from vramfit.engines.speculative import drafting

    draft = drafting(work)
    if draft.method == "mtp":
        return {"head": True, "speculative_tokens": work.speculative_tokens}
    return {"draft_model": draft.repository, "speculative_tokens": work.speculative_tokens}


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts the chat example; None if no line does.

    A chat has one sequence, whose context is the size of the cache. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(CHAT, given)
    if keys is None:
        return None
    downloaded = first(DOWNLOAD, given) or {}
    if "model" in downloaded and downloaded["model"] == keys.get("model"):
        keys["model"] = downloaded.get("repository", keys["model"])
    if "cache" in keys:
        keys["kv_cache_type"], keys["kv_cache_type_v"] = keys.pop("cache")
    if keys.pop("head", False):
        keys["speculative"] = "mtp"
    elif "draft_model" not in keys:
        keys.pop("speculative_tokens", None)
    return keys
