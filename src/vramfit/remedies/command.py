"""The command or code that runs a deployment, with every setting the estimate assumed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines import Deployment
    from vramfit.remedies.answer import Answer

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
"""Characters a POSIX shell takes literally (``shlex.quote``'s set; shlex imports re)."""


def command(answer: Answer) -> str:
    """A shell line for engines with one, Python for transformers, the ``vramfit`` line for fine-tuning."""
    deployment = answer.deployment
    if deployment.workload.task != "inference":
        return _training_code(deployment)
    if deployment.engine == "llama.cpp":
        return _llama_server(answer)
    if deployment.engine == "ollama":
        return _ollama(answer)
    if deployment.engine == "vllm":
        return _vllm_serve(answer)
    if deployment.engine == "sglang":
        return _sglang_server(answer)
    return _transformers_code(deployment)


def quote(word: str) -> str:
    """``word`` quoted for a POSIX shell where it needs it."""
    return word if word and all(c in SAFE for c in word) else "'" + word.replace("'", "'\"'\"'") + "'"


def _llama_server(answer: Answer) -> str:
    deployment, settings = answer.deployment, answer.estimate.settings
    work, model = deployment.workload, deployment.model
    words = [
        "llama-server",
        "-m",
        _gguf(deployment),
        "-c",
        str(work.context * work.parallel),
        "-np",
        str(work.parallel),
    ]
    layers, experts = settings.get("gpu_layers", work.gpu_layers), settings.get("cpu_moe_layers", work.cpu_moe_layers)
    words += ["-ngl", str(model.layer_count + 1 if layers == "all" else layers)]
    if experts:
        words += ["--n-cpu-moe", str(model.layer_count if experts == "all" else experts)]
    if work.split_mode != "layer":
        words += ["-sm", work.split_mode]
    if work.main_gpu:
        words += ["-mg", str(work.main_gpu)]
    if work.tensor_split is not None:
        words += ["-ts", ",".join([f"{share:g}" for share in work.tensor_split])]
    words += ["-b", str(work.batch), "-ub", str(work.ubatch), "-fa", "on" if work.flash_attention else "off"]
    words += ["-ctk", work.kv_cache_type, "-ctv", work.kv_cache_type_v]
    if work.unified_kv:
        words.append("--kv-unified")
    if work.swa_full:
        words.append("--swa-full")
    if work.images and model.vision is not None:
        words += ["--mmproj", _mmproj(deployment)]
    return " ".join(quote(word) for word in words)


def _ollama(answer: Answer) -> str:
    """The server with its environment, and a model made with the parameters (ollama/ollama fb30760 ``docs/modelfile.mdx``)."""
    deployment, settings = answer.deployment, answer.estimate.settings
    work, model = deployment.workload, deployment.model
    environment = [
        f"OLLAMA_CONTEXT_LENGTH={work.context}",
        f"OLLAMA_NUM_PARALLEL={work.parallel}",
        f"OLLAMA_KV_CACHE_TYPE={work.kv_cache_type}",
        f"OLLAMA_FLASH_ATTENTION={int(work.flash_attention)}",
        f"OLLAMA_SCHED_SPREAD={int(work.sched_spread)}",
    ]
    if work.reserve_bytes:
        environment.append(f"OLLAMA_GPU_OVERHEAD={work.reserve_bytes}")
    lines = [f"FROM ./{_gguf(deployment)}"]
    if work.images and model.vision is not None:
        lines.append(f"FROM ./{_mmproj(deployment)}")
    lines.append(f"PARAMETER num_batch {work.ubatch}")
    layers = settings.get("gpu_layers", work.gpu_layers)
    if not settings.get("cpu_moe_layers", work.cpu_moe_layers):
        # No parameter keeps experts in RAM: without num_gpu Ollama chooses by itself.
        lines.append(f"PARAMETER num_gpu {model.layer_count + 1 if layers == 'all' else layers}")
    if settings.get("split_mode") == "none" or work.split_mode == "none":
        lines.append(f"PARAMETER main_gpu {settings.get('main_gpu', work.main_gpu)}")
    name = f"{model.id}-{deployment.scheme.id}".lower()
    made = "\\n".join(lines)
    return f"{' '.join(environment)} ollama serve & printf '{made}\\n' > Modelfile; ollama create {name}; ollama run {name}"


def _gguf(deployment: Deployment) -> str:
    return f"{deployment.model.id}-{deployment.scheme.id}.gguf"


def _mmproj(deployment: Deployment) -> str:
    return f"mmproj-{deployment.model.id}-F16.gguf"


ON_LOAD = {"fp8": "fp8", "nf4": "bitsandbytes", "int8": "bitsandbytes", "fp4": "bitsandbytes"}
"""Schemes that vLLM and SGLang make of a 16-bit checkpoint while they load it; any other must be in the checkpoint."""
DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
VLLM_CACHE = {"f16": "auto", "bf16": "auto", "int8": "int8_per_token_head"}
SGLANG_CACHE = {"f16": "auto", "bf16": "auto", "fp8": "fp8_e4m3"}


def _vllm_serve(answer: Answer) -> str:
    """``vllm serve`` (vLLM 0.33.0 ``engine/arg_utils.py``)."""
    deployment, settings = answer.deployment, answer.estimate.settings
    work = deployment.workload
    checkpoint, precision = _checkpoint_words(deployment)
    words = ["vllm", "serve", checkpoint, *precision]
    words += ["--max-model-len", str(work.context), "--tensor-parallel-size", str(settings["tensor_parallel"])]
    words += ["--pipeline-parallel-size", str(settings["pipeline_parallel"])]
    words += ["--max-num-batched-tokens", str(settings["max_batched_tokens"])]
    words += ["--gpu-memory-utilization", f"{settings['gpu_memory_utilization']:g}"]
    words += ["--kv-cache-dtype", VLLM_CACHE.get(work.kv_cache_type, work.kv_cache_type)]
    if work.images:
        limit = str(work.images)
        if work.image_size is not None:
            limit = '{{"count": {}, "width": {}, "height": {}}}'.format(work.images, *work.image_size)
        words += ["--limit-mm-per-prompt", f'{{"image": {limit}}}']
    if work.enforce_eager:
        words.append("--enforce-eager")
    return " ".join(quote(word) for word in words)


def _sglang_server(answer: Answer) -> str:
    """``python -m sglang.launch_server`` (SGLang 0.5.23 ``srt/server_args.py``)."""
    deployment, settings = answer.deployment, answer.estimate.settings
    work = deployment.workload
    checkpoint, precision = _checkpoint_words(deployment)
    words = ["python", "-m", "sglang.launch_server", "--model-path", checkpoint, *precision]
    words += ["--context-length", str(work.context)]
    words += ["--tp-size", str(settings["tensor_parallel"]), "--pp-size", str(settings["pipeline_parallel"])]
    words += ["--chunked-prefill-size", str(settings["max_batched_tokens"])]
    words += ["--mem-fraction-static", f"{settings['gpu_memory_utilization']:g}"]
    words += ["--kv-cache-dtype", SGLANG_CACHE.get(work.kv_cache_type, work.kv_cache_type)]
    if work.enforce_eager:
        words.append("--disable-cuda-graph")
    return " ".join(quote(word) for word in words)


def _checkpoint_words(deployment: Deployment) -> tuple[str, list[str]]:
    """The repository, or the name of a checkpoint yet to be found or made, and how its precision is asked for."""
    scheme, native = deployment.scheme, deployment.model.dtype
    if scheme.family == "plain":
        return _repository(deployment), ["--dtype", DTYPES[scheme.id]]
    if native == scheme.family:
        return _repository(deployment), []
    if scheme.id in ON_LOAD:
        return _repository(deployment), ["--quantization", ON_LOAD[scheme.id]]
    return f"{deployment.model.id}-{scheme.id}", []


def _transformers_code(deployment: Deployment) -> str:
    model = deployment.model
    kind = "AutoModelForImageTextToText" if model.vision is not None else "AutoModelForCausalLM"
    return f"{kind}.from_pretrained({_repository(deployment)!r}, {_loading(deployment)}, device_map='auto')"


def _training_code(deployment: Deployment) -> str:
    work = deployment.workload
    kind = "AutoModelForImageTextToText" if deployment.model.vision is not None else "AutoModelForCausalLM"
    code = f"model = {kind}.from_pretrained({_repository(deployment)!r}, {_loading(deployment)})"
    if work.task == "full":
        return code
    adapters = f"get_peft_model(model, LoraConfig(r={work.lora_rank}, target_modules='all-linear'))"
    if work.task == "qlora":
        adapters = adapters.replace("(model,", "(prepare_model_for_kbit_training(model),")
    return f"{code}; model = {adapters}"


def _loading(deployment: Deployment) -> str:
    scheme = deployment.scheme
    kind = scheme.settings.get("type")
    if kind == "int8":
        return "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    if kind in ("nf4", "fp4"):
        double = bool(scheme.settings["double"])
        return (
            f"quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={kind!r}, "
            f"bnb_4bit_use_double_quant={double}, bnb_4bit_compute_dtype=torch.bfloat16)"
        )
    names = {"fp16": "torch.float16", "bf16": "torch.bfloat16", "fp32": "torch.float32"}
    return f"dtype={names.get(scheme.id, chr(39) + 'auto' + chr(39))}"


def _repository(deployment: Deployment) -> str:
    """The model's Hugging Face repository, or its id where the catalogue knows none."""
    return deployment.model.hf[0] if deployment.model.hf else deployment.model.id
