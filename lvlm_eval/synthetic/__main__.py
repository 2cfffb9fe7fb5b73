"""Command line: ``python -m lvlm_eval.synthetic OUT``."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lvlm_eval.synthetic.names import CATEGORIES

INSTALL = 'pip install "lvlm-eval[synthetic]"'


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(c.name for c in CATEGORIES)
    parser = argparse.ArgumentParser(
        prog="python -m lvlm_eval.synthetic",
        description="Render a small synthetic dataset in SOCOv1 layout: images, visible keypoints, "
        "pairs and taxonomy.",
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder to write; must be new or empty"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="number that everything random depends on (default: 0)"
    )
    parser.add_argument(
        "--categories", metavar="A,B", help=f"only these categories (default: all): {names}"
    )
    parser.add_argument(
        "--views", type=int, default=8, help="images a category (default: 8, at least 2)"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="views drawn at the same time (default: 1)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 on success, 2 after a one-line error."""
    options = _parser().parse_args(arguments)
    known = [c.name for c in CATEGORIES]
    names = (
        known if options.categories is None else [n.strip() for n in options.categories.split(",")]
    )
    unknown = [n for n in names if n not in known]
    if unknown:
        return _fail(f"unknown category {unknown[0]!r}; expected some of: {', '.join(known)}")
    if options.views < 2:
        return _fail(f"--views is {options.views}, but pairs need at least 2 views of a category")
    if options.seed < 0:
        return _fail(f"--seed is {options.seed}, but must be 0 or more")
    if options.jobs < 1:
        return _fail(f"--jobs is {options.jobs}, but must be 1 or more")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        return _fail(f"{options.out} is not empty; name a new folder or empty this one")
    missing = [module for module in ("pyvista", "numpy", "PIL") if find_spec(module) is None]
    if missing:
        return _fail(f"{missing[0]} is not installed, but rendering needs it; run: {INSTALL}")
    from lvlm_eval.synthetic.dataset import generate
    from lvlm_eval.synthetic.shading import Quality
    from lvlm_eval.synthetic.views import View

    def report(view: View) -> None:
        print(f"{view.image}: {len(view.keypoints)} keypoints", flush=True)

    try:
        generate(options.out, options.seed, names, options.views, options.jobs, Quality(), report)
    except RuntimeError as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
