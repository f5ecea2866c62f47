"""A backend whose calls a test answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np


class FakeBackend:
    """Restores as it is told: `restore` takes and returns uint8 `[N, H, W, 3]`."""

    device = 'here'

    def __init__(self, name: str, restore: Callable[[np.ndarray], np.ndarray]) -> None:
        self.name, self.restore = name, restore
        card = SimpleNamespace(name='model', padded=lambda height, width: (height, width))
        self.model = SimpleNamespace(card=card)

    def staging(self, *shape: int) -> np.ndarray:
        return np.zeros((*shape, 3), np.uint8)

    def close(self) -> None:
        pass
