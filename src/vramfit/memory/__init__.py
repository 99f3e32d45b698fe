"""The estimator's parts: pure functions, one part of the memory per module.

Engines put them together; nothing here knows an engine by name.
"""
