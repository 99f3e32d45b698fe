"""The file of a repository that ``llama-server -hf`` would take."""

from __future__ import annotations

import pytest

from vramfit.importers.gguf_choice import (
    GgufChoice,
    SplitName,
    all_gguf,
    choose_gguf,
    find_projector,
    is_model,
    quantizations,
    split_name,
)

UNSLOTH = (
    ".gitattributes",
    "BF16/m-BF16-00001-of-00002.gguf",
    "BF16/m-BF16-00002-of-00002.gguf",
    "README.md",
    "UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf",
    "UD-Q4_K_XL/m-UD-Q4_K_XL-00003-of-00003.gguf",
    "imatrix_unsloth.gguf",
    "m-Q4_K_M.gguf",
    "m-Q8_0.gguf",
    "mmproj-BF16.gguf",
    "mmproj-F16.gguf",
    "mtp-m-Q8_0.gguf",
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("m-Q4_K_M.gguf", SplitName("m-Q4_K_M", "Q4_K_M", 1, 1)),
        ("a/m.q8_0.gguf", SplitName("a/m.q8_0", "Q8_0", 1, 1)),
        ("m-UD-Q4_K_XL-00002-of-00003.gguf", SplitName("m-UD-Q4_K_XL", "Q4_K_XL", 2, 3)),
        ("m-00002-OF-00003.gguf", SplitName("m", "", 2, 3)),
        ("-00002-of-00003.gguf", SplitName("-00002-of-00003", "00003", 1, 1)),
        ("m-0002-of-00003.gguf", SplitName("m-0002-of-00003", "00003", 1, 1)),
        ("model.gguf", SplitName("model", "", 1, 1)),
        ("m.GGUF", None),
        ("m.safetensors", None),
    ],
)
def test_names_of_splits(path: str, expected: SplitName | None) -> None:
    assert expected == split_name(path)


def test_files_that_are_no_models() -> None:
    """The file's own name decides, not its folder's."""
    assert ["mmproj/m-Q4_K_M.gguf"] == [
        name
        for name in ("mmproj/m-Q4_K_M.gguf", "mmproj-F16.gguf", "a/imatrix.gguf", "mtp-m.gguf", "eagle3-m.gguf",
                     "dflash-m.gguf", "dspark-m.gguf", "config.json")
        if is_model(name)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("quant", "file", "model", "shards", "missing", "projector"),
    [
        (None, None, "m-Q4_K_M.gguf", 1, (), "mmproj-BF16.gguf"),
        ("Q8_0", None, "m-Q8_0.gguf", 1, (), "mmproj-BF16.gguf"),
        ("q4_k_m", None, "m-Q4_K_M.gguf", 1, (), "mmproj-BF16.gguf"),
        ("bf16", None, "BF16/m-BF16-00001-of-00002.gguf", 2, (), "mmproj-BF16.gguf"),
        (
            "UD-Q4_K_XL",
            None,
            "UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf",
            2,
            ("UD-Q4_K_XL/m-UD-Q4_K_XL-00002-of-00003.gguf",),
            "mmproj-BF16.gguf",
        ),
        (None, "bf16/m-bf16-00002-of-00002.gguf", "BF16/m-BF16-00001-of-00002.gguf", 2, (), "mmproj-BF16.gguf"),
        (None, "m-Q8_0.gguf", "m-Q8_0.gguf", 1, (), "mmproj-BF16.gguf"),
    ],
)
def test_the_file_of_a_quantization(
    quant: str | None, file: str | None, model: str, shards: int, missing: tuple[str, ...], projector: str
) -> None:
    choice = choose_gguf(UNSLOTH, quant, file)
    assert choice is not None
    assert (model, shards, missing, projector) == (choice.model, len(choice.shards), choice.missing, choice.projector)


@pytest.mark.parametrize(
    ("paths", "quant", "expected"),
    [
        (("m-F16.gguf", "m-Q8_0.gguf"), None, "m-Q8_0.gguf"),
        (("m-F16.gguf", "m-IQ2_S.gguf"), None, "m-F16.gguf"),
        (("m-F16.gguf", "m-IQ2_S.gguf"), "Q4_K_M", None),
        (("m-Q4_K_M.gguf",), "Q4_K", None),
        (("mmproj-Q4_K_M.gguf",), None, None),
        (("m-Q4_K_M-00002-of-00002.gguf",), "Q4_K_M", None),
        (("config.json",), None, None),
        ((), None, None),
    ],
)
def test_without_a_quantization_and_without_a_match(
    paths: tuple[str, ...], quant: str | None, expected: str | None
) -> None:
    choice = choose_gguf(paths, quant)
    assert expected == (None if choice is None else choice.model)


@pytest.mark.parametrize(
    ("paths", "model", "expected"),
    [
        (("mmproj-F32.gguf", "mmproj-Q8_0.gguf"), "m-Q8_0.gguf", "mmproj-Q8_0.gguf"),
        (("mmproj-F32.gguf", "mmproj-F16.gguf"), "m-Q4_K_M.gguf", "mmproj-F16.gguf"),
        (("mmproj-F16.gguf", "a/mmproj-F32.gguf"), "a/m-F16.gguf", "a/mmproj-F32.gguf"),
        (("b/mmproj-F16.gguf",), "a/m-F16.gguf", None),
        (("mmproj-A-F16.gguf", "mmproj-B-F16.gguf"), "m.gguf", "mmproj-A-F16.gguf"),
        (("m-99999999999-mmproj-Q99999999999.gguf",), "m.gguf", "m-99999999999-mmproj-Q99999999999.gguf"),
        (("mmproj.bin",), "m.gguf", None),
    ],
)
def test_the_projector_beside_a_model(paths: tuple[str, ...], model: str, expected: str | None) -> None:
    """The deepest shared folder first, then the nearest bits, then the first of the listing."""
    assert expected == find_projector(paths, model)


def test_what_a_repository_offers() -> None:
    assert ("BF16", "Q4_K_XL", "Q4_K_M", "Q8_0") == quantizations(UNSLOTH)


def test_all_models_of_a_listing() -> None:
    assert [
        ("BF16/m-BF16-00001-of-00002.gguf", 2, 0),
        ("UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf", 2, 1),
        ("m-Q4_K_M.gguf", 1, 0),
        ("m-Q8_0.gguf", 1, 0),
    ] == [(choice.model, len(choice.shards), len(choice.missing)) for choice in all_gguf(UNSLOTH)]
    assert GgufChoice("m-Q8_0.gguf", ("m-Q8_0.gguf",), (), None) in tuple(all_gguf(UNSLOTH))
