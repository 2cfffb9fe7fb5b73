"""Valid files with something wrong in them: strategies that know what the files are made of."""

import copy
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("LVLM_EVAL_FUZZ", "1"))
"""How many times as many examples as in the ordinary suite."""

ODD_TEXTS = (
    *("", " ", "\t", "\0", "\x1b[31m", "a\nb", "\r", "\u2028", "\ud800", "\udcff", "\u202e", "é"),
    *(
        "x" * 5_000,
        "../../x",
        "C:\\x",
        "/x",
        ".",
        "A",
        "1",
        "NaN",
        "null",
        "\ufeff",
        "\U0001d504",
        "\u202f",
    ),
)


class Literal(str):
    """JSON that stands in a file as it is, such as a number that no reader can hold."""


ODD_LITERALS = tuple(
    map(
        Literal,
        (
            *("NaN", "-Infinity", "1e999", "-0.0", "1e-400", "9" * 400, "9" * 5_000, "0.5", "-7"),
            *("[" * 3_000 + "]" * 3_000, '{"a":' * 3_000 + "1" + "}" * 3_000, "[", "", "'a'"),
        ),
    )
)
ODD_VALUES = (*ODD_TEXTS, *ODD_LITERALS, None, True, 0, -1, 1.5, 80, [], {}, [None], {"": ""})


class Members(list[tuple[str, Any]]):
    """A JSON object that may have one member twice."""


def fuzzing(examples: int) -> Callable[[Any], Any]:
    """So many examples in the ordinary suite, more where the environment asks for more."""
    return settings(
        max_examples=examples * TIMES,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes flipped, cut out, doubled, put in or cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 4, 16, 200, 10**9])))
        match draw(st.sampled_from(["cut", "flip", "put", "twice", "zero"])):
            case "cut":
                del content[start:end]
            case "flip" if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "put":
                content[start:start] = draw(st.sampled_from(_PUT) | st.binary(max_size=6))
            case "twice":
                content[start:start] = content[start:end][:1_000]
            case "zero":
                content[start:end] = bytes(end - start)
    return bytes(content)


_PUT = (
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\r", b"\n", b"\r\n", b"\t", b'"', b'""', b"'", b"\\"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xff\xff\xff\xff",
        b"0",
        b"=",
    ),
)


@st.composite
def changed_json(draw: st.DrawFn, valid: Any, mostly_whole: int = 4) -> bytes:
    """A JSON document with members dropped, doubled, retyped, and now and then damaged bytes."""
    root = [_as_members(copy.deepcopy(valid))]
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, root)
    content = _written(root[0]).encode("utf-8", "surrogatepass")
    return content if draw(st.integers(0, mostly_whole)) else draw(damaged(content))


def changed_lines(line: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Lines under each other, with all kinds of line ends, and now and then damaged as a whole."""
    ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b"\r", b"\n\0", b""])
    return (
        st.lists(st.tuples(line, ends), max_size=4)
        .map(lambda parts: b"".join(line + end for line, end in parts))
        .flatmap(lambda whole: st.just(whole) | damaged(whole))
    )


def _change(draw: st.DrawFn, root: list[Any]) -> None:
    holder, place = root, 0
    while _inner(holder[place]) and draw(st.integers(0, 9)) < 9:
        inner = _inner(holder[place])
        holder, place = inner, draw(st.integers(0, len(inner) - 1))
        if isinstance(holder, Members):
            name, value = holder[place]
            if not (_inner(value) and draw(st.integers(0, 3)) < 3):
                _change_member(draw, holder, place, name, value)
                return
            cell = [value]
            holder[place] = (name, cell[0])
            holder, place = cell, 0
    match draw(st.sampled_from(["odd", "odd", "drop", "twice"])):
        case "drop" if holder is not root:
            del holder[place]
        case "twice" if holder is not root:
            holder.insert(place, copy.deepcopy(holder[place]))
        case _:
            holder[place] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))


def _change_member(draw: st.DrawFn, members: Members, place: int, name: str, value: Any) -> None:
    odd = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
    match draw(st.sampled_from(["odd", "odd", "drop", "twice", "both", "rename", "other"])):
        case "odd":
            members[place] = (name, odd)
        case "drop":
            del members[place]
        case "twice":
            members.insert(place, (name, copy.deepcopy(value)))
        case "both":
            members.insert(draw(st.integers(0, len(members))), (name, odd))
        case "rename":
            members[place] = (draw(st.sampled_from(ODD_TEXTS)), value)
        case "other":
            other = draw(st.integers(0, len(members) - 1))
            members[place] = (name, copy.deepcopy(members[other][1]))


def _inner(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_members(value: Any) -> Any:
    if isinstance(value, dict):
        return Members((name, _as_members(one)) for name, one in value.items())
    return [_as_members(one) for one in value] if isinstance(value, list) else value


def _written(value: Any) -> str:
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, Members):
        return "{" + ", ".join(f"{json.dumps(k)}: {_written(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value)


@st.composite
def changed_table(draw: st.DrawFn, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """A tab-separated table with odd cells, cut rows, open quotes and mixed line ends."""
    records = [list(header), *map(list, rows)]
    for _ in range(draw(st.integers(0, 3))):
        record = records[draw(st.integers(0, len(records) - 1))]
        place = draw(st.integers(0, len(record)))
        match draw(st.sampled_from(["odd", "odd", "odd", "cut", "more", "swap"])):
            case "odd" if place < len(record):
                record[place] = draw(st.sampled_from(_ODD_CELLS) | st.text(max_size=6))
            case "cut":
                del record[place:]
            case "more":
                record.insert(place, draw(st.sampled_from(_ODD_CELLS)))
            case "swap":
                records.append(list(draw(st.sampled_from(records))))
    ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r\n\r\n", "\n  \n", "\r", ""])
    end = draw(ends)
    text = ""
    for record in records:
        text += "\t".join(_cell(draw, cell) for cell in record)
        text += end if draw(st.integers(0, 9)) else draw(ends)
    content = text.encode("utf-8", "surrogatepass")
    return content if draw(st.integers(0, 3)) else draw(damaged(content))


def _cell(draw: st.DrawFn, cell: str) -> str:
    if any(sign in cell for sign in '\t\n\r"') and draw(st.integers(0, 9)):
        return '"' + cell.replace('"', '""') + '"'
    return f'"{cell}"' if not draw(st.integers(0, 19)) else cell


_ODD_CELLS = (
    *(*ODD_TEXTS, "['a', 'b']", "[]", "[1, 2]", "[0x" + "f" * 9_000 + "]", "[" * 300 + "]" * 300),
    *("['car\\door.jpg']", "[1if 2else 3]", '["\\ud800"]', "data:image/png;base64,", "data:,x"),
    *("A" * 100, "1.0", "٣", '"', '""', "'", "1", "2", "nan", "t_img.tsv", "a" * 300, "index"),
)
