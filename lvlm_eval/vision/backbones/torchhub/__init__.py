"""Models that a repository gives through ``torch.hub``: its own code, run on this machine."""
