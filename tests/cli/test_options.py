"""The one declaration of ``check``'s options."""

from __future__ import annotations

from vramfit.cli.options import CHECK_OPTIONS, FORMATS, OUTPUT_OPTIONS, long_flag, spellings
from vramfit.render import FORMATS as RENDERERS
from vramfit.workload import KEY_BY_NAME, KEYS


def test_deployment_keys_come_first_and_whole() -> None:
    """Then what says how to print; no name twice."""
    assert KEYS == CHECK_OPTIONS[: len(KEYS)]
    assert not {key.name for key in OUTPUT_OPTIONS} & {key.name for key in KEYS}


def test_no_flag_is_used_twice() -> None:
    """Nor does a ``--no-`` form collide with another option."""
    flags = [flag for key in CHECK_OPTIONS for flag in spellings(key)]
    flags += [f"--no-{long_flag(key)[2:]}" for key in CHECK_OPTIONS if key.kind == "flag"]
    assert sorted(set(flags)) == sorted(flags)


def test_flags_are_the_names_with_dashes() -> None:
    """The same name everywhere: flag, file key, report field."""
    assert "--kv-cache-type" == long_flag(KEY_BY_NAME["kv_cache_type"])
    assert ("--gpu", "-g") == spellings(KEY_BY_NAME["gpu"])


def test_every_format_has_a_renderer() -> None:
    """And every renderer can be asked for."""
    assert set(FORMATS) == set(RENDERERS)
