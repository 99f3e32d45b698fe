"""Programs that run models but have no estimate here: the words that start them, and the nearest engine that has one.

Flags: huggingface/text-generation-inference at db931fc ``docs/source/reference/launcher.md``, InternLM/lmdeploy at 1263d5c
``lmdeploy/cli/serve.py`` and ``utils.py``. The others' words are from recollection: they decide nothing but which program a
refusal names, and what the question that it proposes states.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import CannotTell
from vramfit.launch import Flag, Program, runs
from vramfit.launch.read import arguments, scan
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.launch.words import Process


class Other(Record):
    """Engine without an estimate."""

    title: str
    nearest: str
    """Engine whose estimate is nearest; empty for a trainer."""
    program: Program


KEYS = (
    "model", "quant", "context", "max_num_seqs", "tensor_parallel", "gpu_layers", "gpu_memory_utilization",
    "frames", "task", "trainer", "sequence_length", "micro_batch", "gradient_accumulation", "lora_rank", "sharding",
)  # fmt: skip
"""Deployment keys that the next step states, in their order."""
LOADERS = {"exllamav2": "exllamav2", "exllamav3": "exllamav3", "transformers": "transformers", "llama": "llama.cpp"}
"""Engines by the beginnings of text-generation-webui's loaders (``ExLlamav2_HF``, ``llama.cpp``)."""
WEIGHTS = {
    "bitsandbytes": "int8", "bitsandbytes-nf4": "nf4", "bitsandbytes-fp4": "fp4", "awq": "awq", "gptq": "gptq-int4",
    "fp8": "fp8",
}  # fmt: skip
"""Schemes by the words of ``--quantize`` (``docs/source/reference/launcher.md``)."""


def _of_zero(text: str) -> str | None:
    """Division of the states that a name of a configuration of DeepSpeed states; None for another name."""
    return next((f"zero{stage}" for stage in "123" if f"zero{stage}" in text.lower()), None)


def _loader(text: str) -> str | None:
    """Engine of a loader of text-generation-webui."""
    return next((engine for word, engine in LOADERS.items() if text.lower().startswith(word)), None)


TRAINER = "trl"
"""Trainer whose estimate is nearest to those that are not estimated."""
READS = {"sharding": _of_zero, "engine": _loader, "quant": lambda text: WEIGHTS.get(text.lower())}
"""Functions that give the value of a text, by key."""


def _other(
    title: str,
    nearest: str,
    words: str,
    flags: dict[str, str],
    *,
    also: tuple[str, ...] = (),
    positional: str = "",
    images: tuple[str, ...] = (),
    upper: bool = False,
) -> Other:
    """Make an engine of the words that start it, and its flags with their keys; ``upper`` for variables like the flags."""
    table = tuple([Flag(flag, key, read=READS.get(key)) for flag, key in flags.items()])
    variables = [Flag(one.flag.lstrip("-").replace("-", "_").upper(), one.key, read=one.read) for one in table if upper]
    starts = tuple([tuple(start.split()) for start in also])
    program = Program(tuple(words.split()), table, starts, positional, tuple(variables), images=images)
    return Other(title, nearest, program)


