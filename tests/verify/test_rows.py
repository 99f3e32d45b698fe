"""Published figures, set in the lines of their releases: they are read back, and compared as by the tests of accuracy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.accuracy.vllm import LOGS as VLLM_LOGS
from tests.accuracy.vllm import _of_row
from tests.verify.asking import HERE, lines, verified
from vramfit.engines.llamacpp.log_lines import device_of
from vramfit.engines.logs import Figure
from vramfit.errors import CannotTell
from vramfit.units import GIB, MIB
from vramfit.verify import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUFFERS = [
    json.loads(line[2:])
    for line in (HERE / "llamacpp_buffers.yaml").read_text("utf-8").splitlines()
    if line.startswith("- ")
]
NAMES = {
    "model_buffers": "weights", "kv_buffers": "KV cache", "rs_buffers": "recurrent states",
    "compute_buffers": "compute buffer", "host_compute": "compute buffer", "output_buffers": "output buffer",
}  # fmt: skip
SERVERS: list[dict[str, Any]] = yaml.safe_load(VLLM_LOGS.read_text("utf-8"))
NAMED = {
    "weights": "weights", "peak": "activation peak", "libraries": "non-torch memory", "graphs": "CUDA graphs",
    "graphs_estimated": "CUDA graphs, vLLM's estimate", "context": "context at the start", "room": "room for the cache",
}  # fmt: skip


def llamacpp_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """Lines that a build of the row's year prints."""
    old = row.get("year_approx", 2025) < 2025
    info, begin = ("llm_load_print_meta", "llm_load_tensors") if old else ("print_info", "load_tensors")
    file = row.get("file", "model.gguf")
    yield from [f"  Device {n}: {name}, compute capability 8.6" for n, name in enumerate(row.get("gpus", []))]
    yield f"llama_model_loader: loaded meta data with 30 key-value pairs and 291 tensors from {file} (version GGUF V3)"
    if "ftype" in row:
        yield f"{info}: {'model ftype' if old else 'file type'}      = {row['ftype']}"
    if "size_gib" in row:
        bits = f" ({row['bpw']:.2f} BPW)" if "bpw" in row else ""
        yield f"{info}: {'model size' if old else 'file size'}   = {row['size_gib']:.2f} GiB{bits}"
    if "model" in row:
        yield f"{info}: general.name     = {row['model']}"
    if "offloaded" in row:
        yield f"{begin}: offloaded {row['offloaded']} layers to GPU"
    what = "buffer size" if old else "model buffer size"
    yield from [f"{begin}: {d:>12} {what} = {mib:8.2f} MiB" for d, mib in row["mib"]["model_buffers"].items()]
    for name in ("n_seq_max", "n_ctx", "n_batch", "n_ubatch", "flash_attn", "kv_unified"):
        if name in row:
            value = row[name]
            yield f"llama_context: {name:<13} = {int(value) if isinstance(value, bool) else value}"
    for kind, words in (
        ("kv_buffers", "llama_kv_cache: {:>10} KV buffer size"),
        ("rs_buffers", "llama_memory_recurrent: {:>10} RS buffer size"),
        ("output_buffers", "llama_context: {:>10}  output buffer size"),
        ("compute_buffers", "llama_context: {:>10} compute buffer size"),
        ("host_compute", "llama_context: {:>10} compute buffer size"),
    ):
        yield from [f"{words.format(device)} = {mib:8.2f} MiB" for device, mib in row["mib"].get(kind, {}).items()]
    if "type_k" in row:
        yield f"llama_context: KV self size  = 1.00 MiB, K ({row['type_k']}): 1.00 MiB, V ({row['type_v']}): 1.00 MiB"


