"""Choices that look random and depend on the seed and on names alone."""

import hashlib


def rank(seed: int, *names: str) -> bytes:
    """A sort key: SHA-256 of the seed and the names.

    Nothing else goes into it, no file order, machine or library version, and each thing's key is
    independent of the others, so adding or removing one leaves the rest as they were.
    """
    return hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
