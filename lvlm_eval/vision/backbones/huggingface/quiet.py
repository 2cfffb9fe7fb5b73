"""Keeps what the libraries of Hugging Face report while they load off the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils.tqdm import are_progress_bars_disabled, enable_progress_bars
from transformers.utils import logging as library_logging

from lvlm_eval.silence import silenced


@contextmanager
def quiet() -> Iterator[None]:
    """The library's reports and bars, and the hub's on each try, are kept off the terminal.

    The bars of downloads stay.
    """
    level, bars = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    downloads = not are_progress_bars_disabled()
    hub = logging.getLogger("huggingface_hub")
    of_hub = hub.level
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
    if downloads:
        enable_progress_bars()
    hub.setLevel(logging.ERROR)
    try:
        with silenced():
            yield
    finally:
        hub.setLevel(of_hub)
        library_logging.set_verbosity(level)
        if bars:
            library_logging.enable_progress_bar()
