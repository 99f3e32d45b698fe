"""``vramfit recommend``: what to run on a GPU, or which GPUs to get for a model."""

from __future__ import annotations

import sys

from vramfit.cli.check import answered, catalogue_of, in_place
from vramfit.cli.console import tell
from vramfit.cli.on_machine import with_machine
from vramfit.cli.options import HERE, MANY_OPTIONS, own_settings
from vramfit.cli.printing import colour_of, print_lines
from vramfit.cli.progress import Progress
from vramfit.engines.keys import every_key, parse_request
from vramfit.errors import UsageError
from vramfit.workload.keys import Key, parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.cli.settings import Settings
    from vramfit.recommend.gpus import Price
    from vramfit.recommend.models import Listing

WISHES: tuple[Key, ...] = (
    Key(
        "use",
        "choice",
        "with --gpu: what the model is for",
        choices=("chat", "code", "vision", "embedding"),
        default_text="chat",
    ),
    Key(
        "min_speed",
        "number",
        "decode tokens per second at least",
        minimum=0,
        maximum=1e6,
        default_text="5, about as fast as people read",
    ),
    Key(
        "min_quality",
        "choice",
        "worst loss of quality that is recommended; severe lets in 1- and 2-bit files",
        choices=("near-lossless", "small", "noticeable", "severe"),
        default_text="noticeable",
    ),
    Key("vendor", "texts", "with --model: nvidia, amd, intel, apple; repeatable", separator=","),
    Key("budget", "number", "with --model: USD that all cards together may cost", minimum=0, maximum=1e9),
    Key("max_price", "number", "with --model: USD that one card may cost", minimum=0, maximum=1e9),
    Key("max_cards", "count", "with --model: cards in one machine at most", maximum=64, default_text="8"),
    Key(
        "price",
        "texts",
        "what a card costs today or used, in USD: rtx3090=700 or rtx3090=700@2026-11; repeatable",
        default_text="its list price at launch",
    ),
    Key("limit", "count", "recommendations at most, of GPUs to own and to rent each", default_text="10"),
)
"""Options for what a recommendation must meet, beside the deployment keys."""

LEVEL = Key("level", "choice", "what each must reach", choices=("fits", "tight"), default_text="fits")
LEFT_OUT = ("name",)
"""Keys without a meaning here: the label."""

OPTIONS: tuple[Key, ...] = (
    *[LEVEL if key.name == "level" else key for key in every_key().values() if key.name not in LEFT_OUT],
    *WISHES,
    *MANY_OPTIONS,
    HERE,
)
NOTHING_EXIT_CODE = 1


def _prices(stated: Sequence[str], own: Settings | None, catalogue: Catalogue) -> dict[str, Price]:
    """Prices of cards by id, of the settings and then of the command line; raises ``UsageError`` for what is none."""
    from vramfit.recommend.gpus import Price

    found: dict[str, Price] = {}
    settings = (None if own is None else own.value("prices")) or {}
    pairs = settings.items() if isinstance(settings, dict) else [one.split("=", 1) for one in str(settings).split(",")]
    for pair in [*pairs, *[one.split("=", 1) for one in stated]]:
        name, value = pair if len(pair) == 2 else (pair[0], "")
        amount, _, date = str(value).partition("@")
        digits = amount.strip().lstrip("$").removesuffix("USD").replace(",", "").strip()
        if not digits.replace(".", "", 1).isdecimal():
            raise UsageError(f'price: "{name}={value}" is not a valid value', "expected ID=USD, as rtx3090=700@2026-11")
        found[catalogue.gpu(name.strip()).id] = Price(float(digits), date.strip() or None)
    return found


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``recommend`` command line from its raw option values; returns the exit code, 1 for nothing found."""
    return answered(values, _print)


def _print(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    return in_place(output, lambda: _tell(style, keys, output))


def _with_own(
    own: Settings, keys: Mapping[str, Any], wishes: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any]
) -> dict[str, Any]:
    """Deployment keys with the user's own defaults, each of which is noted on stderr unless it is to be quiet."""
    leave = ("context", "parallel", *(("gpu",) if "model" in keys else ()))
    plain = {name: value for name, value in keys.items() if name not in wishes}
    plain, notes = own.with_keys({"model": None, **plain}, catalogue, keys, leave)
    if "quiet" not in output:
        tell(sys.stderr, [f"note: {note}" for note in notes])
    return {name: value for name, value in plain.items() if value is not None}


def _tell(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.recommend import recommend

    own = own_settings()
    if own is not None:
        output = own.with_output(output)
        names = {key.name for key in WISHES} if "model" in keys else {"min_speed"}
        keys = own.with_wishes(keys, names - {"price"})
    wishes = {key.name: parse_value(key, keys[key.name]) for key in WISHES if key.name in keys}
    catalogue = catalogue_of(output)
    keys, catalogue = with_machine(keys, catalogue, output)
    if own is not None:
        keys = {**wishes, **_with_own(own, keys, wishes, catalogue, output)}
    request = parse_request({name: value for name, value in keys.items() if name not in wishes})
    prices = _prices(wishes.pop("price", ()), own, catalogue)
    if "model" in request and prices:
        wishes["prices"] = prices
    listing: Listing
    if "here" in output:
        from vramfit.cli.here import ModelsHere, stored

        if "model" in request:
            raise UsageError("--here and --model exclude each other", "give one of them")
        request, listing = stored(request), ModelsHere(catalogue)
    else:
        listing = catalogue
    progress = Progress(
        "GPUs" if "model" in request else "models",
        quiet="quiet" in output,
        to_file=output.get("output", "-") != "-",
    )
    try:
        report = recommend({**request, **wishes}, listing, progress.step)
    finally:
        progress.erase()
    code = 0 if report["recommendations"] else NOTHING_EXIT_CODE
    if style == "table":
        from vramfit.render.recommend import print_recommendations

        print_recommendations(report, stream=sys.stdout, colour=colour_of(output))
        return code
    from vramfit.render.recommend import lines

    print_lines(style, lines(style, report, header=not output.get("no_header")))
    return code
