"""Other programs that answer a like question, for ``tests.benchmarks.commands``: each question and its words.

They are found in folders that the user names (``pip install`` into a virtual environment of its own, ``npm install``
elsewhere). A program that needs the network for any answer is not here: docs/performance.md names it.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

QUESTION = "Llama 3.1 8B, 4-bit, 8,192 tokens, RTX 4090, as JSON"
OURS = "check -g rtx4090 -m llama-3.1-8b --engine llama.cpp --quant Q4_K_M --context 8192 --json"
PEERS = {
    "ridgepoint": "fit llama-3-8b --gpu rtx4090-24gb --engine llamacpp --dtype q4_k_m --ctx 8192 --json",
    "fitllm": "Llama-3.1-8B-Instruct --gpu 4090 --quant Q4_K_M --ctx 8192 --json",
    "llmfit": "--memory 24G --json plan meta-llama/Llama-3.1-8B-Instruct --context 8192 --quant Q4_K_M",
    "vramcalc": "{config} --dtype bf16 --seq 8192 --gpu 4090 --json",
    "llmcalculator": "check llama3.1:8b --vram 24 --context 8192 --quant Q4_K_M --json",
}
"""Words behind each program's name; ``{config}`` is the ``config.json`` of a model of Llama 3.1 8B's shape, in 16 bits for
the one that knows no others."""
RANKING = "models for a 24 GB card"
RANKERS = {
    "fitllm": "--top 10 --gpu 4090 --json",
    "llmfit": "--memory 24G --json recommend --limit 10",
    "llmcalculator": "recommend --vram 24",
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 131072, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
"""Shape of Llama 3.1 8B (meta-llama/Llama-3.1-8B ``config.json``)."""


def commands(folders: Sequence[str], scratch: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the words of each question to a program that is in one of the folders."""
    path = os.pathsep.join(folders)
    config = scratch / "config.json"
    config.write_text(json.dumps(CONFIG))
    for question, asked in ((QUESTION, PEERS), (RANKING, RANKERS)):
        for program, words in asked.items():
            found = shutil.which(program, path=path)
            if found is not None:
                yield f"{program}: {question}", [found, *words.format(config=scratch).split()]
