"""Checks of pairs in other layouts than SOCOv1."""

from lvlm_eval.validation.pairs.check import validate_pairs

__all__ = ["validate_pairs"]
