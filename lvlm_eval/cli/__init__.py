"""The command line: flags in, library call, table out; one file a command.

Standard output carries tables or one JSON document; everything else goes to standard error.
Exit status: 0 done, 2 wrong usage or bad input, 3 finished but some requests failed, 4 stopped
early and resumable.
"""

from lvlm_eval.cli import (
    ablate,
    compare,
    correlate,
    download,
    explain,
    export,
    listing,
    merge,
    report,
    run,
    score,
    show,
    slurm,
    status,
    validate,
    vision,
)
from lvlm_eval.cli.app import app, run_command_line

# The main job first, then what is done with its results, then the data.
_ORDER = (
    *("run", "ablate", "slurm", "status", "score", "compare", "explain", "report", "merge", "show"),
    *("vision", "correlate", "list"),
    *("validate", "download", "export"),
)
app.registered_commands.sort(key=lambda one: _ORDER.index(one.name or ""))

__all__ = [
    "ablate",
    "compare",
    "correlate",
    "download",
    "explain",
    "export",
    "listing",
    "merge",
    "report",
    "run",
    "run_command_line",
    "score",
    "show",
    "slurm",
    "status",
    "validate",
    "vision",
]
