"""Names that no entry has: what their words mean, and what an error suggests. Loaded for such names only."""

from __future__ import annotations

from vramfit._record import Record, fields
from vramfit.catalogue import nearest
from vramfit.catalogue.families import begins_alike, family, is_slip
from vramfit.catalogue.listings import ids
from vramfit.catalogue.names import normalise_model
from vramfit.catalogue.phrases import of_size, phrased
from vramfit.catalogue.repositories import file_reading, parted
from vramfit.catalogue.rows import ModelRow
from vramfit.errors import MissingModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vramfit.catalogue.container import Container
    from vramfit.catalogue.pruned import Cut
    from vramfit.catalogue.repositories import Reading
    from vramfit.errors import VramfitError

    Numbers = int | tuple[int, ...] | None
    """Number of an entry, or the numbers of several that share a name; None for an unknown name."""

DRAFTS = frozenset((
    "dflash", "dflash2", "eagle", "eagle2", "eagle3", "dspark", "assistant", "draft", "drafter", "speculator", "medusa",
))  # fmt: skip
"""Words for networks that draft tokens for a model, and are none themselves."""
HOSTED_NAMES = ("claude", "gemini", "chatgpt", "gpt3.5", "gpt4", "gpt5", "o1mini", "o1pro", "o1preview", "o3", "o4mini")
"""Beginnings of the folded names of models that run on their makers' machines alone."""
FORMS = {
    "onnx": "ONNX Runtime", "ov": "OpenVINO", "openvino": "OpenVINO", "ct2": "CTranslate2", "faster": "CTranslate2",
    "coreml": "Core ML", "mnn": "MNN", "qnn": "Qualcomm's QNN", "rkllm": "RKLLM", "tflite": "LiteRT", "ryzenai": "ONNX Runtime",
}  # fmt: skip
"""Programs whose form of weights no engine here loads, by the word of a name."""
MOST_NEAR = 3
"""Number of entries that are named where a repository or tag does not exist."""


def in_other_words(
    name: str, rows: Sequence[Sequence[Any]], alias: Callable[[str], Numbers]
) -> tuple[Numbers, Mapping[str, str] | None]:
    """Find the model that a name means with its words in another order, or others between or behind them.

    ``rows`` are those of all models, and ``alias`` looks a name up. With the number come the deployment keys that the
    other words state, None where there are none.
    """
    place = fields(ModelRow).index("parameters")

    def several(text: str) -> tuple[int, ...]:
        return _beginning(text, rows, alias)

    def by_words(text: str) -> Numbers:
        found = nearest.in_another_order(text, alias)
        if found is None:
            found = nearest.with_words_between(text, [row[0] for row in rows])
        return of_size(text, several, lambda number: rows[number][place] / 10**9) if found is None else found

    found = by_words(name)
    if found is not None:
        return found, None
    for reading in phrased(name):
        found = alias(reading.model)
        found = by_words(reading.model) if found is None else found
        if found is not None:
            return found, reading.keys
    return None, None


class Meaning(Record):
    """Meaning of a name that has no entry, and is no repackaged model's and no fine-tune's as it is written."""

    numbers: int | tuple[int, ...] | None
    spelling: str = ""
    """Name by which the catalogue has the model."""
    keys: Mapping[str, str] | None = None
    """Deployment keys that the other words state."""
    cut: Cut | None = None
    """Experts that were cut out of the model."""


def meaning(
    name: str, container: Container, alias: Callable[[str], Numbers], derived: Callable[[str], Reading | None]
) -> Meaning | None:
    """Find what a name means with other words, as a fine-tune's with blanks, or as that of a family; None for nothing.

    ``derived`` reads a name as that of its base. Raises ``AmbiguousName`` for a family of several models.
    """
    found, keys = in_other_words(name, container.section("model_rows"), alias)
    if found is not None:
        return Meaning(found, keys=keys)
    joined = "-".join(name.split())
    base = derived(joined) if joined != name else None
    if base is not None:
        return Meaning(alias(base.model), base.model, base.keys, base.cut)
    models = family(name, container)
    if models is None:
        return None
    if len(models.numbers) > 1:
        raise nearest.ambiguous("model", name, models.names, "vramfit list models", "names")
    return Meaning(models.numbers[0], models.names[0], models.keys)


