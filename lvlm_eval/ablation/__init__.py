"""Ablations: the same questions in every variant of prompt, markers, protocol, decoding or model.

Every cell of a grid is an ordinary run folder; pictures, questions and models are shared by cells
as far as they are equal.
"""

from lvlm_eval.ablation.document import document_of
from lvlm_eval.ablation.outlook import Outlook, look_ahead
from lvlm_eval.ablation.plan import AblationPlan, builtin_plans, load_plan
from lvlm_eval.ablation.preparing import Grid, prepare
from lvlm_eval.ablation.running import GridOutcome, run_grid

__all__ = [
    "AblationPlan",
    "Grid",
    "GridOutcome",
    "Outlook",
    "builtin_plans",
    "document_of",
    "load_plan",
    "look_ahead",
    "prepare",
    "run_grid",
]
