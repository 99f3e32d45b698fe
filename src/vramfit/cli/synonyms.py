"""Words that people write for flags, in tables. Loaded by ``flags``, for a command line with something undeclared."""

from __future__ import annotations

WORDS = {
    "--quantization": "--quant", "--quantize": "--quant", "--quantisation": "--quant", "--precision": "--quant",
    "--bits": "--quant", "--wbits": "--quant", "--weights": "--quant", "--torch-dtype": "--quant", "--quant-type": "--quant",
    "--card": "--gpu", "--cards": "--gpu", "--gpus": "--gpu", "--graphics-card": "--gpu", "--hardware": "--gpu",
    "--gpu-name": "--gpu", "--gpu-type": "--gpu",
    "--llm": "--model", "--models": "--model", "--model-id": "--model", "--model-path": "--model", "--repo": "--model",
    "--model-name": "--model", "--base-model": "--model",
    "--contextsize": "--context",
    "--ctx": "--context", "--ctx-len": "--context", "--ctx-length": "--context", "--ctxlen": "--context",
    "--context-len": "--context", "--context-length": "--context", "--context-size": "--context",
    "--context-window": "--context", "--num-ctx": "--context", "--n-ctx": "--context", "--max-ctx": "--context",
    "--max-context": "--context", "--max-context-length": "--context", "--max-context-len": "--context",
    "--max-model-length": "--context", "--model-max-length": "--context", "--model-max-len": "--context",
    "--tokens": "--context",
    "--user": "--parallel", "--num-users": "--parallel", "--n-users": "--parallel", "--max-users": "--parallel",
    "--concurrency": "--parallel", "--concurrent": "--parallel", "--max-concurrency": "--parallel",
    "--concurrent-users": "--parallel", "--concurrent-requests": "--parallel", "--parallel-requests": "--parallel",
    "--num-parallel": "--parallel", "--sequences": "--parallel", "--sessions": "--parallel", "--slots": "--parallel",
    "--requests": "--parallel", "--streams": "--parallel",
    "--runtime": "--engine", "--framework": "--engine", "--server": "--engine", "--inference-engine": "--engine",
    "--loader": "--engine",
    "--system-ram": "--ram", "--host-memory": "--ram", "--cpu-memory": "--ram", "--host-ram": "--ram", "--cpu-ram": "--ram",
    "--os": "--platform", "--system": "--platform", "--image-resolution": "--image-size",
    "--resolution": "--output-size", "--size": "--output-size", "--num-images": "--images",
    "--kv-type": "--kv-cache-type", "--kv-quant": "--kv-cache-type", "--kv-cache": "--kv-cache-type",
    "--cache-type": "--kv-cache-type", "--kv": "--kv-cache-type", "--kv-cache-quant": "--kv-cache-type",
    "--kv-bits": "--kv-cache-type", "--kv-dtype": "--kv-cache-type", "--cache-quant": "--kv-cache-type",
    "--kv-cache-quantization": "--kv-cache-type", "--kvcache": "--kv-cache-type", "--kv-cache-bits": "--kv-cache-type",
    "--free-memory": "--reserve", "--reserved": "--reserve",
    "--max-memory": "--usable", "--vram-limit": "--usable", "--memory-limit": "--usable", "--max-vram": "--usable",
    "--layers": "--gpu-layers", "--gpu-offload": "--gpu-layers", "--offload-layers": "--gpu-layers",
    "--gpulayers": "--gpu-layers",
    "--tp": "--tensor-parallel", "--pp": "--pipeline-parallel", "--dp": "--data-parallel",
    "--gpu-util": "--gpu-memory-utilization", "--gpu-utilization": "--gpu-memory-utilization",
    "--gpu-mem-util": "--gpu-memory-utilization", "--gpu-memory-util": "--gpu-memory-utilization",
    "--mem-fraction": "--gpu-memory-utilization",
    "--mem-util": "--gpu-memory-utilization", "--memory-utilization": "--gpu-memory-utilization",
    "--finetune": "--task", "--fine-tune": "--task", "--finetuning": "--task", "--train": "--task", "--method": "--task",
    "--ep": "--expert-parallel", "--input-len": "--prompt-tokens", "--input-tokens": "--prompt-tokens",
    "--prompt-len": "--prompt-tokens", "--prompt-length": "--prompt-tokens", "--prompt-size": "--prompt-tokens",
    "--prompt": "--prompt-tokens",
    "--target-modules": "--lora-targets", "--lora-target": "--lora-targets", "--lora-target-modules": "--lora-targets",
    "--targets": "--lora-targets",
    "--rank": "--lora-rank", "--lora-r": "--lora-rank", "--r": "--lora-rank",
    "--grad-accum": "--gradient-accumulation", "--grad-accum-steps": "--gradient-accumulation",
    "--gradient-accumulation-steps": "--gradient-accumulation", "--accumulation-steps": "--gradient-accumulation",
    "--grad-checkpointing": "--gradient-checkpointing", "--optim": "--optimizer",
    "--zero": "--zero-stage", "--deepspeed": "--sharding", "--shard": "--sharding",
    "--strategy": "--sharding",
}  # fmt: skip
"""Flags of our own by words that people expect for them."""

