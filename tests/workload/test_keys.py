"""One deployment key: what it takes and refuses, how a value is written, and how a record is filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.deployed import workload
from vramfit._record import Record
from vramfit.engines.keys import every_key
from vramfit.errors import UsageError
from vramfit.workload.common import CACHE_TYPES
from vramfit.workload.keys import SWITCHED, Form, Group, Key, parse_value

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    ("expected", "name", "raw"),
    [
        (("rtx4090",), "gpu", "rtx4090"),
        (("rtx4090", "rtx3090"), "gpu", ["rtx4090", "rtx3090"]),
        ("llava-1.6-13b", "model", "llava-1.6-13b"),
        ("4090", "name", 4090),
        (4096, "context", "4096"),
        (4096, "context", " 4096 "),
        (4096, "context", 4096),
        (0, "images", "0"),
        ("max", "context", "0"),
        ("max", "context", 0),
        ("auto", "context", "auto"),
        ("max/4", "context", "max/4"),
        (4096, "context", "4k"),
        (1048576, "context", "1M"),
        (131072, "prompt_tokens", "131,072"),
        ((1344, 1008), "image_size", "1344x1008"),
        ((1344, 1008), "image_size", " 1344X1008 "),
        ((65536, 328), "image_size", "65536x328"),
        ((3.0, 1.0), "tensor_split", "3,1"),
        ((0.0, 2.5), "tensor_split", [0, 2.5]),
        ((1.0,), "tensor_split", 1),
        ("q8_0", "kv_cache_type", "q8_0"),
        ("on", "flash_attention", "on"),
        ("on", "flash_attention", True),
        ("off", "flash_attention", False),
        (True, "unified_kv", "true"),
        (False, "unified_kv", False),
        ("all", "gpu_layers", "all"),
        ("auto", "gpu_layers", "auto"),
        (33, "gpu_layers", "33"),
        (0, "cpu_moe_layers", 0),
        (0.92, "gpu_memory_utilization", "0.92"),
        (1.0, "gpu_memory_utilization", 1),
        (68_719_476_736, "ram", "64GiB"),
        (0, "reserve", "0B"),
        (51_200_000_000, "ram_bandwidth", "51.2GB/s"),
        ("qlora", "task", "qlora"),
        (3, "zero_stage", "3"),
        ("fits", "level", "fits"),
    ],
)
def test_parse_value(expected: object, name: str, raw: object) -> None:
    """A flag's text and a file's value become the same typed value."""
    assert expected == parse_value(every_key()[name], raw)


@pytest.mark.parametrize(
    ("message", "name", "raw"),
    [
        ('context: "1,23" is not a valid value', "context", "1,23"),
        ('context: "0.0001k" is not a valid value', "context", "0.0001k"),
        ('prompt_tokens: "0k" is not a valid value', "prompt_tokens", "0k"),
        ('context: "-1" is not a valid value', "context", "-1"),
        ('context: "4q" is not a valid value', "context", "4q"),
        ('context: "4096.0" is not a valid value', "context", 4096.0),
        ('context: "True" is not a valid value', "context", True),
        ('context: "2147483648" is not a valid value', "context", "2147483648"),
        ('context: "99999999999999999999999" is not a valid value', "context", "9" * 23),
        ('context: "٣" is not a valid value', "context", "٣"),
        ('parallel: "--5" is not a valid value', "parallel", "--5"),
        ('gpu_layers: "some" is not a valid value', "gpu_layers", "some"),
        ('bandwidth "51.2" has no unit', "ram_bandwidth", "51.2"),
        ('bandwidth "51" has no unit', "ram_bandwidth", 51),
        ('ram_bandwidth: "0GB/s" is not a valid value', "ram_bandwidth", "0GB/s"),
        ('prompt_tokens: "0" is not a valid value', "prompt_tokens", 0),
        ('image_size: "0x5" is not a valid value', "image_size", "0x5"),
        ('image_size: "1e9x2" is not a valid value', "image_size", "1e9x2"),
        ('image_size: "65537x65537" is not a valid value', "image_size", "65537x65537"),
        ('image_size: "201x1" is not a valid value', "image_size", "201x1"),
        ('image_size: "1344" is not a valid value', "image_size", "1344"),
        ('image_size: "5" is not a valid value', "image_size", 0x5),
        ('image_size: "3x4x5" is not a valid value', "image_size", "3x4x5"),
        ('image_size: "-3x4" is not a valid value', "image_size", "-3x4"),
        ('image_size: "²x²" is not a valid value', "image_size", "²x²"),
        ('image_size: "[1, 2]" is not a valid value', "image_size", [1, 2]),
        ('kv_cache_type: "q9_0" is not a valid value', "kv_cache_type", "q9_0"),
        ('flash_attention: "maybe" is not a valid value', "flash_attention", "maybe"),
        ('unified_kv: "yes" is not a valid value', "unified_kv", "yes"),
        ('unified_kv: "1" is not a valid value', "unified_kv", 1),
        ('gpu_memory_utilization: "1.01" is not a valid value', "gpu_memory_utilization", "1.01"),
        ('gpu_memory_utilization: "nan" is not a valid value', "gpu_memory_utilization", "nan"),
        ('gpu_memory_utilization: "٠.٩" is not a valid value', "gpu_memory_utilization", "٠.٩"),
        ('gpu_memory_utilization: "True" is not a valid value', "gpu_memory_utilization", True),
        ('ram: "64" is not a valid value', "ram", 64),
        ('size "64" has no unit', "ram", "64"),
        ('model: "" is not a valid value', "model", ""),
        ('model: "[]" is not a valid value', "model", []),
        ('gpu: "[]" is not a valid value', "gpu", []),
        ('gpu: "None" is not a valid value', "gpu", [None]),
        ('zero_stage: "4" is not a valid value', "zero_stage", "4"),
        ('tensor_split: "3;1" is not a valid value', "tensor_split", "3;1"),
        ('tensor_split: "0,0" is not a valid value', "tensor_split", "0,0"),
        ('tensor_split: "-1,2" is not a valid value', "tensor_split", "-1,2"),
        ('tensor_split: "[]" is not a valid value', "tensor_split", []),
    ],
)
def test_parse_value_refuses(message: str, name: str, raw: object) -> None:
    """The error names the key and the value as given, and the hint says what is expected; nothing is clamped."""
    with pytest.raises(UsageError) as caught:
        parse_value(every_key()[name], raw)
    assert message == caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("expected a whole number, 1 or more", "context"),
        ("expected a whole number, 0 to 4,096", "images"),
        ("expected a whole number, 0 or more, or all or auto", "gpu_layers"),
        ("expected a number, 0.01 to 1", "gpu_memory_utilization"),
        (f"expected one of: {', '.join(CACHE_TYPES)}", "kv_cache_type"),
        ("expected true or false", "enforce_eager"),
        ("write width x height in pixels, as 1344x1008: 1 to 65536 a side", "image_size"),
    ],
)
def test_hints_say_what_is_expected(expected: str, name: str) -> None:
    """A reader of the hint can correct the value without the manual."""
    with pytest.raises(UsageError) as caught:
        parse_value(every_key()[name], "?")
    assert caught.value.hint is not None
    assert expected.removeprefix("expected ") in caught.value.hint


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("", Key("ram", "size", "")),
        ("unknown", Key("ram", "size", "", default_text="unknown")),
        ("of its own", Key("batch", "count", "", default=2048, default_text="of its own")),
        ("2048", Key("batch", "count", "", default=2048)),
        ("0", Key("reserve", "size", "", default=0)),
        ("0.5", Key("share", "number", "", default=0.5)),
        ("tight", Key("level", "choice", "", default="tight")),
        ("true", Key("unified_kv", "flag", "", default=True)),
        ("false", Key("unified_kv", "flag", "", default=False)),
        ("on", Key("flash_attention", "choice", "", choices=SWITCHED, default=True)),
        ("off", Key("flash_attention", "choice", "", choices=SWITCHED, default=False)),
    ],
)
def test_the_default_in_words(words: str, key: Key) -> None:
    """The text where there is one, else the value as it would be typed; nothing where there is none."""
    assert words == key.default_words


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        (None, "ram", None),
        ("64GiB", "ram", 64 * 2**30),
        ("58593750KiB", "ram", 60 * 10**9),
        ("0B", "reserve", 0),
        ("51.2GB/s", "ram_bandwidth", 51_200_000_000),
        ("1344x1008", "image_size", (1344, 1008)),
        ("3,1", "tensor_split", (3.0, 1.0)),
        ("0,2.5", "tensor_split", (0.0, 2.5)),
        ("on", "flash_attention", True),
        ("off", "flash_attention", False),
        ("off", "flash_attention", "off"),
        (True, "unified_kv", True),
        (4096, "context", 4096),
        ("all", "gpu_layers", "all"),
        (33, "gpu_layers", 33),
        (0.92, "gpu_memory_utilization", 0.92),
    ],
)
def test_a_value_as_it_would_be_typed(written: object, name: str, value: object) -> None:
    """Text where a number has a unit or two parts, the value itself everywhere else; reading it gives it back."""
    key = every_key()[name]
    assert written == key.spelled(value)
    assert type(written) is type(key.spelled(value))
    if written is not None:
        assert written == key.spelled(parse_value(key, written))


@pytest.mark.parametrize(
    ("value", "key", "engine", "values"),
    [
        (8192, "context", "llama.cpp", {"context": 8192}),
        (True, "flash_attention", "llama.cpp", {}),
        # Under the name of its field.
        (2**30, "reserve", "llama.cpp", {"reserve_bytes": 2**30}),
        (None, "ram", "llama.cpp", {}),
        # Of the engine's own record, and of fine-tuning.
        (64, "ubatch", "llama.cpp", {"ubatch": 64}),
        (None, "tensor_split", "llama.cpp", {}),
        (8, "lora_rank", "transformers", {"lora_rank": 8}),
        # A key that the engine does not have: as requested, or the default.
        (7, "ubatch", "transformers", {}),
        (2048, "batch", "transformers", {}),
        (512, "ubatch", "llama.cpp", {}),
    ],
)
def test_the_value_in_a_workload(value: object, key: str, engine: str, values: dict[str, Any]) -> None:
    """Wherever a record has it; a request for 7 counts only where no record does."""
    work = workload(engine, **{"context": 4096, **values})
    assert value == every_key()[key].value_in(work, {"ubatch": 7})


class Toy(Record):
    """Values of some keys of ``FORM``."""

    context: int
    ram_bytes: int | None = None
    fast: bool = True
    kind: str = "plain"


FORM = Form(
    Toy,
    (
        Group((Key("context", "count", ""), Key("fast", "choice", "", choices=SWITCHED, default=True)), 0),
        Group((Key("ram", "size", "", field="ram_bytes"), Key("kind", "text", "", default="usual")), 1),
        Group((Key("elsewhere", "count", "", default=3),), 2),
    ),
)


@pytest.mark.parametrize(
    ("expected", "request_", "values"),
    [
        # The key's default goes before the record's own.
        (Toy(1, None, True, "usual"), {"context": 1}, {}),
        # What was requested, else what the caller worked out, else the default.
        (Toy(1, None, True, "usual"), {"context": 1}, {"context": 2}),
        (Toy(2, None, True, "worked out"), {}, {"context": 2, "kind": "worked out"}),
        (Toy(2, None, True, "worked out"), {"kind": None}, {"context": 2, "kind": "worked out"}),
        (Toy(2, None, True, "asked"), {"kind": "asked"}, {"context": 2, "kind": "worked out"}),
        # Under the field's name; a value of 0 is a value.
        (Toy(1, 0, True, "usual"), {"context": 1, "ram": 0}, {}),
        (Toy(1, 5, True, "usual"), {"context": 1}, {"ram_bytes": 5}),
        # A switch is read as words and held as a truth value.
        (Toy(1, None, False, "usual"), {"context": 1, "fast": "off"}, {}),
        (Toy(1, None, True, "usual"), {"context": 1, "fast": "on"}, {"fast": False}),
        (Toy(1, None, False, "usual"), {"context": 1}, {"fast": False}),
        # Keys of no field, of this group or of none, are passed over.
        (Toy(1, None, True, "usual"), {"context": 1, "elsewhere": 9, "gpu": "rtx4090"}, {}),
    ],
)
def test_a_record_is_filled_in(expected: Toy, request_: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Key by key: the request, then the caller's values, then the declared default."""
    assert expected == FORM.fill(request_, **values)


