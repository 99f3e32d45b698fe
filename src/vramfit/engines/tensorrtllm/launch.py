"""Flags of ``trtllm-serve``, for writing commands and for reading them.

NVIDIA/TensorRT-LLM ``commands/serve.py`` at 00209af, and ``docs/source/commands/trtllm-serve/trtllm-serve.rst`` at 0434755
for ``--set``.
"""

from __future__ import annotations

from vramfit.engines.naming import DTYPES, PLAIN, file_stem, is_own, is_published, repository
from vramfit.engines.serving import WIDE, machines, share_text, with_quant
from vramfit.launch import SWITCH, Flag, Program, neutral, write
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.servers import ServerKeys
    from vramfit.launch.words import Process

SETTINGS = {
    "max_batch_size": "--max_batch_size", "max_num_tokens": "--max_num_tokens", "max_seq_len": "--max_seq_len",
    "tensor_parallel_size": "--tp_size", "pipeline_parallel_size": "--pp_size", "moe_expert_parallel_size": "--ep_size",
    "gpus_per_node": "--gpus_per_node", "backend": "--backend", "model": "--model",
    "free_gpu_memory_fraction": "--kv_cache_free_gpu_memory_fraction", "dtype": "--kv_cache_dtype",
}  # fmt: skip
"""Flags of the settings in a file; the last two stand under ``kv_cache_config``."""
QUIET_SETTINGS = (
    "print_iter_log enable_chunked_prefill stream_interval num_postprocess_workers enable_autotuner"
    " disable_overlap_scheduler trust_remote_code enable_iter_perf_stats return_perf_metrics scheduler_config"
    " attn_backend enable_block_reuse event_buffer_size cache_transceiver_config enable_iter_req_stats"
    " perf_metrics_max_requests batching_wait_iters timeout_iters tokenizer"
)
"""Settings that change no memory."""
LAUNCHER = "trtllm-llmapi-launch"
"""Program that starts the server on the first rank of an MPI job, and workers on the others (``llmapi/``)."""
EAGER = "cuda_graph_config=null"
"""Setting of ``--set`` without CUDA graphs."""
DTYPE = "dtype="
"""Beginning of the setting of ``--set`` that states the element type of plain weights (``llmapi/llm_args.py`` ``dtype``)."""


def _cache_text(kind: str) -> str:
    return "auto" if kind in WIDE else kind


def _setting(text: str) -> tuple[str]:
    """Read ``--set``, of which those for CUDA graphs and for the element type are known; raises ``UsageError`` for others."""
    setting = text.replace(" ", "")
    if setting != EAGER and not setting.startswith(DTYPE):
        from vramfit.errors import UsageError

        raise UsageError(f"--set {text} of trtllm-serve is not known here", "leave it out if it changes no memory")
    return (setting,)


def _settings_words(stated: Mapping[str, Any]) -> list[str]:
    """Words of the settings in a file, which count for more than the line (``llmapi/llm_args.py``, ``update_llm_args``)."""
    weights = stated.get("dtype")
    flat = {**stated, "dtype": None, **(stated.get("kv_cache_config") or {})}
    found: list[str] = ["--set", f"{DTYPE}{weights}"] if weights in PLAIN else []
    for name, value in flat.items():
        if name in SETTINGS and value is not None:
            found += [SETTINGS[name], str(value)]
        elif name == "enable_attention_dp":
            found += ["--enable_attention_dp"] if value else []
        elif name == "cuda_graph_config" and value is None:
            found += ["--set", EAGER]
        elif name not in ("kv_cache_config", "cuda_graph_config") and value is not None:
            found.append(f"--{name}={value}")
    return found


