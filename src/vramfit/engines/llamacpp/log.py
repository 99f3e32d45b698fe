"""Start-up logs of llama.cpp, builds of 2023 to 2026: the deployment and the buffers that they state.

Source: ggml-org/llama.cpp ``src/llama.cpp`` (b1500 to b4500), then ``src/llama-model.cpp``, ``src/llama-context.cpp``,
``src/llama-kv-cache.cpp``, ``src/llama-memory-recurrent.cpp`` and ``tools/mtmd/clip.cpp``. A loader prints
``loaded meta data`` once for each time that it reads a file: for a dry run that fits settings to the memory too, whose
buffers are 0 or projected, and for a draft model.
"""

from __future__ import annotations

import re

from vramfit.engines.logs import Amount, Figure, Log, LogReader, added, half_digit, size_bytes, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.engines.interface import Deployment, Engine, Estimate

MARKS = (
    "buffer size", "loaded meta data", "loading model from", "general.name", "model ftype", "file type", "model size",
    "file size", ": n_ctx  ", ": n_batch  ", ": n_ubatch  ", ": n_seq_max", ": flash_attn", "Flash Attention was auto",
    ": kv_unified", ": n_outputs_max", " cells, ", "KV self size", "offloaded ", "using device ", "  Device ", "|   - ",
    "build: ", "build = ", "build_info: ", "loading draft model", "n_slots = ", "loading model '", " MiB free)",
    "buffer type overridden",    ": mla_attn", ": attn_max_b", ": fused_moe",
)  # fmt: skip
"""Words of which each line that is read has one."""

BEGINS = re.compile(r"llama_model_loader: loaded meta data|llama_model_load(er)?: loading model from")
BUFFER = re.compile(
    r"(?P<function>\w+): +(?P<label>[A-Za-z]\w*?(?:\[\w+\])?) +(?:(?P<kind>model|KV|RS|compute|output|input) +)?buffer size"
    r"(?: is)? *= *(?P<number>\d+(?:\.\d+)?) (?P<unit>MiB|GiB|MB)"
)
SIZE = re.compile(r"(?:model|file) size += (?P<number>[\d.]+) (?P<unit>GiB|MiB) \([\d.]+ BPW\)")
TYPE = re.compile(
    r"(?:model ftype|file type) += (?:\(guessed\) )?(?P<name>.+?)(?: - [\d.]+ bpw.*)?(?: \(guessed\))? *$"
)
TITLE = re.compile(r"general\.name +(?:str +)?= (?P<name>.+?) *$")
FILE = re.compile(r"loaded meta data with \d+ key-value pairs and \d+ tensors from (?P<path>.+?) \(version")
SLOTS = re.compile(r"n_slots = (?P<slots>\d+)(?:, n_ctx_slot = (?P<cells>\d+))?(?:, kv_unified = '(?P<unified>\w+)')?")
LOADS = re.compile(r"load_model: loading model '(?P<path>[^']+)'")
OFFERED = re.compile(r"- (?P<label>[A-Za-z]+\d+) +: (?P<name>.+) \(\d+ MiB, (?P<free>\d+) MiB free\)")
OFFLOADED = re.compile(r"offloaded (?P<some>\d+)/(?P<all>\d+) layers to GPU")
SETTING = re.compile(
    r"(?:llama_\w+|\w+): (?P<name>n_ctx|n_batch|n_ubatch|n_seq_max|flash_attn|kv_unified|n_outputs_max) += (?P<value>\w+)"
)
FLASH = re.compile(r"Flash Attention was auto, set to (?P<value>enabled|disabled)")
TYPES = re.compile(r"K \((?P<k>\w+)\): +[\d.]+ MiB, V \((?P<v>\w+)\)")
CELLS = re.compile(r"\( *(?P<cells>\d+) cells, +\d+ layers, +(?P<seqs>\d+)(?:/(?P<streams>\d+))? seqs")
DEVICE = re.compile(r"using device (?P<label>[A-Za-z]+\d*) \((?P<name>.*)\)(?: \([\w:.]+\))? - (?P<free>\d+) MiB free")
LISTED = re.compile(r"Device (?P<number>\d+): (?P<name>[^,]+), (?:compute capability|gfx|VMM)")
SLOTS_BUILD = 9500
"""Build from about which on the logits of one row a slot are reserved (June 2026); b8157 is of February, b10976 of September."""
BUILD = re.compile(r"build:? = ?(?P<a>\d+) \(|build: (?P<b>\d+) \(|build_info: b(?P<c>\d+)")
TABLE = re.compile(
    r"\| +- (?P<label>[A-Za-z]+\d*)(?: \([^|]*\))? +\| +(?P<total>\d+) = (?P<free>\d+) \+ \((?P<own>\d+) = +(?P<model>\d+) \+"
    r" +(?P<context>\d+) \+ +(?P<compute>\d+)\) \+ +(?P<rest>-?\d+)"
)
TOWER = re.compile(r"(?:clip\w*|load_hparams|loader|\w+): +model size: +(?P<number>[\d.]+) (?P<unit>MiB|MB)")
EXPERTS = re.compile(
    r"tensor (?P<name>blk\.(?P<layer>\d+)\.ffn_\w*exps?\.\w+) .*buffer type overridden to (?P<buffer>\w+)"
)
DRAFT = "loading draft model"
VISION = ("alloc_compute_meta", "clip_model_load", "clip_init", "reserve_compute_meta", "warmup")
"""Functions whose compute buffer is the vision tower's."""
GPU_LABELS = re.compile(
    r"(?:CUDA|ROCm|HIP|Vulkan|SYCL|MUSA|CANN|OpenCL|GPUOpenCL|Metal|MTL)(?P<number>\d*)(?:_Split|_Mapped|_Private)?(?:\[\w+\])?$"
)
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
WEIGHTS, CACHE, STATES, COMPUTE, TOWER_WEIGHTS, TOWER_COMPUTE, TOGETHER, PROCESS, FILE_SIZE = (
    "weights", "KV cache", "recurrent states", "compute buffer", "vision weights", "vision compute buffer",
    "buffers together", "process", "file",
)  # fmt: skip


