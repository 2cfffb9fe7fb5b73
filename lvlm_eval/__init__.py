"""lvlm-eval: how well vision-language models and backbones understand the parts of objects."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("lvlm-eval")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
