"""The statistics libraries, which are an extra: imported where used."""

import importlib
from typing import Any

from lvlm_eval.errors import InputError


def statistics_library(name: str) -> Any:
    """A module of scipy or statsmodels, such as ``scipy.special``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise InputError(
            f"comparing runs needs {library}, which cannot be imported ({error}). "
            "Run: pip install 'lvlm-eval[stats]'"
        ) from None
