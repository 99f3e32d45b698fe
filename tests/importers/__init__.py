"""Headers and configs read from files that are written here."""
