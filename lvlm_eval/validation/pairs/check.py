"""Checks pairs in other layouts than SOCOv1: every pair, and every photo once."""

from collections import Counter
from collections.abc import Iterator

from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.errors import InputError
from lvlm_eval.reference import supercategory_of
from lvlm_eval.validation.findings import Finding, finding, in_order, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.pairs.reading import FolderBatch, folder_batches, read_folder_batch
from lvlm_eval.validation.report import Report, TreeCounts, Wanted, Watch
from lvlm_eval.validation.tree import photos
from lvlm_eval.validation.tree.doubtful import tree_doubts
from lvlm_eval.validation.tree.file_listing import files_below
from lvlm_eval.validation.tree.pair_lists import PairLists, case_collisions, recorded_sizes
from lvlm_eval.validation.tree.photos import Photo, is_image_name
from lvlm_eval.validation.tree.questions import DrawnQuestions, draw_questions
from lvlm_eval.workers import Workers


def validate_pairs(dataset: PairFolder, wanted: Wanted, workers: Workers, watch: Watch) -> Report:
    """Read everything of a dataset of pairs.

    Args:
        dataset: in a layout other than SOCOv1.
        wanted: what to look at.
        workers: processes that read.
        watch: told of progress.

    Raises:
        InputError: the user's own descriptions cannot be used.
        StoppedError: a worker process was killed.
    """
    found, lists = _read_pairs(dataset, workers, watch)
    listed = _listed(dataset, found)
    shown = _read_photos(dataset, lists, workers, watch)
    users = {
        image: tuple(dict.fromkeys(file for places in sizes.values() for file, _ in places))
        for image, sizes in lists.sizes.items()
    }
    found += photos.photo_findings(tuple(shown.values()), users, listed)
    found += _sizes(dataset, lists, shown)
    found += case_collisions(listed)
    drawn = _draw(dataset, lists, wanted, found)
    doubts = tree_doubts(drawn.questions, drawn.words, shown, watch) if wanted.doubts else ()
    families = dataset.supercategories()
    groups = Counter(
        families.get(name) or supercategory_of(name) or "none" for name in lists.categories
    )
    splits = dataset.splits()
    return Report(
        name=dataset.name,
        layout=dataset.layout,
        place=printable(str(dataset.root)),
        counts=TreeCounts(
            categories=len(lists.categories),
            supercategories={name: groups[name] for name in sorted(groups)},
            images=len(shown),
            images_unused=sum(image not in shown for image in listed),
            keypoints=lists.keypoints,
            pairs={split: lists.read[split] for split in splits},
            pairs_refused={split: lists.refused[split] for split in splits},
            questions=len(drawn.questions),
            policy=wanted.policy,
        ),
        findings=in_order(found),
        questions=len(drawn.questions) if wanted.doubts else None,
        doubts=doubts,
    )


def _read_pairs(
    dataset: PairFolder, workers: Workers, watch: Watch
) -> tuple[list[Finding], PairLists]:
    """Every pair of every split, and what shows when they are compared."""
    found: list[Finding] = []
    parts: list[FolderBatch] = []
    if "intra" not in dataset.splits():
        message = "there is no list of test pairs, so that nothing is evaluated by default."
        found.append(finding(Kind.SPLIT, ".", "", message))
    for split in dataset.splits():
        try:
            parts += folder_batches(dataset, split)
        except InputError as error:
            message = str(error).removeprefix(f"{dataset.root}/")
            found.append(finding(Kind.SPLIT, split, "", message))
    lists = PairLists()
    total, done = sum(len(part.files) for part in parts), 0
    for part, read in zip(parts, workers.each(read_folder_batch, parts), strict=True):
        lists.add(read)
        done += len(part.files)
        watch("pairs", done, total)
    found += lists.findings
    if dataset.same_names:
        found += lists.moved()
    return found, lists


def _listed(dataset: PairFolder, found: list[Finding]) -> tuple[str, ...]:
    """Every photo in the folders that hold photos."""
    try:
        folders = dataset.photo_folders()
    except InputError as error:  # its list cannot be read, which is a finding already
        assert found, error
        return ()
    paths = (path for folder in folders for path in files_below(dataset.root, folder))
    return tuple(path for path in paths if is_image_name(path))


def _read_photos(
    dataset: PairFolder, lists: PairLists, workers: Workers, watch: Watch
) -> dict[str, Photo]:
    """Every photo that a pair uses."""
    parts = tuple(photos.batches(dataset.root, lists.images))
    shown: dict[str, Photo] = {}
    for read in workers.each(photos.read_photos, parts):
        shown.update((photo.image, photo) for photo in read)
        watch("images", len(shown), len(lists.images))
    return shown


def _sizes(dataset: PairFolder, lists: PairLists, shown: dict[str, Photo]) -> Iterator[Finding]:
    """Recorded sizes unlike the photo's."""
    real = {name: one.facts.size for name, one in shown.items() if one.facts is not None}
    for one in recorded_sizes(lists.sizes, real):
        field = dataset.size_field.format(side=one.field.partition("_")[0])
        yield finding(one.kind, one.file, field, one.message)


def _draw(
    dataset: PairFolder, lists: PairLists, wanted: Wanted, found: list[Finding]
) -> DrawnQuestions:
    """The questions that a run would draw; what stands in their way goes to the findings."""
    if not lists.read["intra"]:
        return DrawnQuestions()
    names = {
        file.key: dataset.where(file)
        for files in dataset.pair_files("intra").values()
        for file in files
    }
    first = next(iter(names.values()))
    place = first.rpartition("/")[0] or first.partition(" row ")[0]
    drawn = draw_questions(
        dataset, wanted.policy, wanted.descriptions, place, lambda key: names.get(key, key)
    )
    told = {one.file for one in found if one.kind in {Kind.NO_KEYPOINTS, Kind.NO_OVERLAP}}
    found += (
        one for one in drawn.findings if one.kind is not Kind.NO_QUESTION or one.file not in told
    )
    return drawn
