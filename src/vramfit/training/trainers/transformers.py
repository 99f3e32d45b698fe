"""Hugging Face's Trainer with PEFT."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("transformers", "transformers", "transformers 5.24.0, peft 0.21.2", scheme="nf4-single")
