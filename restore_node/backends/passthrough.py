"""The backend that changes nothing: the floor of every benchmark, and a way to run the node without a model."""

from __future__ import annotations

import numpy as np

from restore_node.backends.base import Backend


class PassthroughBackend(Backend):
    """Returns its input. Needs no library."""

    name = 'passthrough'

    @property
    def device(self) -> str:
        return 'none'

    def open(self) -> None:
        """Nothing to load."""

    def restore(self, batch: np.ndarray) -> np.ndarray:
        return batch
