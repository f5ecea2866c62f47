"""Mailbox: room for one message, and the newest wins. There is never a backlog."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar('T')


class Mailbox(Generic[T]):
    """Hands the newest item from one thread to another, and gives back what it replaces."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> T | None:
        """Leave an item for the taker.

        Returns:
            The item that nobody will take: the older one that it replaces, or the new one if it is closed.
        """
        with self._changed:
            if self._closed:
                return item
            superseded, self._item = self._item, item
            self._changed.notify()
            return superseded

    def take(self) -> T | None:
        """Wait for an item and remove it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            if self._closed:
                return None
            item, self._item = self._item, None
            return item

    def close(self) -> T | None:
        """Wake the taker for good; returns the item that nobody took."""
        with self._changed:
            self._closed = True
            left, self._item = self._item, None
            self._changed.notify_all()
            return left
