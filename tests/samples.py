"""Hand-made records for tests of the core, so that they stand without the catalogue.

Figures are the published ones, each with its source, and are enough to work expected values out by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramfit.catalogue.rows import GpuRow, ModelRow, Offer
from vramfit.errors import UnknownGpu, UnknownModel
from vramfit.hardware import Gpu, gpu_from_facts
from vramfit.model import Model, active_parameters, model_from_facts, parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GPUS: dict[str, dict[str, Any]] = {
    # Memory as nvidia-smi prints it and as CUDA offers it on a headless Linux machine (ollama/ollama PR 16031,
    # ggml-org/llama.cpp issue 27680 for Windows); bandwidth and price from NVIDIA's product pages.
    "rtx4090": {
        "name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "segment": "consumer", "architecture": "Ada Lovelace",
        "vram_gb": 24, "memory_mib": 24564, "memory_measured": True, "usable_mib": {"linux": 24080},
        "memory_type": "GDDR6X", "bandwidth_gb_s": 1008, "cores": 16384, "core_unit": "CUDA cores", "tensor_cores": 512,
        "compute_target": "sm_89", "pcie": "4.0 x16", "price_usd": 1599, "released": "2022-10-12",
    },
    "rtx3060-12gb": {
        "name": "NVIDIA GeForce RTX 3060", "vendor": "nvidia", "segment": "consumer", "architecture": "Ampere",
        "vram_gb": 12, "memory_mib": 12288, "memory_measured": True, "usable_mib": {"linux": 11906},
        "memory_type": "GDDR6", "bandwidth_gb_s": 360, "compute_target": "sm_86", "pcie": "4.0 x16", "price_usd": 329,
    },
    "rtx3090": {
        "name": "NVIDIA GeForce RTX 3090", "vendor": "nvidia", "segment": "consumer", "architecture": "Ampere",
        "vram_gb": 24, "memory_mib": 24576, "memory_measured": True, "usable_mib": {"linux": 24126},
        "memory_type": "GDDR6X", "bandwidth_gb_s": 936, "compute_target": "sm_86", "pcie": "4.0 x16",
        "price_usd": 1499,
    },
    "rtx5090": {
        "name": "NVIDIA GeForce RTX 5090", "vendor": "nvidia", "segment": "consumer", "architecture": "Blackwell",
        "vram_gb": 32, "memory_mib": 32607, "memory_measured": True, "memory_type": "GDDR7", "bandwidth_gb_s": 1792,
        "compute_target": "sm_120", "pcie": "5.0 x16", "price_usd": 1999,
    },
    "rtx6000ada": {
        "name": "NVIDIA RTX 6000 Ada Generation", "vendor": "nvidia", "segment": "workstation",
        "architecture": "Ada Lovelace", "vram_gb": 48, "memory_mib": 49140, "memory_measured": True,
        "memory_type": "GDDR6", "bandwidth_gb_s": 960, "compute_target": "sm_89", "pcie": "4.0 x16", "price_usd": 6799,
    },
    "a100-sxm4-80gb": {
        "name": "NVIDIA A100-SXM4-80GB", "vendor": "nvidia", "segment": "datacenter", "architecture": "Ampere",
        "vram_gb": 80, "memory_mib": 81920, "memory_measured": True, "memory_type": "HBM2e", "bandwidth_gb_s": 2039,
        "compute_target": "sm_80", "pcie": "4.0 x16",
        "rents": [{"provider": "example", "instance": "one-card", "usd_per_hour": 1.5, "as_of": "2026-11"}],
    },
}  # fmt: skip

MODELS: dict[str, dict[str, Any]] = {
    # config.json of meta-llama/Llama-2-7b-hf: 32 layers, hidden 4096, intermediate 11008, 32 heads, vocabulary 32000.
    "llama-2-7b": {
        "name": "Llama 2 7B", "family": "llama-2", "layers": 32, "hidden": 4096, "ffn": 11008, "heads": 32,
        "vocab": 32000, "context": 4096, "dtype": "fp16", "hf": ["meta-llama/Llama-2-7b-hf"],
    },
    # config.json of meta-llama/Llama-2-13b-hf.
    "llama-2-13b": {
        "name": "Llama 2 13B", "family": "llama-2", "layers": 40, "hidden": 5120, "ffn": 13824, "heads": 40,
        "vocab": 32000, "context": 4096, "dtype": "fp16", "hf": ["meta-llama/Llama-2-13b-hf"],
    },
    # config.json of meta-llama/Llama-3.1-8B: grouped-query attention, 8 KV heads of 128.
    "llama-3.1-8b": {
        "name": "Llama 3.1 8B", "family": "llama-3.1", "layers": 32, "hidden": 4096, "ffn": 14336, "heads": 32,
        "kv_heads": 8, "vocab": 128256, "context": 131072, "hf": ["meta-llama/Llama-3.1-8B"],
    },
    # config.json of mistralai/Mixtral-8x7B-v0.1: 8 experts, 2 active.
    "mixtral-8x7b": {
        "name": "Mixtral 8x7B", "family": "mixtral", "layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8,
        "vocab": 32000, "context": 32768, "moe": {"experts": 8, "active": 2, "width": 14336},
        "hf": ["mistralai/Mixtral-8x7B-v0.1"],
    },
    # config.json of deepseek-ai/DeepSeek-R1 without its three dense layers' width: multi-head latent attention.
    "latent": {
        "name": "Latent 1B", "family": "latent", "layers": 4, "hidden": 7168, "ffn": 18432, "heads": 128,
        "vocab": 129280, "context": 163840, "pattern": "mla",
        "mla": {"query_rank": 1536, "kv_rank": 512, "nope_dim": 128, "rope_dim": 64, "value_dim": 128},
    },
    # The attention of google/gemma-3-4b: five sliding layers of window 1024 to one full layer.
    "sliding": {
        "name": "Sliding 1B", "family": "sliding", "layers": 12, "hidden": 2560, "ffn": 10240, "heads": 8,
        "kv_heads": 4, "head_dim": 256, "vocab": 262144, "context": 131072, "tied": True,
        "pattern": "5*sliding full", "window": 1024,
    },
    # The mixer of state-spaces/mamba-2.8b: d_inner 5120, d_state 16, d_conv 4, dt_rank 160.
    "recurrent": {
        "name": "Recurrent 2.8B", "family": "recurrent", "layers": 64, "hidden": 2560, "heads": 1, "vocab": 50280,
        "context": 2048, "pattern": "mamba", "traits": {"norms": ["attn_norm"]}, "tied": True,
        "ssm": {"kind": "mamba1", "inner": 5120, "state": 16, "conv": 4, "dt_rank": 160},
    },
    # llava-hf/llava-1.5-7b-hf: Vicuna 7B with 64 more rows of vocabulary, CLIP ViT-L/14 at 336 pixels, 576 tokens.
    "llava-1.5-7b": {
        "name": "LLaVA 1.5 7B", "family": "llava-1.5", "modality": "vision-language", "layers": 32, "hidden": 4096,
        "ffn": 11008, "heads": 32, "vocab": 32064, "context": 4096, "dtype": "fp16", "hf": ["llava-hf/llava-1.5-7b-hf"],
        "vision": {
            "kind": "clip", "layers": 24, "hidden": 1024, "ffn": 4096, "heads": 16, "patch": 14, "image_size": 336,
            "class_token": True, "patch_bias": False, "positions": "grid", "pre_norm": True, "post_norm": True,
            "image_tokens": {"rule": "fixed", "tokens": 576},
            "projector": [
                {"name": "mm.0", "linear": ["tower", "text"], "bias": True},
                {"name": "mm.2", "linear": ["text", "text"], "bias": True},
            ],
        },
    },
}  # fmt: skip


def gpu(sample: str, /, **changes: Any) -> Gpu:
    """A sample GPU, some of its facts changed."""
    return gpu_from_facts({"id": sample, **GPUS[sample], **changes})


def model(sample: str, /, **changes: Any) -> Model:
    """A sample model, some of its facts changed."""
    return model_from_facts({"id": sample, **MODELS[sample], **changes})


class Catalogue:
    """Stands in for the real one: the samples, by their ids."""

    def __init__(self, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._changes = changes or {}

    def gpus(self, name: str, shared_bytes: int | None = None) -> tuple[Gpu, ...]:
        count, x, rest = name.partition("x")
        times, identity = (int(count), rest) if x and count.isdigit() else (1, name)
        if identity not in GPUS:
            raise UnknownGpu(f'no GPU is called "{name}"')
        return (gpu(identity, **self._changes.get(identity, {})),) * times

    def gpu(self, name: str) -> Gpu:
        return self.gpus(name)[0]

    def model(self, name: str) -> Model:
        if name not in MODELS:
            raise UnknownModel(f'no model is called "{name}"')
        return model(name, **self._changes.get(name, {}))

    def stated(self, name: str) -> Mapping[str, str]:
        """Sample names state nothing."""
        return {}

    def notes(self, names: Iterable[str]) -> list[str]:
        """Names of the samples mean one GPU each."""
        return []

    def remarks(self, name: str) -> tuple[str, ...]:
        """No sentences: every name is an entry's."""
        return ()

    def published(self, name: str) -> Mapping[str, Mapping[str, str]]:
        """Quantized files of the samples: a tag of one."""
        return {"llama2:7b": {"library": "ollama", "quant": "Q4_K_M"}} if name == "llama-2-7b" else {}

    def gpu_rows(self) -> tuple[GpuRow, ...]:
        return tuple(
            GpuRow(
                name, facts["name"], facts["vendor"], facts["segment"], facts["vram_gb"], facts["memory_mib"],
                facts["bandwidth_gb_s"], facts.get("price_usd"),
                facts["rents"][0]["usd_per_hour"] if "rents" in facts else None,
            )
            for name, facts in GPUS.items()
        )  # fmt: skip

    def gpus_for_sale(self, memory_bytes: int) -> Iterable[GpuRow]:
        rows = [row for row in self.gpu_rows() if (row.memory_mib or 0) * 2**20 > memory_bytes]
        return tuple(sorted([row for row in rows if row.price_usd is not None], key=lambda row: row.price_usd or 0))

    def cloud_offers(self, memory_bytes: int) -> Iterable[Offer]:
        offers = []
        for name, facts in GPUS.items():
            for rent in self._changes.get(name, facts).get("rents", ()):
                count = rent.get("gpus", 1)
                offer = Offer(
                    rent["usd_per_hour"], name, count, rent["provider"], rent.get("instance"), rent["as_of"],
                    count * facts["memory_mib"],
                )  # fmt: skip
                if offer.memory_mib * 2**20 > memory_bytes:
                    offers.append(offer)
        return sorted(offers, key=lambda offer: (offer.gpus > 1, offer.usd_per_hour))

    def smaller_models(self, modality: str, parameters: float, beginning: str = "", family: str = "") -> list[ModelRow]:
        rows = [row for row in self.model_rows() if row.modality == modality and row.parameters < parameters]
        return [row for row in rows if row.id.startswith(beginning) or row.family == family]

    def model_rows(self) -> tuple[ModelRow, ...]:
        rows = []
        for name, facts in MODELS.items():
            made = model(name)
            rows.append(
                ModelRow(
                    name, facts["name"], facts["family"], made.modality, parameters(made), active_parameters(made),
                    made.context, made.released,
                )
            )  # fmt: skip
        return tuple(rows)
