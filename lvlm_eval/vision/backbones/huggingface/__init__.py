"""Checkpoints in the layouts of Hugging Face: of ``transformers`` and of ``diffusers``."""
