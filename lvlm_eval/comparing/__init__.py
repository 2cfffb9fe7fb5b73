"""How two or more runs over the same questions differ, and how sure that is."""

from lvlm_eval.comparing.comparison import (
    Comparison,
    ComparisonChoices,
    PairOfRuns,
    compare_folders,
    compare_pair,
    compare_runs,
)
from lvlm_eval.comparing.records import (
    CLUSTERS,
    AnswerAgreement,
    Cluster,
    Flips,
    PairedFigures,
    RightWrong,
)

__all__ = [
    "CLUSTERS",
    "AnswerAgreement",
    "Cluster",
    "Comparison",
    "ComparisonChoices",
    "Flips",
    "PairOfRuns",
    "PairedFigures",
    "RightWrong",
    "compare_folders",
    "compare_pair",
    "compare_runs",
]
