"""Purpose, usage, examples and page of each command: one text for ``--help``, ``help`` and the man page."""

from __future__ import annotations

import os

SUMMARY = "Will this model fit this GPU, by how much, and if not, what would make it fit?"

SUMMARIES = {
    "check": "Does a model fit a GPU, by how much, and what would make it fit?",
    "explain": (
        "The estimate as a derivation, to follow with a calculator. Each term has its formula, the numbers in it, its bytes"
        " and its source."
    ),
    "compare": (
        "Two deployments side by side: what differs, and what it costs. Each is keys like quant=int8, a launch command, or"
        " with --file the name of a deployment."
    ),
    "plot": (
        "The need as a curve, with the card's line. It runs over the context, or over sequences, images or quantizations, and"
        " shows where the deployment stops fitting."
    ),
    "recommend": "What to run on a GPU, or which GPUs to get for a model.",
    "matrix": "Which models fit which GPUs: a verdict for each pair.",
    "verify": (
        "A start-up log of a server or trainer: its figures beside ours. Logs are those of llama-server, Ollama, vLLM, SGLang"
        " and of trainers."
        " Model, GPU and settings are read from the log; what is given here counts for more."
        " Exit code: 0 if every figure that has bounds is inside of them, 1 if one is outside, 3 if the log lacks the"
        " model, the GPU or the quantization (give -m, -g, --quant), 4 if it cannot be read or has no figures."
    ),
    "list gpus": "GPUs: memory on the box, memory a program gets, bandwidth, price.",
    "list models": "Models: parameters, and the longest context.",
    "list quants": "Quantization schemes, with their bits per weight on Llama 3.1 8B.",
    "list engines": "Engines, and what each can be asked for.",
    "show": "One GPU or model: every figure, and where it comes from.",
    "import": "Print an entry for a catalogue of your own. It gives the same answers as the reference that it is made from.",
    "catalogue": "The catalogue: its age, its faults, its place. Each is a command: summary, lint, schema, path.",
    "completion": "Print a script that completes commands in a shell. It knows flags, GPUs, models and quantizations.",
    "help": "Help for a command; --man prints the whole as a man page.",
}
"""Sentence on each command, in the order of help texts."""

USAGE = {
    "check": (
        "vramfit check GPU MODEL [options]", "vramfit check -g GPU -m MODEL [options]", "vramfit check --file FILE [options]",
        "vramfit check [options] -- llama-server … | vllm serve … | …",
    ),
    "explain": ("vramfit explain -g GPU -m MODEL [options]", "vramfit explain [options] -- vllm serve … | …"),
    "compare": ("vramfit compare A B -g GPU -m MODEL [options]", "vramfit compare A B --file FILE [options]"),
    "plot": ("vramfit plot -g GPU -m MODEL [options]", "vramfit plot [options] -- vllm serve … | …"),
    "recommend": ("vramfit recommend -g GPU [options]", "vramfit recommend -m MODEL [options]"),
    "matrix": ("vramfit matrix -g GPU… -m MODEL… [options]",),
    "verify": ("vramfit verify LOG [options]",),
    "show": ("vramfit show ID [options]",),
    "import": ("vramfit import REF [options]",),
    "catalogue": ("vramfit catalogue summary|lint|schema|path …",),
    "completion": ("vramfit completion bash|zsh|fish|powershell",),
    "help": ("vramfit help [COMMAND]", "vramfit help --man"),
}  # fmt: skip

