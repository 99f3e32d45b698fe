"""Remedies of commands whose settings stand in a file that counts for more than the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

SERVE = ("trtllm-serve", "Qwen/Qwen2.5-7B-Instruct", "--config")


def test_the_line_of_the_file_is_named(tmp_path: Path) -> None:
    """The command stays, a comment says which line to change, and together they give the promise."""
    path = tmp_path / "settings.yaml"
    path.write_text(
        "print_iter_log: true\ntensor_parallel_size: 1\nkv_cache_config:\n  dtype: auto\n", encoding="utf-8"
    )
    words = ("check", "-g", "l4", "--offline", "--json", "--quant", "fp16", "--all-remedies", "--", *SERVE, str(path))
    found = {one["kind"]: one for one in vramfit(*words).estimates[0]["remedies"]}
    shown = found["multi-gpu"]["command"].split("\n")
    assert shown == [
        f"# not in this command: tensor_parallel 2 (change tensor_parallel_size on line 2 of {path})",
        f"trtllm-serve Qwen/Qwen2.5-7B-Instruct --config {path}",
    ]
    (tmp_path / "start.sh").write_text(found["multi-gpu"]["command"], encoding="utf-8")
    again = vramfit("check", "-g", "2xl4", "--offline", "--json", "--command-file", str(tmp_path / "start.sh"))
    assert again.estimates[0]["required_bytes"]["expected"] == found["multi-gpu"]["required_bytes"]
    assert found["bigger-gpu"]["command"] == " ".join([*SERVE, str(path)])
