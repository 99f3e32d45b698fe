"""Architectures that neither mlx-lm nor mlx-vlm has code for."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "mlx-lm 0.32.2 and mlx-vlm 0.7.10, models/",
    lacking=(
        "axk1", "axk2", "baichuan", "beam", "bloom", "distilbert", "dots3_note_text", "falcon", "hyperclovax", "inkling2_text",
        "jais2", "jina_embeddings_v3", "lfm3", "mpt", "nomic_bert", "opt", "roberta", "sarvam_moe", "t5", "zamba2",
    ),
    speaks=True,
)  # fmt: skip
