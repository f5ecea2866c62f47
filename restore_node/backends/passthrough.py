"""The backend that changes nothing: the floor of every benchmark, and a node without a generator."""

from __future__ import annotations

import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError


class PassthroughBackend(Backend):
    """Returns its input. Needs no library."""

    name = 'passthrough'
    _is_open = False

    def open(self) -> None:
        """Nothing to load."""
        self._is_open = True

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Return the batch itself."""
        if not self._is_open:
            raise BackendError('backend is closed', fix='open it first')
        return batch

    def close(self) -> None:
        """Nothing to free but the input buffer."""
        super().close()
        self._is_open = False