EXAMPLES = {
    "": (
        "vramfit check 4090 llama-3.1-8b",
        "vramfit check --gpu rtx4090 --model llava-1.6-13b",
        "vramfit recommend -g 'RTX 3060 12GB'",
    ),
    "check": (
        "vramfit check 4090 llama-3.1-8b",
        "vramfit check -g 2x3090 -m llama-3.3-70b --quant Q4_K_M --context 32k",
        "vramfit check -g l40s -m qwen3-8b --engine vllm --users 16",
        "vramfit check -g rtx4090 -m ./model.gguf",
        "vramfit check -g rtx4090 -- llama-server -m model.gguf -c 16384 -ngl 99",
        "vramfit check -g rtx4090 -m llama-3.1-8b --task qlora",
        "vramfit check --file deployments.yaml --format junit",
    ),
    "explain": (
        "vramfit explain -g rtx4090 -m llama-3.1-8b --quant fp16 --term kv_cache",
        "vramfit explain -g rtx4090 -m llava-1.6-13b --export need.html",
    ),
    "compare": (
        'vramfit compare "quant=fp16" "quant=Q4_K_M context=32k" -g rtx4090 -m llama-3.1-8b',
        'vramfit compare "vllm serve Qwen/Qwen3-8B" "llama-server -m Qwen3-8B-Q8_0.gguf" -g rtx4090',
        "vramfit compare chat code --file deployments.yaml",
    ),
    "plot": (
        "vramfit plot -g rtx4090 -m llama-3.1-8b --quant Q4_K_M --parallel 2",
        "vramfit plot -g rtx4090 -m llama-3.1-8b --engine llama.cpp --over quant",
        "vramfit plot -g rtx4090 -m llama-3.1-8b --output need.svg",
    ),
    "recommend": (
        "vramfit recommend -g rtx4090",
        "vramfit recommend -g 'M4 Max 64GB' --use code --min-speed 20",
        "vramfit recommend -m llama-3.3-70b --budget 2000",
        "vramfit recommend -m qwen3-30b-a3b --vendor nvidia --max-cards 2 --ram 64GB",
    ),
    "matrix": (
        "vramfit matrix -g 'rtx40*' -m 'qwen3-*'",
        "vramfit matrix -g rtx4090 --quant best",
        "vramfit matrix -g '*' -m '*' --format csv --output matrix.csv",
    ),
    "verify": ("vramfit verify server.log", "llama-server -m model.gguf 2>&1 | vramfit verify -"),
    "list gpus": (
        "vramfit list gpus --vendor nvidia --min-memory 24GB --sort price",
        "vramfit list gpus --here",
    ),
    "list models": (
        "vramfit list models --family qwen --max-parameters 14B", "vramfit list models --modality vision-language --since 2025",
    ),
    "list quants": ("vramfit list quants --engine llama.cpp", "vramfit list quants --class int4 --sort bits"),
    "list engines": ("vramfit list engines",),
    "show": ("vramfit show rtx4090", "vramfit show llama-3.1-8b --quants"),
    "import": ("vramfit import ./model.gguf >> ~/.config/vramfit/models.yaml", "vramfit import hf:org/name"),
    "catalogue": ("vramfit catalogue lint my-models.yaml", "vramfit catalogue path"),
    "catalogue summary": ("vramfit catalogue summary", "vramfit catalogue summary --json"),
    "catalogue lint": ("vramfit catalogue lint my-models.yaml", "vramfit catalogue lint --json"),
    "catalogue schema": ("vramfit catalogue schema gpus", "vramfit catalogue schema models --output models.schema.json"),
    "catalogue path": ("vramfit catalogue path",),
    "completion": (
        "vramfit completion bash > ~/.local/share/bash-completion/completions/vramfit",
        "vramfit completion zsh > ~/.zfunc/_vramfit",
        "vramfit completion fish > ~/.config/fish/completions/vramfit.fish",
        "vramfit completion powershell >> $PROFILE",
    ),
    "help": ("vramfit help check", "vramfit help --man | man -l -"),
}  # fmt: skip
"""Examples by command; those of the program stand under the empty name."""

PAGES = {
    "": ("start.md", "command-line.md"),
    "check": ("remedies.md", "servers.md", "llama-cpp.md", "fine-tuning.md", "command-line.md"),
    "explain": ("explain.md",),
    "compare": ("explain.md",),
    "plot": ("explain.md",),
    "recommend": ("choosing.md",),
    "matrix": ("choosing.md",),
    "verify": ("launch-commands.md",),
    "show": ("data-sources.md",),
    "import": ("any-model.md",),
    "completion": ("command-line.md",),
    "help": ("command-line.md",),
}
"""Pages of the folder ``docs`` by command; others have that of the program."""

EXIT_CODES = (
    ("0", "every asked estimate reaches its level"),
    ("1", "at least one does not"),
    ("2", "usage: an unknown flag, key, id or value"),
    ("3", "it cannot be told"),
    ("4", "a file or the network"),
    ("70", "a bug"),
    ("130", "interrupted"),
)


def with_examples(command: str, text: str = "") -> str:
    """Text on a command for Typer's help, with its examples in front of the options; the command's summary without one."""
    lines = "\n".join(["Examples:", *[f"  {one}" for one in EXAMPLES[command]]])
    return f"{text or SUMMARIES[command]}\n\n\b\n{lines}"


def pages_of(command: str) -> tuple[str, ...]:
    """Pages of the documentation on a command."""
    return PAGES.get(command, PAGES[""])


def documentation() -> str:
    """Folder of the pages: of the installed package, else of the checkout that it runs from; ``docs`` where neither is there."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = os.path.join(package, "docs"), os.path.join(os.path.dirname(os.path.dirname(package)), "docs")
    return next((place for place in places if os.path.isfile(os.path.join(place, PAGES[""][0]))), "docs")


def usage_of(command: str) -> tuple[str, ...]:
    """Ways to call a command."""
    return USAGE.get(command, (f"vramfit {command} [options]",))
