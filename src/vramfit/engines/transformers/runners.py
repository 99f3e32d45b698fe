"""Python by which a model is loaded and run: its class of transformers, or the library that its own card names.

Classes are those to which transformers 5.24.0 maps a model's type (``models/auto/modeling_auto.py``). Embeddings and rerankers go
through sentence-transformers 6.2.0, which loads them by ``AutoModel`` and pools what comes out. Speech that transformers has no
class for is made by the model's own package: coqui-tts 0.28.0, chatterbox-tts 0.1.7, kokoro 0.9.4, qwen-tts 0.1.1 and
voxcpm 2.0.3; NeMo's own models by NeMo (nvidia/parakeet-tdt-0.6b-v3 model card).
"""

from __future__ import annotations

from vramfit.engines.transformers.launch import GENERATE, LANGUAGE, Runner, by_class, usual_runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model


SOUND = by_class("AutoModelForMultimodalLM")
SEQUENCES = by_class("AutoModelForSeq2SeqLM")
"""Decoder that attends to an encoder's states of a text."""
RECOGNITION, SPEECH = by_class("AutoModelForSpeechSeq2Seq"), by_class("AutoModelForTextToWaveform")
SCORES = by_class("AutoModelForCausalLM", "model(**inputs).logits")
"""Decoder that ranks by the scores of its next token."""
LABELS = by_class("AutoModelForTokenClassification", "model(**inputs).logits")
REMOTE = Runner(
    "from transformers import AutoModel",
    "AutoModel.from_pretrained({name}, {keywords}, trust_remote_code=True)",
    GENERATE,
)
"""Model whose code is in its repository."""
EMBEDDING = Runner(
    "from sentence_transformers import SentenceTransformer",
    "SentenceTransformer({name}, model_kwargs={mapping}); model.max_seq_length = {context}",
    "model.encode(texts, batch_size={sequences})",
)
RANKING = Runner(
    "from sentence_transformers import CrossEncoder",
    "CrossEncoder({name}, max_length={context}, model_kwargs={mapping})",
    "model.predict(pairs, batch_size={sequences})",
)
BY_MODALITY = {
    "embedding": EMBEDDING, "reranker": RANKING, "speech-to-text": RECOGNITION, "text-to-speech": REMOTE, "audio": SOUND,
    "audio-language": SOUND, "omni": SOUND,
}  # fmt: skip
"""Runner by what a model is for; others are language models, with images or without."""
BY_TYPE = {"openai_privacy_filter": LABELS}
"""Runner by the type of a model's configuration, where it is another than that of its kind."""
QWEN_SPEECH, QWEN_VOICE = [
    Runner("from qwen_tts import Qwen3TTSModel", "Qwen3TTSModel.from_pretrained({name}, {keywords})", call)
    for call in (
        "model.generate_custom_voice(text=text, speaker='Vivian', language='English')",
        "model.generate_voice_clone(text=text, ref_audio='voice.wav', ref_text=words)",
    )
]
NEMO = Runner(
    "import nemo.collections.asr",
    "nemo.collections.asr.models.ASRModel.from_pretrained(model_name={name})",
    "model.transcribe(['sound.wav'])",
)
OWN = {
    "coqui/xtts": Runner(
        "from TTS.api import TTS",
        "TTS('tts_models/multilingual/multi-dataset/xtts_v2').to('cuda')",
        "model.tts_to_file(text, speaker_wav='voice.wav', language='en')",
    ),
    "resembleai/chatterbox": Runner(
        "from chatterbox.tts import ChatterboxTTS",
        "ChatterboxTTS.from_pretrained(device='cuda')",
        "model.generate(text)",
    ),
    "sesame/csm": SPEECH,
    "bosonai/higgs-audio": SPEECH,
    "qwen/qwen3-tts-12hz-0.6b-base": QWEN_VOICE,
    "qwen/qwen3-tts-12hz-1.7b-base": QWEN_VOICE,
    "qwen/qwen3-tts": QWEN_SPEECH,
    "hexgrad/kokoro": Runner(
        "from kokoro import KPipeline",
        "KPipeline(lang_code='a', repo_id={name})",
        "list(model(text, voice='af_heart'))",
    ),
    "nvidia/parakeet": NEMO,
    "nvidia/canary": NEMO,
    "openbmb/voxcpm": Runner(
        "from voxcpm import VoxCPM", "VoxCPM.from_pretrained({name})", "model.generate(text=text)"
    ),
}
"""Runner by the beginning of a repository's name in small letters, of models that have a library of their own."""


def own_runner(model: Model) -> Runner | None:
    """Way to load and run a model with a library of its own; None for a model without one here."""
    for repository in model.hf:
        for beginning, runner in OWN.items():
            if repository.lower().startswith(beginning):
                return runner
    return None


def runner_of(model: Model) -> Runner:
    """Way to load and run a model; where nothing says otherwise, as a decoder that attends to an encoder's states."""
    own = own_runner(model)
    if own is not None:
        return own
    named = BY_TYPE.get(model.architecture.model_type or "")
    if named is not None:
        return named
    if model.modality == "text-to-speech" and model.audio is None:
        return LANGUAGE  # it writes the codes of speech as tokens (Orpheus)
    if model.modality == "reranker" and _is_decoder(model):
        return SCORES
    return BY_MODALITY.get(model.modality) or usual_runner(model) or SEQUENCES


def _is_decoder(model: Model) -> bool:
    """True for a model whose tokens attend to those before them alone."""
    return not _kinds(model).isdisjoint(("full", "sliding"))


def _kinds(model: Model) -> set[str]:
    """Kinds of the mixers in a model's layers."""
    return {mixer.kind for group in model.layers for mixer in group.mixers}
