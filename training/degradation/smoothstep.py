"""A soft step: how an edge that is out of focus lets the light of what lies behind it through."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def smoothstep(rise: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """From 0 to 1, level at both ends: 3 t^2 - 2 t^3 for t = `rise` clipped to 0..1, same shape and dtype."""
    t = np.clip(rise, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
