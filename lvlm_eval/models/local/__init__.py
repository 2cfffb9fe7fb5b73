"""What the adapters of local models share: messages, decoding, reasoning, and their troubles."""
