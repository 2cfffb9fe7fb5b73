"""Says in few words in what two runs differ: the model, the prompt, the seed."""

from collections.abc import Iterator, Mapping
from typing import Any

from lvlm_eval.runs.folder import canonical

_LONGEST = 40
"""Characters of a value that is shown; of a longer one only its field is named."""

_FILES = ("prompt", "renderer")
"""Parts of an identity that are the content of a file with a name."""


def what_differs(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[str, ...]:
    """Where two identities differ, a phrase each, such as ``model random → random++``.

    Args:
        a: identity of the first run.
        b: identity of the second run.

    Returns:
        The phrases: first the model's, then the others by field; none for the same identity.
    """
    fields = sorted({*a, *b}, key=lambda one: (one != "model", one))
    return tuple(phrase for one in fields for phrase in _of_part(one, a.get(one), b.get(one)))


def _of_part(field: str, a: Any, b: Any) -> Iterator[str]:
    if canonical(a) == canonical(b):
        return
    if field == "dataset":
        yield "dataset (other content or other questions)"
    elif field in _FILES and isinstance(a, Mapping) and isinstance(b, Mapping):
        names = a.get("name"), b.get("name")
        if names[0] != names[1]:
            yield f"{field} {names[0]} → {names[1]}"
        else:
            places = (place for place, *_ in _leaves(field, a, b))
            yield f"{field} {names[0]} ({', '.join(place.partition('.')[2] for place in places)})"
    else:
        yield from (_change(*leaf) for leaf in _leaves(field, a, b))


def _leaves(place: str, a: Any, b: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted({*a, *b}, key=str):
            yield from _leaves(f"{place}.{key}", a.get(key), b.get(key))
    elif canonical(a) != canonical(b):
        yield place, a, b


def _change(place: str, a: Any, b: Any) -> str:
    name = "model" if place == "model.name" else place
    values = [one if isinstance(one, str) else _written(one) for one in (a, b)]
    if max(map(len, values)) > _LONGEST:
        return name
    return f"{name} {values[0]} → {values[1]}"


def _written(value: Any) -> str:
    return "none" if value is None else canonical(value)
