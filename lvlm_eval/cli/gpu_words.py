"""The words of a command spread over GPUs: the list of these, and those of its processes."""

import re
from collections.abc import Sequence
from pathlib import Path

from lvlm_eval.errors import InputError

_GPU = r"(?:\d{1,3}|(?:GPU|MIG)-[\w/-]+)"


def parse_gpus(text: str) -> tuple[str, ...]:
    """Read ``0,1,2``, or ``0+1,2+3`` for one process on each two GPUs.

    Returns:
        What each process gets as CUDA_VISIBLE_DEVICES.

    Raises:
        InputError: it is no such list, or names a GPU twice.
    """
    found = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(rf"{_GPU}(\+{_GPU})*", part) for part in found):
        raise InputError(
            f"--gpus '{text}' is no list of GPUs: write their numbers, such as 0,1,2,3, or 0+1,2+3 "
            "for one process on each two."
        )
    single = [one for part in found for one in part.split("+")]
    twice = next((one for one in single if single.count(one) > 1), None)
    if twice is not None:
        raise InputError(f"--gpus '{text}' names GPU {twice} twice.")
    return tuple(part.replace("+", ",") for part in found)


def words_for_child(words: Sequence[str], folder: Path) -> list[str]:
    """A command's words for one of its processes, which gets its shard after them.

    Args:
        words: from ``run`` on.
        folder: of the results.
    """
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name = word.partition("=")[0]
        if name in ("--gpus", "--out", "--prices"):
            if "=" not in word:
                next(rest, None)
        elif name not in ("--json", "--log-json"):
            kept.append(word)
    return [*kept, "--out", str(folder)]
