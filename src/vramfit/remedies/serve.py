"""The command lines of servers other than llama.cpp's own, with every setting the estimate assumed.

vLLM 0.33.0 (``engine/arg_utils.py``), SGLang 0.5.23 (``srt/arg_groups``), Ollama fb30760 (``envconfig/config.go``,
``docs/modelfile.mdx``), MLX-LM d78bf58 (``generate.py``), ExLlamaV3 1.4.1 (``model_init.py``).
"""

from __future__ import annotations

from vramfit.errors import CannotTell
from vramfit.remedies.command import DTYPES, file_stem, line, projector_file, quote, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment

ON_LOAD = {"fp8": "fp8", "nf4": "bitsandbytes", "int8": "bitsandbytes", "fp4": "bitsandbytes"}
"""Schemes that vLLM and SGLang make of a 16-bit checkpoint while they load it; any other must be in the checkpoint."""
WIDE = ("f16", "bf16", "f32")
VLLM_CACHE = {"int8": "int8_per_token_head"}
SGLANG_CACHE = {"fp8": "fp8_e4m3"}
CACHE_BITS = {"f16": 16, "int8": 8, "int4": 4}
EXLLAMA_PAGE = 256
"""ExLlamaV3's cache is a multiple of this many tokens."""
FIRST_MACHINE = "FIRST_MACHINE"
"""Stands for the address of the first of several machines, which only the user knows."""
GPUS_PER_MACHINE = 8
SGLANG_PORT = 5000


def serve(answer: Answer) -> str:
    """The lines that start a server; raises ``CannotTell`` for an engine that has none here."""
    engine = answer.deployment.engine
    make = MAKERS.get(engine)
    if make is None:
        raise CannotTell(f"no command line is known for {engine}")
    return make(answer)


def _vllm(answer: Answer) -> str:
    deployment, settings = answer.deployment, answer.estimate.settings
    work = deployment.workload
    own: Any = work.own
    checkpoint, precision = _checkpoint(deployment)
    words = ["vllm", "serve", checkpoint, *precision]
    words += ["--max-model-len", str(work.context), "--max-num-seqs", str(work.parallel)]
    words += ["--tensor-parallel-size", str(settings["tensor_parallel"])]
    words += ["--pipeline-parallel-size", str(settings["pipeline_parallel"])]
    words += ["--max-num-batched-tokens", str(settings["max_batched_tokens"])]
    words += ["--gpu-memory-utilization", f"{settings['gpu_memory_utilization']:g}"]
    words += ["--kv-cache-dtype", _cache(work.kv_cache_type, VLLM_CACHE)]
    if work.images:
        limit = str(work.images)
        if work.image_size is not None:
            limit = '{{"count": {}, "width": {}, "height": {}}}'.format(work.images, *work.image_size)
        words += ["--limit-mm-per-prompt", f'{{"image": {limit}}}']
    if own.enforce_eager:
        words.append("--enforce-eager")
    machines = _machines(deployment)
    if machines == 1:
        return line(words)
    words += ["--nnodes", str(machines), "--master-addr", FIRST_MACHINE]
    ranks = [[*words, "--node-rank", str(rank), *(["--headless"] if rank else [])] for rank in range(machines)]
    return "\n".join([line(each) for each in ranks])


def _sglang(answer: Answer) -> str:
    deployment, settings = answer.deployment, answer.estimate.settings
    work = deployment.workload
    own: Any = work.own
    checkpoint, precision = _checkpoint(deployment)
    words = ["python", "-m", "sglang.launch_server", "--model-path", checkpoint, *precision]
    words += ["--context-length", str(work.context), "--max-running-requests", str(work.parallel)]
    words += ["--tp-size", str(settings["tensor_parallel"]), "--pp-size", str(settings["pipeline_parallel"])]
    words += ["--chunked-prefill-size", str(settings["max_batched_tokens"])]
    words += ["--mem-fraction-static", f"{settings['gpu_memory_utilization']:g}"]
    words += ["--kv-cache-dtype", _cache(work.kv_cache_type, SGLANG_CACHE)]
    if own.enforce_eager:
        words += ["--cuda-graph-backend-decode", "disabled", "--cuda-graph-backend-prefill", "disabled"]
    machines = _machines(deployment)
    if machines == 1:
        return line(words)
    words += ["--nnodes", str(machines), "--dist-init-addr", f"{FIRST_MACHINE}:{SGLANG_PORT}"]
    return "\n".join([line([*words, "--node-rank", str(rank)]) for rank in range(machines)])


