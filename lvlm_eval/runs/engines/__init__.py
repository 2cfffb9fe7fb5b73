"""Who asks the model: this process, or workers of a Ray cluster."""
