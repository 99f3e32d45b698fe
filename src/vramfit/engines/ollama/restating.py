"""Remedies in the words of a user's own commands of Ollama: variables of the server, parameters of a Modelfile, a model's name.

A server takes its settings from its environment, and a model its own from a Modelfile. What a user's text lacks of these is
put in front of the program that it is missing from, or behind the text.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.ollama.launch import CREATE, FROM, PARAMETER, RECIPE, RUN, SERVE, is_file, recipe_of
from vramfit.launch.edit import Change, changes
from vramfit.launch.read import arguments
from vramfit.launch.words import Process, Word
from vramfit.launch.write import line, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.launch import Program

    Made = tuple[list[Change], list[str]]
    """Changes of a text, and lines behind it."""

BESIDE = "# beside the server:"
"""Comment in front of lines behind a text whose last program may go on running."""
CONTEXT, LENGTH = "OLLAMA_CONTEXT_LENGTH", "num_ctx"
"""Variable and parameter for the context."""


class Stated(Record):
    """Settings that lines of Ollama state."""

    variables: dict[str, str]
    source: str
    """Model: what follows the first FROM of a Modelfile, or what is run."""
    parameters: dict[str, str]
    name: str
    """Name of the model that is run, or created; empty if none is."""


def restated(text: str, given: Sequence[Process], old: list[Process], new: list[Process]) -> Iterator[Made]:
    """Changes and further lines that make of a user's text what makes one written command of another, the fewest first.

    First come those of what differs; then the context is stated too, which Ollama else takes from the GPUs' memory, and
    then every parameter.
    """
    before, after = _stated(old), _stated(new)
    variables = {name: value for name, value in after.variables.items() if before.variables.get(name) != value}
    parameters = {name: value for name, value in after.parameters.items() if before.parameters.get(name) != value}
    model = after.source if after.source != before.source else ""
    context = {CONTEXT: after.variables[CONTEXT]} if CONTEXT in after.variables else {}
    user = _User(text, given)
    for environment in (variables, {**context, **variables}):
        for wanted in ({}, parameters, after.parameters):
            found = user.changed(environment, wanted, model, after)
            if found is not None:
                yield found[0], [BESIDE, *found[1]] if found[1] else []


def _stated(given: Sequence[Process]) -> Stated:
    """Settings of written lines."""
    variables: dict[str, str] = {}
    recipe: tuple[str, ...] = ()
    name = ""
    for one in given:
        recipe = recipe_of(one) or recipe
        if arguments(SERVE, one) is not None:
            variables = {**one.variables}
        words = arguments(RUN, one)
        name = words[0] if words else name
    words_of = [text.split(None, 2) for text in recipe]
    sources = [words[1] for words in words_of if words[0] == FROM and len(words) > 1]
    parameters = {words[1]: words[2] for words in words_of if words[0] == PARAMETER and len(words) > 2}
    return Stated(variables, sources[0] if sources else name, parameters, name)


class _User:
    """Parts of a user's own text."""

    def __init__(self, text: str, given: Sequence[Process]) -> None:
        self.text = text
        self.serve = _process(SERVE, given)
        self.create = _process(CREATE, given)
        self.run = _process(RUN, given)
        self.recipe = next((one for one in given if recipe_of(one)), None)

    def changed(self, variables: dict[str, str], parameters: dict[str, str], model: str, after: Stated) -> Made | None:
        """Changes and lines that state variables, parameters and another model; None where the text has no place for them."""
        made: list[Change] = []
        behind: list[str] = []
        if self.recipe is not None:
            if CONTEXT in variables and (self.serve is None or LENGTH in _stated([self.recipe]).parameters):
                parameters = {**parameters, LENGTH: variables[CONTEXT]}
                variables = {name: value for name, value in variables.items() if name != CONTEXT}
            edited = self._edited(parameters, model) if parameters or model else []
            if edited is None:
                return None
            made += edited
        elif parameters or is_file(model):
            if self.create is not None:
                return None  # its Modelfile is no part of the text
            created = self._created(parameters, after)
            if created is None:
                return None
            made, behind = created
        elif model and self.run is not None:
            named = _renamed(self.run, model)
            if named is None:
                return None
            made += named
        elif model:
            behind = [line([*RUN.words, model])]
        started = self._started(variables)
        return None if started is None else ([*made, *started], behind)

    def _started(self, variables: dict[str, str]) -> list[Change] | None:
        """Changes that state variables of the server; a server in front of the text where it starts none."""
        if not variables:
            return []
        if self.serve is not None:
            return changes(SERVE, self.serve, Process({}, SERVE.words), Process(variables, SERVE.words))
        place = _begin(self.run or self.create)
        if place is None:
            return None
        pairs = " ".join([f"{name}={quote(value)}" for name, value in variables.items()])
        return [Change(place.source, place.start, place.start, f"{pairs} {' '.join(SERVE.words)} &\n")]  # type: ignore[arg-type]

    def _created(self, parameters: dict[str, str], after: Stated) -> Made | None:
        """Lines that create a model from a Modelfile, in front of its run or behind the text."""
        source = after.source
        recipe = [f"{FROM} {source}", *[f"{PARAMETER} {name} {value}" for name, value in parameters.items()]]
        name = after.name if after.name != source else f"{source.rpartition('/')[2].replace(':', '-')}-fit"
        lines = [
            line(["printf", "%s\\n", *recipe]) + f" > {RECIPE}",
            line([*CREATE.words, name, "-f", RECIPE]),
        ]
        if self.run is None:
            return [], [*lines, line([*RUN.words, name])]
        place = _begin(self.run)
        if place is None or place != self.run.words[0]:
            return None  # in a container, which has no such file
        named = _renamed(self.run, name)
        if named is None:
            return None
        front = "".join([f"{one}\n" for one in lines])
        return [Change(place.source, place.start, place.start, front), *named], []  # type: ignore[arg-type]

    def _edited(self, parameters: dict[str, str], model: str) -> list[Change] | None:
        """Changes of the lines of a Modelfile that the text writes; None where they cannot be found in it."""
        recipe = self.recipe
        if recipe is None:
            return None
        if recipe.input is None:
            return _words_edited(recipe, parameters, model)
        source = getattr(recipe.words[0], "source", None)
        if source is None or source.parent is not None or source.text.count(recipe.input) != 1:
            return None
        start = source.text.index(recipe.input)
        lines = _lines_edited(recipe.input.splitlines(), parameters, model)
        return [Change(source, start, start + len(recipe.input), "\n".join(lines) + "\n")]


