"""The command ``lvlm-eval``, which ``python -m lvlm_eval`` also is."""

import sys

from lvlm_eval.stopping import StopSignal, StopSignals


def main() -> None:
    """Run a command; a signal at any moment, imports included, ends it with one line."""
    try:
        with StopSignals():
            from lvlm_eval.cli import run_command_line

            sys.exit(run_command_line())
    except StopSignal as stop:
        print(f"lvlm-eval: {stop}", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
