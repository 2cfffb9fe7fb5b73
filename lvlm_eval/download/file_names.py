"""Which names from outside may become names of files here."""

import unicodedata

from lvlm_eval.datasets.pair_annotation import is_plain_name

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
_LONGEST = 200


def is_safe_name(name: str) -> bool:
    """Whether a text names one file or folder, and the same one, on every system.

    No separators, drive letters, streams, control characters, devices or ``..``; no blank or full
    stop at its end, which Windows drops; at most 200 bytes in UTF-8.
    """
    return (
        is_plain_name(name)
        and name == name.rstrip(" .")
        and name.split(".")[0].rstrip().lower() not in _DEVICES
        and len(name.encode("utf-8", "surrogatepass")) <= _LONGEST
    )


def is_safe_path(path: str) -> bool:
    """Whether a path with ``/`` between its parts is relative and stays below where it starts."""
    return all(map(is_safe_name, path.split("/")))


def folded(path: str) -> str:
    """The same for two paths that some file system takes for one."""
    return unicodedata.normalize("NFC", path).casefold()
