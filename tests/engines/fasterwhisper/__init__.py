"""Tests of faster-whisper."""
