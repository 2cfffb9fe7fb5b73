"""Makes tiny checkpoints with random weights and the real architectures.

They load like the published ones, with Hugging Face transformers and with vLLM, and answer nonsense
within moments on any computer: for trying out everything round a local model without a download.

    python -m lvlm_eval.models.tiny OUT --family qwen2.5-vl

The modules other than `names` need torch and transformers, which the package itself does not.
"""
