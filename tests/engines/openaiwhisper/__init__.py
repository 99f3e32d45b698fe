"""Tests of openai-whisper."""
