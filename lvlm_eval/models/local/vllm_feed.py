"""Requests in their order, each made ready a while before it is asked for."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from lvlm_eval.errors import InputError
from lvlm_eval.records import Picture, Request

THREADS = 2
"""Decoding is done outside of Python's lock; more threads would only wait for the drawing."""

AHEAD = 64
"""Requests that are made ready ahead: five questions, the time that an engine needs for them."""

IMAGES_KEPT = 64
"""Decoded pictures that stay; the requests of one question share theirs."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A request with its pictures.

    Attributes:
        request: what is asked.
        pictures: as encoded files; empty where they cannot be had.
        images: the same as RGB; equal pictures are the same object.
        problem: why there are no pictures; empty if there are.
    """

    request: Request
    pictures: tuple[Picture, ...] = ()
    images: tuple[Image.Image, ...] = ()
    problem: str = ""


class Feed(Iterator[Ready]):
    """Looks at requests one after the other; those whose text cannot be written are left out.

    Args:
        requests: as `Adapter.answer` gets them.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._next = 0
        self._images: OrderedDict[str, Image.Image] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="vllm-feed")
        self._ahead: deque[Future[Ready | None]] = deque()

    def __next__(self) -> Ready:
        """The next request; waits until its pictures are drawn and decoded."""
        while True:
            while len(self._ahead) < AHEAD and self._next < len(self._requests):
                self._ahead.append(self._pool.submit(self._ready, self._next))
                self._next += 1
            if not self._ahead:
                raise StopIteration
            ready = self._ahead.popleft().result()
            if ready is not None:
                return ready

    def waiting(self) -> bool:
        """Whether the next request is not ready yet, so that taking it would take a while."""
        return bool(self._ahead) and not self._ahead[0].done()

    def close(self) -> None:
        """Make nothing ready any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ready(self, place: int) -> Ready | None:
        try:
            request = self._requests[place]
        except InputError:
            return None  # the run notes why
        try:
            pictures = request.pictures
            images = tuple(self._image(picture) for picture in pictures)
        except InputError as error:
            return Ready(request, problem=str(error))
        return Ready(request, pictures, images)

    def _image(self, picture: Picture) -> Image.Image:
        with self._lock:
            image = self._images.get(picture.sha256)
        if image is None:
            image = picture.image()
        with self._lock:
            image = self._images.setdefault(picture.sha256, image)
            self._images.move_to_end(picture.sha256)
            if len(self._images) > IMAGES_KEPT:
                self._images.popitem(last=False)
        return image
