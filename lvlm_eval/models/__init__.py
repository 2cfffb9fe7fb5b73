"""The adapters: what runs a model, and how one is found by name.

Built-in adapters live in modules of their own and are imported only when asked for.
"""

from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.registry import ModelEntry, build_adapter, model_entries

__all__ = ["Adapter", "ModelEntry", "build_adapter", "model_entries"]