def test_a_request_is_left_as_it_was() -> None:
    """Filling in twice gives two records: nothing is kept between them."""
    request_ = {"context": 1, "kind": "asked"}
    FORM.fill(request_)
    assert {"context": 1, "kind": "asked"} == request_
    assert Toy(2, None, True, "usual") == FORM.fill({"context": 2})


def test_a_field_without_a_value_is_an_error() -> None:
    """``context`` has no default: None stands there, and a record that lacks a key altogether cannot be made."""
    assert FORM.fill({}).context is None

    class More(Record):
        """A field of no key."""

        context: int
        undeclared: int

    with pytest.raises(TypeError, match="undeclared"):
        Form(More, (Group((Key("context", "count", ""),), 0),)).fill({"context": 1})


@pytest.mark.parametrize("sign", ["\x1c", "\x1f", "\t", " ", "\x85", "\u2003"])
@pytest.mark.parametrize("place", ["{}5", "5{}", "{}5{}"])
def test_what_is_taken_for_a_blank_ends_in_no_traceback(sign: str, place: str) -> None:
    """Python takes 0x1f off a text, and not off a number."""
    assert parse_value(every_key()["parallel"], place.replace("{}", sign)) == 5


def test_a_number_below_zero_is_refused_as_what_it_is() -> None:
    with pytest.raises(UsageError, match='parallel: "-5" is not a valid value'):
        parse_value(every_key()["parallel"], "-5")
