"""The fixtures of these tests."""

from command_here import drawn, lvlm_eval_here

__all__ = ["drawn", "lvlm_eval_here"]
