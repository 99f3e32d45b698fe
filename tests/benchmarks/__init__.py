"""Measurements, run by hand: ratios within one run, because machines differ and are noisy. Nothing here is a test."""
