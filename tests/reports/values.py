"""Raw values of deployment keys, as a deployments file has them, and names of GPUs, models and schemes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from tests.reports.listed import Listed

COMMON = (
    "context", "parallel", "images", "image_size", "kv_cache_type", "kv_cache_type_v", "flash_attention", "prompt_tokens",
    "ram", "ram_bandwidth", "reserve", "platform", "level", "quant",
)  # fmt: skip
LLAMA_CPP = (
    "batch", "ubatch", "unified_kv", "swa_full", "kv_offload", "outputs", "gpu_layers", "cpu_moe_layers",
    "override_tensor", "mmproj", "adapter_size", "backend", "split_mode", "main_gpu", "tensor_split", "context_checkpoints",
    "checkpoint_min_step", "cache_ram",
)  # fmt: skip
OLLAMA = (*LLAMA_CPP, "sched_spread")
SERVERS = (
    "tensor_parallel", "pipeline_parallel", "data_parallel", "expert_parallel", "nodes", "max_num_seqs",
    "max_batched_tokens", "gpu_memory_utilization", "kv_cache_memory", "enforce_eager", "cpu_offload", "swap_space",
    "engine_version", "max_loras", "max_lora_rank",
)  # fmt: skip
POSITIONS = ("rope_scaling", "long_context")
SGLANG = ("max_total_tokens", "swa_full_tokens_ratio", "mamba_full_memory_ratio", "cuda_graph_max_bs")
ADAPTERS = ("sequence_length", "micro_batch", "lora_rank", "optimizer", "gradient_checkpointing")
TRAINING = (*ADAPTERS, "zero_stage")
TUNING = (
    "trainer", "objective", "lora_targets", "dora", "lora_dropout", "save_modules", "gradient_accumulation",
    "optimizer_in_backward", "fused_loss", "mixed_precision", "sharding", "offload_optimizer", "offload_parameters",
    "generations", "vllm_gpu_memory_utilization", "vllm_sleep_mode",
)  # fmt: skip
"""Keys of fine-tuning beside those of every trainer."""
ALWAYS = ("gpu", "model", "engine", "task", "name")
"""Keys every stratum sets by itself."""

SLIDING = (
    "gemma2", "gemma3", "gemma3n", "gemma4", "gpt-oss", "cohere", "exaone4", "phi3", "llama4", "mimo2", "step35",
)  # fmt: skip
"""Architectures with sliding or chunked layers."""

OPTIMIZERS = (
    "adamw", "adamw8bit", "adamw4bit", "paged_adamw", "paged_adamw8bit", "ademamix", "ademamix8bit", "adafactor", "adagrad",
    "rmsprop", "sgd", "lion", "lion8bit", "paged_lion", "paged_lion8bit", "lora_fa",
)  # fmt: skip
OPTIMIZER_SPELLINGS = ("adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_32bit", "AdamW8bit", "adamw_hf", "lion_8bit")

POWERS = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)
CUSTOM = (
    "custom:6GiB",
    "custom:24GiB@1008GB/s",
    "custom:16GB@448GB/s",
    "custom:80GiB@3TB/s",
    "custom:192GiB",
    "custom:11.5GiB",
)
CUSTOM_BYTES = 24 * 2**30
"""Memory a custom GPU counts as where a model is chosen for it."""
SIZES = ("336x336", "448x448", "672x672", "1024x768", "1344x1008", "640x1920", "224x224")


@dataclass(frozen=True)
class Asked:
    """What a value may depend on."""

    listed: Listed
    engine: str
    """Empty where none is named."""
    model: dict[str, Any]
    """Row of the list of models."""
    gpus: int
    """Devices asked."""

    @property
    def quants(self) -> list[dict[str, Any]]:
        """Schemes the engine loads; all of them where no engine is named."""
        return self.listed.quants_of(self.engine) or self.listed.quants


def value(key: str, asked: Asked, rng: Random) -> Any:
    """A value of ``key`` that is mostly valid for what is asked."""
    given = _FIXED.get(key)
    if given is not None:
        return rng.choice(given)
    if key == "context":
        most = asked.model["max_context"] or 4096
        fitting = [tokens for tokens in POWERS if tokens <= most] or [most]
        return rng.choice([*fitting, most, rng.randint(1, most), str(fitting[0])])
    if key == "prompt_tokens":
        return rng.choice((1, 100, 512, 1024, 2048))
    if key in ("kv_cache_type", "kv_cache_type_v"):
        return rng.choice(asked.listed.cache_types_of(asked.engine))
    if key == "quant":
        return quant(asked, rng)
    if key == "tensor_split":
        count = asked.gpus if rng.random() < 0.9 else asked.gpus + 1
        return rng.choice((",".join("31425678"[:count]), [rng.randint(1, 9) for _ in range(count)]))
    if key == "main_gpu":
        return rng.randrange(asked.gpus)
    if key in ("tensor_parallel", "pipeline_parallel"):
        return rng.choice([count for count in range(1, asked.gpus + 1) if asked.gpus % count == 0])
    if key == "optimizer":
        return rng.choice(OPTIMIZERS if rng.random() < 0.8 else OPTIMIZER_SPELLINGS)
    raise KeyError(key)


_FIXED: dict[str, tuple[Any, ...]] = {
    "parallel": (1, 2, 3, 4, 8, 16, 64, 256, "4"),
    "images": (0, 1, 2, 3, 8),
    "image_size": SIZES,
    "flash_attention": ("on", "off", True, False),
    "ram": ("16GiB", "32GiB", "64GB", "128GiB", "1TiB"),
    "ram_bandwidth": ("51.2GB/s", "89.6GB/s", "460GB/s"),
    "reserve": ("0GiB", "500MiB", "1GiB", "2.5GB"),
    "platform": ("linux", "windows", "macos"),
    "level": ("fits", "tight"),
    "batch": (1, 512, 2048, 4096),
    "ubatch": (1, 31, 32, 128, 512, 1024, 2048),
    "unified_kv": (True, False),
    "swa_full": (True, False),
    "outputs": ("slots", "batch"),
    "gpu_layers": ("all", "auto", 0, 1, 10, 20, 33, 61),
    "cpu_moe_layers": ("all", "auto", 0, 1, 10, 30),
    "backend": ("cuda", "rocm", "metal", "vulkan", "sycl"),
    "split_mode": ("layer", "row", "tensor", "none"),
    "sched_spread": (True, False),
    "kv_offload": (True, False),
    "override_tensor": ("ffn_.*_exps=CPU", ["blk.1.=CPU", "attn_k=CPU"], "token_embd.weight=CUDA0"),
    "mmproj": ("gpu", "host", "off"),
    "context_checkpoints": (0, 1, 32),
    "checkpoint_min_step": (0, 256, 8192),
    "adapter_size": ("0GiB", "300MiB", "1.5GB"),
    "cache_ram": ("0GiB", "2GiB", 4096, -1),
    "max_batched_tokens": (512, 2048, 8192, 16384, 3000),
    "gpu_memory_utilization": (0.5, 0.8, 0.9, 0.95, 1.0, "0.92"),
    "enforce_eager": (True, False),
    "data_parallel": (1, 2),
    "expert_parallel": (True, False),
    "nodes": (1, 2),
    "max_num_seqs": (64, 256, 1024),
    "kv_cache_memory": ("2GiB", "10GB"),
    "cpu_offload": ("0GiB", "4GiB"),
    "swap_space": ("4GiB",),
    "engine_version": ("0.8.5", "0.11.0", "0.19.0", "0.33.0"),
    "max_loras": (0, 1, 4),
    "max_lora_rank": (8, 16, 64),
    "rope_scaling": ("yarn:4:32768", "linear:2", "131072", "1048576,yarn:4:262144"),
    "long_context": (True, False),
    "max_total_tokens": (1000, 20_000, 300_000),
    "swa_full_tokens_ratio": (0.1, 0.5, 1.0),
    "cuda_graph_max_bs": (8, 64, 512),
    "mamba_full_memory_ratio": (0.1, 0.9, 2.0),
    "sequence_length": (128, 512, 1000, 2048, 4096, 16384),
    "micro_batch": (1, 2, 4, 7, 16),
    "lora_rank": (1, 8, 16, 64, 256),
    "gradient_checkpointing": (True, False),
    "zero_stage": (0, 1, 2, 3),
    "trainer": ("transformers", "trl", "unsloth", "axolotl", "llama-factory", "LLaMA-Factory", "torchtune", "litgpt"),
    "objective": ("sft", "dpo", "grpo"),
    "lora_targets": ("qv", "attention", "mlp", "all"),
    "dora": (True, False),
    "lora_dropout": (0, 0.05, 0.1),
    "save_modules": ("embeddings",),
    "gradient_accumulation": (1, 2, 8),
    "optimizer_in_backward": (True, False),
    "fused_loss": (True, False),
    "mixed_precision": (True, False),
    "sharding": ("none", "zero1", "zero2", "zero3", "fsdp"),
    "offload_optimizer": (True, False),
    "offload_parameters": (True, False),
    "generations": (2, 4, 8),
    "vllm_gpu_memory_utilization": (0.2, 0.3, "0.5"),
    "vllm_sleep_mode": (True, False),
}


def quant(asked: Asked, rng: Random) -> str:
    """A class, an id, another spelling, or a member of a family that no list names."""
    row = rng.choice(asked.quants)
    spellings = [row["id"], row["id"], row["id"].lower(), row["id"].upper(), *row["aliases"]]
    unlisted = [
        word
        for family, words in (
            ("gptq", ("gptq-int3-g64", "gptq-int4-g32", "gptq-int8-channel")), ("awq", ("awq-g64",)),
            ("compressed_tensors", ("w8a16", "w4a16-g32")), ("exl3", ("exl3-3.5", "exl3-6.0-h8", "exl3-2.25")),
            ("mlx", ("mlx-6bit", "mlx-3bit-g32", "mlx-4bit-g128")), ("hqq", ("hqq-int3", "hqq-int4-g128")),
            ("torchao", ("torchao-int4-g32",)), ("gguf", ("i1-Q4_K_M", "q5_k")),
        )
        if any(family == one["family"] for one in asked.quants)
        for word in words
    ]  # fmt: skip
    kind = rng.choice(("class", "listed", "listed", "listed", "unlisted"))
    if kind == "class" or (kind == "unlisted" and not unlisted):
        return rng.choice(("fp16", "int8", "int4"))
    return str(rng.choice(unlisted if kind == "unlisted" else spellings))


def gpus(listed: Listed, engine: str, rng: Random, several: bool) -> tuple[Any, list[dict[str, Any]]]:
    """A value of ``gpu`` and the rows of its devices (none for a custom one)."""
    rows = _fitting_gpus(listed, engine)
    row = rng.choice(rows)
    many = engine != "mlx" and (several or rng.random() < 0.3)
    if not many:
        if engine != "mlx" and rng.random() < 0.08:
            return rng.choice(CUSTOM), []
        return _spelled(row, rng), [row]
    count = rng.choice((2, 2, 2, 3, 4, 8))
    if rng.random() < 0.6:
        return f"{count}x{row['id']}", [row] * count
    if rng.random() < 0.15:
        return f"{count}x{rng.choice(CUSTOM)}", []
    near = [one for one in rows if one["vendor"] == row["vendor"]]
    cards = [row, *[rng.choice(near) for _ in range(rng.choice((1, 1, 2)))]]
    if rng.random() < 0.3:
        return [f"2x{cards[0]['id']}", cards[1]["id"]], [cards[0], *cards[:2]]
    return [card["id"] for card in cards], cards


def _fitting_gpus(listed: Listed, engine: str) -> list[dict[str, Any]]:
    """Cards people run the engine on, and where it would refuse the others, those alone."""
    if engine == "mlx":
        return [row for row in listed.gpus if row["vendor"] == "apple"]
    if engine in ("vllm", "sglang", "exllamav2", "exllamav3", "tensorrt-llm"):
        return [
            row
            for row in listed.gpus
            if row["vendor"] == "nvidia" or (not engine.startswith("exllama") and row["vendor"] == "amd")
        ]
    return listed.gpus


def _spelled(row: dict[str, Any], rng: Random) -> str:
    """An id, the driver's name or what is left of it without the vendor."""
    name = str(row["name"])
    return rng.choice((row["id"], row["id"], row["id"], name, name.removeprefix("NVIDIA ").removeprefix("GeForce ")))


