"""The one declaration of ``check``'s options."""

from __future__ import annotations

from vramfit.cli.options import OUTPUT_OPTIONS, long_flag, options, spellings
from vramfit.engines.keys import every_key


def test_deployment_keys_come_first_and_whole() -> None:
    """Then what says how to print; no name twice."""
    keys = tuple(every_key().values())
    assert (*keys, *OUTPUT_OPTIONS) == options("check")
    assert not {key.name for key in OUTPUT_OPTIONS} & set(every_key())


def test_no_flag_is_used_twice() -> None:
    """Nor does a ``--no-`` form collide with another option."""
    flags = [flag for key in options("check") for flag in spellings(key)]
    flags += [f"--no-{long_flag(key)[2:]}" for key in options("check") if key.kind == "flag"]
    assert sorted(set(flags)) == sorted(flags)


def test_flags_are_the_names_with_dashes() -> None:
    """The same name everywhere: flag, file key, report field."""
    assert "--kv-cache-type" == long_flag(every_key()["kv_cache_type"])
    assert ("--gpu", "-g") == spellings(every_key()["gpu"])
