"""The vision backbones: what turns photos into feature maps, and how one is found by name."""
