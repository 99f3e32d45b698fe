"""Names of files and repositories of Whisper for programs of its own: CTranslate2's folders and whisper.cpp's files.

``Systran/faster-whisper-large-v3`` and ``deepdml/faster-whisper-large-v3-turbo-ct2`` are folders in 16-bit floats
(SYSTRAN/faster-whisper ``faster_whisper/utils.py``), ``ggml-large-v3-turbo-q5_0.bin`` is a file of ggerganov/whisper.cpp.
"""

from __future__ import annotations

FOLDER, FILE, SUFFIX = "faster-", "ggml-", ".bin"
MARKS = ("-ct2", "-ctranslate2", "-int8", "-float16", "-fp16")
"""Ends of folders' names."""
OURS = "whisper-"
FOLDERS, FILES = "ctranslate2", "ggml"
"""Families of folders and of files, by which engines are found (``engines.engine_of_family``)."""


def reading(base: str) -> tuple[str, dict[str, str]] | None:
    """Name of the model, and deployment keys, that the last part of a name states; None for any other name."""
    low = base.lower()
    if low.startswith(FILE) and low.endswith(SUFFIX):
        return of_file(low)
    folder = low.startswith((f"{FOLDER}whisper-", f"{FOLDER}distil-"))
    if not folder and not (low.endswith(MARKS[:2]) and "whisper" in low):
        return None
    name, quant = low.removeprefix(FOLDER), "fp16"
    while name.endswith(MARKS):
        mark = next(one for one in MARKS if name.endswith(one))
        quant = "int8_float16" if mark == "-int8" else quant
        name = name.removesuffix(mark)
    return name, {"family": FOLDERS, "quant": quant}


def of_file(name: str) -> tuple[str, dict[str, str]]:
    """Name of the model, and deployment keys, that a ggml file's name in small letters states."""
    stem, scheme = name[len(FILE) : -len(SUFFIX)], "F16"
    front, dash, last = stem.rpartition("-")
    if dash and last[:1] == "q" and last[1:2].isdecimal():
        stem, scheme = front, last.upper()
    stem = {"large": "large-v3", "large-turbo": "large-v3-turbo"}.get(stem, stem)
    model = stem if stem.startswith("distil") else f"{OURS}{stem}"
    return model, {"family": FILES, "quant": scheme}
