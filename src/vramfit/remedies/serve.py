"""The command lines of servers other than llama.cpp's own, with every setting the estimate assumed.

vLLM 0.33.0 (``engine/arg_utils.py``), SGLang 0.5.23 (``srt/arg_groups``), Ollama fb30760 (``envconfig/config.go``,
``docs/modelfile.mdx``), MLX-LM d78bf58 (``generate.py``), tabbyAPI e632af4 for ExLlamaV3 (``config_sample.yml``, of which
each key is a flag), TensorRT-LLM 1.0 (``trtllm-serve``).
"""

from __future__ import annotations

from vramfit.errors import CannotTell
from vramfit.remedies.command import DTYPES, file_stem, line, quote, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines import Deployment
    from vramfit.remedies.answer import Answer

ON_LOAD = {"fp8": "fp8", "nf4": "bitsandbytes", "int8": "bitsandbytes", "fp4": "bitsandbytes"}
"""Schemes that vLLM and SGLang make of a 16-bit checkpoint while they load it; any other must be in the checkpoint."""
WIDE = ("f16", "bf16", "f32")
VLLM_CACHE = {"int8": "int8_per_token_head"}
SGLANG_CACHE = {"fp8": "fp8_e4m3"}
TABBY_PAGE = 256
"""The cache is a multiple of this many tokens."""
TABBY_CACHE = {"q8_0": "Q8", "int8": "Q8", "q4_0": "Q4", "int4": "Q4"}
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
    if work.enforce_eager:
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
    checkpoint, precision = _checkpoint(deployment)
    words = ["python", "-m", "sglang.launch_server", "--model-path", checkpoint, *precision]
    words += ["--context-length", str(work.context), "--max-running-requests", str(work.parallel)]
    words += ["--tp-size", str(settings["tensor_parallel"]), "--pp-size", str(settings["pipeline_parallel"])]
    words += ["--chunked-prefill-size", str(settings["max_batched_tokens"])]
    words += ["--mem-fraction-static", f"{settings['gpu_memory_utilization']:g}"]
    words += ["--kv-cache-dtype", _cache(work.kv_cache_type, SGLANG_CACHE)]
    if work.enforce_eager:
        words += ["--cuda-graph-backend-decode", "disabled", "--cuda-graph-backend-prefill", "disabled"]
    machines = _machines(deployment)
    if machines == 1:
        return line(words)
    words += ["--nnodes", str(machines), "--dist-init-addr", f"{FIRST_MACHINE}:{SGLANG_PORT}"]
    return "\n".join([line([*words, "--node-rank", str(rank)]) for rank in range(machines)])


def _ollama(answer: Answer) -> str:
    """The server's environment, and a model of the file's with the settings that belong to a model."""
    deployment, used = answer.deployment, answer.estimate.settings
    work, stem = deployment.workload, file_stem(deployment)
    environment = {
        "OLLAMA_CONTEXT_LENGTH": str(work.context),
        "OLLAMA_NUM_PARALLEL": str(work.parallel),
        "OLLAMA_FLASH_ATTENTION": "1" if work.flash_attention else "0",
        "OLLAMA_KV_CACHE_TYPE": work.kv_cache_type,
    }
    recipe = [f"FROM ./{stem}.gguf"]
    if work.images and deployment.model.vision is not None:
        recipe.append(f"FROM ./mmproj-{deployment.model.id}-F16.gguf")
    recipe += [f"PARAMETER num_ctx {work.context}", f"PARAMETER num_batch {work.ubatch}"]
    layers = used.get("gpu_layers", work.gpu_layers)
    if isinstance(layers, int):
        recipe.append(f"PARAMETER num_gpu {layers}")
    variables = " ".join([f"{name}={quote(value)}" for name, value in environment.items()])
    return "\n".join(
        [
            f"{variables} ollama serve &",
            line(["printf", "%s\\n", *recipe]) + " > Modelfile",
            line(["ollama", "create", stem, "-f", "Modelfile"]),
            line(["ollama", "run", stem]),
        ]
    )


def _mlx(answer: Answer) -> str:
    deployment = answer.deployment
    work, scheme = deployment.workload, deployment.scheme
    model, lines = repository(deployment), []
    if scheme.family == "mlx":
        model = file_stem(deployment)
        words = ["mlx_lm.convert", "--hf-path", repository(deployment), "--mlx-path", model, "--quantize"]
        words += ["--q-bits", str(scheme.settings["bits"]), "--q-group-size", str(scheme.settings["group"])]
        lines.append(line([*words, "--q-mode", str(scheme.settings["mode"])]))
    words = ["mlx_lm.generate", "--model", model, "--max-kv-size", str(work.context), "--prompt", "-"]
    bits = {"q8_0": "8", "int8": "8", "q4_0": "4", "int4": "4"}.get(work.kv_cache_type)
    return "\n".join([*lines, line(words + (["--kv-bits", bits] if bits else []))])


def _exllama(answer: Answer) -> str:
    deployment = answer.deployment
    work = deployment.workload
    words = ["python", "main.py", "--model-name", file_stem(deployment), "--max-seq-len", str(work.context)]
    cache = -(-work.context // TABBY_PAGE) * TABBY_PAGE * work.parallel
    words += ["--cache-size", str(cache), "--max-batch-size", str(work.parallel)]
    words += ["--cache-mode", TABBY_CACHE.get(work.kv_cache_type, "FP16")]
    if len(deployment.gpus) > 1:
        words += ["--gpu-split-auto", "true"]
    if work.images and deployment.model.vision is not None:
        words += ["--vision", "true"]
    return line(words)


def _tensorrt(answer: Answer) -> str:
    deployment, settings = answer.deployment, answer.estimate.settings
    work = deployment.workload
    checkpoint, _ = _checkpoint(deployment)
    words = ["trtllm-serve", checkpoint, "--max_seq_len", str(work.context), "--max_batch_size", str(work.parallel)]
    words += ["--tp_size", str(settings.get("tensor_parallel") or len(deployment.gpus))]
    words += ["--pp_size", str(settings.get("pipeline_parallel") or 1)]
    if settings.get("max_batched_tokens"):
        words += ["--max_num_tokens", str(settings["max_batched_tokens"])]
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
    "tensorrt-llm": _tensorrt,
}
