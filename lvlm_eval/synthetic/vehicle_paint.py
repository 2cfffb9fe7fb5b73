"""Glass, lamps and trim of vehicles."""

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Points,
)
from lvlm_eval.synthetic.materials import Material, layered, plain, step

GLASS = plain("#131d25", 0.05, specular=0.06)


TRIM = plain("#202225", 0.6)


LAMP = plain("#f4f7fa", 0.12, specular=0.12, glow=0.35)


RED_LAMP = plain("#c4121a", 0.12, specular=0.1, glow=0.35)


AMBER_LAMP = plain("#ef8a17", 0.15, specular=0.1, glow=0.3)


CHROME = plain("#d5d8db", 0.22, metallic=0.9)


def lamp_material(center: tuple[float, float], half: tuple[float, float]) -> Material:
    """A headlamp's glass: a dark rim, bright inside with two round reflectors.

    Centre and half size are in (y, z).
    """

    def spot(p: Points, n: Points) -> NDArray[np.float64]:
        y, z = np.abs(p[:, 1]) - center[0], p[:, 2] - center[1]
        d = (
            np.minimum(np.hypot(y - half[0] * 0.34, z), np.hypot(y + half[0] * 0.22, z))
            - half[1] * 0.5
        )
        return step(d, half[1] * 0.08)

    def inner(p: Points, n: Points) -> NDArray[np.float64]:
        y, z = (np.abs(p[:, 1]) - center[0]) / half[0], (p[:, 2] - center[1]) / half[1]
        return step(np.hypot(y, z) - 0.8, 0.06)

    bezel = plain("#2a2e33", 0.15, specular=0.08)
    return layered(bezel, (inner, plain("#8d979f", 0.12, specular=0.1)), (spot, LAMP))
