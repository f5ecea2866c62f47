"""Signals that end a run in an orderly way."""

import multiprocessing
import signal
from types import FrameType


class OrderlyStop:
    """While entered, SIGTERM and SIGINT set `asked`, for the loop to end after its step.

    A second SIGINT interrupts at once.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> 'OrderlyStop':
        self._previous = {
            number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


class ForwardedStop(OrderlyStop):
    """The same for a process that waits for those it has started: they are asked in its place.

    Where there are none, or none yet, the signal interrupts.
    """

    def _ask(self, number: int, frame: FrameType | None) -> None:
        processes = multiprocessing.active_children()
        if not processes:
            raise KeyboardInterrupt
        super()._ask(number, frame)
        for process in processes:
            process.terminate()
