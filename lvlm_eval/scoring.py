"""Scores recorded answers again, offline: run folders and the public toolkit's workbooks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.answers import read
from lvlm_eval.errors import InputError
from lvlm_eval.records import SETTINGS, Prediction, Question, ScoredRow
from lvlm_eval.results import (
    ANSWERS,
    METRICS,
    read_manifest,
    read_predictions,
    read_questions,
    write_answers,
    write_whole,
)
