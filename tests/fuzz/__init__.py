"""Inputs made by changing sound ones at random, for everything that reads from outside.

``python -m tests.fuzz --inputs N`` gives each target N further inputs and records inputs, failures, seconds and peak memory in
``record.json``, which ``docs/reliability.md`` quotes; a run goes on where the last one ended, so that a million is a matter of
time. ``test_fuzz.py`` is a small part of it.
"""
