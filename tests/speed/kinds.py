"""Kinds of cards as changes of a sample card."""

from __future__ import annotations

from typing import Any

KINDS: dict[str, dict[str, Any]] = {
    **{
        name: {"architecture": name}
        for name in ("Ada Lovelace", "Ampere", "Blackwell", "Hopper", "Pascal", "Turing", "Volta")
    },
    "Ampere HBM": {"architecture": "Ampere", "memory_type": "HBM2e"},
    "NVIDIA unified": {"architecture": "Blackwell", "unified": True},
    **{
        f"Apple {generations}": {
            "vendor": "apple", "architecture": "Apple Silicon", "compute_target": f"apple{generations[0]}",
        }
        for generations in ("7-8", "9")
    },
    **{
        name: {"vendor": "amd", "architecture": name}
        for name in ("RDNA", "RDNA 2", "RDNA 3", "RDNA 3.5", "RDNA 4", "GCN 4 (Polaris)", "GCN 5.0 (Vega)",
                     "GCN 5.1 (Vega 20)", "CDNA 3")
    },
    **{name: {"vendor": "intel", "architecture": name} for name in ("Xe-HPG", "Xe2-HPG")},
}  # fmt: skip
