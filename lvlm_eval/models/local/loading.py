"""Loads a checkpoint: its processor, its model, and one clear line for whatever is in the way."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from lvlm_eval.errors import InputError, one_line
from lvlm_eval.models.argument_checks import check_dtype
from lvlm_eval.models.local.checkpoint import check_place


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model runs.

    Attributes:
        device_map: for ``from_pretrained``: one device, or ``auto`` to spread it over all.
        on_gpu: whether there is a GPU in it.
    """

    device_map: str
    on_gpu: bool


def place_of(device: str | None) -> Place:
    """Where to run.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1`` and the like, or ``auto``; None wants a GPU.

    Raises:
        InputError: there is no such device, or no GPU and nobody said that a CPU will do.
    """
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if device is None:
        if not has_gpu:
            raise InputError(
                "no GPU was found. On the CPU a model of some billion parameters takes minutes for "
                "each request; to do that all the same, give --model-arg device=cpu."
            )
        return Place("auto", on_gpu=True)
    if device == "auto":
        return Place("auto", on_gpu=has_gpu)
    try:
        wanted = torch.device(device)
        torch.empty(0, device=wanted)
    except Exception as error:  # each back end has its own
        raise InputError(
            f"device '{device}' cannot be used here: {one_line(str(error))} Give cpu, cuda, "
            "cuda:1, …, or auto to spread a model over all GPUs."
        ) from error
    return Place(str(wanted), on_gpu=wanted.type != "cpu")


def dtype_of(name: str) -> Any:
    """What ``from_pretrained`` takes.

    Raises:
        InputError: it is none of auto, float32, float16, bfloat16.
    """
    check_dtype(name)
    return name if name == "auto" else getattr(torch, name)


def load_processor(name: str, revision: str | None = None) -> Any:
    """The processor of a checkpoint.

    Video processors need torchvision even where no video is ever shown; without it the processor is
    put together without one.

    Args:
        name: hub id or folder.
        revision: of the hub repository.

    Raises:
        InputError: it is missing, gated, or has no chat template.
    """
    check_place(name)
    with explained(name):
        if _has_torchvision():
            processor = AutoProcessor.from_pretrained(name, revision=revision)
        else:
            processor = _without_video(name, revision)
    if not hasattr(processor, "image_processor"):
        raise InputError(f"'{name}' is a checkpoint without vision: it has no image processor.")
    if not getattr(processor, "chat_template", None):
        raise InputError(
            f"'{name}' has no chat template, so it cannot be known how it wants to be asked. Is it "
            "a base model? Take the one tuned for instructions."
        )
    return processor


def _has_torchvision() -> bool:
    """Whether it is there and fits to torch; otherwise its import fails in many ways."""
    try:
        importlib.import_module("torchvision")
    except Exception:
        return False
    return True


def _without_video(name: str, revision: str | None) -> Any:
    settings, _ = transformers.ProcessorMixin.get_processor_dict(name, revision=revision)
    made = getattr(transformers, settings.get("processor_class", ""), None)
    known = {"image_processor", "tokenizer", "video_processor"}
    if made is None or not known.issuperset(made.get_attributes()):
        return AutoProcessor.from_pretrained(name, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    images = AutoImageProcessor.from_pretrained(name, revision=revision, backend="pil")

    class WithoutVideo(made):  # type: ignore[misc,valid-type]  # known only at run time
        """Does not ask what its video processor is."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return type(argument)

    WithoutVideo.__name__ = made.__name__
    parts = {"image_processor": images, "tokenizer": tokenizer, "video_processor": None}
    ordered = [parts[attribute] for attribute in made.get_attributes()]
    return WithoutVideo.from_args_and_dict(ordered, settings)


def load_model(
    name: str, place: Place, dtype: str, attention: str | None, revision: str | None = None
) -> Any:
    """The model of a checkpoint, ready to answer.

    Args:
        name: hub id or folder.
        place: from `place_of`.
        dtype: of the weights; ``auto`` as the checkpoint has it.
        attention: ``sdpa``, ``flash_attention_2``, ``eager``; None for the library's choice.
        revision: of the hub repository.

    Raises:
        InputError: it is missing or gated, has no vision, or does not fit.
    """
    more = {} if attention is None else {"attn_implementation": attention}
    check_place(name)
    with explained(name):
        config = AutoConfig.from_pretrained(name, revision=revision)
        if type(config) not in AutoModelForImageTextToText._model_mapping:
            kind = config.model_type
            raise InputError(
                f"'{name}' ({kind}) is no model that answers to images and text. Is it a text-only "
                "or an embedding model, or does it need a newer transformers?"
            )
        model = AutoModelForImageTextToText.from_pretrained(
            name,
            revision=revision,
            dtype=dtype_of(dtype),
            device_map=place.device_map,
            **more,
        )
    return model.eval()


@contextmanager
def explained(
    name: str,
    memory: str = "--model-arg dtype=bfloat16, or device=auto to spread it over all GPUs",
) -> Iterator[None]:
    """Turn what libraries raise into what the user can do.

    Args:
        name: of the checkpoint: hub id or folder.
        memory: what to give where it does not fit into the GPU's memory.
    """
    try:
        yield
    except InputError:
        raise
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"'{name}' does not fit into the GPU's memory: {one_line(str(error))} Give {memory}."
        ) from error
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        text = str(error)
        if "gated" in text or "401" in text or "403" in text:
            raise InputError(
                f"'{name}' is gated on the hub: accept its terms on its page there, then log in "
                "with 'hf auth login' or set HF_TOKEN."
            ) from error
        if "/" not in name or Path(name).exists() or name.startswith((".", "/")):
            what = "is no folder with a checkpoint" if not Path(name).is_dir() else "cannot be read"
        else:
            what = "could not be had from the hub or its cache"
        raise InputError(f"'{name}' {what}: {one_line(str(error))}") from error
