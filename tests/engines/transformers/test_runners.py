"""Python that loads each kind of model: by its class of transformers, or by the library that its card names."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.transformers.runners import BY_MODALITY, OWN
from vramfit.sources import open_catalogue

AUTO = (
    "import torch; from transformers import {0}; "
    "model = {0}.from_pretrained('{1}', dtype=torch.float16, device_map={{'': 0}}); "
)
WORDS = "answer = model.generate(**inputs, max_length={})"
KWARGS = "model_kwargs={'dtype': torch.float16, 'device_map': {'': 0}}"
OPAQUE = "  # the library decides the precision; fp16 is not stated"
WRITTEN = {
    "llama-3.1-8b": AUTO.format("AutoModelForCausalLM", "meta-llama/Llama-3.1-8B") + WORDS.format(4096),
    "whisper-large-v3": AUTO.format("AutoModelForSpeechSeq2Seq", "openai/whisper-large-v3") + WORDS.format(448),
    "qwen2-audio-7b": AUTO.format("AutoModelForMultimodalLM", "Qwen/Qwen2-Audio-7B-Instruct") + WORDS.format(4096),
    "qwen2.5-omni-7b": AUTO.format("AutoModelForMultimodalLM", "Qwen/Qwen2.5-Omni-7B") + WORDS.format(4096),
    "orpheus-3b": AUTO.format("AutoModelForCausalLM", "canopylabs/orpheus-3b-0.1-ft") + WORDS.format(4096),
    "csm-1b": AUTO.format("AutoModelForTextToWaveform", "sesame/csm-1b") + WORDS.format(2048),
    "privacy-filter": (
        AUTO.format("AutoModelForTokenClassification", "openai/privacy-filter")
        + "answer = model(**inputs).logits  # 4096 tokens"
    ),
    "qwen3-reranker-0.6b": (
        AUTO.format("AutoModelForCausalLM", "Qwen/Qwen3-Reranker-0.6B")
        + "answer = model(**inputs).logits  # 4096 tokens"
    ),
    "bge-m3": (
        "import torch; from sentence_transformers import SentenceTransformer; "
        f"model = SentenceTransformer('BAAI/bge-m3', {KWARGS}); model.max_seq_length = 4096; "
        "answer = model.encode(texts, batch_size=1)  # 4096 tokens"
    ),
    "bge-reranker-v2-m3": (
        "import torch; from sentence_transformers import CrossEncoder; "
        f"model = CrossEncoder('BAAI/bge-reranker-v2-m3', max_length=4096, {KWARGS}); "
        "answer = model.predict(pairs, batch_size=1)"
    ),
    "xtts-v2": (
        "from TTS.api import TTS; model = TTS('tts_models/multilingual/multi-dataset/xtts_v2').to('cuda'); "
        f"answer = model.tts_to_file(text, speaker_wav='voice.wav', language='en'){OPAQUE}"
    ),
    "chatterbox": (
        "from chatterbox.tts import ChatterboxTTS; model = ChatterboxTTS.from_pretrained(device='cuda'); "
        f"answer = model.generate(text){OPAQUE}"
    ),
    "qwen3-tts-0.6b-base": (
        "import torch; from qwen_tts import Qwen3TTSModel; model = Qwen3TTSModel.from_pretrained("
        "'Qwen/Qwen3-TTS-12Hz-0.6B-Base', dtype=torch.float16, device_map={'': 0}); "
        "answer = model.generate_voice_clone(text=text, ref_audio='voice.wav', ref_text=words)  # 4096 tokens"
    ),
    "voxcpm2": f"from voxcpm import VoxCPM; model = VoxCPM.from_pretrained('openbmb/VoxCPM2'); "
    f"answer = model.generate(text=text){OPAQUE}",
}


def command(**request: Any) -> str:
    """Command of a request, on an A100 in FP16 unless it says otherwise."""
    raw = {"gpu": "a100-sxm4-80gb", "quant": "fp16", "engine": "transformers", **request}
    return answer(resolve(parse_request(raw), open_catalogue())[0]).command


@pytest.mark.parametrize(("model", "written"), WRITTEN.items())
def test_a_model_is_loaded_by_what_really_loads_it(model: str, written: str) -> None:
    assert command(model=model) == written


def test_settings_stand_where_the_library_takes_them() -> None:
    found = command(model="bge-m3", quant="nf4", context=8192, parallel=32, flash_attention="off")

    assert "from sentence_transformers import SentenceTransformer; from transformers import BitsAndBytesConfig" in found
    assert "'attn_implementation': 'eager', 'device_map': {'': 0}}); model.max_seq_length = 8192" in found
    assert found.endswith("answer = model.encode(texts, batch_size=32)  # 8192 tokens, 32 sequences")


def test_every_kind_of_model_is_written_as_python() -> None:
    """Of each modality that has a runner of its own, and of each library, in FP16, 8 and 4 bits."""
    entries = open_catalogue().model_entries()
    rows = [row for row in entries if row.get("modality") in BY_MODALITY and not row.get("components")]
    asked = [(row["id"], quant) for row in rows for quant in ("fp16", "int8", "nf4")]
    written = [command(model=model, quant=quant) for model, quant in asked]

    assert len(rows) > 60
    assert [ast.parse(one).body[-1].lineno for one in written] == [1] * len(asked)
    assert len({runner.load for runner in OWN.values()}) == 7
