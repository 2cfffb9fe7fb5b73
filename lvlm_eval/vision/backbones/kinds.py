"""The kinds of backbone that ``--backbone`` understands, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BackboneKind:
    """A kind of backbone: what stands before the colon.

    Attributes:
        name: as the user writes it.
        what: one line for ``lvlm-eval list backbones``.
        place: ``module:class`` of it, or of a function that takes the backbone's own name and the
            arguments and gives the class.
        extra: the extra that installs what it imports; empty if it needs none.
        folders: whether the own name, or what stands in it before the last colon, may be a folder
            of this machine.
        names: for a kind with a fixed set of own names the place of each, whose class does not get
            the name; else empty.
    """

    name: str
    what: str
    place: str = ""
    extra: str = ""
    folders: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


_HERE = "lvlm_eval.vision.backbones"

KINDS: Mapping[str, BackboneKind] = {
    "hf": BackboneKind(
        "hf:<id or folder>",
        "a vision transformer of the Hugging Face hub, or a folder with one; of an LVLM its "
        "vision tower",
        f"{_HERE}.huggingface:class_for",
        extra="hf",
        folders=True,
    ),
    "timm": BackboneKind(
        "timm:<name>", "a vision transformer of timm", f"{_HERE}.timm_vit:TimmBackbone", "timm"
    ),
    "torchhub": BackboneKind(
        "torchhub:<owner/repository>:<entry>",
        "a model that a GitHub repository gives through torch.hub; runs its code",
        f"{_HERE}.torchhub:TorchHubBackbone",
        extra="hf",
        folders=True,
    ),
    "diffusers": BackboneKind(
        "diffusers:<id or folder>",
        "features of a Stable Diffusion U-Net",
        f"{_HERE}.diffusion:StableDiffusionBackbone",
        extra="diffusers",
        folders=True,
    ),
    "research": BackboneKind(
        "research:<name>",
        "a checkpoint of a research repository, read into a library's architecture",
        f"{_HERE}.research:ResearchBackbone",
        extra="timm",
    ),
    "classic": BackboneKind(
        "classic:daisy",
        "DAISY descriptors of scikit-image: no weights, no torch",
        extra="classic",
        names={"daisy": f"{_HERE}.classic:Daisy"},
    ),
}
"""By prefix."""