SWITCHES = {
    **dict.fromkeys(("--load-in-4bit", "--4bit", "--4-bit", "--int4", "--q4"), "int4"),
    **dict.fromkeys(("--load-in-8bit", "--8bit", "--8-bit", "--int8", "--q8"), "int8"),
    **dict.fromkeys(("--fp16", "--16bit", "--half"), "fp16"), "--bf16": "bf16", "--fp8": "fp8",
}  # fmt: skip
"""Quantizations that are flags in other programs."""

CHOSEN = ("engine", "task", "objective", "trainer", "platform", "sharding")
"""Keys of which a value alone is written as a flag: ``--vllm``, ``--qlora``, ``--dpo``, ``--windows``, ``--fsdp``."""

LENGTHS = (
    "--seq", "--seqlen", "--seq-len", "--seq-length", "--max-seq", "--max-seq-len", "--max-seq-length", "--max-length",
    "--max-sequence-length", "--cutoff-len", "--sequence-len", "--length",
)  # fmt: skip
"""Flags for the tokens of one sequence, which are the context of a model that is run and the length of a training row."""

WITHOUT_MEMORY = (
    "--alpha", "--lora-alpha", "--lr", "--learning-rate", "--epochs", "--num-epochs", "--num-train-epochs", "--max-steps",
    "--steps", "--warmup", "--warmup-steps", "--warmup-ratio", "--weight-decay", "--lr-scheduler", "--lr-scheduler-type",
    "--max-grad-norm", "--dataset", "--data", "--output-dir", "--seed", "--logging-steps", "--save-steps", "--eval-steps",
)  # fmt: skip
"""Flags of trainers, each with one value, that change no memory."""

NEUTRAL = ("--steps", "--num-inference-steps", "--guidance-scale", "--cfg-scale", "--keep-alive", "--keepalive")
"""Flags of programs that make pictures, and of Ollama's, each with one value, that change no memory."""

_ATTENTION = ("--flash-attention", {"eager": "off"}, "on")
VALUES = {
    "--attn-implementation": _ATTENTION,
    "--attention-implementation": _ATTENTION,
    "--attn": _ATTENTION,
    "--quantkv": ("--kv-cache-type", {"0": "f16", "1": "q8_0", "2": "q4_0"}, ""),
}
"""Flags whose values have other names here: ours, its values by theirs, and that of any other (empty for as it is).

Of transformers' ``attn_implementation`` ``eager`` alone keeps the whole matrix of scores; ``--quantkv`` is KoboldCpp's.
"""

PRECISIONS = ("--bf16", "--fp16")
"""Flags that in a trainer's line state the precision of the computation, which no quantized weights have."""

BATCHES = (
    "--batch-size", "--bs", "--micro-batch-size", "--train-batch-size", "--per-device-train-batch-size",
    "--per-device-batch-size",
)  # fmt: skip
"""Flags for a batch: of a training step the rows, of llama.cpp the tokens of a prompt, elsewhere the sequences at once."""

COUNTS = ("--num-gpus", "--num-gpu", "--n-gpus", "--ngpus", "--gpu-count", "--number-of-gpus", "--num-cards")
"""Flags for the number of equal GPUs; Ollama has ``num_gpu`` for the layers on them."""

SHORT = {"--ngl": "-ngl", "--np": "-np", "--fa": "-fa", "--ctk": "-ctk", "--ctv": "-ctv", "--ub": "-ub", "--ts": "-ts"}
"""Short flags of llama.cpp with two dashes."""

MEMORY = ("--vram", "--gpu-memory", "--gpu-ram")
"""Flags for a GPU of which the memory is all that is given."""
