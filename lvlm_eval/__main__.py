"""The command ``lvlm-eval``, which ``python -m lvlm_eval`` also is."""

import gc
import signal
import sys

from lvlm_eval.stopping import STOPPING, StopSignal, StopSignals


def main() -> None:
    """Run a command; a signal, also while the heavy imports go on, ends it with one line."""
    # Tens of thousands of records stay until the end: looking for garbage among them again and
    # again would take a fifth of the time of a command that only reads.
    gc.set_threshold(200_000, 20, 100)
    try:
        with StopSignals():
            from lvlm_eval.cli import run_command_line

            status = run_command_line()
    except StopSignal as stop:
        print(f"lvlm-eval: {stop}", file=sys.stderr)
        status = 4
    if status == 4:  # the same stop may be told again, and must not change the status now
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
    # What may still run, such as a model's own threads, is not worth a second traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.freeze()  # the interpreter looks for garbage several times before it ends
    sys.exit(status)


if __name__ == "__main__":
    main()
