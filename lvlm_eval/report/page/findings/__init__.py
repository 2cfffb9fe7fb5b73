"""Sections of the page that say what the answers of runs look like, and how runs differ."""

from lvlm_eval.report.page.findings.ablations import Ablations
from lvlm_eval.report.page.findings.comparisons import Comparisons
from lvlm_eval.report.page.findings.diagnoses import Diagnoses

__all__ = ["Ablations", "Comparisons", "Diagnoses"]
