"""Looking up models in the compiled catalogue, by any of their names, beside GPUs (``gpu_lookup``).

The compiled file holds an alias table, rows for searching (``rows``), and one blob per entry, of which only those asked
for are decoded.
"""

from __future__ import annotations

from vramfit.catalogue.gpu_lookup import GpuCatalogue
from vramfit.catalogue.names import normalise_model
from vramfit.errors import InputError, MissingModel, UnknownModel, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vramfit.catalogue.container import Container
    from vramfit.catalogue.importing import Imported, Importer, Known
    from vramfit.catalogue.pruned import Cut
    from vramfit.catalogue.repositories import Reading
    from vramfit.catalogue.tags import Tag
    from vramfit.hardware import Gpu
    from vramfit.model import Model

REFERENCE_MARKS = ("/", "\\", ":", "~")
"""Characters of which a reference has one, unless it ends like a file of weights; few names of the catalogue do."""
FILES = (".gguf", ".safetensors", ".json")
FOLDERS = "ctranslate2"
"""Family of folders whose names state it beside the scheme (``speech_files``)."""


class Catalogue(GpuCatalogue):
    """GPUs and models by any of their names.

    Results are kept, because remedies look the same names up again and again. A model that is in no catalogue is read
    by the reader that ``importer`` makes, when a name asks for one.
    """

    def __init__(self, container: Container, importer: Callable[[], Importer] | None = None) -> None:
        super().__init__(container)
        self._importer = importer
        self._models: dict[str, Model] = {}
        self._stated: dict[str, Mapping[str, str]] = {}
        self._aliases: dict[str, int | tuple[int, ...] | None] = {}
        self._remarks: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        self._cuts: dict[str, Cut] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Faults of the user's own files that were left out, a line each."""
        lines: tuple[str, ...] = self._container.section("warnings")
        return lines

    def remarks(self, name: str) -> list[str]:
        """Sentences on how a model's name was looked up, once it was."""
        return [self._remarks[name]] if name in self._remarks else []

    def with_gpus(self, gpus: Mapping[str, Gpu]) -> Catalogue:
        """The catalogue with other GPUs under some names: those of this machine, as their driver describes them."""
        found = Catalogue(self._container, self._importer)
        found._gpus = {**self._gpus, **gpus}
        found._models, found._stated, found._aliases = self._models, self._stated, self._aliases
        found._chosen, found._remarks = self._chosen, self._remarks
        return found

    def model(self, name: str) -> Model:
        """Model that ``name`` means: an entry, or what a reference leads to.

        Raises ``UnknownModel`` or ``AmbiguousName``, and for a reference what its importer raises.
        """
        model = self._models.get(name)
        if model is None:
            found = None if self._importer is None else self._imported(name, self._importer)
            if found is None or isinstance(found, str):
                model = self._entry(found or name)
                self._stated.setdefault(name, self._stated.get(found or name, {}))
                cut = self._cuts.get(name) or self._cuts.get(found or name) or self._cuts.get(name.removeprefix("hf:"))
                if cut is not None:
                    from vramfit.catalogue.pruned import with_cut

                    model = with_cut(model, cut, name)
            else:
                model, self._stated[name] = found.model, found.keys
            self._models[name] = model
        return model

    def reading(self, name: str) -> Imported | None:
        """Files of a model that was looked up and is in no catalogue, as they were read; None for an entry."""
        return None if self._importer is None else self._importer().reading(name)

    def _entry(self, name: str) -> Model:
        """Model of an entry."""
        from vramfit.model.packed import unpack

        number, tag = self._number_and_tag(name)
        stored = self._container.record("model", number)
        entry = stored["id"]
        context = None if name == entry else self._own_context(self._spelled.get(name, name))
        model = self._models.get(entry) if context is None else unpack({**stored, "context": context})
        if model is None:
            model = self._models[entry] = unpack(stored)
        if tag is not None:
            self._stated[name] = tag.keys(model.dtype)
        elif name in self._stated and "/" in name:
            from vramfit.catalogue.repositories import as_made

            self._stated[name] = as_made(self._stated[name], name, model)
        if model.traits.expert_dtype is None or ("/" not in name and name not in self._stated):
            return model
        from vramfit.catalogue.repositories import in_stated_form

        return in_stated_form(model, self._stated.get(name, {}), name)

    def _own_context(self, spelling: str) -> int | None:
        """Longest context that a name of an entry states, where it is another than the entry's; None elsewhere."""
        own: int | None = self._container.look_up("model_contexts", normalise_model(spelling))
        return own

    def _number_and_tag(self, name: str) -> tuple[int, Tag | None]:
        """Number of the entry that ``name`` means, and the tag of Ollama's library that it is, where it is one."""
        known = self._tagged(name)
        return (self._model_number(name), None) if known is None else (self._model_number(known[0]), known[1])

    def _tagged(self, name: str) -> tuple[str, Tag] | None:
        """Name that the catalogue has for a tag of Ollama's library, with the tag; None for any other name."""
        if ":" not in name or "/" in name:
            return None
        from vramfit.catalogue import tags

        tag = tags.read(name)
        known = None if tag is None else tags.known_as(tag, lambda one: self._alias(one) is not None)
        return None if tag is None or known is None else (known, tag)

    def _repackaged(self, name: str) -> tuple[Reading, int | tuple[int, ...]] | None:
        """Nearest reading of a repository's name whose model the catalogue has, with the number of its entry or entries."""
        from vramfit.catalogue.repositories import names_video, readings

        if names_video(name):
            from vramfit.catalogue.video_files import video_reading

            video = video_reading(name, lambda run: isinstance(self._alias(run), int))
            found = None if video is None else self._alias(video.model)
            if video is not None and found is not None:
                return video, found
        for reading in readings(name):
            found = self._container.look_up("model_aliases", normalise_model(reading.model))
            if found is not None:
                return reading, found
        return None

    def _imported(self, name: str, importer: Callable[[], Importer]) -> Imported | str | None:
        """Model that a reference leads to, or the name that the catalogue has for it; None for a name of the catalogue.

        An entry's own names go before everything but what cannot be a name. A name that only says what it repackages is
        what this disk has under it, else the model that it repackages.
        """
        marked = name.endswith(FILES) or name.startswith(".") or any(mark in name for mark in REFERENCE_MARKS)
        if marked and importer().means(name):
            return self._published(name, importer()) or self._loaded(importer(), name, self.knows)
        if self._alias(name) is not None:
            return None
        if name.count("/") > 2 and (known := self._published(name, importer())) is not None:
            return known
        found = importer().on_disk(name, self._based)
        if found is not None or self.knows(name) or "/" not in name:
            return found
        return self._loaded(importer(), name, None)

    def _loaded(self, importer: Importer, name: str, known: Known | None) -> Imported | str:
        """Model that a reference leads to, or the name that the catalogue has for it.

        Raises what the importer raises; a repository or tag that does not exist with the nearest entries in the hint.
        """
        try:
            found = importer.load(name, known, self._based)
            if name in importer.remarks:
                self._remarks[name] = importer.remarks[name]
            return found
        except InputError as error:
            base = None if isinstance(error, MissingModel) else self._derived(name.removeprefix("hf:"))
            if base is not None:
                self._stated[name] = base.keys
                return base.model
            from vramfit.catalogue.unmatched import explained, missing

            if not isinstance(error, MissingModel):
                raise explained(error, name, self._meant) from None
            raise missing(error, name, self._container) from None
        except UsageError as error:
            from vramfit.catalogue.unmatched import explained

            raise explained(error, name, self._meant) from None

    def _meant(self, name: str) -> Reading | None:
        """Reading of a name as that of an entry, or of a fine-tune's base; None where it means neither."""
        from vramfit.catalogue.repositories import Reading

        return Reading(name) if isinstance(self._alias(name), int) else self._derived(name)

    def _published(self, name: str, importer: Importer) -> str | None:
        """Name of the entry that a bare file name, or a path on Kaggle, means; None where it is here, or means no entry."""
        from vramfit.catalogue.repositories import of_kaggle, published_file

        known = None if importer.is_here(name) else published_file(name) or of_kaggle(name)
        return known if known is not None and (self.knows(known) or self._derived(known)) else None

    def _derived(self, name: str) -> Reading | None:
        """Reading of a fine-tune's name as that of its base (``derivatives``); None where the words do not tell it."""
        from vramfit.catalogue.derivatives import base_reading

        def all_ids() -> list[str]:
            return [row[0] for row in self._container.section("model_rows")]

        found = base_reading(name, lambda run: isinstance(self._alias(run), int), all_ids)
        if found is not None and found.cut is not None:
            self._cuts[name] = found.cut
        return found

    def _based(self, name: str) -> tuple[Model, Mapping[str, Any]]:
        """Model of any name, with the deployment keys that the name states."""
        return self.model(name), self.stated(name)

    def knows(self, name: str) -> bool:
        """True if the catalogue has a name: an entry's own, or one that says which entry it repackages."""
        return self._alias(name) is not None or self._tagged(name) is not None or self._repackaged(name) is not None

    def stated(self, name: str) -> Mapping[str, str]:
        """Deployment keys that a model's name states besides the model, once it was looked up: see ``repositories``."""
        return self._stated.get(name, {})

    def published(self, name: str) -> dict[str, dict[str, str]]:
        """Repositories and tags of Ollama's library that have an entry's model quantized, with what each states."""
        from vramfit.catalogue import tags

        facts = self._container.record("model_entry", self._model_number(name))
        found = {repository: {"quant": scheme} for repository, scheme in (facts.get("quantized") or {}).items()}
        for text in facts.get("ollama") or ():
            tag = tags.read(text)
            stated = {} if tag is None else tag.keys(self.model(name).dtype)
            if stated:
                found[text] = stated
        return found

    def model_facts(self, name: str) -> dict[str, Any]:
        """Whole compiled entry of the model that ``name`` means; raises ``UnknownModel`` or ``AmbiguousName``."""
        from vramfit.catalogue.facts import model_facts

        return model_facts(self._container, self._model_number(name))

    def _alias(self, name: str) -> int | tuple[int, ...] | None:
        """Number of the entry that has a name, or the numbers of several; None for an unknown name."""
        if name not in self._aliases:
            found = self._container.look_up("model_aliases", name.strip().lower()) if ":" in name else None
            if found is None:
                found = self._container.look_up("model_aliases", normalise_model(name))
            self._aliases[name] = found
        return self._aliases[name]

    def _model_number(self, name: str) -> int:
        key, spelling = normalise_model(name), name
        found = self._alias(name)
        if found is None:
            repackaged = self._repackaged(name)
            if repackaged is not None:
                reading, found = repackaged
                spelling, self._stated[name] = reading.model, reading.keys
                self._spelled[name] = spelling
                if isinstance(found, int):
                    known = self._container.record("model_entry", found).get("quantized") or {}
                    recipe = {repository.lower(): scheme for repository, scheme in known.items()}.get(name.lower())
                    self._stated[name] = (
                        {"quant": recipe} if recipe and reading.keys.get("family") != FOLDERS else reading.keys
                    )
            else:
                base = self._derived(name)
                if base is not None:
                    found, self._stated[name] = self._alias(base.model), base.keys
                    self._spelled[name] = base.model
                else:
                    found = self._everyday(name)
        if isinstance(found, int):
            return found
        if found:
            from vramfit.catalogue.nearest import ambiguous

            raise ambiguous("model", spelling, self._ids("model", found), "vramfit list models")
        from vramfit.catalogue.video_files import refuse

        refuse(name, lambda: [row[0] for row in self._container.section("model_rows")])
        raise UnknownModel(f'no model is called "{name}"', self._suggestions("model", key))

    def _everyday(self, name: str) -> int | tuple[int, ...] | None:
        """Number of the entry that a name means with other words, or in another order, or as the one of its family.

        Raises ``AmbiguousName`` for a family of several.
        """
        from vramfit.catalogue.unmatched import meaning

        found = meaning(name, self._container, self._alias, self._derived)
        if found is None:
            return None
        if found.keys is not None:
            self._stated[name] = found.keys
        if found.spelling:
            self._spelled[name] = found.spelling
        if found.cut is not None:
            self._cuts[name] = found.cut
        return found.numbers
