"""``vramfit compare A B``: two deployments of a file, two launch commands, or two sets of keys, side by side."""

from __future__ import annotations

from vramfit.cli.check import answered, catalogue_of, in_place, rows_of
from vramfit.cli.options import last_exit_code, output_options, own_settings
from vramfit.cli.printing import print_report
from vramfit.engines.keys import every_key
from vramfit.errors import CannotTell, UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.cli.files import Stated
    from vramfit.workload.keys import Key

LEFT_OUT = ("command_file", "any", "all_remedies", "details", "explain", "fail_on", "quiet")
OPTIONS: tuple[Key, ...] = (
    *[key for key in every_key().values() if key.name != "name"],
    *output_options(LEFT_OUT),
)
SIDES = ("a", "b")
EXAMPLE = "vramfit compare 'vllm serve Qwen/Qwen3-8B' 'llama-server -hf Qwen/Qwen3-8B-GGUF' -g rtx4090"


def run(values: Mapping[str, Any]) -> int:
    """Compare two deployments from raw option values; returns the worse exit code of both."""
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.comparison import compared

    given = {name: value for name, value in keys.items() if name not in SIDES}
    sides = [str(keys[name]) for name in SIDES if name in keys]
    catalogue = catalogue_of(output)
    if "file" in output:
        asked = _of_file(output["file"], sides, given, catalogue)
    else:
        if len(sides) != len(SIDES):
            raise UsageError(f"two deployments are compared; {len(sides)} given", EXAMPLE)
        asked = [(side, {**given, **_stated(side)}) for side in sides]
    own = own_settings()
    first, second = [
        _estimate(raw if own is None else own.with_keys(raw, catalogue, given)[0], catalogue, output)
        for _, raw in asked
    ]
    report = compared(first, second, (asked[0][0], asked[1][0]))
    if "export" in output:
        from vramfit.cli.exported import export
        from vramfit.render.comparison import draw, lines

        export(str(output["export"]), report, draw, lambda one: lines("markdown", one))
    in_place(output, lambda: print_report(style, report, output, "comparison"))
    return last_exit_code()


def _of_file(
    paths: Sequence[str], names: Sequence[str], keys: Mapping[str, Any], catalogue: Catalogue
) -> list[tuple[str, Mapping[str, Any]]]:
    """Two deployments of files by their names; the two that there are where no name is given."""
    from vramfit.cli.files import stated

    every = [one for path in paths for one in stated(path, keys, catalogue, [])]
    known = [one.name or f"#{number}" for number, one in enumerate(every, 1)]
    if not names and len(every) == len(SIDES):
        names = known
    if len(names) != len(SIDES):
        raise UsageError(f"two deployments are compared; {len(names)} named", f"the file has {', '.join(known)}")
    found = []
    for name in names:
        if name not in known:
            raise UsageError(f'no deployment is called "{name}"', f"the file has {', '.join(known)}")
        found.append((name, _keys(every[known.index(name)])))
    return found


def _keys(one: Stated) -> Mapping[str, Any]:
    if isinstance(one.raw, VramfitError):
        raise one.raw
    return one.raw


def _stated(side: str) -> dict[str, Any]:
    """Raw keys of one side: ``quant=int8 context=8192``, or a launch command."""
    words = side.replace(",", " ").split()
    pairs = [word.partition("=") for word in words]
    if words and all(equals and name.replace("-", "_") in every_key() for name, equals, _ in pairs):
        return {name.replace("-", "_"): value for name, _, value in pairs}
    if len(words) < 2:
        raise UsageError(
            f'"{side}" is neither a launch command nor keys',
            "write a command, keys like quant=int8, or the name of a deployment of --file",
        )
    return {"command": side}


def _estimate(raw: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any]) -> dict[str, Any]:
    """Estimate of one side, the first quantization where it states none."""
    asked = {**output, "bare": True, "first": True}
    found = next(iter(rows_of(raw, catalogue, asked)))
    if found["required_bytes"] is None:
        raise CannotTell(found["assumptions"][0], "a comparison needs the memory of both")
    return found
