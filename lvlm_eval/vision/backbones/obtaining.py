"""One clear line where a model or its weights cannot be had, whichever library brings them."""

from collections.abc import Iterator
from contextlib import contextmanager

from lvlm_eval.errors import InputError, one_line
from lvlm_eval.silence import silenced


@contextmanager
def obtaining(what: str, hint: str) -> Iterator[None]:
    """Turn what libraries raise on missing, torn or unsuited weights into one line.

    Args:
        what: that is loaded.
        hint: what the user can do.

    Raises:
        InputError: anything was raised within; with its text and the hint.
    """
    try:
        with silenced():
            yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{what} needs the package '{error.name}': install it.") from error
    except Exception as error:  # a torn file makes readers raise anything
        raise InputError(f"{what} cannot be had: {one_line(str(error))} {hint}") from error
