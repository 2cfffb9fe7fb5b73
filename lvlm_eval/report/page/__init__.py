"""The web page of any number of runs, and its tables and figures as files.

`write_report` writes the page; other parts of the program add to it with a `SectionMaker`, which
gives a `Section`. `write_files` writes the files; a `ContentMaker` adds tables and figures to them.
Either may be a `Looker`, which sees the answers of each run.
"""

from lvlm_eval.report.page.inputs import ContentMaker, Input, Looker, SectionMaker, read_input
from lvlm_eval.report.page.runs import LvlmRun, VisionRun
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.writing import Report, write_files, write_report

__all__ = [
    "ContentMaker",
    "Input",
    "Looker",
    "LvlmRun",
    "Report",
    "Section",
    "SectionMaker",
    "VisionRun",
    "read_input",
    "write_files",
    "write_report",
]
