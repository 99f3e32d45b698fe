"""Facts that llama.cpp has of its architectures beyond what their files say: windows, and which keep no cache.

Source: ggml-org/llama.cpp b11434, ``src/models/*.cpp`` ``load_arch_hparams``, ``src/llama-model.cpp`` ``create_memory``,
``src/llama-arch.cpp`` ``LLM_ARCH_NAMES``. A pattern in the file's metadata goes before the one here.
"""

from __future__ import annotations

from vramfit._record import Record


class Windows(Record):
    """Rule for the layers of an architecture that look back over a window only."""

    every: int
    """One layer of this many is full; 0 where no layer is, 1 where all are."""
    full_first: bool = False
    """The full layer is the first of its group instead of the last."""
    window_tokens: int | None = None
    """Tokens, where the file need not state them."""
    fixed: bool = False
    """The file's own figure is not used."""
    chunked: bool = False
    """Chunks of the window's length instead of a sliding window."""

    def at(self, layer: int) -> bool:
        """True if a layer looks back over a window only (``llama_hparams::set_swa_pattern``)."""
        if self.every == 0:
            return True
        return layer % self.every != 0 if self.full_first else layer % self.every < self.every - 1


STATED = Windows(1)
"""Rule of architectures for which the file's own pattern decides."""

WINDOWS: dict[str, Windows] = {
    "gemma2": Windows(2, window_tokens=4096), "gemma3": Windows(6), "gemma3n": Windows(5), "gemma4": STATED,
    "cohere2": Windows(4), "cohere2moe": Windows(4, full_first=True), "gpt-oss": Windows(2),
    "llama4": Windows(4, window_tokens=8192, fixed=True, chunked=True), "exaone-moe": Windows(4, window_tokens=128),
    "exaone4": Windows(4, window_tokens=4096), "olmo2": Windows(4), "plamo3": Windows(8), "afmoe": Windows(4),
    "smallthinker": Windows(4, full_first=True, window_tokens=4096, fixed=True), "laguna": Windows(4, full_first=True),
    "mellum": Windows(4), "muse-glimmer": Windows(4), "lfm2": Windows(0), "step35": STATED, "mimo2": STATED,
    "spark2_5": STATED, "maple": STATED, "granite_swa": STATED, "dots3note": STATED,
}  # fmt: skip
"""Architectures with windows. Any other ignores ``attention.sliding_window``, Phi-3 too, whose windows are switched off
(llama.cpp pull request 13676)."""

ALWAYS_WINDOWED = ("gemma2", "llama4", "exaone-moe")
"""Architectures whose window holds even where the file states none."""

WINDOWED_EXAONE4_LAYERS = 64
"""EXAONE 4 has windows in the 32B only, which llama.cpp tells by its layers."""

GEMMA3N_OWNERS = 20
"""Gemma 3n's layers from this one on read the caches of earlier ones (``n_layer_kv_from_start``)."""

WITHOUT_CACHE = frozenset((
    "bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert", "modern-bert",
    "gemma-embedding", "dream", "llada", "llada-moe", "rnd1", "clef", "wavtokenizer-dec",
))  # fmt: skip
"""Architectures whose tokens see each other both ways: encoders, and models that denoise whole passages."""

FULL_ATTENTION_INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
"""Every how many layers one has attention, where the file states no ``recurrent_layers`` and no interval."""

UNMODELLED = {
    "rwkv6": "RWKV states", "rwkv7": "RWKV states", "arwkv7": "RWKV states", "rwkv6qwen2": "RWKV states",
    "minimax-m3": "indexer keys beside plain attention", "dots3note": "windows inside latent attention",
    "graniteswitch": "a router layer with a cache of its own", "t5encoder": "encoder blocks under a decoder's cache",
    "nanbeige": "loops over its layers", "hrm_text": "loops over its layers", "qwen4exp": "hyper-connections beside states",
    "qwen3tts": "two decoders", "pockettts": "two decoders",
    "wavtokenizer-dec": "convolutions", "t5": "a cross cache beside the decoder's",
    "glm5-next": "states beside latent attention with pooled indexer keys",
}  # fmt: skip
"""Architectures whose caches need more than the fields of a model say, and what it is."""

KNOWN = frozenset((
    "llama", "llama4", "deci", "falcon", "grok", "gpt2", "gptj", "gptneox", "mpt", "baichuan", "starcoder",
    "refact", "bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3",
    "eurobert", "bloom", "stablelm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3next",
    "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "clef", "qwen4exp", "phi2", "phi3", "phimoe", "plamo",
    "plamo2", "plamo3", "codeshell", "orion", "internlm2", "minicpm", "minicpm3", "gemma", "gemma2", "gemma3",
    "gemma3n", "gemma4", "gemma-embedding", "starcoder2", "mamba", "mamba2", "maple", "jamba", "falcon-h1",
    "xverse", "command-r", "cohere2", "cohere2moe", "dbrx", "olmo", "olmo2", "olmoe", "muse-glimmer", "openelm",
    "arctic", "deepseek", "deepseek2", "deepseek2-ocr", "deepseek32", "deepseek4", "chatglm", "glm4", "glm4moe",
    "glm-dsa", "bitnet", "t5", "t5encoder", "jais", "jais2", "nemotron", "nemotron_h", "nemotron_h_moe", "exaone",
    "exaone4", "exaone-moe", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "granite", "granitemoe", "granitehybrid",
    "graniteswitch", "granite_swa", "chameleon", "wavtokenizer-dec", "plm", "bailingmoe", "bailingmoe2",
    "bailingmoe3", "dots1", "dots3note", "arcee", "afmoe", "laguna", "ernie4_5", "ernie4_5-moe", "hunyuan-moe",
    "hunyuan-dense", "hunyuan_vl", "hy_v3", "hy_v4", "smollm3", "gpt-oss", "lfm2", "lfm2moe", "dream",
    "smallthinker", "llada", "llada-moe", "seed_oss", "grovemoe", "apertus", "minimax-01", "hrm_text",
    "minimax-m2", "minimax-m3", "cogvlm", "rnd1", "pangu-embedded", "mistral3", "mistral4", "paddleocr", "mimo2",
    "step35", "spark2_5", "llama-embed", "maincoder", "kimi-linear", "kimi-k3", "glm5-next", "talkie", "mellum",
    "nanbeige", "qwen3tts", "pockettts",
))  # fmt: skip
"""Architectures that llama.cpp b11434 loads as a model; drafts are not among them."""
