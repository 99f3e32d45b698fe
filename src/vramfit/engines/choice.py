"""Choice of an engine for a request that names none: by an Ollama tag given as the model, or by keys that few engines have."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.engines import DEFAULT, engine, engine_of_family, names, own_groups, registered
from vramfit.engines.keys import every_key
from vramfit.errors import UsageError
from vramfit.quantization import find_scheme
from vramfit.workload.common import CLASSES, EXPERTS, SPECULATING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vramfit.workload.keys import Request

    Library = Mapping[str, str]
    """Facts that a catalogue states of a tag: ``library``, whose engine runs its files, and ``quant``, the file's scheme."""


def engine_of_keys(request: Request) -> str | None:
    """Engine that has every engine-specific key of a request; None if the default engine has them all, or no engine does.

    If several engines have them, the choice is the one that declares them in its own folder, or else the first.
    """
    wanted = _keys_of_engines(request) - _keys_of(DEFAULT)
    if not wanted:
        return None
    having = [name for name in names() if wanted <= _keys_of(name)]
    declaring = [name for name in having if registered(name).keys == registered(name).module]
    return next((found[0] for found in (having, declaring, having[:1]) if len(found) == 1), None)


def engine_of_cache(kind: str) -> str:
    """First engine with a cache of this element type; the default engine if none has it."""
    return next((name for name in names() if kind in engine(name).cache_types), DEFAULT)


ELSEWHERE = {"batch": "parallel"}
"""Keys of a few engines whose names other engines use for what a different key of ours states, with that key."""


def check_typed(request: Request) -> None:
    """Raise ``UsageError`` for a key that the requested engine does not have, naming the engines that have it."""
    foreign = foreign_keys(request)
    if foreign:
        having = _having(foreign[0])
        hint = f"leave it out, or use --engine {having[0]}"
        if foreign[0] in ELSEWHERE:
            hint = f"say --{ELSEWHERE[foreign[0]]} for what is held at once, or use --engine {having[0]}"
        raise UsageError(f"{request['engine']} has no {foreign[0]}: it is a key of {_listed(having, 'and')}", hint)


def foreign_keys(request: Request) -> list[str]:
    """Keys of a request that the requested engine does not have, except those that are at their defaults.

    A report states every key, and copied into a request the keys of other engines change nothing at their defaults.
    """
    asked = request.get("engine")
    if asked is None:
        return []
    foreign = _keys_of_engines(request) - _keys_of(asked)
    return [name for name in request if name in foreign and not _is_default(name, request[name])]


def check_keys(request: Request) -> tuple[str, ...]:
    """Sentences on why an engine was chosen if several have the request's keys, and on keys that it does not have.

    A remedy that changes the engine leaves the keys of the former one in the deployment, so they are no error here;
    ``check_typed`` refuses them where a user typed them. Raises ``UsageError`` if no single engine has all the keys.
    """
    wanted, asked = _keys_of_engines(request), request.get("engine")
    if asked is not None:
        return tuple(
            f"{name} is a key of {_listed(_having(name), 'and')}: {asked} does not have it, and nothing depends on it"
            for name in foreign_keys(request)
        )
    foreign = wanted - _keys_of(engine_of_keys(request) or DEFAULT)
    if foreign:
        key = min(foreign, key=list(request).index)
        raise UsageError(
            f"no engine has all of {_listed(sorted(wanted), 'and')}: {key} is of {_listed(_having(key), 'and')}",
            "leave one out",
        )
    wanted = wanted - _keys_of(DEFAULT)
    if not wanted:
        return _by_cache(request)
    having = [name for name in names() if wanted <= _keys_of(name)]
    if len(having) == 1:
        return ()
    chosen = engine_of_keys(request)
    if registered(str(chosen)).keys == registered(str(chosen)).module:
        return ()
    others = _listed([name for name in having if name != chosen], "and")
    return (
        f"engine: {chosen}, since it has {_listed(sorted(wanted), 'and')}, as {others} have; --engine chooses another",
    )


def _by_cache(request: Request) -> tuple[str, ...]:
    """Sentence on an engine that was chosen for its type of cache."""
    kept, quant = request.get("kv_cache_type"), request.get("quant")
    if kept is None or kept in engine(DEFAULT).cache_types or not (quant is None or quant in CLASSES):
        return ()
    having = [name for name in names() if kept in engine(name).cache_types]
    if not having:
        return ()
    others = f", as {_listed(having[1:], 'and')} have" if len(having) > 1 else ""
    return (f"engine: {having[0]}, since it has the cache type {kept}{others}; --engine chooses another",)


def _listed(words: Sequence[str], joiner: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joiner} {words[-1]}"


def from_library(request: Request, library: Library, quant: str) -> Request:
    """Request for a tag of a library of files, completed by the library's engine and by ``quant``, the tag's scheme.

    The request is returned unchanged if it asks for an engine, task or scheme that those files cannot be used with.
    """
    usual, stated = library["library"], library["quant"]
    named = request.get("engine")
    if named is None and not _keys_of_engines(request) <= _keys_of(usual):
        named = engine_of_keys(request)
    runtime = engine(named or usual)
    family = None if quant in CLASSES else find_scheme(quant).family
    if request.get("task", "inference") not in runtime.tasks or (family is not None and family not in runtime.families):
        return request
    if named is None and family is not None and quant != stated and engine_of_family(family) == DEFAULT:
        return request  # a checkpoint that the default engine loads, and no file
    return {**request, "engine": runtime.name, "quant": quant}


def _keys_of_engines(request: Request) -> set[str]:
    """Keys of a request that belong to engines, and those of features that few engines have: experts in RAM, speculation."""
    known = {key.name for group in own_groups() for key in group.keys}
    return {name for name in request if name in known or name == EXPERTS or name in SPECULATING}


def _having(key: str) -> list[str]:
    """Names of the engines that have a key."""
    return [name for name in names() if key in _keys_of(name)]


def _is_default(name: str, value: object) -> bool:
    """Return True if a key has its default value."""
    return value is None or value == every_key()[name].default


BY_NAME = "override_tensor"
"""Key that places tensors by their names, the experts of a layer among them: who has it places experts too."""


def _keys_of(name: str) -> set[str]:
    """Names of the keys that belong to an engine, those for experts in RAM and speculation included if it supports them."""
    runtime = engine(name)
    fields_of = set() if runtime.record is None else set(fields(runtime.record))
    own = {key.name for group in runtime.groups for key in group.keys if key.stored_as in fields_of}
    if runtime.places_experts or BY_NAME in own:
        own = own | {EXPERTS}
    return own | SPECULATING if runtime.speculates else own
