"""What all backbones that run in torch share: device, precision, and pixels as they want them."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Literal

import torch

from lvlm_eval.errors import InputError, nearest_names, one_line
from lvlm_eval.vision.backbones.backbone import Backbone, Photos
from lvlm_eval.vision.backbones.normalisation import IMAGENET, Normalisation

Precision = Literal["float32", "tf32", "bfloat16", "float16"]
"""``float32`` is exact; ``tf32`` rounds products inside the GPU; the others are autocast."""

PRECISIONS: tuple[Precision, ...] = ("float32", "tf32", "bfloat16", "float16")


class TorchBackbone(Backbone):
    """Moves photos to the device, normalises them there, and runs ``_maps`` without gradients.

    Args:
        device: such as ``cuda:1``; None takes a GPU if there is one, else the processor.
        precision: see `PRECISIONS`.

    Raises:
        InputError: no such device or precision.
    """

    normalisation: Normalisation = IMAGENET

    def __init__(self, device: str | None = None, precision: str = "float32") -> None:
        if precision not in PRECISIONS:
            raise InputError(
                f"unknown precision '{precision}'. {nearest_names(precision, PRECISIONS)}"
            )
        self.precision = precision
        self.device = _device(device)

    @abstractmethod
    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features of normalised pixels.

        Args:
            pixels: (photos, 3, S, S), float32, on ``self.device``.

        Returns:
            (photos, H, W, C).
        """

    def encode(self, photos: Photos) -> torch.Tensor:
        """See `Backbone.encode`."""
        mean, deviation = self.normalisation
        whole = torch.from_numpy(photos).to(self.device, non_blocking=True)
        pixels = whole.permute(0, 3, 1, 2).to(torch.float32).div_(255)
        shape = (1, 3, 1, 1)
        pixels = pixels.sub_(torch.tensor(mean, device=self.device).view(shape))
        pixels = pixels.div_(torch.tensor(deviation, device=self.device).view(shape))
        allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        quick = self.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = quick
        try:
            with torch.inference_mode(), self._autocast():
                return self._maps(pixels.contiguous()).float()
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed

    def _autocast(self) -> Any:
        if self.precision not in ("bfloat16", "float16"):
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.precision))

    def identity(self) -> Mapping[str, Any]:
        """The precision; the device decides nothing but the last digits."""
        return {"precision": self.precision, "normalisation": self.normalisation}


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except Exception as error:  # each back end has its own
        raise InputError(
            f"device '{name}' cannot be used here: {one_line(str(error))} Give cpu, cuda or cuda:1."
        ) from error
    return device
