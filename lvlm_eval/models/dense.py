"""The ceiling: a vision backbone answers the four-choice questions by nearest features.

Of the four candidates it takes the one whose cell is most similar to the feature at the query, as
in the published table (DINOv2: 81.0). It looks at the unmarked photos and at the points, so it
answers Vis. alone, and it keeps the candidate, whatever letter that has in a rotation.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.records import Geometry, Request, Response, Setting
from lvlm_eval.vision.arrays import copied, finite, normalised, number_of_bytes
from lvlm_eval.vision.backbones.backbone import Maps, Photos
from lvlm_eval.vision.backbones.registry import build_backbone
from lvlm_eval.vision.encoder import check_maps
from lvlm_eval.vision.grid import IMAGE_SIZE, Floats, cells_of, photo_side, point_of
from lvlm_eval.vision.matching import choose
from lvlm_eval.vision.memory import GB, available
from lvlm_eval.vision.photos import squared
from lvlm_eval.vision.sampling import sampled


class Dense(Adapter):
    """Answers by the features of a vision backbone.

    Args:
        backbone: as ``lvlm-eval vision --backbone`` takes it.
        image_size: side in px that photos are resized to, before it is rounded to whole cells.
        layer: block whose output counts.
        final_norm: whether the model's final norm is applied.
        pos_embed: ``library`` or ``hub``, how position embeddings are resized.
        precision: ``float32``, ``tf32``, ``bfloat16`` or ``float16``.
        device: such as ``cuda:1``; None takes a GPU if there is one.
        cache_gb: most memory for feature maps; None takes a quarter of what is free.
        arguments: any other argument of the backbone, as a JSON object.

    Raises:
        InputError: the backbone or an argument is wrong.
    """

    chunk = 256
    needs_pictures = False
    settings: tuple[Setting, ...] = ("vis",)
    # What of the backbone's arguments decides its features is in their identity.
    incidental = frozenset({"device", "cache_gb", "arguments"})

    def __init__(
        self,
        backbone: str,
        image_size: int = IMAGE_SIZE,
        layer: int | None = None,
        final_norm: bool | None = None,
        pos_embed: str | None = None,
        precision: str | None = None,
        device: str | None = None,
        cache_gb: float | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        flags = {
            "layer": layer,
            "final_norm": final_norm,
            "pos_embed": pos_embed,
            "precision": precision,
            "device": device,
        }
        given = {name: value for name, value in flags.items() if value is not None}
        self._built = build_backbone(backbone, {**given, **(arguments or {})}, self._say)
        self._side = photo_side(image_size, self._built.backbone.patch)
        self._maps = _RecentMaps(None if cache_gb is None else int(cache_gb * GB))

    def _say(self, line: str) -> None:
        self.tell(line)

    def identity(self) -> Mapping[str, Any]:
        """Everything that decides the features."""
        return {"features": dict(self._built.identity), "side": self._side}

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Choose a candidate for each question, and name it in each of its rotations."""
        by_question: dict[str, list[Request]] = {}
        for request in requests:
            if request.geometry is None:
                raise InputError(
                    "dense: compares photos at annotated points, which a table does not have. Give "
                    "--data a folder in SOCOv1 layout, or 'sample'."
                )
            by_question.setdefault(request.question, []).append(request)
        questions = list(by_question.values())
        together = max(1, self._built.backbone.batch // 2)
        for start in range(0, len(questions), together):
            yield from self._answer(questions[start : start + together])

    def _answer(self, questions: Sequence[Sequence[Request]]) -> Iterator[Response]:
        loaded: list[tuple[Sequence[Request], Geometry, _Photo, _Photo]] = []
        for requests in questions:
            geometry = requests[0].geometry
            assert geometry is not None  # `answer` looked
            try:
                source = _Photo(geometry.load_source(), self._side)
                target = _Photo(geometry.load_target(), self._side)
            except InputError as error:
                for one in requests:
                    yield Response(one.id, status="error", error=str(error))
                continue
            loaded.append((requests, geometry, source, target))
        self._encode([photo for _, _, *photos in loaded for photo in photos])
        for requests, geometry, source, target in loaded:
            chosen = self._choose(geometry, source, target)
            for one in requests:
                letter = next(k for k, label in one.options.items() if label == chosen)
                yield Response(one.id, text=letter)
        self._maps.forget()

    def _encode(self, photos: Sequence["_Photo"]) -> None:
        """Make the maps that are not there, each distinct one once."""
        missing = {one.content: one for one in photos if not self._maps.use(one.content)}
        batch = self._built.backbone.batch
        fresh = list(missing.values())
        for start in range(0, len(fresh), batch):
            some = fresh[start : start + batch]
            made = self._built.backbone.encode(np.concatenate([one.square for one in some]))
            check_maps(made, len(some))
            maps = normalised(made)
            if not finite(maps).all():
                raise InputError("the backbone's features are not all numbers (NaN or infinite).")
            for one, map_ in zip(some, maps, strict=True):
                self._maps.add(one.content, map_)

    def _choose(self, geometry: Geometry, source: "_Photo", target: "_Photo") -> str:
        labels = sorted(geometry.candidates)
        query = sampled(self._maps[source.content], source.points([geometry.query]))
        map_ = self._maps[target.content]
        points = target.points([geometry.candidates[label] for label in labels])
        cells = cells_of(points, map_.shape[:2])
        return labels[int(choose(map_, query, cells[None])[0])]


class _Photo:
    """A photo as the backbone gets it, known by its pixels."""

    def __init__(self, photo: Any, side: int) -> None:
        self._size, self._side = photo.size, side
        self.square: Photos = squared(photo, side)
        self.content = hashlib.sha256(self.square.tobytes()).hexdigest()

    def points(self, positions: Sequence[tuple[float, float]]) -> Floats:
        longer = max(self._size)
        return np.array([point_of(x, y, longer, self._side) for x, y in positions])


class _RecentMaps:
    """Maps of the photos that were looked at last, as many as there is room for."""

    def __init__(self, budget: int | None) -> None:
        self._budget = budget
        self._maps: OrderedDict[str, Maps] = OrderedDict()
        self._used = 0

    def __getitem__(self, content: str) -> Maps:
        return self._maps[content]

    def use(self, content: str) -> bool:
        """Whether it is there; if so it is kept longer."""
        if content in self._maps:
            self._maps.move_to_end(content)
            return True
        return False

    def add(self, content: str, map_: Maps) -> None:
        if self._budget is None:
            self._budget = available(map_) // 4
        self._maps[content] = copied(map_)
        self._used += number_of_bytes(map_)

    def forget(self) -> None:
        """Keep to the budget; between questions, so that no map goes that is needed."""
        while self._maps and self._used > (self._budget or 0):
            _, map_ = self._maps.popitem(last=False)
            self._used -= number_of_bytes(map_)
