"""What engines themselves do against an invariant, each with the line of the source that does it.

An explanation holds for the named engines, invariants and parts of the memory alone: whatever else breaks the invariant is a
violation. ``docs/reliability.md`` has the list for readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.properties.asked import Measures, Raw, Violation
    from tests.properties.graphs import Graphs


COMPRESSED = ("w4a16", "w8a8", "w8a16")
"""Schemes of compressed-tensors, as names of repositories and quantizations have them."""


@dataclass(frozen=True)
class Explanation:
    """One thing that an engine does, and the violations that it explains."""

    reason: str
    source: str
    engines: tuple[str, ...]
    invariants: tuple[str, ...]
    """Beginnings of the invariants' names."""
    parts: tuple[str, ...] = ()
    """Parts of which alone less is needed; empty where the invariant is about the verdict."""
    where: Callable[[Raw], bool] = lambda raw: True
    """Whether a deployment of the two does what is explained."""
    between: Callable[[Measures, Measures], bool] = lambda before, after: True
    """Whether the measures of the easier and of the harder deployment bear it out."""

    def explains(self, found: Violation) -> bool:
        """Whether a violation is what the engine does."""
        harder = {**found.raw, **found.changes}
        return (
            found.raw.get("engine") in self.engines
            and found.invariant.startswith(self.invariants)
            and found.fell <= set(self.parts)
            and (found.pair is None or self.between(*found.pair))
            and (self.where(found.raw) or self.where(harder))
        )


def _partly_in_ram(raw: Raw) -> bool:
    layers = raw.get("gpu_layers", "all")
    return (
        layers != "all" or raw.get("kv_offload") in (False, "false") or "override_tensor" in raw or raw.get("mmproj") == "host"
        or raw.get("cpu_moe_layers", 0) != 0
    )  # fmt: skip


def _states_no(key: str) -> Callable[[Raw], bool]:
    return lambda raw: key not in raw


def _graphs(holds: Callable[[Graphs, Graphs], bool]) -> Callable[[Measures, Measures], bool]:
    """What must hold between the graphs of the easier and of the harder deployment; False where there are none."""

    def between(before: Measures, after: Measures) -> bool:
        return before.graph is not None and after.graph is not None and holds(before.graph, after.graph)

    return between


def _stranded(before: Measures, after: Measures) -> bool:
    """Whether the highest estimate falls by no more than what older builds' pools keep of unpacked caches."""
    if before.graph is None or after.graph is None:
        return False
    return before.high_bytes - after.high_bytes <= before.graph.stranded_bytes - after.graph.stranded_bytes


LLAMA = ("llama.cpp", "ollama")
QUANTIZED = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "int8", "int6", "int5", "int4", "int3", "int2")
MEMORY = ("usable", "card", "custom", "reserve")

