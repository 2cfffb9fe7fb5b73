"""Checks SOCO-LVLM tables."""

from lvlm_eval.validation.tables.check import validate_tables

__all__ = ["validate_tables"]
