"""A dataset's folder with photos in it, whatever else it holds."""

from pathlib import Path

from PIL import Image

from lvlm_eval.datasets.annotation_reader import is_plain_name
from lvlm_eval.datasets.images import read_rgb, read_size
from lvlm_eval.datasets.refusals import refusal, shown


class PhotoFolder:
    """Finds and decodes the photos of a dataset.

    Args:
        root: the folder that all paths are relative to.
        name: what results of the dataset are named after.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name

    def __reduce__(self) -> tuple[type["PhotoFolder"], tuple[Path, str]]:
        """Another process gets the place alone: what was listed and read is far larger."""
        return type(self), (self.root, self.name)

    def image_path(self, image: str) -> Path:
        """The file of an image.

        Args:
            image: as in ``View.image``, relative to the root.

        Raises:
            InputError: the name leads out of the dataset.
        """
        if not all(is_plain_name(part) for part in image.split("/")):
            raise refusal(self.root, "", f"{shown(image)} is not the path of a file below it.")
        return self.root / image

    def image_size(self, image: str) -> tuple[int, int]:
        """Width and height in px of an image file, from its header.

        Raises:
            InputError: see ``load_image``.
        """
        return read_size(self.image_path(image), self.root / image)

    def load_image(self, image: str | Path) -> Image.Image:
        """Decode an image to RGB as it is stored, whatever its EXIF orientation says.

        Args:
            image: as in ``View.image``, or a path from ``image_path``.

        Raises:
            InputError: the file is missing, no image, cut off, or too large to decode.
        """
        path = image if isinstance(image, Path) else self.image_path(image)
        return read_rgb(path, path)
