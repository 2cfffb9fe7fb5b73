"""Features of the U-Net of Stable Diffusion while it removes a little noise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import diffusers
import torch
from diffusers.utils import logging as library_logging
from transformers import CLIPTextModel, CLIPTokenizer

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.huggingface.content import content_of
from lvlm_eval.vision.backbones.huggingface.quiet import quiet
from lvlm_eval.vision.backbones.normalisation import IMAGENET, named_normalisation
from lvlm_eval.vision.backbones.obtaining import obtaining
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


class StableDiffusionBackbone(TorchBackbone):
    """The output of one up block of the U-Net, at one time step, with the empty prompt.

    A photo's latents are the mode of the autoencoder's distribution, not a sample of it, times its
    scaling factor. The noise of the time step is drawn from the seed and is the same for all photos
    of a size; the published runs drew other noise for each photo and run. At time step 1 it has a
    deviation of 0.04, beside latents of about 1. The U-Net is left behind the block that is wanted.

    A cell is 16 px for every block, which is what block 1 gives; maps of other blocks are brought
    to that by their nearest value, as in the published runs.

    Unverified with the weights of SD 2.1, which could not be had where this was written.

    Args:
        checkpoint: hub id or folder, in the layout of ``diffusers``.
        up_block: number of the up block, from 0.
        time_step: from 0; which there are is the scheduler's.
        seed: of the noise.
        normalisation: ``imagenet`` as in the published runs; SD itself was trained with ``half``.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        revision: of the hub repository.

    Raises:
        InputError: the checkpoint cannot be had or is no Stable Diffusion, or an argument is wrong.
    """

    patch = 16
    batch = 4

    def __init__(
        self,
        checkpoint: str,
        up_block: int = 1,
        time_step: int = 1,
        seed: int = 0,
        normalisation: str | None = None,
        precision: str = "float32",
        device: str | None = None,
        revision: str | None = None,
    ) -> None:
        super().__init__(device=device, precision=precision)
        self.normalisation = named_normalisation(normalisation, IMAGENET)
        for name, number in (("up_block", up_block), ("time_step", time_step), ("seed", seed)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise InputError(f"{name} {number!r}: give a whole number from 0.")
        parts = _loaded(checkpoint, revision)
        blocks = parts["unet"].up_blocks
        if up_block >= len(blocks):
            raise InputError(
                f"up_block {up_block}: '{checkpoint}' has {len(blocks)}. Give 0 to "
                f"{len(blocks) - 1}"
            )
        steps = parts["scheduler"].config.num_train_timesteps
        if time_step >= steps:
            raise InputError(
                f"time_step {time_step}: '{checkpoint}' has {steps}. Give 0 to {steps - 1}"
            )
        self._settings = {"up_block": up_block, "time_step": time_step, "seed": seed}
        self._checkpoint = content_of(checkpoint, revision, PARTS)
        self._unet = parts["unet"].eval().requires_grad_(False).to(self.device)
        parts["vae"].decoder = None  # only its encoder is needed
        self._vae = parts["vae"].eval().requires_grad_(False).to(self.device)
        self._scheduler = parts["scheduler"]
        self._step = torch.tensor([time_step], device=self.device)
        self._prompt = _empty_prompt(parts["tokenizer"], parts["text_encoder"]).to(self.device)
        self._noises: dict[torch.Size, torch.Tensor] = {}

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        encoded = self._vae.encode(pixels).latent_dist.mode()
        latents = encoded.float() * self._vae.config.scaling_factor
        noise = self._noise(latents.shape[1:]).expand_as(latents)
        noisy = self._scheduler.add_noise(latents, noise, self._step)
        maps = self._up_to_block(noisy)
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        if maps.shape[2:] != (rows, columns):
            maps = torch.nn.functional.interpolate(maps, (rows, columns), mode="nearest")
        return maps.permute(0, 2, 3, 1)

    def _noise(self, shape: torch.Size) -> torch.Tensor:
        """Drawn on the processor, so that it is the same on every device."""
        if shape not in self._noises:
            generator = torch.Generator().manual_seed(self._settings["seed"])
            drawn = torch.randn((1, *shape), generator=generator)
            self._noises = {shape: drawn.to(self.device)}  # photos of one run have one size
        return self._noises[shape]

    def _up_to_block(self, noisy: torch.Tensor) -> torch.Tensor:
        block = self._unet.up_blocks[self._settings["up_block"]]
        handle = block.register_forward_hook(_leave)
        try:
            self._unet(
                noisy,
                self._step,
                encoder_hidden_states=self._prompt.expand(len(noisy), -1, -1),
                return_dict=False,
            )
        except _ReachedError as reached:
            return reached.maps
        finally:
            handle.remove()
        raise AssertionError("the U-Net has run without its up block")

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and the checkpoint's content."""
        return {
            **super().identity(),
            **self._settings,
            "checkpoint": self._checkpoint,
            "patch": self.patch,
            "prompt": "",
            "latents": "mode",
            "noise": "the same for all photos",
        }


class _ReachedError(Exception):
    """Leaves the U-Net with the maps that were wanted of it."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = maps


def _leave(_block: Any, _inputs: Any, output: Any) -> NoReturn:
    raise _ReachedError(output)


def _loaded(checkpoint: str, revision: str | None) -> dict[str, Any]:
    """The parts of a checkpoint, in float32."""
    classes = (
        diffusers.UNet2DConditionModel,
        diffusers.AutoencoderKL,
        CLIPTextModel,
        CLIPTokenizer,
        diffusers.DDIMScheduler,
    )
    hint = "Expected a hub id or folder of Stable Diffusion 1 or 2 in the layout of diffusers"
    parts: dict[str, Any] = {}
    level = library_logging.get_verbosity()
    library_logging.set_verbosity_error()
    try:
        for part, made in zip(PARTS, classes, strict=True):
            with quiet(), obtaining(f"'{checkpoint}' ({part})", hint):
                _check_folder(checkpoint, part)
                parts[part] = made.from_pretrained(checkpoint, subfolder=part, revision=revision)
                if isinstance(parts[part], torch.nn.Module):
                    parts[part] = parts[part].float()
    finally:
        library_logging.set_verbosity(level)
    return parts


def _check_folder(checkpoint: str, part: str) -> None:
    """A tokenizer is made up where there is none, so the folders are looked at beforehand."""
    if Path(checkpoint).is_dir() and not (Path(checkpoint) / part).is_dir():
        raise FileNotFoundError(f"it has no folder {part}.")


def _empty_prompt(tokenizer: Any, encoder: Any) -> torch.Tensor:
    """What the text encoder makes of the empty prompt, padded to full length: (1, tokens, C)."""
    given = tokenizer(
        "", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt"
    )
    masked = getattr(encoder.config, "use_attention_mask", False)
    with torch.inference_mode():
        encoded: torch.Tensor = encoder.eval()(
            given.input_ids, attention_mask=given.attention_mask if masked else None
        )[0]
    return encoded
