"""Start-up logs of llama.cpp, builds of 2023 to 2026: the deployment and the buffers that they state.

A loader prints ``loaded meta data`` once for each time that it reads a file: for a dry run that fits settings to the
memory too, whose buffers are 0 or projected, and for a draft model. What each line states is read in ``log_lines``.
"""

from __future__ import annotations

import re

from vramfit.engines.llamacpp.log_amounts import printed
from vramfit.engines.llamacpp.log_lines import (
    BEGINS,
    CACHE,
    COMPUTE,
    FILE_SIZE,
    MARKS,
    PROCESS,
    STATES,
    TOGETHER,
    WEIGHTS,
    Start,
    device_of,
)
from vramfit.engines.logs import Figure, Log, LogReader, added, half_digit, size_bytes, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SLOTS_BUILD = 9500
"""Build from about which on the logits of one row a slot are reserved (June 2026); b8157 is of February, b10976 of September."""
ROWS = re.compile(r"_R[48]$")
"""Ending of ik_llama.cpp's types whose rows are interleaved, which changes no size."""
FORK = (": mla_attn", ": attn_max_b", ": fused_moe")
"""Settings that only ik_llama.cpp prints."""
TYPED = re.compile(r"[-._](?:UD-)?(?:I?Q\d\w*|[BF]+16|F32|MXFP4\w*)$", re.IGNORECASE)
"""Type at the end of a file's name."""
BACKENDS = {
    "CUDA": "cuda",
    "ROCm": "rocm",
    "HIP": "rocm",
    "Vulkan": "vulkan",
    "SYCL": "sycl",
    "Metal": "metal",
    "MTL": "metal",
}
"""Backends by the beginning of a device's label."""


def read(lines: Sequence[str]) -> Log | None:
    """Read the last start that allocated something; None if no line states a buffer."""
    head = Start()
    notes: list[str] = []
    starts: list[Start] = []
    start = head
    drafted = False
    for line in lines:
        whole = BEGINS.search(line) is not None
        if whole or start.begins_anew(line):
            _ended(start, starts, notes, drafted)
            drafted = start.drafts
            start = Start() if whole else Start(start)
        start.read(line)
    _ended(start, starts, notes, drafted)
    if not starts:
        return None
    start = starts[-1]
    if any(word in line for line in lines for word in FORK):
        notes.append("the log is of ik_llama.cpp, whose compute buffers are its own and not those of llama.cpp")
    for name in ("build", "loads", "slots"):
        known = next((one.matches[name] for one in (head, *starts[::-1]) if name in one.matches), None)
        if known is not None:
            start.matches.setdefault(name, known)
    start.listed = start.listed or head.listed
    start.devices, start.free = start.devices or head.devices, start.free or head.free
    lines_read = sum([one.lines for one in dict.fromkeys([head, *starts])])
    return _log(start, len(starts), lines_read, notes)


def _ended(start: Start, starts: list[Start], notes: list[str], drafted: bool) -> None:
    """Add a start to those that allocated something, unless what it loads is a draft model."""
    if start.measured and not drafted:
        starts.append(start)
    elif start.measured:
        notes.append("the draft model's buffers are not compared")


def _log(start: Start, starts: int, lines: int, notes: list[str]) -> Log:
    figures = added((*start.figures, *start.compute.values()))
    count = 1 + max([int(one.device[3:]) for one in figures if one.device != "host"], default=-1)
    names = tuple(start.devices[label] for label in start.labels if label in start.devices)
    if len(names) != count:
        names = tuple(start.listed.values()) if len(start.listed) == count else ()
    together = _together(figures)
    size = start.matches.get("size")
    file_bytes = None
    if size is not None:
        number, unit = size["number"], size["unit"]
        file_bytes = size_bytes(number, unit)
        figures.append(Figure(FILE_SIZE, "", file_bytes, slack=half_digit(number, unit)))
    for table in start.tables:
        device = device_of(table["label"])
        if device is not None and device != "host":
            taken = int(table["own"]) + int(table["rest"])
            figures.append(sized(PROCESS, device, str(taken), "MiB"))
    build = start.matches.get("build")
    return Log(
        _keys(start, count),
        _models(start),
        names,
        count,
        (),
        (*figures, *together),
        None if build is None else f"b{build['a'] or build['b'] or build['c']}",
        starts,
        lines,
        tuple(notes),
        file_bytes,
        any_gpu=True,
    )


def _together(figures: list[Figure]) -> list[Figure]:
    """Sum of the buffers of each GPU that has weights, cache and a compute buffer in the log."""
    found = []
    for device in dict.fromkeys([one.device for one in figures if one.device.startswith("gpu")]):
        mine = [one for one in figures if one.device == device]
        names = {one.name for one in mine}
        if COMPUTE in names and WEIGHTS in names and names & {CACHE, STATES}:
            total, slack = sum([one.value for one in mine]), sum([one.slack for one in mine])
            found.append(Figure(TOGETHER, device, total, slack=slack))
    return found


