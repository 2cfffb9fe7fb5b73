"""Command line: ``python -m lvlm_eval.models.tiny OUT``."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lvlm_eval.errors import InputError
from lvlm_eval.models.tiny.names import EVERY, PIXEL_BUDGET_FAMILIES, Sizes, check_families

NEEDED = ("torch", "transformers", "tokenizers", "safetensors")
INSTALL = "pip install 'lvlm-eval[hf]'"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lvlm_eval.models.tiny",
        description="Make tiny checkpoints with random weights and the real architectures, to try "
        "local models and backbones without a download. They load like the published ones and "
        "answer nonsense. "
        f"Needs: {INSTALL}",
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder to write to; a folder a family is made in it"
    )
    parser.add_argument(
        "--family",
        nargs="+",
        action="extend",
        metavar="NAME",
        help=f"only these (default: all): {', '.join(EVERY)}",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="bound on the pixels of an image as the model sees it (default: a few thousand); only "
        f"{', '.join(PIXEL_BUDGET_FAMILIES)} have one",
    )
    usual = Sizes()
    parser.add_argument(
        "--layers",
        type=int,
        default=usual.layers,
        metavar="N",
        help=f"of the language model and of the vision tower (default: {usual.layers})",
    )
    parser.add_argument(
        "--hidden",
        type=int,
        default=usual.hidden,
        metavar="N",
        help="width of the language model; the vision tower has half of it "
        f"(default: {usual.hidden})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=usual.seed,
        metavar="N",
        help=f"of the weights (default: {usual.seed})",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 on success, 2 after a one-line error."""
    options = _parser().parse_args(arguments)
    families = list(dict.fromkeys(options.family or EVERY))
    try:
        check_families(families)
        sizes = Sizes(options.layers, options.hidden, options.max_pixels, options.seed)
        if options.max_pixels and not set(families) & set(PIXEL_BUDGET_FAMILIES):
            raise InputError(
                f"--max-pixels has no effect on {', '.join(families)}; leave it out, or make one "
                f"of {', '.join(PIXEL_BUDGET_FAMILIES)}."
            )
        for package in NEEDED:
            if find_spec(package) is None:
                raise InputError(f"tiny checkpoints need the package '{package}': {INSTALL}")
        from transformers.utils import logging

        from lvlm_eval.models.tiny.checkpoint import make_checkpoint

        logging.disable_progress_bar()
        for family in families:
            folder = options.out / family
            size = make_checkpoint(folder, family, sizes)
            print(f"{family}: {folder} ({size / 1e6:.1f} MB)", flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
