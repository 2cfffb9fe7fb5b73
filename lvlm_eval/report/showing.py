"""Shows a question exactly as a model gets it: the text on the screen, the images as files."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval.errors import InputError
from lvlm_eval.records import Question, Request, Setting
from lvlm_eval.requests import RequestSource


def show_question(
    source: RequestSource,
    wanted: str,
    settings: Sequence[Setting],
    rotation: int,
    out: Path | None,
) -> Iterator[str]:
    """Describe the requests of one question, a line at a time, and write them to a folder.

    Args:
        source: where the question is.
        wanted: its id, a part of the id that fits only one, or its number from 1.
        settings: the settings to show.
        rotation: row of the group, from 0.
        out: folder for ``<question>-<setting>-<rotation>.txt`` and ``-<n>.png``; None writes none.

    Yields:
        Lines for the screen.

    Raises:
        InputError: no or several questions fit, or there is no such rotation.
    """
    question = _find(source, wanted)
    for setting in settings:
        asks = source.asks(question, setting)
        if rotation >= len(asks):
            raise InputError(
                f"'{question.id}' has {len(asks)} rows in {setting}: "
                f"--rotation goes from 0 to {len(asks) - 1}."
            )
        ask = asks[rotation]
        request = source.request(ask)
        yield f"── {ask.id} ──"
        if request.system is not None:
            yield f"[system]\n{request.system}\n\n[user]"
        for place, picture in enumerate(request.pictures, start=1):
            yield f"[image {place}: {picture.size[0]}×{picture.size[1]} px, {picture.media_type}]"
        yield request.text
        yield f"[right option: {ask.answer or 'not told by the data'}]"
        if out is not None:
            yield from (f"wrote {path}" for path in _write(request, out))
        yield ""


def _find(source: RequestSource, wanted: str) -> Question:
    by_id = {question.id: question for question in source.questions}
    if wanted in by_id:
        return by_id[wanted]
    if wanted.isdecimal():
        if 1 <= int(wanted) <= len(source.questions):
            return source.questions[int(wanted) - 1]
        raise InputError(f"there is no question number {wanted}: they go from 1 to {len(by_id)}.")
    fitting = [id for id in by_id if wanted in id]
    if len(fitting) == 1:
        return by_id[fitting[0]]
    if fitting:
        raise InputError(f"'{wanted}' fits {len(fitting)} questions, such as {fitting[0]}.")
    close = difflib.get_close_matches(wanted, by_id, n=3) or list(by_id)[:3]
    raise InputError(
        f"'{source.name}' has no question '{wanted}' among its {len(by_id)}. "
        f"They look like: {', '.join(close)}."
    )


def _write(request: Request, out: Path) -> Iterator[Path]:
    stem = re.sub(r"[^A-Za-z0-9.+_-]+", "-", request.id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = out / f"{stem}.txt"
        system = "" if request.system is None else f"[system]\n{request.system}\n\n[user]\n"
        text.write_text(system + request.text, encoding="utf-8")
        yield text
        for place, picture in enumerate(request.pictures, start=1):
            path = out / f"{stem}-{place}.{picture.media_type.rpartition('/')[2]}"
            path.write_bytes(picture.data)
            yield path
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}") from error