class Start:
    """Collector of what one start states; ``read`` takes a line at a time."""

    def __init__(self, before: Start | None = None) -> None:
        """Begin with nothing, or with the settings of a dry run ``before`` it that the log does not print again."""
        self.figures: list[Figure] = []
        self.compute: dict[tuple[str, str], Figure] = {}
        self.settings: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.listed: dict[str, str] = {}
        self.free: dict[str, str] = {}
        self.labels: dict[str, None] = {}
        self.matches: dict[str, re.Match[str]] = {}
        self.experts: set[int] = set()
        self.tables: list[re.Match[str]] = []
        self.lines = 0
        self.drafts = False
        if before is not None:
            self.settings, self.matches = dict(before.settings), dict(before.matches)
            self.devices, self.free, self.listed = before.devices, before.free, before.listed

    @property
    def measured(self) -> bool:
        """True if any buffer is larger than nothing: a dry run's are not."""
        return any(figure.value for figure in (*self.figures, *self.compute.values()) if figure.name != "output buffer")

    def begins_anew(self, line: str) -> bool:
        """Return True for weights behind a cache or a compute buffer: those of another load."""
        found = BUFFER.search(line)
        later = bool(self.compute) or any(one.name in (CACHE, STATES) for one in self.figures)
        return found is not None and found["kind"] in ("model", None) and later

    def read(self, line: str) -> None:
        """Take what a line states."""
        self.drafts = self.drafts or DRAFT in line
        found = BUFFER.search(line)
        if found is not None:
            self.lines += 1
            self._buffer(found)
            return
        for name, pattern in PATTERNS.items():
            match = pattern.search(line)
            if match is not None:
                self.lines += 1
                self._other(name, match)

    def _buffer(self, found: re.Match[str]) -> None:
        device = device_of(found["label"])
        if device is None:
            return
        if device != "host":
            self.labels.setdefault(found["label"].partition("_")[0], None)
        unit = "MiB" if found["unit"] == "MB" else found["unit"]  # builds of 2023 write MB for 2^20
        kind = found["kind"] or "model"
        names = {"model": WEIGHTS, "KV": CACHE, "RS": STATES, "output": "output buffer", "input": "output buffer"}
        if kind == "compute":
            name = TOWER_COMPUTE if found["function"] in VISION else COMPUTE
            # Reserved again where settings are found out, and the last is what stays; several labels are one host.
            self.compute[(name, found["label"])] = sized(name, device, found["number"], unit)
        else:
            self.figures.append(sized(names[kind], device, found["number"], unit))

    def _other(self, name: str, match: re.Match[str]) -> None:
        if name == "setting":
            self.settings[match["name"]] = match["value"]
        elif name in ("device", "offered"):
            self.devices[match["label"]] = match["name"]
            self.free[match["label"]] = match["free"]
        elif name == "listed":
            self.listed[match["number"]] = match["name"]
        elif name == "experts":
            if device_of(match["buffer"]) == "host":
                self.experts.add(int(match["layer"]))
        elif name == "table":
            self.tables.append(match)
        elif name == "tower":
            self.figures.append(sized(TOWER_WEIGHTS, "gpu0", match["number"], "MiB"))
        else:
            self.matches[name] = match


