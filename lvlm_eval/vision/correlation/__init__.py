"""Which metrics of vision models tell what the models are worth downstream."""
