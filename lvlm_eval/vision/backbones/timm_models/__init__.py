"""Models of timm: transformers by one of their blocks, others by one of their stages."""
