"""Engine of a request that names none: by the tag of Ollama's library that its model is, and by keys of one engine alone."""

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
    """Engine that alone has the keys of a request which the default one lacks; None where there is none such.

    Of several engines that have them it is the one that declares them in its own folder.
    """
    wanted = _keys_of_engines(request) - _keys_of(DEFAULT)
    if not wanted:
        return None
    having = [name for name in names() if wanted <= _keys_of(name)]
    declaring = [name for name in having if registered(name).keys == registered(name).module]
    return next((found[0] for found in (having, declaring, having[:1]) if len(found) == 1), None)


def engine_of_cache(kind: str) -> str:
    """First engine that keeps a cache of this type; the default one where none does."""
    return next((name for name in names() if kind in engine(name).cache_types), DEFAULT)


ELSEWHERE = {"batch": "parallel"}
"""Keys of few engines whose name means, of the others, what another key says."""


def check_typed(request: Request) -> None:
    """Raise ``UsageError`` that says whose it is for a key that the asked engine does not have."""
    foreign = foreign_keys(request)
    if foreign:
        having = _having(foreign[0])
        hint = f"leave it out, or use --engine {having[0]}"
        if foreign[0] in ELSEWHERE:
            hint = f"say --{ELSEWHERE[foreign[0]]} for what is held at once, or use --engine {having[0]}"
        raise UsageError(f"{request['engine']} has no {foreign[0]}: it is a key of {_listed(having, 'and')}", hint)


def foreign_keys(request: Request) -> list[str]:
    """Keys of a request that the engine it asks for does not have; those with their defaults do not count.

    A report states every key, those of other engines with their defaults, which change nothing.
    """
    asked = request.get("engine")
    if asked is None:
        return []
    foreign = _keys_of_engines(request) - _keys_of(asked)
    return [name for name in request if name in foreign and not _is_default(name, request[name])]


def check_keys(request: Request) -> tuple[str, ...]:
    """Sentences on the engine that was chosen where several have the request's keys, and on keys that it does not have.

    A remedy that changes the engine leaves the former one's keys in the deployment, so that they are no error here
    (``check_typed`` refuses them where they are typed). Raises ``UsageError`` for keys that no engine has all.
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
    """Request for a tag of a library of files: with the library's engine, and ``quant``, the scheme meant by both.

    The request as it is where another engine, task or scheme is asked for than those files go with.
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
    """Keys of a request that are engines' own, and those of what few engines do: experts in RAM, speculative decoding."""
    known = {key.name for group in own_groups() for key in group.keys}
    return {name for name in request if name in known or name == EXPERTS or name in SPECULATING}


def _having(key: str) -> list[str]:
    """Engines that have a key."""
    return [name for name in names() if key in _keys_of(name)]


def _is_default(name: str, value: object) -> bool:
    """Return True if a key has the value that it has where nobody gives one."""
    return value is None or value == every_key()[name].default


def _keys_of(name: str) -> set[str]:
    """Names of the keys that an engine has of its own."""
    runtime = engine(name)
    fields_of = set() if runtime.record is None else set(fields(runtime.record))
    own = {key.name for group in runtime.groups for key in group.keys if key.stored_as in fields_of}
    if runtime.places_experts:
        own = own | {EXPERTS}
    return own | SPECULATING if runtime.speculates else own
