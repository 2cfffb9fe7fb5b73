"""What the hub's errors mean: one line each, and whether the same command may succeed later."""

from pathlib import Path

from huggingface_hub import get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lvlm_eval.download.hub import Hub
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.secrets import hidden, without_secrets

LONGEST_PAUSE = 300.0
"""Seconds; a hub that asks for more is not waited for."""

_TRANSPORT = {"httpx", "httpx2", "httpcore", "httpcore2"}
_LOGIN = "set HF_TOKEN to an access token, or run: hf auth login"


def comes_from_hub(error: BaseException) -> bool:
    """Whether an error is about the hub or the way to it, and not about the disk here."""
    return (
        isinstance(error, HfHubHTTPError | OfflineModeIsEnabled)
        or type(error).__module__.partition(".")[0] in _TRANSPORT
    )


def is_temporary(error: BaseException) -> bool:
    """Whether asking again in a moment may help."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in (408, 429) or status >= 500
    return comes_from_hub(error) and not isinstance(error, OfflineModeIsEnabled)


def asked_pause(error: BaseException | None) -> float | None:
    """Seconds that the hub asks to wait before the next try; None if it does not say."""
    if not isinstance(error, HfHubHTTPError):
        return None
    stated = error.response.headers.get("Retry-After", "").strip()
    return float(stated) if stated.isdecimal() else None


def briefly(error: BaseException | None) -> str:
    """Why an answer of the hub ended before its time, in a few words."""
    if error is None:
        return "the answer ended early"
    if isinstance(error, HfHubHTTPError):
        return f"the hub answers {error.response.status_code}"
    return f"connection lost: {type(error).__name__}"


def trouble(
    error: BaseException, hub: Hub, revision: str, folder: Path
) -> InputError | StoppedError:
    """The error that ends the command, in place of one that the hub's client raised.

    Args:
        error: what was raised.
        hub: what was asked.
        revision: the branch, tag or commit that was asked for.
        folder: where the data was to go.

    Returns:
        An InputError where the user has to change something, a StoppedError where time may help.
    """
    page, name = without_secrets(hub.page), hub.repository
    by_hand = (
        f"Without a way to it from here, run the command on another machine and copy the folder "
        f"to {folder}, or fetch the files of {page} by hand into it (unpack any .zip there)."
    )
    line: InputError | StoppedError
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, OfflineModeIsEnabled):
        line = InputError(
            f"HF_HUB_OFFLINE is set, so the hub is not asked for {name}. Unset it. {by_hand}"
        )
    elif isinstance(error, GatedRepoError) or status == 403:
        line = InputError(
            f"{name} is not open to this account ({status}). Accept its conditions at {page}, "
            f"then {_LOGIN}."
        )
    elif isinstance(error, RevisionNotFoundError):
        line = InputError(
            f"{name} has no revision '{revision}'. Give a branch, a tag or a whole commit hash "
            f"with --revision; its history is at {page}/commits/main."
        )
    elif isinstance(error, RemoteEntryNotFoundError):
        line = InputError(
            f"the hub no longer has a file of commit {revision} of {name}. Look at {page}; "
            f"for another commit, give another --out."
        )
    elif isinstance(error, RepositoryNotFoundError) or status == 404:
        line = InputError(
            f"the hub shows no dataset {name} ({status}). Look at {page}: if it is there and asks "
            f"for an account, {_LOGIN}."
        )
    elif status == 401:
        line = InputError(
            f"the hub does not accept the access token (401). Correct it ({_LOGIN}), or remove it: "
            "open data needs none."
        )
    elif status == 429:
        pause = asked_pause(error)
        when = f"after {pause:.0f} s" if pause else "in some minutes"
        line = StoppedError(
            f"the hub asks for a pause (429, too many requests). Try again {when}: the same "
            "command goes on where it stopped."
        )
    elif status >= 500 or status == 408:
        line = StoppedError(
            f"the hub is out of order ({status}). Try again later: the same command goes on where "
            f"it stopped. {by_hand}"
        )
    elif status:
        line = InputError(
            f"the hub refuses what is asked for {name} ({status}, {_said(error)}). Look at {page}."
        )
    elif comes_from_hub(error):
        line = StoppedError(
            f"the hub at {without_secrets(hub.endpoint)} cannot be reached ({_said(error)}). Check "
            f"the connection; the same command goes on where it stopped. {by_hand}"
        )
    else:
        line = InputError(
            f"{without_secrets(hub.endpoint)} does not answer as a hub ({_said(error)}). Check "
            "HF_ENDPOINT, the proxy settings, or a login page of the network in between."
        )
    return line


def _said(error: BaseException) -> str:
    """The kind of error and its own words, on one short line, without the token."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return str(without_secrets(hidden(text, [token] if (token := get_token()) else [])))[:200]
