"""A process that draws: ``python -m lvlm_eval.pictures.worker``, started by ``workers``.

It reads the marker style from standard input and says that it is ready; then it reads one task
after the other and writes what became of each to standard output, all pickled. It ends with its
input, so that it outlives no parent, however that one was killed.
"""

import os
import pickle
import sys
from typing import IO

from lvlm_eval.errors import InputError
from lvlm_eval.pictures.task import draw
from lvlm_eval.renderers import renderer_of_style
from lvlm_eval.user_files import said

READY = "ready"


def main() -> None:
    """Draw until there is nothing more to read."""
    tasks = sys.stdin.buffer
    results = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the pictures.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    renderer = renderer_of_style(pickle.load(tasks))
    _say(READY, results)
    while True:
        try:
            task = pickle.load(tasks)
        except EOFError:
            return
        try:
            answer: object = draw(task, renderer)
        except InputError as error:
            answer = error
        except Exception as error:
            answer = RuntimeError(said(error))
        _say(answer, results)


def _say(answer: object, results: IO[bytes]) -> None:
    try:
        pickle.dump(answer, results, pickle.HIGHEST_PROTOCOL)
        results.flush()
    except BrokenPipeError:
        os._exit(0)  # nobody waits for it any more


if __name__ == "__main__":
    main()
