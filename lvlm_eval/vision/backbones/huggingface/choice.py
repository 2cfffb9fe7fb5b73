"""Which class runs a checkpoint of the Hugging Face kind."""

from collections.abc import Mapping
from typing import Any

from lvlm_eval.vision.backbones.huggingface.loading import load_config
from lvlm_eval.vision.backbones.huggingface.qwen import QWEN, QwenTower
from lvlm_eval.vision.backbones.huggingface.vit import TransformersBackbone
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone


def class_for(checkpoint: str, arguments: Mapping[str, Any]) -> type[TorchBackbone]:
    """The class that takes features from a checkpoint.

    Args:
        checkpoint: hub id or folder.
        arguments: of the class; ``revision`` also counts here.

    Raises:
        InputError: the checkpoint cannot be had or is of an unknown kind.
    """
    config = load_config(checkpoint, arguments.get("revision"))
    return QwenTower if config.model_type in QWEN else TransformersBackbone
