"""The files of a tree that no run reads in full: their JSON, the images they name, strays."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lvlm_eval.validation.findings import Finding, finding
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tree.file_listing import files_below
from lvlm_eval.validation.tree.photos import is_image_name

KEYPOINTS, METADATA, PAIRS = "KeypointAnnotations", "Metadata", "PairAnnotations"
TAXONOMY = f"{METADATA}/keypoint_taxonomy.json"

BATCH = 100
"""Files a batch."""

_LONGEST_NAME = 300
_MOST_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class JsonBatch:
    """JSON files, as paths below the root."""

    root: Path
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadJson:
    """What could be told of a JSON file whose schema is not documented.

    Attributes:
        file: path below the root.
        trouble: why it is not readable; empty where it is.
        named: image names, those that stand together (as a key and its value) in one entry.
    """

    file: str
    trouble: str
    named: tuple[tuple[str, ...], ...]


def json_batches(root: Path) -> Iterator[JsonBatch]:
    """The JSON files of KeypointAnnotations and Metadata, in order of their names."""
    files = sorted((*_json_below(root, KEYPOINTS), *_json_below(root, METADATA)))
    for start in range(0, len(files), BATCH):
        yield JsonBatch(root, tuple(files[start : start + BATCH]))


def read_json(batch: JsonBatch) -> tuple[ReadJson, ...]:
    """Parse the files of a batch."""
    return tuple(_read(batch.root, file) for file in batch.files)


def _read(root: Path, file: str) -> ReadJson:
    path = root / file
    if not path.is_file():  # a pipe may never end
        return ReadJson(file, "is no file that can be read.", ())
    try:
        content = json.loads(path.read_bytes())
        return ReadJson(file, "", tuple(dict.fromkeys(_entries(content))))
    except OSError as error:
        return ReadJson(file, f"cannot be read ({error.strerror}).", ())
    except RecursionError:
        return ReadJson(file, "is not readable as JSON (nested too deeply).", ())
    except ValueError as error:
        return ReadJson(file, f"is not readable as JSON ({error}).", ())


def _entries(node: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The image names that stand together: a key with its value, or the values of one object."""
    if isinstance(node, dict):
        if any(_names_image(key) for key in node):
            for key, value in node.items():
                entry = (*above, *(one for one in (key, value) if _names_image(one)))
                yield entry
                yield from _entries(value, entry)
        else:
            yield from _together(tuple(node.values()), above)
    elif isinstance(node, list):
        yield from _together(node, above)


def _together(values: Sequence[object], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    names = (*above, *(one for one in values if isinstance(one, str) and _names_image(one)))
    if len(names) > len(above):
        yield names
    inherited = names if len(names) <= _MOST_TOGETHER else ()
    for value in values:
        yield from _entries(value, inherited)


def _names_image(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and is_image_name(value)


def json_findings(files: Sequence[ReadJson], images: Sequence[str]) -> Iterator[Finding]:
    """Files that are no JSON, and annotations of images that do not exist, as far as can be told.

    A name counts as known wherever in ``Images`` it stands. Metadata may map foreign names to
    images: an entry is only reported if none of its names is known and the file names known ones.

    Args:
        files: in order of their names.
        images: every image of the dataset, as in ``View.image``.
    """
    known = {*images, *(PurePosixPath(image).name for image in images)}
    stems = {PurePosixPath(image).stem for image in images}
    for file in files:
        if file.trouble:
            kind = Kind.TAXONOMY if file.file == TAXONOMY else Kind.METADATA_JSON
            yield finding(kind, file.file, "", file.trouble)
    sound = [file for file in files if not file.trouble]
    of_images = [file for file in sound if file.file.startswith(KEYPOINTS)]
    named_after = any(PurePosixPath(file.file).stem in stems for file in of_images)
    for file in of_images:
        found = PurePosixPath(file.file).stem in stems or any(_known(e, known) for e in file.named)
        if not found and (file.named or named_after):
            names = f"names {file.named[0][0]}" if file.named else "is named after no image"
            message = f"{names}: there is no such image in Images/."
            yield finding(Kind.NAMES_NO_IMAGE, file.file, "", message)
    for file in sound:
        if file.file.startswith(METADATA) and any(_known(e, known) for e in file.named):
            for entry in file.named:
                if not _known(entry, known):
                    message = f"{' / '.join(entry)}: there is no such image in Images/."
                    yield finding(Kind.NAMES_NO_IMAGE, file.file, "", message)


def _known(entry: Sequence[str], known: set[str]) -> bool:
    return any(
        name in known or f"Images/{name}" in known or PurePosixPath(name).name in known
        for name in entry
    )


def stray_findings(root: Path, read: Iterable[str]) -> Iterator[Finding]:
    """Files below PairAnnotations that belong to no list of pairs, so that nothing reads them.

    Args:
        root: of the dataset.
        read: every pair file, as a path below the root.
    """
    known = set(read)
    for path in files_below(root, PAIRS):
        if path not in known:
            message = "not read: pairs are .json files in <list>/<category>/."
            yield finding(Kind.FILE_IGNORED, path, "", message)


def _json_below(root: Path, name: str) -> Iterator[str]:
    return (path for path in files_below(root, name) if path.lower().endswith(".json"))
