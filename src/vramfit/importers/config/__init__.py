"""Reader of models from a ``config.json``."""
