"""Checks a folder in SOCOv1 layout."""

from lvlm_eval.validation.tree.check import validate_tree

__all__ = ["validate_tree"]
