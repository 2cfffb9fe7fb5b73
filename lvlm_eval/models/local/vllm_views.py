"""What the model makes of the pictures, as vLLM's processing of them tells."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lvlm_eval.models.local.vllm_feed import Ready
from lvlm_eval.records import ModelView, Picture, SeenPictures

Size = tuple[int, int]
_Kind = tuple[Size, Size | None, Size | None, int]


class Views:
    """Counts distinct pictures by what became of them.

    Args:
        images: the model's image processor.
        pixel_budget: least and most px of a picture after resizing; None without such bounds.
    """

    def __init__(self, images: Any, pixel_budget: Size | None) -> None:
        self._images = images
        self._pixel_budget = pixel_budget
        self._known: set[str] = set()
        self._kinds = Counter[_Kind]()

    def note(self, ready: Ready, prompt: Mapping[str, Any]) -> int:
        """Look at a prompt with its pictures processed; gives the tokens of all of them."""
        places = prompt.get("mm_placeholders", {}).get("image", ())
        tokens = [_tokens_at(place) for place in places]
        made = prompt.get("mm_kwargs", {}).get("image", ())
        for picture, count, item in zip(ready.pictures, tokens, made, strict=False):
            # What an engine knows already is not handed over again.
            if item is not None and picture.sha256 not in self._known:
                self._known.add(picture.sha256)
                self._kinds[self._kind(picture, count, item)] += 1
        return sum(tokens)

    def _kind(self, picture: Picture, tokens: int, item: Mapping[str, Any]) -> _Kind:
        data = {name: getattr(one, "data", None) for name, one in item.items()}
        grid, pixels = data.get("image_grid_thw"), data.get("pixel_values")
        if pixels is None:
            pixels = data.get("pixel_values_flat")
        side = getattr(self._images, "patch_size", None)
        if grid is not None and isinstance(side, int):
            _, down, across = (int(one) for one in grid.reshape(-1)[:3])
            return picture.size, (across * side, down * side), (down, across), tokens
        shape = tuple(getattr(pixels, "shape", ()))
        tiles = shape[0] if len(shape) == 4 else 1
        seen = (int(shape[-1]), int(shape[-2])) if len(shape) in (3, 4) and tiles == 1 else None
        return picture.size, seen, None, tokens

    def view(self) -> ModelView:
        """The pictures up to now, by size."""
        pictures = tuple(
            SeenPictures(*kind, pictures)
            for kind, pictures in sorted(self._kinds.items(), key=lambda one: one[0][0])
        )
        return ModelView(type(self._images).__name__, self._pixel_budget, pictures)


def _tokens_at(place: Any) -> int:
    """Tokens of a picture in the prompt, without those that only stand between them."""
    count = getattr(place, "get_num_embeds", None)
    return int(count() if callable(count) else place.length)
