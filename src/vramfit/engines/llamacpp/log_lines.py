"""Lines of llama.cpp's start-up logs: what each states, collected over one start.

Source: ggml-org/llama.cpp ``src/llama.cpp`` (b1500 to b4500), then ``src/llama-model.cpp``, ``src/llama-context.cpp``,
``src/llama-kv-cache.cpp``, ``src/llama-memory-recurrent.cpp`` and ``tools/mtmd/clip.cpp``.
"""

from __future__ import annotations

import re

from vramfit.engines.logs import Figure, sized

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
    r"(?<!\w)(?P<function>\w+): +(?P<label>[A-Za-z]\w*?(?:\[\w+\])?) +(?:(?P<kind>model|KV|RS|compute|output|input) +)?"
    r"buffer size(?: is)? *= *(?P<number>\d+(?:\.\d+)?) (?P<unit>MiB|GiB|MB)"
)
SIZE = re.compile(r"(?:model|file) size += (?P<number>[\d.]+) (?P<unit>GiB|MiB) \([\d.]+ BPW\)")
TYPE = re.compile(
    r"(?:model ftype|file type) += (?:\(guessed\) )?(?P<name>.{0,80}?\S)(?: - [\d.]+ bpw.*)?(?: \(guessed\))? *$"
)
TITLE = re.compile(r"general\.name +(?:str +)?= (?P<name>.*\S)")
FILE = re.compile(r"loaded meta data with \d+ key-value pairs and \d+ tensors from (?P<path>.{1,4096}?) \(version")
SLOTS = re.compile(r"n_slots = (?P<slots>\d+)(?:, n_ctx_slot = (?P<cells>\d+))?(?:, kv_unified = '(?P<unified>\w+)')?")
LOADS = re.compile(r"load_model: loading model '(?P<path>[^']+)'")
OFFERED = re.compile(r"- (?P<label>[A-Za-z]+\d+) +: (?P<name>.{1,200}) \(\d+ MiB, (?P<free>\d+) MiB free\)")
OFFLOADED = re.compile(r"offloaded (?P<some>\d+)/(?P<all>\d+) layers to GPU")
SETTING = re.compile(
    r"\w: (?P<name>n_ctx|n_batch|n_ubatch|n_seq_max|flash_attn|kv_unified|n_outputs_max) += (?P<value>\w+)"
)
FLASH = re.compile(r"Flash Attention was auto, set to (?P<value>enabled|disabled)")
TYPES = re.compile(r"K \((?P<k>\w+)\): +[\d.]+ MiB, V \((?P<v>\w+)\)")
CELLS = re.compile(r"\( *(?P<cells>\d+) cells, +\d+ layers, +(?P<seqs>\d+)(?:/(?P<streams>\d+))? seqs")
DEVICE = re.compile(
    r"using device (?P<label>[A-Za-z]+\d*) \((?P<name>.{0,200})\)(?: \([\w:.]+\))? - (?P<free>\d+) MiB free"
)
LISTED = re.compile(r"Device (?P<number>\d+): (?P<name>[^,]{1,200}), (?:compute capability|gfx|VMM)")
BUILD = re.compile(r"build:? = ?(?P<a>\d+) \(|build: (?P<b>\d+) \(|build_info: b(?P<c>\d+)")
TABLE = re.compile(
    r"\| +- (?P<label>[A-Za-z]+\d*)(?: \([^|]*\))? +\| +(?P<total>\d+) = (?P<free>\d+) \+ \((?P<own>\d+) = +(?P<model>\d+) \+"
    r" +(?P<context>\d+) \+ +(?P<compute>\d+)\) \+ +(?P<rest>-?\d+)"
)
TOWER = re.compile(r"\w: +model size: +(?P<number>[\d.]+) (?P<unit>MiB|MB)")
EXPERTS = re.compile(
    r"tensor (?P<name>blk\.(?P<layer>\d+)\.ffn_\w{0,80}exps?\.\w+) .{0,200}buffer type overridden to (?P<buffer>\w+)"
)
DRAFT = "loading draft model"
VISION = ("alloc_compute_meta", "clip_model_load", "clip_init", "reserve_compute_meta", "warmup")
"""Functions whose compute buffer is the vision tower's."""
GPU_LABELS = re.compile(
    r"(?:CUDA|ROCm|HIP|Vulkan|SYCL|MUSA|CANN|OpenCL|GPUOpenCL|Metal|MTL)(?P<number>\d*)(?:_Split|_Mapped|_Private)?(?:\[\w+\])?$"
)
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
        if BUFFER_WORD not in line:
            return False
        found = BUFFER.search(line)
        later = bool(self.compute) or any(one.name in (CACHE, STATES) for one in self.figures)
        return found is not None and found["kind"] in ("model", None) and later

    def read(self, line: str) -> None:
        """Take what a line states."""
        self.drafts = self.drafts or DRAFT in line
        found = BUFFER.search(line) if BUFFER_WORD in line else None
        if found is not None:
            self.lines += 1
            self._buffer(found)
            return
        for name, (word, pattern) in PATTERNS.items():
            match = pattern.search(line) if word in line else None
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
            if match["name"].startswith("n_") and not match["value"].isdecimal():
                return
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


BUFFER_WORD = "buffer size"
"""Word of each line that ``BUFFER`` is found in."""
PATTERNS = {
    "setting": (": ", SETTING), "flash": ("Flash Attention was auto", FLASH), "types": ("K (", TYPES), "size": ("size ", SIZE),
    "type": ("type ", TYPE), "title": ("general.name", TITLE), "file": ("loaded meta data with", FILE),
    "offloaded": ("offloaded ", OFFLOADED), "device": ("using device ", DEVICE), "listed": ("Device ", LISTED),
    "build": ("build", BUILD), "table": ("| ", TABLE), "tower": ("model size:", TOWER),
    "experts": ("buffer type overridden", EXPERTS), "slots": ("n_slots = ", SLOTS), "loads": ("loading model '", LOADS),
    "offered": (" MiB free)", OFFERED),
}  # fmt: skip
"""Patterns by what they read, each with a word that stands in every line it is found in: that is sought first."""


def device_of(label: str) -> str | None:
    """Device of a buffer type's label: ``gpu0`` for ``CUDA0``, ``host`` for ``CUDA_Host`` and ``CPU_Mapped``."""
    found = GPU_LABELS.match(label)
    if found is not None:
        return f"gpu{found['number'] or 0}"
    return "host" if label.startswith(("CPU", "BLAS", "AMX")) or label.endswith("_Host") else None