OTHERS = (
    _other(
        "Text Generation Inference", "vllm", "text-generation-launcher",
        {
            "--model-id": "model", "--max-total-tokens": "context", "--num-shard": "tensor_parallel",
            "--max-batch-size": "max_num_seqs", "--cuda-memory-fraction": "gpu_memory_utilization", "--quantize": "quant",
        },
        images=("huggingface/text-generation-inference", "text-generation-inference"), upper=True,
    ),
    _other(
        "LMDeploy", "vllm", "lmdeploy serve api_server",
        {"--session-len": "context", "--tp": "tensor_parallel", "--max-batch-size": "max_num_seqs"},
        also=("lmdeploy chat", "lmdeploy serve gradio", "python -m lmdeploy serve api_server"), positional="model",
    ),
    _other(
        "Aphrodite", "vllm", "aphrodite run",
        {"--max-model-len": "context", "--tensor-parallel-size": "tensor_parallel", "-tp": "tensor_parallel"},
        also=("python -m aphrodite.endpoints.openai.api_server",), positional="model",
    ),
    _other(
        "llama-cpp-python", "llama.cpp", "python -m llama_cpp.server",
        {"--model": "model", "--n_ctx": "context", "--n_gpu_layers": "gpu_layers"},
    ),
    _other(
        "text-generation-webui", "llama.cpp", "python server.py",
        {
            "--model": "model", "--ctx-size": "context", "--n_ctx": "context", "--max_seq_len": "context",
            "--gpu-layers": "gpu_layers", "--n-gpu-layers": "gpu_layers", "--loader": "engine",
        },
    ),
    _other(
        "llamafile", "llama.cpp", "llamafile", {"-m": "model", "-c": "context", "-ngl": "gpu_layers"},
        also=("llamafiler",),
    ),
    _other("MLC LLM", "vllm", "mlc_llm serve", {}, also=("mlc_llm chat", "python -m mlc_llm serve"), positional="model"),
    _other("ramalama", "llama.cpp", "ramalama serve", {"-c": "context", "--ctx-size": "context", "--ngl": "gpu_layers"},
           also=("ramalama run",), positional="model"),
    _other("LM Studio", "llama.cpp", "lms load", {"--context-length": "context"}, positional="model"),
    _other("Docker Model Runner", "llama.cpp", "docker model run", {}, positional="model"),
    _other("OpenLLM", "vllm", "openllm serve", {}, positional="model"),
    _other("Xinference", "vllm", "xinference launch", {"--model-name": "model", "-n": "model"}),
    _other("Text Embeddings Inference", "transformers", "text-embeddings-router", {"--model-id": "model"},
           images=("huggingface/text-embeddings-inference", "text-embeddings-inference"), upper=True),
    _other("Infinity", "transformers", "infinity_emb v2", {"--model-id": "model"}),
    _other("LocalAI", "llama.cpp", "local-ai run", {"--context-size": "context"}, positional="model",
           images=("localai/localai",)),
    _other("FastChat", "transformers", "python -m fastchat.serve.model_worker", {"--model-path": "model"},
           also=("python -m fastchat.serve.cli", "python -m fastchat.serve.vllm_worker")),
    _other("KTransformers", "llama.cpp", "ktransformers", {"--gguf_path": "model", "--model_path": "model"},
           also=("python -m ktransformers.local_chat", "python ktransformers/server/main.py")),
    _other("FastDeploy", "vllm", "fastdeploy serve",
           {"--model": "model", "--max-model-len": "context", "--max-num-seqs": "max_num_seqs",
            "--tensor-parallel-size": "tensor_parallel"},
           also=("python -m fastdeploy.entrypoints.openai.api_server",)),
    _other("SGLang on JAX", "sglang", "python -m sgl_jax.launch_server",
           {"--model-path": "model", "--context-length": "context", "--max-running-requests": "max_num_seqs",
            "--tp-size": "tensor_parallel", "--mem-fraction-static": "gpu_memory_utilization"}),
    _other("ms-swift", "", "swift sft",
           {"--model": "model", "--model_id_or_path": "model", "--train_type": "task", "--sft_type": "task",
            "--tuner_type": "task", "--max_length": "sequence_length", "--per_device_train_batch_size": "micro_batch",
            "--gradient_accumulation_steps": "gradient_accumulation", "--lora_rank": "lora_rank", "--deepspeed": "sharding"},
           also=("swift pt", "swift rlhf", "python -m swift.cli.sft", "python swift/cli/sft.py", "megatron sft")),
    _other("SGLang's diffusion runtime", "diffusers", "sglang generate", {"--model-path": "model", "--num-frames": "frames"}),
    _other("Wan2GP", "diffusers", "python wgp.py", {}),
    _other("HunyuanVideo's own program", "diffusers", "python sample_video.py", {"--video-length": "frames"},
           also=("python hyvideo/sample_video.py",)),
    _other("SkyReels' own program", "diffusers", "python generate_video.py",
           {"--model_id": "model", "--num_frames": "frames"}, also=("python generate_video_df.py",)),
    _other("LightX2V", "diffusers", "python -m lightx2v.infer", {"--model_path": "model"}),
    _other("FramePack", "diffusers", "python demo_gradio.py", {}, also=("python demo_gradio_f1.py",)),
    _other("Triton", "tensorrt-llm", "tritonserver", {"--model-repository": "model"}),
)  # fmt: skip
"""Engines that are not estimated, by the words that start them."""


def refuse(given: list[Process]) -> None:
    """Raise ``CannotTell`` for a process that starts an engine which is not estimated, with the nearest question."""
    for one in given:
        for other in OTHERS:
            started = _entered(other.program, one)
            if started is not None:
                raise CannotTell(
                    f"{other.title} is not modelled yet", f"the nearest answer: {_question(other, started)}"
                )


def _entered(program: Program, given: Process) -> Process | None:
    """The process if it is the program's, by its words or its image; None for another one."""
    if arguments(program, given) is not None:
        return given
    if given.image is not None and any(runs(pattern, given.image) for pattern in program.images):
        return replace(given, words=(*program.words, *given.words))
    return None


def _question(other: Other, given: Process) -> str:
    """Command of ours that asks for the nearest engine with what the line states."""
    from vramfit.errors import VramfitError

    try:
        read = scan(other.program, given)
        stated = {} if read is None else read.found
    except VramfitError:
        stated = {}
    words = ["vramfit", "check", "-g", "GPU", "-m", str(stated.get("model", "MODEL"))]
    if other.nearest:
        words += ["--engine", str(stated.get("engine") or other.nearest)]
    else:
        stated = {"task": "lora", "trainer": TRAINER, **stated}
    for key in KEYS[1:]:
        if stated.get(key) is not None:
            words += [f"--{key.replace('_', '-')}", str(stated[key])]
    return line(words)
