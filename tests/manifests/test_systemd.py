"""Services of systemd's units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command import vramfit
from vramfit.manifests import Ask
from vramfit.manifests.systemd import is_unit, read

if TYPE_CHECKING:
    from pathlib import Path

UNIT = """\
[Unit]
Description=ExecStart=not this

[Service]
Environment="LLAMA_ARG_N_GPU_LAYERS=99" CUDA_VISIBLE_DEVICES=1
EnvironmentFile=-/etc/default/llama.env
MemoryMax=64G
# ExecStart=nor this
ExecStartPre=/bin/sleep 1
ExecStart=-/usr/bin/llama-server -m /models/Qwen3-4B-Q4_K_M.gguf \\
    --ctx-size ${SIZE} \\
    --parallel 1
"""


def test_a_unit(tmp_path: Path) -> None:
    """Continued lines, prefixes, variables of a file that stands beside the unit."""
    (tmp_path / "llama.env").write_text("SIZE=8192\n", encoding="utf-8")
    found = list(read(UNIT, "llama.service", str(tmp_path), {}))
    assert [9, 10] == [one.line for one in found]
    served = found[1]
    assert ("/usr/bin/llama-server", Ask(1, (1,)), 2**36) == (
        (served.entrypoint or ("",))[0],
        served.ask,
        served.ram_bytes,
    )
    path = tmp_path / "llama.service"
    path.write_text(UNIT, encoding="utf-8")
    ran = vramfit("check", "-f", str(path), "-g", "rtx3060-12gb", "--json", "--offline")
    by_keys = vramfit(
        "check", "-g", "rtx3060-12gb", "-m", "Qwen3-4B-Q4_K_M.gguf", "--context", "8192", "--ram", "64GiB", "--gpu-layers", "99",
        "--json", "--offline",
    )  # fmt: skip
    (one,), (other,) = ran.estimates, by_keys.estimates
    assert (one["required_bytes"], one["verdict"]) == (other["required_bytes"], other["verdict"])


def test_units_are_told_by_their_section() -> None:
    assert (True, False) == (is_unit(UNIT), is_unit("[Unit]\nx=1\n[Socket]\n"))
