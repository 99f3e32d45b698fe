"""The command line. Typer lives here alone, and loads only when the light reader (``fast``) steps aside."""