PATTERNS = {
    "setting": SETTING, "flash": FLASH, "types": TYPES, "size": SIZE, "type": TYPE, "title": TITLE, "file": FILE,
    "offloaded": OFFLOADED, "device": DEVICE, "listed": LISTED, "build": BUILD, "table": TABLE, "tower": TOWER,
    "experts": EXPERTS, "slots": SLOTS, "loads": LOADS, "offered": OFFERED,
}  # fmt: skip


def device_of(label: str) -> str | None:
    """Device of a buffer type's label: ``gpu0`` for ``CUDA0``, ``host`` for ``CUDA_Host`` and ``CPU_Mapped``."""
    found = GPU_LABELS.match(label)
    if found is not None:
        return f"gpu{found['number'] or 0}"
    return "host" if label.startswith(("CPU", "BLAS", "AMX")) or label.endswith("_Host") else None


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
        repository = re.search(r"models--([^/]+?)--([^/]+)/", path)
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


def printed(
    _runtime: Engine[Any, Any], deployment: Deployment, estimate: Estimate, _usable_bytes: tuple[int, ...]
) -> Mapping[tuple[str, str], Amount]:
    """Values of an estimate for the buffers that a log states, and for the whole of a process on each GPU.

    Weights have the bounds of a file whose mix is the publisher's own, compute buffers those of the graph.
    """
    from vramfit.engines.llamacpp.estimate import COMPUTE_HIGH, COMPUTE_LOW, spread_bytes
    from vramfit.engines.llamacpp.placement import HOST, Plan

    plan = estimate.plan
    if not isinstance(plan, Plan):
        raise TypeError("an estimate of llama.cpp has its plan")
    keys = deployment.workload.own
    states = _states(deployment, plan, len(estimate.gpus), getattr(keys, "kv_offload", True))
    publisher = getattr(keys, "of_any_publisher", True)
    found: dict[tuple[str, str], Amount] = {(FILE_SIZE, ""): exactly(estimate.checkpoint_bytes)}
    for number, device in [*enumerate(estimate.gpus), (HOST, estimate.host)]:
        tower, tower_compute = plan.tower if number == plan.tower_device else (0, 0)
        weights, compute = device.weights_bytes - tower, device.compute_bytes - tower_compute
        less, more = spread_bytes(deployment.checkpoint, weights, publisher, False)
        # What is printed of the host is the part of the file that is mapped, with what other devices hold of it.
        bounds = (less, more) if number != HOST else (0, 0)
        found[(WEIGHTS, device.device)] = Amount(weights - bounds[0], weights, weights + bounds[1])
        kept = states.get(number, 0)
        found[(CACHE, device.device)] = exactly(device.kv_cache_bytes - kept)
        if kept:
            found[(STATES, device.device)] = exactly(kept)
        graph = Amount(compute * COMPUTE_LOW, compute, compute * COMPUTE_HIGH)
        found[(COMPUTE, device.device)] = graph if number != HOST else exactly(compute)
        if tower:
            found[(TOWER_WEIGHTS, device.device)] = exactly(tower)
            found[(TOWER_COMPUTE, device.device)] = exactly(tower_compute)
        if number != HOST:
            whole = device.weights_bytes + device.kv_cache_bytes + device.compute_bytes
            found[(PROCESS, device.device)] = Amount(device.low_bytes, device.total_bytes, device.high_bytes)
            low = whole - less - (1 - COMPUTE_LOW) * device.compute_bytes
            high = whole + more + (COMPUTE_HIGH - 1) * device.compute_bytes
            found[(TOGETHER, device.device)] = Amount(low, whole, high)
    return found


def exactly(size: float) -> Amount:
    """Make an amount without bounds."""
    return Amount(size, size, size)


def _states(deployment: Deployment, plan: object, gpus: int, offload: bool) -> dict[int, int]:
    """Bytes of recurrent states on each device, by the number that the placement has for it."""
    from vramfit.engines.llamacpp.placement import HOST, Plan
    from vramfit.memory.kv_cache import caches

    assert isinstance(plan, Plan)
    found: dict[int, int] = {}
    for cache in caches(deployment.model):
        if cache.kind == "state":
            size = 4 * (cache.convolution_elements + cache.recurrent_elements) * deployment.workload.parallel
            for layer in cache.layers:
                home = plan.placement.layer_device[layer] if offload else HOST
                found[home] = found.get(home, 0) + size
    return found


READER = LogReader(MARKS, read, printed)
