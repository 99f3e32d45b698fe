"""Accuracy of estimates against logs, term by term: the tables of docs/accuracy.md, and the spreads that engines state.

``python -m tests.accuracy.vllm`` prints the spreads that fit one half of vLLM's logs, and how many of the other half they
contain. ``python -m tests.accuracy.write`` writes docs/accuracy.md.
"""
