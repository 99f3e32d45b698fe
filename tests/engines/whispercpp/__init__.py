"""Tests of whisper.cpp."""
