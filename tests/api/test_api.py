"""The functions that programs import: values, objects, errors, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import vramfit
from tests.command import SOURCE, environment
from vramfit.units import GIB

if TYPE_CHECKING:
    from pathlib import Path


def test_values_as_python_has_them() -> None:
    """Integers for sizes, a list of GPUs, a pair of pixels, a bool for a switch; None is a key that is not given."""
    found = vramfit.estimate(
        gpu=["rtx4090", "rtx3090"], model="llava-1.6-13b", quant="Q4_K_M", context=8192, reserve=2 * GIB,
        image_size=(672, 336), flash_attention=False, tensor_split=(3, 1), ram_bandwidth=51_200_000_000, name=None,
    )  # fmt: skip
    used = found.deployment

    assert (found.gpu.count, [device.device for device in found.devices]) == (2, ["gpu0", "gpu1", "host"])
    names = ("gpu", "context", "reserve", "image_size", "flash_attention", "tensor_split", "ram_bandwidth", "name")
    assert [used[name] for name in names] == [
        ["rtx4090", "rtx3090"], 8192, "2GiB", "672x336", "off", "3,1", "51.2GB/s", None,
    ]  # fmt: skip


def test_a_path_is_a_reference(tmp_path: Path) -> None:
    """A file that is not there is the error that the command line prints."""
    with pytest.raises(vramfit.VramfitError) as caught:
        vramfit.check("rtx4090", tmp_path / "none.gguf", offline=True)

    assert caught.value.exit_code in (2, 4)


def test_fields_are_attributes() -> None:
    """Nested objects have theirs; a field that the engine has not is None, any other name no attribute."""
    report = vramfit.check("rtx4090", "llava-1.6-13b")
    first, second = report.estimates[0], report[1]

    assert (report.verdict, report.fits, len(report), list(report)) == ("exceeds", False, 3, list(report.estimates))
    assert (first.verdict, first.fits, second.verdict, second.fits) == ("exceeds", False, "fits", True)
    assert first.breakdown.weights + first.breakdown.kv_cache + first.breakdown.compute + first.breakdown.overhead == (
        first.required_bytes.expected if first.required_bytes else None
    )
    assert (first.quant.precision, first.serving, first.terms) == ("fp16", None, None)
    assert first.remedies[0].changes == first.to_dict()["remedies"][0]["changes"]
    assert {"verdict", "gpu", "to_dict"} <= set(dir(first))
    with pytest.raises(AttributeError, match="'Estimate' object has no attribute 'verdicts'"):
        first.verdicts  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_returned_is_the_callers() -> None:
    """Changing the plain data changes no object."""
    report = vramfit.check("rtx4090", "llama-3.1-8b", quant="fp16")
    report.to_dict()["estimates"][0]["breakdown"]["weights"] = 0

    assert report[0].breakdown.weights > 0
    assert report == vramfit.check("rtx4090", "llama-3.1-8b", quant="fp16")


def test_terms_add_up() -> None:
    """``explain`` adds them to the report."""
    (found,) = vramfit.check("rtx4090", "llama-3.1-8b", quant="Q4_K_M", explain=True)
    assert found.terms is not None
    summed = {one.device: sum(term.bytes for term in found.terms if term.device == one.device) for one in found.devices}

    assert summed == {one.device: one.total_bytes for one in found.devices}
    assert found.terms[0].device == "gpu0"


def test_representations() -> None:
    """One line says what a session wants to see first; notebooks get a table."""
    report = vramfit.check("2xrtx4090", "llama-3.1-70b", quant="fp16")
    fitting = vramfit.estimate("rtx4090", "llama-3.1-8b", quant="fp16")

    assert repr(fitting).startswith("<Estimate llama-3.1-8b in fp16 on rtx4090 (transformers): fits, needs ")
    assert repr(report).startswith(
        "<Report exceeds:\n  llama-3.1-70b in fp16 on 2xrtx4090 (transformers): exceeds, needs "
    )
    assert repr(report).endswith(" GiB short>")
    assert repr(report[0].remedies[0]).startswith("<Remedy ")
    assert report._repr_markdown_().startswith("| GPU ")
    assert fitting._repr_markdown_().count("\n") == 2
    assert fitting._repr_html_().startswith('<table>\n<thead><tr><th style="text-align:left">GPU</th>')
    assert '<td style="text-align:left">2xrtx4090</td>' in report._repr_html_()


def test_a_notebook_shows_no_markup_of_a_name() -> None:
    """A name from a file is text in the table."""
    report = vramfit.check("rtx4090", "llama-3.1-8b", quant="fp16", name="<b>&")

    assert '<td style="text-align:left">&lt;b&gt;&amp;</td>' in report._repr_html_()


def test_gpus_and_models() -> None:
    """By any of their names; a count belongs to a deployment."""
    assert vramfit.find_gpu("RTX 4090").id == "rtx4090"
    assert vramfit.find_gpu("custom:24GiB").memory_bytes == 24 * GIB
    assert vramfit.load_model("meta-llama/Llama-3.1-8B").id == "llama-3.1-8b"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (vramfit.UnknownGpu, {"gpu": "rtx4091", "model": "llama-3.1-8b"}),
        (vramfit.UsageError, {"gpu": "rtx4090", "model": "llama-3.1-8b", "contxt": 1}),
        (vramfit.UsageError, {"gpu": "rtx4090", "model": "llama-3.1-8b", "context": 1.5}),
        (vramfit.UsageError, {"gpu": "rtx4090", "model": "llama-3.1-8b", "reserve": 1.5}),
        (vramfit.UsageError, {"gpu": "rtx4090", "model": "llama-3.1-8b", "ram": 64}),
        (vramfit.UnsupportedScheme, {"gpu": "rtx4090", "model": "llama-3.1-8b", "engine": "vllm", "quant": "exl3-4.0"}),
    ],
)
def test_errors_are_raised(kind: type[vramfit.VramfitError], keys: dict[str, object]) -> None:
    """Each with one line and a hint, as the command line prints it."""
    with pytest.raises(kind) as caught:
        vramfit.check(**keys)  # type: ignore[arg-type]

    assert isinstance(caught.value, vramfit.VramfitError)
    assert caught.value.message
    assert caught.value.hint


def test_importing_loads_nothing() -> None:
    """Names are loaded when they are used, and what a check then loads is light."""
    script = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import vramfit\n"
        "first = sorted(m for m in sys.modules if m.startswith('vramfit'))\n"
        "vramfit.estimate('rtx4090', 'llama-3.1-8b')\n"
        "heavy = {'typing', 'dataclasses', 'json', 're', 'enum', 'pathlib', 'functools', 'typer', 'rich', 'yaml'}\n"
        "print(first, sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True, env=environment()
    )

    assert ran.stdout == "['vramfit'] []\n"


def test_a_name_that_is_not_there() -> None:
    """The message is Python's own."""
    with pytest.raises(AttributeError, match="module 'vramfit' has no attribute 'chek'"):
        vramfit.chek  # type: ignore[attr-defined]  # noqa: B018
    assert {"check", "estimate", "VramfitError"} <= set(dir(vramfit))
