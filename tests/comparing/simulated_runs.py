"""Runs made up in memory: by hand from marks, or drawn with a difference that is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import norm

from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Candidate, ImageInfo, Prediction, Query, Question
from lvlm_eval.runs.folder import Manifest, RecordedAnswers

LETTERS = "ABCD"


def question(key, photos=("s.jpg", "t.jpg"), *, rows=4, setting="vis", pair=None, **changed):
    """A question whose right point is B; without photos as a table tells it."""
    usual = {
        "id": key,
        "pair": pair or (key if photos else None),
        "pair_group": None,
        "category": "car",
        "supercategory": None,
        "source": ImageInfo(photos[0], (80, 60)) if photos else None,
        "target": ImageInfo(photos[1], (80, 60)) if photos else None,
        "query": Query("wheel_left", "wheel", 10.0, 20.0) if photos else None,
        "candidates": tuple(
            Candidate(letter, f"point_{letter}", None, 10.0 * place, 5.0)
            if photos
            else Candidate(letter)
            for place, letter in enumerate(LETTERS)
        ),
        "answer": "B",
        "description": None,
        "description_source": None,
        "rows": {setting: rows},
    }
    return Question(**{**usual, **changed})


def prediction(asked, setting, rotation, mark):
    """A row: the mark is R right, A C D that point (lower case as well), - unread, E failed."""
    turned = LETTERS[rotation:] + LETTERS[:rotation]
    options = dict(zip(LETTERS, turned, strict=True))
    letter_of = {label: letter for letter, label in options.items()}
    point = {"R": asked.answer, "-": None, "E": None}.get(mark, mark)
    return Prediction(
        id=f"{asked.id}/{setting}/{rotation}",
        question=asked.id,
        setting=setting,
        rotation=rotation,
        options=options,
        answer=letter_of[asked.answer],
        text=letter_of[point] if point else "?",
        status="error" if mark == "E" else "ok",
    )


def run(marks, name="a", questions=None, *, setting="vis", model="m", control=None, files=None):
    """A run from question id → marks of its rows; a blank is a row that was never asked."""
    asked = questions or {key: question(key, rows=len(one)) for key, one in marks.items()}
    answers = {}
    for key, one in marks.items():
        for rotation, mark in enumerate(one):
            if mark != " ":
                made = prediction(asked[key], setting, rotation, mark)
                answers[made.id] = made
    identity = {"model": {"name": model}} | ({"control": control} if control else {})
    manifest = Manifest(identity, {"calls": [{"data_name": "made"}]}, files or {})
    return RecordedRun(Path(name), manifest, asked, RecordedAnswers(answers))


@dataclass(frozen=True)
class Scenario:
    """Two models over photos: what each finds hard is partly common, partly its own.

    The hardness of a question is a sum of normal effects; a row is right where hardness and its own
    standard normal noise stay below the model's skill.

    Attributes:
        skills: of the two models.
        photo: deviation of a photo's effect on both models.
        own_photo: of a photo's effect on one model.
        question: of a question's effect on both models.
        own_question: of a question's effect on one model.
        categories: photos are paired within one.
        photos: of a category.
        pairs: of a category; a question each.
    """

    skills: tuple[float, float]
    photo: float = 0.0
    own_photo: float = 0.0
    question: float = 1.0
    own_question: float = 1.0
    categories: int = 10
    photos: int = 8
    pairs: int = 20

    def truth(self):
        """Expected difference in circular and average accuracy, percentage points."""
        variance = 2 * (self.photo**2 + self.own_photo**2) + self.question**2
        deviation = np.sqrt(variance + self.own_question**2)
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        weights = weights / weights.sum()
        rows = [norm.cdf(skill - deviation * nodes) for skill in self.skills]
        circular = weights @ (rows[1] ** 4 - rows[0] ** 4)
        average = weights @ (rows[1] - rows[0])
        return 100 * float(circular), 100 * float(average)

    def draw(self, rng):
        """Photos of each question, shape (n, 2), and right rows of each model, shape (n, 4)."""
        ends = []
        possible = [(i, j) for i in range(self.photos) for j in range(self.photos) if i != j]
        for category in range(self.categories):
            chosen = rng.choice(len(possible), self.pairs, replace=False)
            ends += [np.array(possible[one]) + category * self.photos for one in chosen]
        ends = np.array(ends)
        count, photos = len(ends), self.categories * self.photos
        common = self.photo * rng.normal(size=photos)[ends].sum(1)
        common = common + self.question * rng.normal(size=count)
        right = []
        for skill in self.skills:
            own = self.own_photo * rng.normal(size=photos)[ends].sum(1)
            hardness = common + own + self.own_question * rng.normal(size=count)
            right.append(hardness[:, None] + rng.normal(size=(count, 4)) < skill)
        return ends, right[0], right[1]


def drawn_runs(scenario, rng):
    """A scenario's draw as two recorded runs."""
    ends, *right = scenario.draw(rng)
    asked = {
        f"q{place:04}": question(f"q{place:04}", (f"{source}.jpg", f"{target}.jpg"))
        for place, (source, target) in enumerate(ends)
    }
    return tuple(
        run(
            {
                key: "".join("R" if one else "A" for one in row)
                for key, row in zip(asked, rows, strict=True)
            },
            name,
            asked,
        )
        for name, rows in zip("ab", right, strict=True)
    )
