"""Command line. Typer lives here alone, and loads only when the light reader (``options.read``) steps aside."""
