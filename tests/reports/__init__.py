"""Reports before and after a change: a seeded draw of deployments, answered by two installed versions and compared.

``python -m tests.reports draw`` writes the deployments, ``python -m tests.reports compare BEFORE AFTER`` has two Python
interpreters, each with its own vramfit installed, answer them and compares the answers byte for byte.
"""