def _ollama(answer: Answer) -> str:
    """The server with its environment, and a model made of the file with the settings that belong to a model."""
    deployment, used = answer.deployment, answer.estimate.settings
    work, model, stem = deployment.workload, deployment.model, file_stem(deployment)
    own: Any = work.own
    environment = {
        "OLLAMA_CONTEXT_LENGTH": work.context,
        "OLLAMA_NUM_PARALLEL": work.parallel,
        "OLLAMA_KV_CACHE_TYPE": work.kv_cache_type,
        "OLLAMA_FLASH_ATTENTION": int(work.flash_attention),
        "OLLAMA_SCHED_SPREAD": int(own.sched_spread),
    }
    if work.reserve_bytes:
        environment["OLLAMA_GPU_OVERHEAD"] = work.reserve_bytes
    recipe = [f"FROM ./{stem}.gguf"]
    if work.images and model.vision is not None:
        recipe.append(f"FROM ./{projector_file(deployment)}")
    layers = used.get("gpu_layers", work.gpu_layers)
    recipe.append(f"PARAMETER num_batch {own.ubatch}")
    if not used.get("cpu_moe_layers", work.cpu_moe_layers):
        # No parameter keeps experts in RAM: without num_gpu Ollama chooses by itself.
        recipe.append(f"PARAMETER num_gpu {layers if isinstance(layers, int) else model.layer_count + 1}")
    if used.get("split_mode", own.split_mode) == "none":
        recipe.append(f"PARAMETER main_gpu {used.get('main_gpu', own.main_gpu)}")
    name = stem.lower()
    variables = " ".join([f"{key}={quote(str(value))}" for key, value in environment.items()])
    return "\n".join(
        [
            f"{variables} ollama serve &",
            line(["printf", "%s\\n", *recipe]) + " > Modelfile",
            line(["ollama", "create", name, "-f", "Modelfile"]),
            line(["ollama", "run", name]),
        ]
    )


def _mlx(answer: Answer) -> str:
    """mlx-lm, or mlx-vlm for a model that sees; converted first where the scheme is MLX's own."""
    deployment = answer.deployment
    work, scheme = deployment.workload, deployment.scheme
    package = "mlx_lm" if deployment.model.vision is None else "mlx_vlm"
    model, lines = repository(deployment), []
    if scheme.family == "mlx":
        model = file_stem(deployment)
        words = [f"{package}.convert", "--hf-path", repository(deployment), "--mlx-path", model, "--quantize"]
        words += ["--q-bits", str(scheme.settings["bits"]), "--q-group-size", str(scheme.settings["group"])]
        lines.append(line([*words, "--q-mode", str(scheme.settings["mode"])]))
    words = [f"{package}.generate", "--model", model, "--prompt", "-"]
    bits = CACHE_BITS.get(work.kv_cache_type, 16)
    # A rotating cache, which is what bounds the context, cannot be quantized (``RotatingKVCache.to_quantized``).
    words += ["--max-kv-size", str(work.context)] if bits == 16 else ["--kv-bits", str(bits)]
    return "\n".join([*lines, line(words)])


def _exllama(answer: Answer) -> str:
    """The chat example; its sizes of cache and widths of K and V go to any server built on ExLlamaV3."""
    deployment = answer.deployment
    work = deployment.workload
    own: Any = work.own
    checkpoint, _ = _checkpoint(deployment)
    size = -(-work.context // EXLLAMA_PAGE) * EXLLAMA_PAGE * work.parallel
    words = ["python", "examples/chat.py", "-m", checkpoint, "-cs", str(size)]
    if (work.kv_cache_type, work.kv_cache_type_v) != ("f16", "f16"):
        words += ["-cq", f"{CACHE_BITS[work.kv_cache_type]},{CACHE_BITS[work.kv_cache_type_v]}"]
    if own.swa_full:
        words.append("-swa_full")
    return line(words)


def _checkpoint(deployment: Deployment) -> tuple[str, list[str]]:
    """The repository, or the name of a checkpoint yet to be found or made, and how its precision is asked for."""
    scheme, native = deployment.scheme, deployment.model.dtype
    if scheme.family == "plain":
        return repository(deployment), ["--dtype", DTYPES[scheme.id]]
    if native == scheme.family:
        return repository(deployment), []
    if scheme.id in ON_LOAD:
        return repository(deployment), ["--quantization", ON_LOAD[scheme.id]]
    return file_stem(deployment), []


def _cache(kind: str, names: dict[str, str]) -> str:
    return "auto" if kind in WIDE else names.get(kind, kind)


def _machines(deployment: Deployment) -> int:
    """Whole machines of eight; other counts, such as the ten of some rented instances, are one."""
    machines, left = divmod(len(deployment.gpus), GPUS_PER_MACHINE)
    return 1 if left else machines


MAKERS: dict[str, Callable[[Answer], str]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "ollama": _ollama,
    "mlx": _mlx,
    "exllamav3": _exllama,
}
