"""Running: from what is asked for to a folder of answers that can be resumed."""

from lvlm_eval.runs.jobs import DrawingChoices, default_folder, open_source, settings_of
from lvlm_eval.runs.run import Job, Outcome, Watcher, run

__all__ = [
    "DrawingChoices",
    "Job",
    "Outcome",
    "Watcher",
    "default_folder",
    "open_source",
    "run",
    "settings_of",
]
