"""Invariants of the whole: what must hold of every deployment of every model, GPU and engine, whatever its keys.

``test_properties.py`` draws anew at each run and prints its seed; ``python -m tests.properties --examples N --seed S`` draws
as many as there is time for, counts what it asked, and lists every violation. What an engine itself does against an
invariant is listed in ``explained.py`` with the line of its source.
"""
