"""The figures of a diagnosis, one file a kind."""
