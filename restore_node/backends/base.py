"""Backend: what every way of running a generator has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from restore_node.model import Model


class Backend(ABC):
    """Runs one model, on a device and with so many threads. Opened, used by one thread at a time, closed.

    Usage::

        with OnnxRuntimeBackend(model) as backend:
            batch = backend.staging(1, 360, 640)    # fill it with RGB
            restored = backend.restore(batch)       # valid until the next call
    """

    name: ClassVar[str]

    def __init__(self, model: Model, device: str = 'auto', threads: int = 0) -> None:
        self.model, self._wanted, self._threads = model, device, threads
        self._staging: np.ndarray | None = None

    @property
    def device(self) -> str:
        """What really runs the graph, such as `CPUExecutionProvider`; known once the backend is open."""
        return 'none'

    @abstractmethod
    def open(self) -> None:
        """Load the model.

        Raises:
            BackendError: the library or the device is missing or refuses the graph.
            ModelError: graph and card disagree.
        """

    def staging(self, batch: int, height: int, width: int) -> np.ndarray:
        """The input buffer, uint8 `[batch, height, width, 3]` RGB, to be filled by the caller.

        Height and width are multiples of the model's `size_multiple`, as `ModelCard.padded` gives them.
        The same buffer comes back for the same size and no larger batch, so nothing is allocated per frame.
        """
        self._staging = buffer_for((batch, height, width, 3), self._staging)
        return self._staging[:batch]

    @abstractmethod
    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Run the generator.

        Args:
            batch: what `staging` returned, filled: uint8 `[N, H, W, 3]`, RGB.

        Returns:
            uint8 `[N, H, W, 3]`, RGB; may be reused by the next call.

        Raises:
            BackendError: the device or the library failed; the backend is to be closed and opened again.
        """

    def warm_up(self) -> None:
        """Run one small black batch, so that the first frame does not pay for what a library sets up lazily.

        Raises:
            BackendError: as `restore`.
        """
        batch = self.staging(1, *self.model.card.padded(64, 64))
        batch[:] = 0
        self.restore(batch)

    def close(self) -> None:
        """Free what `open` took; closing twice is harmless."""
        self._staging = None

    def __enter__(self) -> Backend:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def buffer_for(shape: tuple[int, ...], buffer: np.ndarray | None) -> np.ndarray:
    """Return uint8 `[N, H, W, 3]` for a batch of this shape or a larger one: the old one where it fits."""
    if buffer is None or buffer.shape[1:] != shape[1:] or len(buffer) < shape[0]:
        return np.empty(shape, np.uint8)
    return buffer


@dataclass(frozen=True)
class Candidate:
    """One way of running a model: a backend on a device.

    Attributes:
        name: as diagnostics show it, such as `onnxruntime cuda`.
        open: loads a model by name or path; returns an open, warm backend; raises RestoreError.
        on_gpu: it needs CUDA in this process, and is lost with it.
    """

    name: str
    open: Callable[[str], Backend]
    on_gpu: bool = False
