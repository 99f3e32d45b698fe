"""Trainers, each a module with its profile, ``TRAINER``, and ``script``, which writes what runs a deployment with it."""
