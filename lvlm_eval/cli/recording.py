"""What a command writes down about itself in the folders of the runs that it starts."""

import platform
import shlex
import socket
import sys
from typing import Any

from lvlm_eval import __version__
from lvlm_eval.models.secrets import word_without_secrets


def recorded_call(data: str, data_name: str) -> dict[str, Any]:
    """The command line without keys, the data, and what it runs on; decides nothing.

    Args:
        data: as ``--data`` names it.
        data_name: the dataset's name.
    """
    words = [word_without_secrets(word) for word in sys.argv[1:]]
    return {
        "command": shlex.join(["lvlm-eval", *words]),
        "data": data,
        "data_name": data_name,
        "version": __version__,
        "python": platform.python_version(),
        "host": socket.gethostname(),
    }
