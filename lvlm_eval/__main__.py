"""``python -m lvlm_eval`` is ``lvlm-eval``."""

from lvlm_eval.cli import main

if __name__ == "__main__":
    main()