def _models(start: Start) -> tuple[str, ...]:
    """Names of the model: those of its file and of its folder as the cache of the Hub calls it, then its title."""
    names: list[str] = []
    file = start.matches.get("file") or start.matches.get("loads")
    if file is not None:
        path = file["path"].replace("\\", "/")
        repository = re.search(r"models--([^/]{1,200}?)--([^/]{1,200})/", path)
        if repository is not None:
            names.append(f"{repository[1]}/{repository[2]}")
        base = path.rpartition("/")[2]
        if not base.startswith("sha256-"):
            names += _of_file(re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", base))
    title = start.matches.get("title")
    if title is not None:
        names.append(title["name"])
    return tuple(names)


def _of_file(stem: str) -> list[str]:
    """Names that a file's name may mean: as it is, with its publisher's owner in front, and without its type."""
    bare = TYPED.sub("", stem)
    owner, under, rest = stem.partition("_")
    owned = [f"{owner}/{TYPED.sub('', rest)}"] if under and owner.isalpha() else []
    return list(dict.fromkeys([stem, *owned, bare]))


def _keys(start: Start, gpus: int) -> dict[str, object]:
    """Deployment keys of a start."""
    asked = start.settings
    build = start.matches.get("build")
    number = 0 if build is None else int(build["a"] or build["b"] or build["c"])
    keys: dict[str, object] = {"outputs": "slots" if "n_outputs_max" in asked or number >= SLOTS_BUILD else "batch"}
    keys |= _cells(start) | _options(start)
    offloaded = start.matches.get("offloaded")
    if offloaded is not None and offloaded["some"] != offloaded["all"]:
        keys["gpu_layers"] = offloaded["some"]
    free = [start.free[label] for label in start.labels if label in start.free]
    if len(free) == gpus > 1 and offloaded is not None:
        keys["tensor_split"] = ",".join(free)
    if start.experts and start.experts == set(range(max(start.experts) + 1)):
        keys["cpu_moe_layers"] = str(len(start.experts))
    kind = start.matches.get("type")
    path = start.matches.get("file") or start.matches.get("loads")
    ending = None if path is None else TYPED.search(path["path"].removesuffix(".gguf"))
    if kind is not None:
        keys["quant"] = quant_of(kind["name"])
    elif ending is not None:
        keys["quant"] = ending[0][1:]
    backend = next((one for label in start.labels for begin, one in BACKENDS.items() if label.startswith(begin)), None)
    if backend is not None:
        keys["backend"] = backend
    # A tower that the log does not load is left out of the estimate: ``images`` decides that there.
    if not any(one.name.startswith("vision") for one in (*start.figures, *start.compute.values())):
        keys["images"] = "0"
    return keys


def _cells(start: Start) -> dict[str, object]:
    """Keys of the context and of the sequences that share its cells."""
    asked, keys = start.settings, dict[str, object]()
    server = start.matches.get("slots")
    slots = int(asked.get("n_seq_max") or (server["slots"] if server else "1"))
    # Builds before July 2025 do not print it, and their slots share one cache.
    shared = (asked.get("kv_unified") or (server["unified"] if server else None) or "true") in ("true", "1")
    cells = asked.get("n_ctx")
    if cells is not None:
        keys["context"] = str(int(cells) if shared else int(cells) // slots)
    elif server is not None and server["cells"] is not None:
        keys["context"] = server["cells"]
    if slots > 1:
        keys["parallel"] = str(slots)
        keys["unified_kv"] = "true" if shared else "false"
    return keys


def _options(start: Start) -> dict[str, object]:
    """Keys of the batches, of flash attention and of the cache's types."""
    asked, keys = start.settings, dict[str, object]()
    for name, key in (("n_batch", "batch"), ("n_ubatch", "ubatch")):
        if name in asked:
            keys[key] = asked[name]
    flash, auto = asked.get("flash_attn"), start.matches.get("flash")
    if auto is not None:
        keys["flash_attention"] = "on" if auto["value"] == "enabled" else "off"
    elif flash in ("0", "disabled", "false"):
        keys["flash_attention"] = "off"
    types = start.matches.get("types")
    if types is not None:
        keys["kv_cache_type"], keys["kv_cache_type_v"] = types["k"], types["v"]
    return keys


def quant_of(name: str) -> str:
    """Scheme of a file type's name: ``Q4_K_M`` for ``Q4_K - Medium``, ``MXFP4_MOE`` for ``MXFP4 MoE``."""
    kind, _, size = name.partition(" - ")
    if kind in ("Q2_K", "Q6_K", "IQ4_XS", "IQ4_NL"):
        return kind
    sizes = {"Small": "_S", "Medium": "_M", "Large": "_L"}
    if size in sizes:
        return kind + sizes[size]
    words = {"mostly F16": "F16", "all F32": "F32", "mostly Q8_0": "Q8_0", "MXFP4 MoE": "MXFP4_MOE", "NVFP4": "NVFP4"}
    return words.get(name, ROWS.sub("", kind.removeprefix("mostly ").strip()))


READER = LogReader(MARKS, read, printed)
