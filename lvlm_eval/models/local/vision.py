"""Each distinct picture is processed and encoded once, however many requests show it."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lvlm_eval.models.local.families import Family, Feature, Processed
from lvlm_eval.records import Picture, SeenPictures

FEATURE_BYTES = 1 << 30
"""Features that stay in the model's memory; those of 500×375 px photos take about a MB each."""

SeenSize = tuple[tuple[int, int], tuple[int, int] | None, tuple[int, int] | None, int]
Key = tuple[str, ...]
"""Hashes of the pictures that are encoded together."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of a request as its model sees them.

    Attributes:
        keys: by which their features are kept.
        places: of each picture the text that stands for it in the prompt.
        sizes: of each picture width and height in px after resizing; None where it is cut in tiles.
        grids: see `Processed`.
    """

    keys: tuple[Key, ...]
    places: tuple[str, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    grids: tuple[tuple[int, int, int], ...]


class Vision:
    """Processes and encodes pictures.

    Args:
        model: of the family.
        processor: of the same checkpoint.
        family: knows how.
        cached: False runs the vision tower for every picture of every request, for comparison.

    Attributes:
        encoded: how many pictures the vision tower was run for.
    """

    def __init__(self, model: Any, processor: Any, family: Family, cached: bool = True) -> None:
        self._model = model
        self._processor = processor
        self._family = family
        self._cached = cached
        self._waiting: dict[Key, Processed] = {}
        self._known: dict[Key, Processed] = {}
        self._features: OrderedDict[Key, list[Feature]] = OrderedDict()
        self._bytes = 0
        self._sizes = Counter[SeenSize]()
        self.encoded = 0

    def show(self, pictures: Sequence[Picture]) -> Shown:
        """Process the pictures of a request, those that are new."""
        together = self._family.together
        parts = [tuple(pictures)] if together else [(picture,) for picture in pictures]
        made = []
        for part in parts:
            key = tuple(picture.sha256 for picture in part)
            if key not in self._known:
                images = [picture.image() for picture in part]
                processed = self._family.processed(self._processor, images)
                self._waiting[key] = processed
                self._count(part, processed)
                # The pixels are needed until they are encoded, the rest is small.
                self._known[key] = replace(processed, inputs={})
            made.append((key, self._known[key]))
        return Shown(
            keys=tuple(key for key, _ in made),
            places=tuple(place for _, one in made for place in one.places),
            sizes=tuple(size for _, one in made for size in one.sizes),
            grids=tuple(grid for _, one in made for grid in one.grids),
        )

    def _count(self, part: Sequence[Picture], processed: Processed) -> None:
        grids = processed.grids or ((0, 0, 0),) * len(part)
        for picture, size, (_, down, across), place in zip(
            part, processed.sizes, grids, processed.places, strict=True
        ):
            tokens = len(self._processor.tokenizer(place, add_special_tokens=False).input_ids)
            patches = (down, across) if down else None
            self._sizes[picture.size, size, patches, tokens] += 1

    def saw(self) -> tuple[SeenPictures, ...]:
        """The pictures that were processed up to now, by size."""
        return tuple(
            SeenPictures(*size, pictures)
            for size, pictures in sorted(self._sizes.items(), key=lambda one: one[0][0])
        )

    def features(self, shown: Shown, pictures: Sequence[Picture]) -> list[Feature]:
        """The features of all pictures of a request, in order.

        Args:
            shown: from `show` of the same pictures.
            pictures: encoded again if their features were dropped.
        """
        found: list[Feature] = []
        for key in shown.keys:
            if key not in self._features or not self._cached:
                self._encode(key, pictures)
            self._features.move_to_end(key)
            found += self._features[key]
        return found

    def _encode(self, key: Key, pictures: Sequence[Picture]) -> None:
        processed = self._waiting.get(key)
        if processed is None:
            own = [picture for picture in pictures if picture.sha256 in key]
            ordered = [next(one for one in own if one.sha256 == sha) for sha in key]
            images = [picture.image() for picture in ordered]
            processed = self._family.processed(self._processor, images)
        device = self._model.get_input_embeddings().weight.device
        inputs = {name: one.to(device) for name, one in processed.inputs.items()}
        with torch.inference_mode():
            features = self._family.features(self._model, replace(processed, inputs=inputs))
        self._waiting.pop(key, None)  # only now: running out of memory must not lose the pixels
        self.encoded += len(key)
        self._bytes += sum(one.bytes for one in features)
        if key in self._features:
            self._bytes -= sum(one.bytes for one in self._features.pop(key))
        self._features[key] = features
        while self._bytes > FEATURE_BYTES and len(self._features) > 1:
            _, dropped = self._features.popitem(last=False)
            self._bytes -= sum(one.bytes for one in dropped)
