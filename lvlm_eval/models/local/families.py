"""What differs between families of models: how pictures become features, and where they stand.

A family is told by the ``model_type`` of a checkpoint's configuration. A checkpoint of another one
works as well, by the library's own ``generate``, only without sharing anything between requests.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from PIL import Image
from transformers.modeling_outputs import BaseModelOutputWithPooling


@dataclass(frozen=True, slots=True)
class Feature:
    """What the vision tower makes of one picture, ready to take the places of its tokens.

    Attributes:
        tokens: (tokens, width of the language model).
        deeper: the same for further layers of the language model, where a family has that.
    """

    tokens: torch.Tensor
    deeper: tuple[torch.Tensor, ...] = ()

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(one.nbytes for one in (self.tokens, *self.deeper))


@dataclass(frozen=True, slots=True)
class Processed:
    """What the image processor makes of the pictures that are encoded together.

    Attributes:
        inputs: arguments of the model's ``get_image_features``.
        places: of each picture the text that stands for it in the prompt.
        sizes: of each picture width and height in px after resizing; None where it is cut in tiles.
        grids: of each picture its patches (time, down, across), where positions depend on them.
    """

    inputs: Mapping[str, torch.Tensor]
    places: tuple[str, ...]
    sizes: tuple[tuple[int, int] | None, ...]
    grids: tuple[tuple[int, int, int], ...] = ()


class Family:
    """LLaVA and whatever works like it: one picture, one row of pixels, positions by count.

    Attributes:
        together: whether a picture's features depend on the other pictures of its request.
    """

    together: ClassVar[bool] = False

    def processed(self, processor: Any, images: Sequence[Image.Image]) -> Processed:
        """Resize and normalise the pictures of one request, or a single picture."""
        made, places = _run(processor, list(images))
        return Processed(self._inputs(made), places, self._sizes(made, len(images)))

    def _inputs(self, made: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
        return {"pixel_values": made["pixel_values"]}

    def _sizes(self, made: Mapping[str, Any], count: int) -> tuple[tuple[int, int] | None, ...]:
        height, width = made["pixel_values"].shape[-2:]
        return ((int(width), int(height)),) * count

    def features(self, model: Any, processed: Processed) -> list[Feature]:
        """Run the vision tower; one feature a picture."""
        made = model.get_image_features(**processed.inputs, return_dict=True)
        return [Feature(one) for one in made.pooler_output]

    def outputs(self, features: Sequence[Feature]) -> Any:
        """The features as ``forward`` takes them, in the order of their places."""
        return _encoded([one.tokens for one in features])

    def positions(
        self, model: Any, processor: Any, ids: Sequence[int], grids: Sequence[tuple[int, int, int]]
    ) -> tuple[torch.Tensor, int]:
        """Positions of a whole prompt, (tokens,) or (3, tokens), and how they go on.

        Returns:
            The positions, and what is added to the number of tokens for the next position.
        """
        return torch.arange(len(ids)), 0


class LlavaOneVision(Family):
    """A picture alone is cut in tiles; one of several is not."""

    together = True

    def processed(self, processor: Any, images: Sequence[Image.Image]) -> Processed:
        """The processor tells by the nesting which pictures stand in one request."""
        made, places = _run(processor, [list(images)])
        inputs = {name: made[name] for name in ("pixel_values", "image_sizes", "batch_num_images")}
        height, width = made["pixel_values"].shape[-2:]
        size = None if len(images) == 1 else (int(width), int(height))
        return Processed(inputs, places, (size,) * len(images))


class InternVL(Family):
    """All tiles of a picture stand in one tensor."""

    def _sizes(self, made: Mapping[str, Any], count: int) -> tuple[tuple[int, int] | None, ...]:
        (size,) = super()._sizes(made, 1)
        return tuple(size if int(tiles) == 1 else None for tiles in made["num_patches"])

    def features(self, model: Any, processed: Processed) -> list[Feature]:
        """One picture at a time, so that all tiles are its own."""
        made = model.get_image_features(**processed.inputs, return_dict=True)
        return [Feature(made.pooler_output.flatten(0, 1))]

    def outputs(self, features: Sequence[Feature]) -> Any:
        """One tensor."""
        return _encoded(torch.cat([one.tokens for one in features]))


class QwenVL(Family):
    """Patches of the picture's own shape, and positions in three dimensions."""

    def processed(self, processor: Any, images: Sequence[Image.Image]) -> Processed:
        """The grid tells the size after resizing."""
        made, places = _run(processor, list(images))
        grids = [tuple(map(int, grid)) for grid in made["image_grid_thw"]]
        side = processor.image_processor.patch_size
        sizes = tuple((across * side, down * side) for _, down, across in grids)
        inputs = {name: made[name] for name in ("pixel_values", "image_grid_thw")}
        return Processed(inputs, places, sizes, tuple((t, h, w) for t, h, w in grids))

    def features(self, model: Any, processed: Processed) -> list[Feature]:
        """Qwen3-VL has features for several layers."""
        made = model.get_image_features(**processed.inputs, return_dict=True)
        deeper = getattr(made, "deepstack_features", None) or ()
        return [
            Feature(tokens, tuple(layer[index] for layer in deeper))
            for index, tokens in enumerate(made.pooler_output)
        ]

    def outputs(self, features: Sequence[Feature]) -> Any:
        """With the features of the further layers, layer by layer."""
        layers = [list(layer) for layer in zip(*(one.deeper for one in features), strict=True)]
        made = _encoded([one.tokens for one in features])
        made.deepstack_features = layers
        return made

    def positions(
        self, model: Any, processor: Any, ids: Sequence[int], grids: Sequence[tuple[int, int, int]]
    ) -> tuple[torch.Tensor, int]:
        """As the model itself computes them from the grids."""
        kinds = torch.as_tensor(processor.create_mm_token_type_ids([list(ids)]))
        positions, ahead = model.model.get_rope_index(
            torch.tensor([list(ids)]),
            mm_token_type_ids=kinds,
            image_grid_thw=torch.tensor(grids) if grids else None,
        )
        return positions[:, 0], int(ahead.item())


def _encoded(tokens: Any) -> Any:
    """As the library's own towers give it; newer versions hand it on with their own outputs."""
    return BaseModelOutputWithPooling(pooler_output=tokens)


def _run(processor: Any, images: Sequence[Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a call of the processor would do with pictures: it has settings of its own for them."""
    settings = processor._merge_kwargs(
        processor.valid_processor_kwargs,
        tokenizer_init_kwargs=processor.tokenizer.init_kwargs,
        return_tensors="pt",
    )
    made, places = processor._process_images(list(images), **settings["images_kwargs"])
    return made, tuple(places)


_FAMILIES: Mapping[str, Family] = {
    "internvl": InternVL(),
    "llava": Family(),
    "llava_onevision": LlavaOneVision(),
    "qwen2_vl": QwenVL(),
    "qwen2_5_vl": QwenVL(),
    "qwen3_vl": QwenVL(),
    "qwen3_vl_moe": QwenVL(),
}


def family_of(model: Any, processor: Any) -> Family | None:
    """The family of a model, if it has one whose requests can share their work.

    Args:
        model: from ``AutoModelForImageTextToText``. Before transformers 5.19 some take no features
            that were computed before.
        processor: of the same checkpoint.
    """
    takes_features = "mm_encoder_outputs" in inspect.signature(model.forward).parameters
    if not (takes_features and hasattr(processor, "get_text_with_replacements")):
        return None
    return _FAMILIES.get(model.config.model_type)
