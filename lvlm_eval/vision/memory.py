"""How much memory and disk there is for feature maps."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from lvlm_eval.vision.arrays import is_torch

GB = 10**9
"""Bytes."""


def amount(count: float) -> str:
    """Bytes in words: ``12.3 MB``."""
    for unit, size in (("GB", GB), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"


def available(array: Any) -> int:
    """Bytes that are free where an array lies: in the GPU's memory, or in that of the processor."""
    if is_torch(array) and array.device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(array.device)
        kept = torch.cuda.memory_reserved(array.device) - torch.cuda.memory_allocated(array.device)
        return int(free + kept)
    return _of_processor()


def disk_free(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _of_processor() -> int:
    found = [limit - used for limit, used in _groups() if limit is not None]
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [1024 * int(one.split()[1]) for one in lines if one.startswith("MemAvailable:")]
    if not found:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    return max(0, min(found))


def _groups() -> list[tuple[int | None, int]]:
    """Limits that a container sets, and what it uses of them."""
    root = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
        inactive = 0
        for line in (root / "memory.stat").read_text().splitlines():
            name, value = line.split()
            if name == "inactive_file":
                inactive = int(value)
        return [(None if limit == "max" else int(limit), used - inactive)]
    return []
