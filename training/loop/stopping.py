"""Signals that end a run in an orderly way."""

import multiprocessing
import signal
from types import FrameType

_WAKE_S = 1.0


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

    def __enter__(self) -> 'OrderlyStop':
        # Python handles a signal in its main thread, which sleeps here. One that came while this process was
        # stopped may have gone to a thread of some library: an alarm wakes the main thread to see.
        self._alarmed = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, _WAKE_S, _WAKE_S)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, self._alarmed)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        processes = multiprocessing.active_children()
        if not processes:
            raise KeyboardInterrupt
        super()._ask(number, frame)
        for process in processes:
            process.terminate()
