"""Tells what a run's answers look like: biases, confusions, trouble, what the score rests on."""

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.explaining import Diagnosis, SettingDiagnosis, explain
from lvlm_eval.diagnosis.verdict.finding import Finding

__all__ = ["Absent", "Diagnosis", "Finding", "SettingDiagnosis", "explain"]