EXPLANATIONS = (
    Explanation(
        "with layers, experts or the cache in RAM the graph is cut into pieces by where each operation runs, and what runs on"
        " the CPU then needs no buffer on the GPU: more scores, cells or sequences may move an operation there",
        "ggml-org/llama.cpp ggml/src/ggml-backend.cpp ggml_backend_sched_split_graph",
        LLAMA,
        ("flash", "cache", "context", "parallel", "ubatch", "layers", "experts", "class", "scheme", "bits", "images", "kv_bytes"),
        ("compute", "overhead"), _partly_in_ram, _graphs(lambda before, after: before.host_steps != after.host_steps),
    ),
    Explanation(
        "attention without flash attention is pinned to the CPU where the cache stays in RAM",
        "ggml-org/llama.cpp src/llama-graph.cpp build_attn_mha (\"pin to CPU\", cparams.offload_kqv)",
        LLAMA, ("flash",), ("compute", "overhead"), lambda raw: raw.get("kv_offload") in (False, "false"),
        _graphs(lambda before, after: after.host_bytes > before.host_bytes),
    ),
    Explanation(
        "Vulkan leaves operations on tensors beyond what a driver can bind, 4 GiB, to the CPU",
        "ggml-org/llama.cpp ggml/src/ggml-vulkan/ggml-vulkan.cpp ggml_backend_vk_device_supports_op (maxStorageBufferRange)",
        LLAMA, ("flash", "context", "parallel", "ubatch"), ("compute", "overhead"),
        between=_graphs(lambda before, after: after.vulkan and after.host_steps > before.host_steps),
    ),
    Explanation(
        "tensors are put into the smallest hole that holds them, and the buffer is as large as the highest end: larger tensors"
        " may fall into other holes; no fewer bytes are needed at once",
        "ggml-org/llama.cpp ggml/src/ggml-alloc.c ggml_dyn_tallocr_alloc",
        LLAMA, ("flash", "cache", "context", "parallel", "ubatch", "layers", "class", "scheme", "bits", "images", "kv_bytes"),
        ("compute", "overhead"), between=_graphs(lambda before, after: after.live_bytes >= before.live_bytes),
    ),
    Explanation(
        "a table of more than 4 GiB (n-grams, embeddings by layer) stays in the file, of which a larger file has more",
        "ggml-org/llama.cpp pull request 27742 (--lazy-mode auto)",
        LLAMA, ("file_size", "class", "scheme", "bits"), ("weights", "compute", "overhead"),
        between=lambda before, after: after.lazy_bytes > before.lazy_bytes,
    ),
    Explanation(
        "products that do not depend on each other are computed together if at most 20 nodes lie between them; caches of"
        " several sequences are more nodes, so that a network beside attention is computed behind it",
        "ggml-org/llama.cpp ggml/src/ggml-vulkan/ggml-vulkan.cpp ggml_vk_graph_optimize (NUM_TO_CHECK)",
        LLAMA, ("parallel",), ("compute",), between=_graphs(lambda before, after: before.streams == 1 < after.streams),
    ),
    Explanation(
        "a quantized cache is rotated, and flash attention unpacks one that is not F16 to F16, on each GPU",
        "ggml-org/llama.cpp src/llama-kv-cache.cpp (attn_rot); ggml/src/ggml-cuda/fattn-common.cuh launch_fattn",
        LLAMA, ("flash", "cache"), ("compute", "overhead"), lambda raw: raw.get("kv_cache_type", "f16") != "f16",
        _graphs(lambda before, after: after.live_bytes >= before.live_bytes - before.cache_bytes),
    ),
    Explanation(
        "on ROCm the pool of builds before June 2026 keeps a piece for each batch of a growing prompt, which a larger batch"
        " and a cache in F16 make fewer; the highest estimate contains them",
        "ggml-org/llama.cpp ggml/src/ggml-cuda/ggml-cuda.cu ggml_cuda_pool_leg; pull request 23907",
        LLAMA, ("flash", "cache", "ubatch"), ("compute", "overhead"), between=_stranded,
    ),
    Explanation(
        "a model is put on one GPU alone where its predicted size is at most 80 % of what is free there, and spread over all"
        " where it is larger; the prediction leaves out what it needs besides",
        "ollama/ollama server/sched.go bestSingleGPUFit",
        ("ollama",), ("class", "scheme", "bits", "file_size", "cache", "context", "parallel", "images", "flash", *MEMORY),
        ("compute", "overhead", "weights", "kv_cache"), between=lambda before, after: before.spread != after.spread,
    ),
    Explanation(
        "the batch shrinks as context or file grow against the free memory",
        "ollama/ollama server/sched.go automaticGenerationBatch",
        ("ollama",), ("class", "scheme", "bits", "file_size", "cache", "context", "parallel", "flash", "images", *MEMORY),
        ("compute", "overhead", "kv_cache"), lambda raw: not {"batch", "ubatch"} & set(raw),
        lambda before, after: before.batch != after.batch,
    ),
    Explanation(
        "the default context is 32,768 tokens from 23 GiB and 262,144 from 47 GiB on, so that a larger card may not hold what a"
        " smaller one does; the report has the context that it took, and context states another",
        "ollama/ollama server/routes.go (vram-based default context)",
        ("ollama",), MEMORY, ("compute", "overhead", "weights", "kv_cache"), _states_no("context"),
        lambda before, after: before.context != after.context,
    ),
    Explanation(
        "a step processes 8,192 tokens on cards of 70 GiB and more and 2,048 on others, and a window's cache holds a step"
        " beside the window; the report offers fewer",
        "vllm-project/vllm vllm/engine/arg_utils.py EngineArgs.get_batch_defaults",
        ("vllm",), MEMORY, ("weights", "kv_cache", "compute", "overhead"),
        between=lambda before, after: before.step_tokens != after.step_tokens,
    ),
    Explanation(
        "as much of the network is loaded as the activations leave room for, and the rest waits in RAM: what needs more"
        " room for activations has fewer weights on the card, and another component may be the largest then",
        "Comfy-Org/ComfyUI comfy/model_management.py load_models_gpu",
        ("comfyui",), ("parallel", "images", "frames", "output_size"), ("weights", "compute"),
        lambda raw: raw.get("component_offload", "partial") == "partial",
    ),
    Explanation(
        "attention over a quantized cache is two products with the scores of all heads between them, where the fused kernel of"
        " the 16-bit cache keeps none",
        "ml-explore/mlx-lm mlx_lm/models/base.py quantized_scaled_dot_product_attention",
        ("mlx",), ("cache",), ("compute",), lambda raw: raw.get("kv_cache_type") in QUANTIZED,
    ),
    Explanation(
        "matrices in LLM.int8 are multiplied by way of 8-bit copies of the activations, products in 32 bits, and 16-bit copies"
        " of the columns with outliers",
        "bitsandbytes-foundation/bitsandbytes bitsandbytes/autograd/_functions.py MatMul8bitLt",
        ("transformers",), ("class", "scheme"), ("compute", "overhead"),
    ),
    Explanation(
        "weights in compressed-tensors are unpacked to 16 bits at the first forward pass, and need more than 8-bit weights that"
        " stay so",
        "vllm-project/compressed-tensors 0.20.1 compressors/model_compressors/model_compressor.py add_decompress_hook",
        ("transformers",), ("class", "scheme", "bits"), ("weights", "compute", "overhead"),
        lambda raw: any(name in f"{raw.get('model')} {raw.get('quant')}".lower() for name in COMPRESSED),
    ),
    Explanation(
        "8-bit matrices are multiplied with 8-bit copies of the activations, which are made beside them",
        "vllm-project/vllm csrc/quantization/w8a8/int8/scaled_quant.cu; vllm/_custom_ops.py scaled_int8_quant",
        ("vllm", "sglang"), ("class", "scheme"), ("compute", "overhead"),
    ),
    Explanation(
        "quantized matrices are unpacked to 16 bits into a buffer of the largest of them, the output's of a large vocabulary",
        "turboderp-org/exllamav2 exllamav2/linear.py temp_dq_size",
        ("exllamav2",), ("class", "scheme"), ("compute",),
    ),
    Explanation(
        "of a model with recurrent layers the pages of both kinds of cache are made equally large, so that the tokens of a page"
        " follow the bytes of one",
        "vllm-project/vllm vllm/model_executor/models/config.py HybridAttentionMambaModelConfig",
        ("vllm",), ("cache",), ("kv_cache", "overhead"),
    ),
    Explanation(
        "TurboQuant keeps rows of powers of two for each head, keeps the first and last layers in 16 bits, and no sliding"
        " windows",
        "vllm-project/vllm vllm/v1/attention/backends/turboquant_attn.py; vllm/v1/kv_cache_interface.py",
        ("vllm",), ("cache",), ("kv_cache", "compute", "overhead"),
        lambda raw: str(raw.get("kv_cache_type")).startswith("turboquant"),
    ),
)  # fmt: skip


def explanation(found: Violation) -> Explanation | None:
    """What explains a violation; None for one that is a fault."""
    return next((one for one in EXPLANATIONS if one.explains(found)), None)
