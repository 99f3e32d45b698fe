"""Mutation testing of the rooms with the arithmetic: small faults put into the source, and whether a test notices each.

``python -m tests.mutation --seed 1 --count 200`` needs the extra ``mutation`` (cosmic-ray for its operators, coverage to
know which tests reach which line). Each mutant stands in a copy of the tree, never in the working tree.
"""