def _process(program: Program, given: Sequence[Process]) -> Process | None:
    return next((one for one in given if arguments(program, one) is not None), None)


def _renamed(run: Process, name: str) -> list[Change] | None:
    """Changes of a run whose model is another; None where the text has no place for them."""
    return changes(RUN, run, Process({}, (*RUN.words, "x")), Process({}, (*RUN.words, name)))


def _begin(given: Process | None) -> Word | None:
    """First word of a process that stands in the user's own text; None where it does not."""
    word = None if given is None else given.begin
    return word if isinstance(word, Word) and word.source is not None and word.source.parent is None else None


def _lines_edited(lines: list[str], parameters: dict[str, str], model: str) -> list[str]:
    """Lines of a Modelfile with parameters and another model: in the place of those that it has, else behind them."""
    left, found, last, named = dict(parameters), [], 0, not model
    for text in lines:
        words = text.split(None, 2)
        kind = words[0].upper() if words else ""
        if kind == PARAMETER and len(words) > 2 and words[1] in left:
            found.append(f"{words[0]} {words[1]} {left.pop(words[1])}")
        elif kind == FROM and not named:
            found.append(f"{words[0]} {model}")
            named = True
        else:
            found.append(text)
        last = len(found) if kind in (FROM, PARAMETER) else last
    more = [f"{PARAMETER} {name} {value}" for name, value in left.items()]
    return [*found[:last], *more, *found[last:]]


def _words_edited(recipe: Process, parameters: dict[str, str], model: str) -> list[Change] | None:
    """Changes of a Modelfile each of whose lines is a word of the program that prints it; None for any other."""
    words = [
        word for word in recipe.words[1:] if isinstance(word, Word) and word.split()[:1] and word.split()[0].isupper()
    ]
    if not words or any(word.source is None or not word.whole or "\n" in word or "\\n" in word for word in words):
        return None
    edited = _lines_edited([str(word) for word in words], parameters, model)
    last, source = words[-1], words[0].source
    if source is None or any(word.source is not source for word in words):
        return None
    if len(edited) > len(words):
        return [Change(source, words[0].start, last.end, " ".join([quote(text) for text in edited]))]
    return [
        Change(source, word.start, word.end, quote(text))
        for word, text in zip(words, edited, strict=True)
        if text != word
    ]