def model(listed: Listed, cards: list[dict[str, Any]], keys: list[str], rng: Random) -> dict[str, Any]:
    """A row of the list of models: of the kind that ``keys`` are about, and mostly of a size that suits the cards."""
    rows = listed.models if rng.random() < 0.02 else [row for row in listed.models if row["max_context"]]
    if "images" in keys or "image_size" in keys:
        rows = [row for row in rows if row["modality"] in ("vision-language", "omni")]
    elif "cpu_moe_layers" in keys:
        rows = [row for row in rows if row["active_parameters"] != row["parameters"]]
    elif "swa_full" in keys:
        rows = [row for row in rows if row["architecture"] in SLIDING]
    memory = sum(card["memory_bytes"] for card in cards) or CUSTOM_BYTES
    near = [row for row in rows if row["parameters"] and memory / 5 <= row["parameters"] * 2 <= memory * 5]
    return rng.choice(near if near and rng.random() < 0.75 else rows)


def repository(row: dict[str, Any], rng: Random) -> str:
    """How a model is called elsewhere: its repository, an Ollama tag, or a quantized repository of others."""
    names = [row["id"].upper(), row["name"], *row["hf"], *row["ollama"]]
    for original in row["hf"][:1]:
        base = original.rpartition("/")[2]
        names += [
            f"TheBloke/{base}-GPTQ", f"TheBloke/{base}-AWQ", f"unsloth/{base}-bnb-4bit", f"bartowski/{base}-GGUF",
            f"RedHatAI/{base}-FP8-dynamic", f"RedHatAI/{base}-quantized.w4a16", f"mlx-community/{base}-4bit",
            f"turboderp/{base}-exl3-4.0bpw", f"unsloth/{base}",
        ]  # fmt: skip
    return str(rng.choice(names))
