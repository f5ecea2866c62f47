"""TensorRT reports a build as phases inside phases; people want a percentage."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BuildProgress:
    """Turns nested phases into one percentage of the outermost phase at work.

    TensorRT does not say how many outermost phases there will be, so each one counts from 0 to 100 under its
    own name; within one the percentage never falls. May be called from several threads.

    Args:
        report: called with the outermost phase's name and its percentage, 0..100, once per whole percent.
    """

    def __init__(self, report: Callable[[str, float], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._shown: dict[str, int] = {}

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Enter a phase of so many steps, inside `parent` if there is one."""
        with self._lock:
            self._phases[name] = _Phase(parent, max(1, steps))
            self._tell(name)

    def step(self, name: str, step: int) -> None:
        """Count a step of a phase, by its index from 0."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
                self._tell(name)

    def finish(self, name: str) -> None:
        """Leave a phase."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = self._phases[name].steps
                self._tell(name)
                del self._phases[name]
                self._shown.pop(name, None)

    def _tell(self, name: str) -> None:
        outermost = self._outermost(name)
        percent = int(100 * self._fraction(outermost))
        if percent > self._shown.get(outermost, -1):
            self._shown[outermost] = percent
            self._report(outermost, float(percent))

    def _outermost(self, name: str) -> str:
        parent = self._phases[name].parent
        return self._outermost(parent) if parent in self._phases else name

    def _fraction(self, name: str) -> float:
        phase = self._phases[name]
        inner = [self._fraction(child) for child, its in self._phases.items() if its.parent == name]
        part = sum(inner) / len(inner) if inner else 0.0
        return min(1.0, (phase.done + part) / phase.steps)


class _Phase:
    def __init__(self, parent: str | None, steps: int) -> None:
        self.parent, self.steps, self.done = parent, steps, 0
