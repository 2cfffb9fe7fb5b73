"""Run folders of any size and with any names, made with the project's own writers."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lvlm_eval.records import LETTERS, SETTINGS, Candidate, Prediction, Question, Setting
from lvlm_eval.runs.folder import (
    PREDICTIONS,
    Manifest,
    PredictionWriter,
    write_manifest,
    write_questions,
)


def identity(model: str = "tiny", **changed: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "dataset": "ab" * 32,
        "decode": "text",
        "model": {"name": model, "settings": {"temperature": 0}},
        "prompt": {"name": "soco", "system": None, "templates": {"vis": "Which point is it?"}},
        "renderer": {"name": "red-arrow", "style": {}},
        "protocol": "options",
        "rotations": 4,
        "questions": {"distractors": "random", "pairs_per_category": 20, "seed": 7},
        **changed,
    }


def call(**changed: Any) -> dict[str, Any]:
    return {
        "at": "2026-05-01T10:00:00.000+00:00",
        "command": "lvlm-eval run --model tiny --data sample",
        "data": "sample",
        "data_name": "sample",
        "host": "elsewhere",
        "incidental": {"torch": "2.8.0"},
        "model": "tiny",
        "model_code": "",
        "python": "3.11.7",
        "version": "0.1.0",
        **changed,
    }


def question(
    number: int, category: str, settings: Sequence[Setting], rotations: int = 4
) -> Question:
    candidates = tuple(Candidate(letter) for letter in LETTERS)
    rows = dict.fromkeys(settings, rotations)
    return Question(
        f"q{number}", None, category, category, None, None, None, None,
        candidates, "A", None, None, rows,
    )  # fmt: skip


def make_run(
    folder: Path,
    *,
    model: str = "tiny",
    categories: Sequence[str] = ("car", "bus"),
    questions: int = 6,
    settings: Sequence[Setting] = SETTINGS,
    skill: float = 0.5,
    seed: int = 0,
    rotations: int = 4,
    leave_out: int = 0,
    calls: Sequence[Mapping[str, Any]] = (),
    whole_identity: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
) -> Path:
    """A run that knows a question with a chance of ``skill``, in all rotations, and else guesses.

    The last ``leave_out`` rows are planned and never answered.
    """
    folder.mkdir(parents=True)
    asked = [
        question(one, categories[one % len(categories)], settings, rotations)
        for one in range(questions)
    ]
    chance = random.Random(seed)
    write_manifest(
        folder, Manifest(whole_identity or identity(model), {"calls": list(calls) or [call()]})
    )
    write_questions(folder, asked)
    rows = [
        (one, setting, rotation)
        for one in asked
        for setting in settings
        for rotation in range(rotations)
    ]
    known = {(one.id, setting): chance.random() < skill for one in asked for setting in settings}
    lines = []
    for one, setting, rotation in rows[: len(rows) - leave_out]:
        options = {letter: LETTERS[(p + rotation) % 4] for p, letter in enumerate(LETTERS)}
        right = next(letter for letter, label in options.items() if label == "A")
        said = right if known[one.id, setting] else chance.choice(LETTERS)
        lines.append(
            Prediction(
                f"{one.id}/{setting}/{rotation}", one.id, setting, rotation, options, right,
                said, usage=usage, seconds=0.25, served_model="tiny-1",
                at=f"2026-05-01T10:{rotation:02}:00.000+00:00",
                drawn=dict.fromkeys(LETTERS, "A"),
            )
        )  # fmt: skip
    writer = PredictionWriter(folder / PREDICTIONS)
    for line in lines:
        writer.write(line)
    writer.close()
    return folder


def vision_document(backbone: str = "classic:x", categories: Sequence[str] = ("car", "bus")) -> Any:
    """A document of ``vision --json``, with figures that are easily told apart."""

    def metric(value: float) -> dict[str, Any]:
        steps = {"0.10": value, "0.05": value / 2, "0.02": value / 5}
        return {
            "pair": steps,
            "keypoint": {name: one + 1 for name, one in steps.items()},
            "ci95": {name: [one - 0.5, one + 0.75] for name, one in steps.items()},
            "counts": {"groups": 2, "pairs": 40, "keypoints": 160},
        }

    geo = {**metric(52.5), "chance": {"0.10": 43.125, "0.05": 20.0, "0.02": 5.0}}
    by_group = {
        name: {"soc": {"pair": {"0.10": 10.0 + place}}} for place, name in enumerate(categories)
    }
    groups = {
        name: {one: {"pair": {"0.10": 20.0 + place}} for one in ("cc", "soc", "cross_soc")}
        for place, name in enumerate(("transportation", "hand_held", "furniture", "animals"))
    }
    return {
        "config": {
            "backbone": backbone,
            "dataset": "sample",
            "identity": {"kind": "classic"},
            "tasks": ["cc", "soc", "cross-soc", "soc-geo"],
            "image_size": 800,
            "thresholds": ["0.10", "0.05", "0.02"],
            "cell_point": "corner",
            "seed": 0,
            "title": None,
            "deviations": [],
            "side": 800,
            "patch": 16,
            "data": {"fingerprint": {"plain": "cd" * 32}, "photos": 8, "pairs": 40},
            "versions": {"lvlm-eval": "0.1.0", "numpy": "2.0.0"},
        },
        "intra": {
            "cc": metric(61.0625),
            "soc": metric(41.5),
            "soc_soft": metric(42.25),
            "soc_geo": {"all": geo, "multi": geo},
            "categories": by_group,
        },
        "cross": {"cc": metric(35.0), "soc": metric(30.125), "categories": by_group},
        "supercategories": groups,
        "average": {"0.10": 44.229166, "0.05": 22.0, "0.02": 9.0},
    }


def make_vision(folder: Path, document: Any = None, **manifest: Any) -> Path:
    folder.mkdir(parents=True)
    content = document or vision_document()
    (folder / "metrics.json").write_text(json.dumps(content))
    recorded = {
        "config": content["config"],
        "command": "lvlm-eval vision --backbone classic:x --out figures",
        "at": "2026-05-01T10:00:00+00:00",
        **manifest,
    }
    (folder / "manifest.json").write_text(json.dumps(recorded))
    return folder
