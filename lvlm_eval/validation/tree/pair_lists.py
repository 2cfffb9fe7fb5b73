"""What shows only when all pairs are seen together: doubles, overlaps, points that moved."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from lvlm_eval.validation.findings import Finding, finding
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tree.pair_files import ReadBatch, SeenPair, Spot, distinct


class PairLists:
    """Gathers batches in their order.

    Attributes:
        read: pairs that can be used, by split.
        refused: pairs that cannot, by split.
        categories: of both sides of all pairs.
        findings: those of single files, in their order.
        sizes: image → recorded size in px → files and fields that say so.
    """

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.categories: set[str] = set()
        self.findings: list[Finding] = []
        self.sizes: dict[str, dict[tuple[int, int], list[tuple[str, str]]]] = {}
        self._spots: dict[str, dict[str, tuple[Spot, ...]]] = {}
        self._ids: dict[tuple[str, str, str], str] = {}
        self._images_of_pairs: dict[tuple[str, str, str], str] = {}
        self._of_split: dict[str, dict[str, str]] = {}

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that a pair uses, in order of the names."""
        return tuple(sorted(self.sizes))

    @property
    def keypoints(self) -> int:
        """Distinct keypoints: each name once an image."""
        return sum(len(names) for names in self._spots.values())

    def add(self, read: ReadBatch) -> None:
        """Take in the next batch."""
        split, folder = read.batch.split, read.batch.folder
        self.read[split] += len(read.pairs)
        self.refused[split] += read.refused
        self.findings += read.findings
        for pair in read.pairs:
            self._compare(pair, split, folder)
            for side, view in (("src", pair.source), ("trg", pair.target)):
                self.categories.add(view.category)
                places = self.sizes.setdefault(view.image, {}).setdefault(view.size, [])
                places.append((pair.file, f"{side}_imsize"))
                self._of_split.setdefault(split, {}).setdefault(view.image, pair.file)
        for image, names in read.spots.items():
            known = self._spots.setdefault(image, {})
            for name, spots in names.items():
                known[name] = distinct(known.get(name, ()), spots)

    def _compare(self, pair: SeenPair, split: str, folder: str) -> None:
        # Ids are counted anew in each folder, which in a flat list stands for the category.
        category = folder or pair.target.category
        if pair.pair_id is not None:
            first = self._ids.setdefault((split, category, pair.pair_id), pair.file)
            if first != pair.file:
                message = (
                    f"{pair.pair_id} stands in {first}, too: the file's name tells them apart."
                )
                self.findings.append(finding(Kind.PAIR_ID_DOUBLED, pair.file, "pair_id", message))
        key = (split, pair.source.image, pair.target.image)
        first = self._images_of_pairs.setdefault(key, pair.file)
        if first != pair.file:
            message = f"the same two photos as {first}: counted twice."
            self.findings.append(finding(Kind.PAIR_DOUBLED, pair.file, "", message))

    def moved(self) -> Iterator[Finding]:
        """Keypoints that lie at different places of one image, one a keypoint."""
        for image in sorted(self._spots):
            for name, spots in self._spots[image].items():
                if len(spots) > 1:
                    first, second = spots[:2]
                    yield finding(
                        Kind.VIEWS_DIFFER,
                        image,
                        name,
                        f"at ({first.x:g}, {first.y:g}) px in {first.file}, "
                        f"at ({second.x:g}, {second.y:g}) px in {second.file}.",
                    )

    def in_train_and_test(self) -> Iterator[Finding]:
        """Images that a probe would be trained and tested on."""
        train, test = (self._of_split.get(split, {}) for split in ("train", "test"))
        for image in sorted(train.keys() & test.keys()):
            one, other = (PurePosixPath(split[image]).stem for split in (train, test))
            message = f"trained on in {one} and tested in {other}."
            yield finding(Kind.TRAIN_AND_TEST, image, "", message)


def case_collisions(paths: Iterable[str]) -> Iterator[Finding]:
    """Paths that are one file where case and composed letters do not count (macOS, Windows)."""
    known: dict[str, str] = {}
    for path in sorted(paths):
        first = known.setdefault(folded(path), path)
        if first != path:
            message = f"differs from {first} only in case: on some systems one hides the other."
            yield finding(Kind.CASE_COLLISION, path, "", message)


def folded(path: str) -> str:
    """What a path is to a system that does not tell case apart."""
    return unicodedata.normalize("NFC", path).casefold()


def recorded_sizes(
    sizes: Mapping[str, Mapping[tuple[int, int], list[tuple[str, str]]]],
    real: Mapping[str, tuple[int, int]],
) -> Iterator[Finding]:
    """Recorded sizes unlike the image file's, one a pair and side.

    Args:
        sizes: as in ``PairLists.sizes``.
        real: image → width and height in px, of the images that could be decoded.
    """
    for image in sorted(sizes):
        if image not in real:
            continue
        width, height = real[image]
        for recorded, places in sizes[image].items():
            if recorded != (width, height):
                message = (
                    f"[{recorded[0]}, {recorded[1]}] is recorded, {image} is {width}x{height} px."
                )
                for file, name in places:
                    yield finding(Kind.IMAGE_SIZE, file, name, message)