def published(row: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Bytes of a row by name and device; several buffers of one device are one figure."""
    found: dict[tuple[str, str], float] = {}
    for kind, sizes in row["mib"].items():
        for label, mib in sizes.items():
            key = (NAMES[kind], device_of(label) or label)
            found[key] = found.get(key, 0) + mib * MIB
    return found


@pytest.mark.parametrize("row", BUFFERS, ids=[row["id"] for row in BUFFERS])
def test_buffers_are_read_back(row: Mapping[str, Any]) -> None:
    """Each buffer of each device, whatever the build."""
    name, log = read(lines("\n".join(llamacpp_lines(row))))
    found = {(one.name, one.device): one for one in log.figures if one.name not in ("file", "buffers together")}

    assert name == "llama.cpp"
    assert {key: pytest.approx(size, abs=16) for key, size in published(row).items()} == {
        key: one.value for key, one in found.items()
    }


def test_bounds_hold_for_llama_cpp() -> None:
    """Of runs of llama.cpp itself and of Ollama whose model and type the log names, nine in ten and more."""
    inside = []
    for row in BUFFERS:
        if row["id"] == "ik-p370-f17":
            continue  # its experts were put into RAM by patterns that the log does not print
        if row["engine"].startswith(("llama.cpp", "ollama")) and "ftype" in row and "model" in row:
            try:
                found = verified("\n".join(llamacpp_lines(row)))
            except CannotTell:
                continue
            inside += [pair.inside for pair in found.pairs if pair.figure.name == "buffers together"]

    assert len(inside) >= 40
    assert sum(map(bool, inside)) >= 0.9 * len(inside)


def vllm_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """Lines that vLLM prints of a row's figures."""
    asked, logged = row["deployment"], row["logged"]
    ranks, stages = asked.get("tensor_parallel", 1), asked.get("pipeline_parallel", 1)
    version = asked.get("engine_version", "0.33.0")
    given = {key: asked[key] for key in ("max_num_seqs", "gpu_memory_utilization") if key in asked}
    yield f"(APIServer pid=1) INFO 04-21 18:20:01 [utils.py:299] vLLM API server version {version}"
    yield f"(APIServer pid=1) INFO 04-21 18:20:01 [utils.py:233] non-default args: {given}"
    yield (
        f"INFO 04-21 18:20:30 [core.py:105] Initializing a V1 LLM engine (v{version}) with config: model='{asked['model']}',"
        f" max_seq_len={asked.get('context', 4096)}, tensor_parallel_size={ranks}, pipeline_parallel_size={stages},"
        f" quantization=None, chunked_prefill_enabled=True, enforce_eager={asked.get('enforce_eager', False)},"
        f" kv_cache_dtype={asked.get('kv_cache_type', 'auto')}"
    )
    if "total" in logged:
        free = logged["total"] - logged.get("context", 0)
        yield f"Free memory on device ({free:.2f}/{logged['total']} GiB) on startup."
    patterns = {
        "weights": "Model loading took {} GiB memory and 9 seconds", "peak": "torch peak memory increase: {}GiB;",
        "libraries": "non-torch forward increase memory: {}GiB;", "graphs": "Graph capturing finished in 9 secs, took {} GiB",
        "graphs_estimated": "Estimated CUDA graph memory: {} GiB total", "room": "Available KV cache memory: {} GiB",
    }  # fmt: skip
    yield from [patterns[name].format(size) for name, size in logged.items() if name in patterns]


@pytest.mark.parametrize("row", SERVERS, ids=[f"{n}-{row['deployment']['model']}" for n, row in enumerate(SERVERS)])
def test_figures_of_vllm_are_those_of_the_accuracy(row: Mapping[str, Any]) -> None:
    """Figure by figure what ``tests.accuracy.vllm`` has: the logged bytes, ours, and whether the bounds contain them."""
    keys = {name: value for name, value in row["deployment"].items() if name != "gpu"}
    log = "\n".join(vllm_lines(row))
    found = verified(log, gpu=[row["deployment"]["gpu"]], **keys)
    pairs = {pair.figure.name: pair for pair in found.pairs if pair.amount is not None}
    own = {NAMED[one.term]: one for one in _of_row(dict(row))}

    checked = 0
    for name, figure in own.items():
        if name == "context at the start" and "total" not in row["logged"]:
            continue
        pair = pairs[name]
        assert pair.amount is not None
        # The accuracy of the room takes the logged weights off, where there are some, and verify the estimated ones.
        weights = pairs["weights"].amount if name == "room for the cache" and "weights" in pairs else None
        off = 0.0 if weights is None else weights.expected - own["weights"].logged
        assert pair.figure.value == pytest.approx(figure.logged, abs=0.006 * GIB)
        assert pair.amount.expected + off == pytest.approx(figure.expected, rel=1e-6, abs=0.001 * GIB)
        checked += 1
    assert checked == len(own) - ("context at the start" in own and "total" not in row["logged"])


def test_there_are_rows() -> None:
    assert len(BUFFERS) == 127
    assert len(SERVERS) >= 60
    assert isinstance(Figure("weights", "gpu0", 1.0).unit, str)
