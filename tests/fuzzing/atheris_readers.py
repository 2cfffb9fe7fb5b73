"""Feeds one reader with inputs that reach new code, for as long as one likes.

By hand, since it needs a compiler's help (``pip install atheris`` beside the package)::

    python tests/fuzzing/atheris_readers.py table corpus/table -max_total_time=600

The folder is filled with whole files first and keeps every input that reached something new. An
input that breaks the rule is left in a file ``crash-…``; give that file in place of the folder to
see the failure again.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
warnings.simplefilter("error")

with atheris.instrument_imports(include=["lvlm_eval", "json", "ast", "PIL", "openpyxl"]):
    import test_fuzz_annotations as annotations
    import test_fuzz_answers as answers
    import test_fuzz_images as images
    import test_fuzz_results as results
    import test_fuzz_tables as tables
    from making import pair_json, write_table
    from rule import (
        check_answer,
        check_image,
        check_manifest,
        check_pair,
        check_predictions,
        check_prompt,
        check_questions,
        check_style,
        check_table,
        check_words,
        check_workbook,
        with_sheet,
    )

FOLDER = Path(tempfile.mkdtemp(prefix="lvlm-eval-fuzz-"))


def _text(content: bytes) -> bool:
    drawn = (answers.TURNED, answers.NUMBERS, answers.ODD, {})[content[0] % 4 if content else 0]
    return check_answer(content[1:].decode("utf-8", "replace"), drawn)


def _sheet(content: bytes) -> bool:
    return check_workbook(with_sheet(tables.whole_workbook(), content), FOLDER)


def _lines(line: object) -> list[bytes]:
    return [json.dumps(line).encode() + b"\n" + json.dumps(line).encode()]


TARGETS: dict[str, tuple[Callable[[bytes], bool], Sequence[bytes]]] = {
    "pair": (check_pair, [json.dumps(pair_json()).encode()]),
    "table": (
        lambda content: check_table(content, FOLDER),
        [write_table(FOLDER / "seed.tsv", tables.ROWS).read_bytes()],
    ),
    "answer": (_text, ["".join(("0", word, " B")).encode() for word in answers.STRICT_WORDS]),
    "manifest": (
        lambda content: check_manifest(content, FOLDER),
        [json.dumps(results.MANIFEST).encode()],
    ),
    "questions": (
        lambda content: check_questions(content, FOLDER),
        _lines(results.QUESTION),
    ),
    "predictions": (
        lambda content: check_predictions(content, FOLDER),
        _lines(results.PREDICTION),
    ),
    "style": (lambda content: check_style(content, FOLDER), [annotations.STYLE]),
    "prompt": (lambda content: check_prompt(content, FOLDER), [annotations.PROMPT]),
    "words": (
        lambda content: check_words(content, FOLDER, ".json"),
        [json.dumps(annotations.WORDS).encode()],
    ),
    "image": (check_image, list(images.WHOLE.values())),
    "sheet": (_sheet, [tables.whole_sheet()]),
}


def main(words: list[str]) -> None:
    """Fuzz the target that is named first; the rest is for libFuzzer."""
    if len(words) < 3 or words[1] not in TARGETS:
        sys.exit(f"usage: {words[0]} {'|'.join(TARGETS)} FOLDER|FILE [-max_total_time=SECONDS …]")
    check, whole = TARGETS[words[1]]
    place = Path(words[2])
    if not place.is_file():
        place.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(whole):
            (place / f"whole-{number}").write_bytes(content)
    atheris.Setup([words[0], *words[2:]], lambda content: check(content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
