"""Position of the language model in a configuration that nests several, which are the shells of vision and audio
models."""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section

SHELLS = ("thinker_config", "vlm_config")
"""Configurations that nest the shell itself."""
LANGUAGE = (
    "text_config", "llm_config", "language_config", "text_model_config", "decoder_config", "decoder",
)  # fmt: skip
"""Names of the language model's configuration, in the order in which they are looked for (``get_text_config`` of
transformers 5.24.0)."""
VISION = ("vision_config", "vision_encoder", "vit_config", "visual", "image_encoder_config", "high_res_vision_config")
AUDIO = ("audio_config", "audio_encoder_config", "speech_config", "encoder_config", "acoustic_tokenizer_encoder_config")
"""Names of the configurations of encoders: of images in ``VISION``, of audio in ``AUDIO``."""


class Place(Record):
    """Section of the language model and the dotted path that leads to it."""

    section: Section
    path: str


def language_model(root: Section) -> Place:
    """Return the language model of a configuration: a nested one if there is any, otherwise the configuration itself."""
    section, path = root, ""
    for name in SHELLS:
        if has(section, name):
            section, path = section.section(name), name
            break
    for name in LANGUAGE:
        if has(section, name):
            # A file that has the language model's fields beside its sections means them, whatever its class would take.
            flat = name not in section.raw and isinstance(section.raw.get("num_hidden_layers"), int)
            inner = section.section(name)
            return Place(section if flat and not inner.raw else inner, f"{path}.{name}".lstrip("."))
    return Place(section, path)


def has(section: Section, name: str) -> bool:
    """Return True if a section has a nested configuration of that name, in the file or by its class."""
    if name in section.raw:
        return isinstance(section.raw[name], dict)
    return name in section.subsections


def part_of(path: str) -> str | None:
    """Return the part of a model that a nested configuration describes: ``vision``, ``audio``, or None for neither."""
    words = path.split(".")
    if any(word in VISION or "vision" in word or "image" in word for word in words):
        return "vision"
    if any(word in AUDIO or "audio" in word or "speech" in word or "acoustic" in word for word in words):
        return "audio"
    return None
