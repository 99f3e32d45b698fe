"""Deployment keys, which ask something of a model, and the records of their values.

``keys`` says how a key is declared, read and filled in; ``common`` and ``training`` declare those that no single engine
owns. The engines' own stand in their folders, and ``engines.keys`` has them all together.
"""