def _beginning(name: str, rows: Sequence[Sequence[Any]], alias: Callable[[str], Numbers]) -> tuple[int, ...]:
    """Numbers of the entries that have a name, or whose id begins with it."""
    found = alias(name)
    if found is None:
        beginning = normalise_model(name)
        return tuple([number for number, row in enumerate(rows) if normalise_model(row[0]).startswith(beginning)])
    return (found,) if isinstance(found, int) else found


def missing(error: MissingModel, name: str, container: Container) -> MissingModel:
    """The error of a repository or tag that does not exist, with the nearest entries in its hint where there are some."""
    key = normalise_model(name.rpartition("/")[2].removeprefix("hf:").removeprefix("ollama:").partition("@")[0])
    aliases = container.table("model_aliases")
    near = [one for match in nearest.nearest(key, aliases) for one in ids(container, "model", aliases[match])]
    if not near:
        return error
    return MissingModel(
        error.message, f"the catalogue has {', '.join(list(dict.fromkeys(near))[:MOST_NEAR])}; {error.hint}"
    )


def explained(error: VramfitError, name: str, derived: Callable[[str], Reading | None]) -> VramfitError:
    """The error of a name that leads nowhere, with what its words say in the hint: a draft's, or a file's of no entry.

    ``derived`` reads a name as that of its base.
    """
    words, _, _ = parted(file_reading(name) or name.removeprefix("hf:"))
    built = _built_for(words, derived)
    if built is not None:
        return type(error)(error.message, built)
    plain = [word for word in words if word not in DRAFTS]
    base = derived("-".join(plain)) if len(plain) < len(words) else None
    if base is not None:
        hint = (
            f"by its name it drafts tokens for {base.model}: check that model, and --speculative where an engine has it"
        )
    elif name.lower().endswith(".gguf") and "/" not in name:
        hint = f"no file of that name is here, and it means no model of the catalogue; {error.hint}"
    else:
        return error
    return type(error)(error.message, hint)


def _built_for(words: Sequence[str], derived: Callable[[str], Reading | None]) -> str | None:
    """Hint for weights that were built for a program which no engine here is; None where the words do not say so."""
    program = next((FORMS[word] for word in words if word in FORMS), None)
    if program is None:
        return None
    at = min(index for index, word in enumerate(words) if word in FORMS)
    plain = words[:at] if at else [word for word in words if word not in FORMS]
    base = next((found for stop in range(len(plain), 0, -1) if (found := derived("-".join(plain[:stop])))), None)
    named = f"check {base.model}, the model that it was made of" if base else "check the model that it was made of"
    return f"by its name it is a file for {program}, which is no engine here; {named}"


def suggestions(kind: str, key: str, container: Container) -> str:
    """Hint for an unknown name: the ids whose names look most like it."""
    aliases = container.table(f"{kind}_aliases")
    near = nearest.nearest(key, aliases, {row[0] for row in container.section(f"{kind}_rows")})
    if kind == "model":
        if key.startswith(HOSTED_NAMES):
            return "it runs on its maker's machines alone, so that there is nothing to load; see `vramfit list models`"
        near = nearest.of_size(key, near) or nearest.siblings(key, aliases)
    found: dict[str, None] = {}
    for match in near:  # until there are as many as are shown: each is read from the catalogue
        wanted = kind != "model" or is_slip(key, match)
        found.update(
            dict.fromkeys([one for one in ids(container, kind, aliases[match]) if wanted or begins_alike(key, one)])
        )
        if len(found) >= nearest.MAX_SUGGESTIONS:
            break
    return nearest.suggestions(kind, found)
