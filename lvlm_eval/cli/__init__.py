"""The command line: flags in, library call, table out; one file a command.

Standard output carries tables or one JSON document; everything else goes to standard error.
Exit status: 0 done, 2 wrong usage or bad input, 3 finished but some requests failed, 4 stopped
early and resumable.
"""

from lvlm_eval.cli.app import run_command_line

__all__ = ["run_command_line"]
