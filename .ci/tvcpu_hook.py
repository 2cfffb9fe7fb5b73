"""Lets torchvision's CUDA build be imported beside a torch that has no CUDA; for tests only.

A few modules of torchvision register shape functions for the C++ operators ``nms`` and ``qnms`` and
fail if those are absent, which they are where its library cannot be loaded. So both are declared,
with nothing behind them, just before. Whoever calls them gets an error; image processors do not.

``tvcpu_hook.pth`` with the line ``import tvcpu_hook`` beside this file in site-packages runs it in
every process of an environment. It costs nothing until torchvision is imported, and does nothing
where the library loads.
"""

import sys
from typing import Any

MODULE = "torchvision._meta_registrations"
DECLARATIONS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _BeforeImport:
    """A finder that finds nothing, but is asked before the module is imported."""

    def __init__(self) -> None:
        self.kept: list[Any] = []  # a declaration ends with the object that made it

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name != MODULE:
            return
        sys.meta_path.remove(self)
        import torch
        from torchvision import extension

        if extension._has_ops():
            return
        for one in DECLARATIONS:
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(one)
            self.kept.append(library)


_FINDER = _BeforeImport()
sys.meta_path.insert(0, _FINDER)