SERVE = Program(
    ("trtllm-serve", "serve"),
    (
        Flag("--backend", "backend"),
        Flag("--max_seq_len", "context", of_model="context"),
        Flag("--max_batch_size", "max_num_seqs"),
        Flag("--max_num_tokens", "max_batched_tokens"),
        Flag("--tp_size", "tensor_parallel", ("--tensor_parallel_size",)),
        Flag("--pp_size", "pipeline_parallel", ("--pipeline_parallel_size",)),
        Flag("--ep_size", "experts_over", ("--moe_expert_parallel_size",)),
        Flag("--enable_attention_dp", "copies", (), SWITCH),
        Flag("--gpus_per_node", "gpus_per_node"),
        Flag(
            "--kv_cache_free_gpu_memory_fraction", "gpu_memory_utilization", ("--free_gpu_memory_fraction",),
            spell=share_text,
        ),
        Flag("--kv_cache_dtype", "kv_cache_type", spell=_cache_text, read=lambda text: None if text == "auto" else text),
        Flag("--set", "set", read=_setting, many=True),
    ),
    also=(("trtllm-serve",), (LAUNCHER, "trtllm-serve", "serve"), (LAUNCHER, "trtllm-serve")),
    positional="model",
    named=("--model", "--model_path"),
    calls={"tensorrt_llm.LLM": "model", "tensorrt_llm.llmapi.LLM": "model"},
    call_words=_settings_words,
    settings=("--config", "--extra_llm_api_options"),
    settings_words=_settings_words,
    settings_win=True,
    unmodelled=neutral(
        "",
        "--speculative_config --max_beam_width --max_tokens --moe_config --cp_size --ep_size_ratio --cluster_size"
        " --moe_cluster_parallel_size --max_attention_window --host_cache_size --lora_config --peft_cache_config"
        " --context_parallel_size --sparse_attention_config --mamba_ssm_cache_dtype --custom_module_dirs --max_input_len",
    ),
    neutral=neutral("", " ".join([f"--{name}" for name in QUIET_SETTINGS.split()]))
    | neutral(
        "--trust_remote_code --fail_fast_on_attention_window_too_large --enable_chunked_prefill --grpc --telemetry"
        " --no-telemetry",
        "--tokenizer --custom_tokenizer --host --port --log_level --num_postprocess_workers --revision --hf_revision"
        " --reasoning_parser --tool_parser --metadata_server_config_file --otlp_traces_endpoint --media_io_kwargs"
        " --disagg_cluster_uri --chat_template --served_model_name --config_file --server_role --media_storage_path"
        " --load_format",
    )
)  # fmt: skip


def command(deployment: Deployment, estimate: Estimate, keys: ServerKeys) -> str:
    """Write the line that starts the server, behind ``mpirun`` for several machines, with what the estimate assumed."""
    from vramfit.engines.tensorrtllm.support import CLASSIC

    work, settings = deployment.workload, estimate.settings
    named = is_own(deployment) or (is_published(deployment) and deployment.checkpoint.scaled == 1)
    count, copies = machines(estimate), int(str(settings["data_parallel"]))
    ranks = int(str(settings["tensor_parallel"])) * copies
    values = {
        "model": repository(deployment) if named else file_stem(deployment),
        "backend": "tensorrt" if deployment.scheme.family == CLASSIC else None,
        "context": work.context,
        "max_num_seqs": settings["max_num_seqs"],
        "max_batched_tokens": settings["max_batched_tokens"],
        "tensor_parallel": ranks,
        "copies": copies > 1,
        "pipeline_parallel": settings["pipeline_parallel"],
        "experts_over": ranks if keys.expert_parallel else None,
        "gpus_per_node": len(deployment.gpus) // count if count > 1 else None,
        "gpu_memory_utilization": settings["gpu_memory_utilization"],
        "kv_cache_type": work.kv_cache_type,
    }
    words = write.words(SERVE, values)
    for setting in _settings(deployment, keys):
        words += ["--set", setting]
    if count == 1:
        return line(words)
    from vramfit.engines.machines import names

    each = len(deployment.gpus) // count
    hosts = ",".join([f"{name}:{each}" for name in names(count)])
    return line(["mpirun", "-n", str(len(deployment.gpus)), "-H", hosts, LAUNCHER, *words])


def _settings(deployment: Deployment, keys: ServerKeys) -> list[str]:
    """Settings that have no flag: the element type where it is of 32 bits or is stored in 32, and no graphs."""
    scheme, native = deployment.scheme.id, deployment.model.dtype
    found = [EAGER] if keys.enforce_eager else []
    if scheme in DTYPES and "fp32" in (scheme, native):
        found.append(f"{DTYPE}{DTYPES[scheme]}")
    return found


def read(given: list[Process]) -> dict[str, Any] | None:
    """Read the deployment keys of the first line that starts a server; None if no line does.

    A line without a context uses the model's. Raises ``UsageError`` for an unknown flag.
    """
    from vramfit.launch.read import first

    keys = first(SERVE, given)
    if keys is None:
        return None
    experts = keys.pop("experts_over", None)
    if experts not in (None, "1"):
        keys["expert_parallel"] = "true"
    if keys.pop("copies", None) is not None:
        keys["data_parallel"], keys["tensor_parallel"] = keys.get("tensor_parallel", "1"), "1"
    for name in ("backend", "gpus_per_node"):
        keys.pop(name, None)
    for setting in keys.pop("set", ()):
        if setting == EAGER:
            keys["enforce_eager"] = True
        else:
            keys["dtype"] = setting.removeprefix(DTYPE)
    keys.setdefault("context", "max")
    return with_quant(keys)
