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
        folder: pattern of own names that hold what may be a folder of this machine; its group is
            the folder. Empty if there are none.
        names: for a kind with a fixed set of own names the place of each, whose class does not get
            the name; else empty.
    """

    name: str
    what: str
    place: str = ""
    extra: str = ""
    folder: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


_HERE = "lvlm_eval.vision.backbones"

KINDS: Mapping[str, BackboneKind] = {
    "hf": BackboneKind(
        "hf:<id or folder>",
        "a vision transformer of the Hugging Face hub, or a folder with one; of an LVLM its "
        "vision tower",
        f"{_HERE}.huggingface.choice:class_for",
        extra="hf",
        folder="(.+)",
    ),
    "timm": BackboneKind(
        "timm:<name>",
        "a model of timm",
        f"{_HERE}.timm_models.backbone:TimmBackbone",
        extra="timm",
        folder="local-dir:(.+)",
    ),
    "torchhub": BackboneKind(
        "torchhub:<owner/repository>:<entry>",
        "a model that a GitHub repository gives through torch.hub; runs its code",
        f"{_HERE}.torchhub.backbone:TorchHubBackbone",
        extra="hf",
        folder="(.+):[^:]*",
    ),
    "diffusers": BackboneKind(
        "diffusers:<id or folder>",
        "features of a Stable Diffusion U-Net",
        f"{_HERE}.huggingface.stable_diffusion:StableDiffusionBackbone",
        extra="diffusers",
        folder="(.+)",
    ),
    "research": BackboneKind(
        "research:<name>",
        "a checkpoint of a research repository, read into a library's architecture",
        f"{_HERE}.research.backbone:ResearchBackbone",
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
