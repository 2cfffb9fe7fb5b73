"""Runs the real command line in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

KEY = "sk-canary-0123456789"
"""A key that may not occur in any file or output."""

ENVIRONMENT = {**os.environ, "COLUMNS": "100", "OPENAI_API_KEY": KEY}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "lvlm_eval", *map(str, words)]


def lvlm_eval(*words: object, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which must be of this status and without a traceback."""
    done = subprocess.run(
        command(*words), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def complaint_of(*words: object, cwd: Path, status: int) -> str:
    """The one line that a failing command complains with."""
    stderr = lvlm_eval(*words, cwd=cwd, status=status).stderr
    (line,) = [line for line in stderr.splitlines() if line.startswith("lvlm-eval: ")]
    return line
