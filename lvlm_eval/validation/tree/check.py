"""Checks a folder in SOCOv1 layout: every pair file, every photo once, the files beside them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from lvlm_eval.datasets.soco_tree import SocoTree, Split
from lvlm_eval.errors import InputError
from lvlm_eval.reference import category_names, supercategory_of
from lvlm_eval.validation.findings import Finding, finding, in_order, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.report import Report, TreeCounts, Wanted, Watch
from lvlm_eval.validation.tree import other_files, pair_files, photos
from lvlm_eval.validation.tree.doubtful import tree_doubts
from lvlm_eval.validation.tree.other_files import PAIRS
from lvlm_eval.validation.tree.pair_lists import PairLists, case_collisions, recorded_sizes
from lvlm_eval.validation.tree.photos import Photo
from lvlm_eval.validation.tree.questions import DrawnQuestions, draw_questions
from lvlm_eval.workers import Workers

Part = TypeVar("Part")
Result = TypeVar("Result")

# Pairs of these kinds give no question, which need not be said twice.
_WITHOUT_QUESTION = {Kind.NO_KEYPOINTS, Kind.NO_OVERLAP}


def validate_tree(tree: SocoTree, wanted: Wanted, workers: Workers, watch: Watch) -> Report:
    """Read everything of a tree.

    Args:
        tree: the dataset.
        wanted: what to look at.
        workers: processes that read.
        watch: told of progress.

    Raises:
        InputError: the user's own descriptions cannot be used.
        StoppedError: a worker process was killed.
    """
    check = _Check(tree, workers, watch)
    check.read_pairs()
    check.read_photos()
    check.read_other_files()
    drawn = check.draw(wanted)
    doubts = tree_doubts(drawn.questions, drawn.words, check.photos, watch) if wanted.doubts else ()
    return Report(
        name=tree.name,
        layout="SOCOv1",
        place=printable(str(tree.root)),
        counts=check.counts(drawn, wanted),
        findings=in_order(check.findings),
        questions=len(drawn.questions) if wanted.doubts else None,
        doubts=doubts,
    )


class _Check:
    """What has been read so far."""

    def __init__(self, tree: SocoTree, workers: Workers, watch: Watch) -> None:
        self.tree = tree
        self.workers = workers
        self.watch = watch
        self.findings: list[Finding] = []
        self.pairs = PairLists()
        self.photos: dict[str, Photo] = {}
        self.listed = photos.list_images(tree.root)

    def read_pairs(self) -> None:
        """Every pair of every split, and what shows when they are compared."""
        parts = [part for split in self._splits() for part in self._batches(split)]
        for read in self._each("pairs", pair_files.read_batch, parts, lambda one: len(one.files)):
            self.pairs.add(read)
        self.findings += self.pairs.findings
        self.findings += self.pairs.moved()
        self.findings += self.pairs.in_train_and_test()
        files = [
            printable(file.path.relative_to(self.tree.root).as_posix())
            for part in parts
            for file in part.files
        ]
        self.findings += other_files.stray_findings(self.tree.root, files)
        self.findings += case_collisions((*files, *self.listed))

    def _splits(self) -> Iterator[Split]:
        splits = self.tree.splits()
        if "intra" not in splits:
            message = "absent or empty, so that 'run' has nothing to ask."
            self.findings.append(finding(Kind.SPLIT, f"{PAIRS}/intra", "", message))
        yield from splits

    def _batches(self, split: Split) -> Sequence[pair_files.PairBatch]:
        try:
            return pair_files.batches(self.tree, split)
        except InputError as error:
            message = str(error).removeprefix(f"{self.tree.root}/")
            self.findings.append(finding(Kind.SPLIT, PAIRS, "", message))
            return ()

    def read_photos(self) -> None:
        """Every photo that a pair uses."""
        used = self.pairs.images
        parts = tuple(photos.batches(self.tree.root, used))
        for read in self._each("images", photos.read_photos, parts, lambda one: len(one.images)):
            self.photos.update((photo.image, photo) for photo in read)
        users = {
            image: tuple(dict.fromkeys(file for places in sizes.values() for file, _ in places))
            for image, sizes in self.pairs.sizes.items()
        }
        self.findings += photos.photo_findings(tuple(self.photos.values()), users, self.listed)
        real = {name: one.facts.size for name, one in self.photos.items() if one.facts is not None}
        self.findings += recorded_sizes(self.pairs.sizes, real)

    def read_other_files(self) -> None:
        """KeypointAnnotations, Metadata, and categories that are not those of the release."""
        parts = tuple(other_files.json_batches(self.tree.root))
        files = [
            file
            for read in self._each(
                "other files", other_files.read_json, parts, lambda one: len(one.files)
            )
            for file in read
        ]
        # A photo that a pair uses and that is missing is an error already.
        self.findings += other_files.json_findings(files, (*self.listed, *self.photos))
        own = sorted(name for name in self.pairs.categories if supercategory_of(name) is None)
        for name in own:
            message = f"none of the {len(category_names())} categories of SOCO."
            self.findings.append(finding(Kind.CATEGORY_UNKNOWN, f"Images/{name}", "", message))

    def draw(self, wanted: Wanted) -> DrawnQuestions:
        """The questions that a run would draw."""
        if not self.pairs.read["intra"]:
            return DrawnQuestions()
        intra = f"{PAIRS}/intra"
        drawn = draw_questions(
            self.tree, wanted.policy, wanted.descriptions, intra, lambda key: f"{intra}/{key}.json"
        )
        told = {one.file for one in self.findings if one.kind in _WITHOUT_QUESTION}
        self.findings += (
            one
            for one in drawn.findings
            if one.kind is not Kind.NO_QUESTION or one.file not in told
        )
        return drawn

    def counts(self, drawn: DrawnQuestions, wanted: Wanted) -> TreeCounts:
        """How much there is."""
        try:
            own = self.tree.supercategories()
        except InputError:
            own = {}
        groups = Counter(
            own.get(name) or supercategory_of(name) or "none" for name in self.pairs.categories
        )
        splits = self.tree.splits()
        return TreeCounts(
            categories=len(self.pairs.categories),
            supercategories={name: groups[name] for name in sorted(groups)},
            images=len(self.photos),
            images_unused=sum(image not in self.photos for image in self.listed),
            keypoints=self.pairs.keypoints,
            pairs={split: self.pairs.read[split] for split in splits},
            pairs_refused={split: self.pairs.refused[split] for split in splits},
            questions=len(drawn.questions),
            policy=wanted.policy,
        )

    def _each(
        self,
        what: str,
        work: Callable[[Part], Result],
        parts: Sequence[Part],
        length: Callable[[Part], int],
    ) -> Iterable[Result]:
        total, done = sum(map(length, parts)), 0
        for part, result in zip(parts, self.workers.each(work, parts), strict=True):
            done += length(part)
            self.watch(what, done, total)
            yield result
