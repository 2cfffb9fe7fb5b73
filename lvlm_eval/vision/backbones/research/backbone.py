"""Backbones that are published as a file of weights of a research repository."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names, one_line
from lvlm_eval.vision.backbones.normalisation import IMAGENET, named_normalisation
from lvlm_eval.vision.backbones.obtaining import obtaining
from lvlm_eval.vision.backbones.positions import check_pos_embed
from lvlm_eval.vision.backbones.research.checkpoints import read_checkpoint
from lvlm_eval.vision.backbones.research.croco import croco_encoder
from lvlm_eval.vision.backbones.research.dino import dino_vit
from lvlm_eval.vision.backbones.timm_models.positions import TimmWay
from lvlm_eval.vision.backbones.timm_models.tokens import TokenBackbone


@dataclass(frozen=True, slots=True)
class Published:
    """A file of weights.

    Attributes:
        file: its name in the cache of torch's hub.
        url: where it is published.
        build: makes a model of timm of what it holds.
        final_norm: whether the published runs applied the final norm.
        way: how the published runs resized positions; None if there is nothing to resize.
    """

    file: str
    url: str
    build: Callable[[Any], Any]
    final_norm: bool
    way: TimmWay | None


_DINO = "https://dl.fbaipublicfiles.com/dino"
_IBOT = "https://lf3-nlp-opensource.bytetos.com/obj/nlp-opensource/archive/2022/ibot"
_NAVER = "https://download.europe.naverlabs.com"

PUBLISHED: Mapping[str, Published] = {
    "dinov1": Published(
        "dino_vitbase16_pretrain.pth",
        f"{_DINO}/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
        dino_vit,
        final_norm=False,
        way="offset",
    ),
    "ibot": Published(
        "ibot_vitb16.pth",
        f"{_IBOT}/vitb_16/checkpoint_teacher.pth",
        dino_vit,
        final_norm=False,
        way="offset",
    ),
    "dune": Published(
        "dune_vitbase14_448_paper.pth",
        f"{_NAVER}/dune/dune_vitbase14_448_paper.pth",
        dino_vit,
        final_norm=True,
        way="offset",
    ),
    "crocov2": Published(
        "CroCo_V2_ViTBase_BaseDecoder.pth",
        f"{_NAVER}/ComputerVision/CroCo/CroCo_V2_ViTBase_BaseDecoder.pth",
        croco_encoder,
        final_norm=True,
        way=None,
    ),
}
"""By the backbone's name."""


class ResearchBackbone(TokenBackbone):
    """DINO, iBOT, DUNE or the encoder of CroCo v2, from the file that its authors published.

    Unverified with the real files, which could not be had where this was written: the layouts are
    those of the public code, and tests compare files in them, of random weights, with a computation
    of their own. Files of the same layout with other sizes, such as iBOT's ViT-L, do as well.

    Args:
        name: ``dinov1``, ``ibot``, ``dune`` or ``crocov2``.
        layer: number of the block, from 0; negative ones count from the end.
        final_norm: whether the model's own final norm is applied to the block's output; None does
            as the published runs: for DUNE and CroCo v2, not for the others.
        pos_embed: ``hub`` resizes positions as the authors' code, ``library`` as timm does; CroCo
            v2 has none to resize.
        normalisation: ``imagenet``, ``clip``, ``half`` or ``raw``.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        checkpoint: the file; None takes it from the cache of torch's hub, or downloads it there.

    Raises:
        InputError: the name is unknown, the file cannot be had or is of another layout, the model
            lacks the layer, or an argument is wrong.
    """

    incidental = frozenset({"checkpoint"})  # its content is in the identity

    def __init__(
        self,
        name: str,
        layer: int = -1,
        final_norm: bool | None = None,
        pos_embed: str = "hub",
        normalisation: str | None = None,
        precision: str = "float32",
        device: str | None = None,
        checkpoint: str | None = None,
    ) -> None:
        super().__init__(device=device, precision=precision)
        if name not in PUBLISHED:
            hint = nearest_names(name, PUBLISHED)
            raise InputError(f"no published file of weights is known of '{name}'. {hint}")
        check_pos_embed(pos_embed)
        known = PUBLISHED[name]
        self.normalisation = named_normalisation(normalisation, IMAGENET)
        file = _file(known, checkpoint)
        model = _built(known, file, name)
        self._weights = fingerprint_files([("checkpoint", file)])
        self._adopt(
            f"backbone '{name}'",
            model,
            layer,
            known.final_norm if final_norm is None else final_norm,
            known.way if pos_embed == "hub" else None,
        )

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and the content of the file."""
        return {**super().identity(), "weights": self._weights}


def _file(known: Published, checkpoint: str | None) -> Path:
    if checkpoint is not None:
        if not Path(checkpoint).is_file():
            raise InputError(f"checkpoint '{checkpoint}' is no file; expected that of {known.url}")
        return Path(checkpoint)
    file = Path(torch.hub.get_dir()) / "checkpoints" / known.file
    if not file.is_file():
        hint = f"Fetch {known.url} by other means and give it as checkpoint=FILE"
        with obtaining(f"'{known.file}'", hint):
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(known.url, str(file))
    return file


def _built(known: Published, file: Path, name: str) -> Any:
    what = f"'{file}' as weights of '{name}'"
    hint = f"Expected the file of {known.url}"
    with obtaining(what, hint):
        content = read_checkpoint(file)
    try:
        return known.build(content)
    except (InputError, RuntimeError) as error:
        raise InputError(f"{what} cannot be read: {one_line(str(error))} {hint}") from error
