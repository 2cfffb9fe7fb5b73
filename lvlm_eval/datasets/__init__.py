"""Opens whatever ``--data`` names: a folder of pairs, SOCO-LVLM tables, or the bundled sample."""

import re
from collections.abc import Iterable
from pathlib import Path

from lvlm_eval.datasets.correspondence.ap10k import Ap10kFolder, is_ap10k
from lvlm_eval.datasets.correspondence.proposal_flow import open_proposal_flow
from lvlm_eval.datasets.correspondence.spair import SpairFolder
from lvlm_eval.datasets.lvlm_tables import LvlmTables, table_files
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.resources import data_folder

__all__ = ["SAMPLE", "LvlmTables", "PairDataset", "SocoTree", "open_dataset"]

SAMPLE = "sample"
"""The word that always means the bundled data; a folder of that name is ``./sample``."""

_PAIRS, _IMAGES = "PairAnnotations", "Images"
_OTHER_PAIRS, _OTHER_IMAGES = "PairAnnotation", "JPEGImages"
_INSIDE = ("SOCOv1", "SOCO_LVLM", "SPair-71k", "ap-10k", "PF-dataset", "PF-dataset-PASCAL")
"""Folders that a release brings along; the one around them may be given as well."""
_ARCHIVES = ("Images.zip", "PairAnnotations.zip", "KeypointAnnotations.zip")
_EXPECTED = (
    "expected a folder in SOCOv1 layout (with PairAnnotations/ and Images/), a SOCO-LVLM table "
    f"(.tsv) or a folder of them, SPair-71k, AP-10K, PF-WILLOW or PF-PASCAL, or '{SAMPLE}'"
)


def open_dataset(spec: str) -> PairDataset | LvlmTables:
    """Find out what a dataset is, and open it without reading it.

    Args:
        spec: ``sample``, or the path of a folder in SOCOv1 layout (or of the folder around it), of
            a ``.tsv`` file, or of a folder of such files, or of another dataset of pairs whose
            layout is known: SPair-71k, AP-10K pairs, PF-WILLOW, PF-PASCAL.

    Returns:
        The dataset; its ``name`` is safe as part of a file name.

    Raises:
        InputError: nothing of that kind is there; the message says what is, and what to do.
    """
    if spec == SAMPLE:
        return _open_sample()
    try:
        path = Path(spec).expanduser()
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, RuntimeError) as error:  # a name too long, or the home of nobody
        raise InputError(f"no dataset at {shown(spec)} ({error}): {_EXPECTED}.") from None
    if is_file:
        return _open_file(path)
    if not is_folder:
        raise _nothing_there(spec, path)
    opened = _open_folder(path)
    if opened is not None:
        return opened
    released = [path / name for name in _INSIDE if (path / name).is_dir()]
    inner = [one for one in map(_open_folder, released) if one is not None]
    if len(inner) == 1:
        return inner[0]
    raise _not_a_dataset(path)


def _open_sample() -> SocoTree:
    folder = data_folder() / SAMPLE
    if not folder.is_dir():
        raise refusal(folder, "", "the bundled sample is missing. Install lvlm-eval again.")
    return SocoTree(folder, SAMPLE)


def _open_file(path: Path) -> LvlmTables:
    if path.suffix.lower() == ".tsv":
        return LvlmTables(path, _safe_name(path.stem))
    hints = {
        ".zip": "Unpack it and give the folder.",
        ".gz": "Unpack it and give the .tsv file.",
        ".xlsx": "If it holds predictions, use 'lvlm-eval score'.",
        ".json": "Give the dataset's folder.",
    }
    raise refusal(path, "", f"is no dataset: {_EXPECTED}. {hints.get(path.suffix.lower(), '')}")


def _open_folder(folder: Path) -> PairDataset | LvlmTables | None:
    if (folder / _PAIRS).is_dir() and (folder / _IMAGES).is_dir():
        return SocoTree(folder, _safe_name(folder.resolve().name))
    packed = [name for name in _ARCHIVES if (folder / name).is_file()]
    missing = [name for name in (_IMAGES, _PAIRS) if not (folder / name).is_dir()]
    needed = [f"{name}.zip" for name in missing if f"{name}.zip" in packed]
    if needed:
        raise refusal(
            folder,
            "",
            f"is not unpacked yet. Run: cd {folder} && unzip {' && unzip '.join(needed)}",
        )
    if _PAIRS not in missing:
        raise refusal(folder, "", "has PairAnnotations/ but no Images/, which is needed beside it.")
    if table_files(folder):
        return LvlmTables(folder, _safe_name(folder.resolve().name))
    return _open_other(folder)


def _open_other(folder: Path) -> PairDataset | None:
    """A dataset of pairs in another layout."""
    name = _safe_name(folder.resolve().name)
    if not (folder / _OTHER_PAIRS).is_dir():
        return open_proposal_flow(folder, name)
    if not (folder / _OTHER_IMAGES).is_dir():
        raise refusal(
            folder, "", f"has {_OTHER_PAIRS}/ but no {_OTHER_IMAGES}/, which is needed beside it."
        )
    return Ap10kFolder(folder, name) if is_ap10k(folder) else SpairFolder(folder, name)


def _nothing_there(spec: str, path: Path) -> InputError:
    parent = path
    while not parent.is_dir() and parent != parent.parent:
        missing, parent = parent.name, parent.parent
    try:
        siblings = [one.name for one in parent.iterdir() if not one.name.startswith(".")]
    except OSError:
        siblings = []
    plain_word = path.parent == Path() and not spec.startswith(".")
    known = [*siblings, SAMPLE] if plain_word else siblings
    place = "" if parent == Path() else f" in {parent}"
    return InputError(
        f"no dataset at {shown(spec)}: there is no {shown(missing)}{place}. "
        f"{nearest_names(missing, known[:50])} In general: {_EXPECTED}."
    )


def _not_a_dataset(path: Path) -> InputError:
    for above in list(path.resolve().parents)[:4]:
        if _holds(above, _PAIRS, _IMAGES) or _holds(above, _OTHER_PAIRS, _OTHER_IMAGES):
            return refusal(path, "", f"is a part of a dataset. Give its root: {above}")
    inner = [
        one
        for one in _subfolders(path)
        if _holds(one, _PAIRS) or _holds(one, _OTHER_PAIRS) or table_files(one)
    ]
    if inner:
        return refusal(path, "", f"is no dataset, but holds some. Give one: {_listed(inner)}")
    subfolders = _listed(one.name for one in _subfolders(path))
    found = f"subfolders found: {subfolders}" if subfolders else "it has no subfolders"
    return refusal(path, "", f"is no dataset: {_EXPECTED}; {found}.")


def _holds(folder: Path, *names: str) -> bool:
    return all((folder / name).is_dir() for name in names)


def _subfolders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir() and one.name[0] != ".")
    except OSError as error:
        raise refusal(path, "", f"cannot be listed ({error.strerror}).") from None


def _listed(names: Iterable[object]) -> str:
    shown_names = [str(name) for name in names]
    more = f" and {len(shown_names) - 8} more" if len(shown_names) > 8 else ""
    return ", ".join(shown_names[:8]) + more


def _safe_name(name: str) -> str:
    """Lower case, and only signs that are safe in a file name on every system."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "data"
