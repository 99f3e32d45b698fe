"""Models from a ``config.json``."""
