"""A frame on its way through a stream, and what the stream asks of its surroundings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from restore_node.messages.cdr import ImageMessage
from restore_node.messages.frame import Frame
from restore_node.runtime.counters import PendingFrame
from restore_node.runtime.supervisor import Handle


class Settings(Protocol):
    """The parameters that a stream reads anew for each frame, because they may change while it runs."""

    output_encoding: str
    significant_bits: int
    max_age: float
    deadline: float
    gate_threshold: float
    bypass: bool
    on_failure: str


class Output(Protocol):
    """Where a stream's images go."""

    def is_watched(self) -> bool:
        """Tell whether anyone subscribes."""

    def publish(self, image: bytes | bytearray, frame: Frame | ImageMessage, original: bytes | None) -> None:
        """Publish a serialised image, and the camera_info that belongs to it.

        `frame` is what it was made of; `original` is the compressed message whose image it is, unchanged;
        None where there is none.
        """


@dataclass(eq=False)
class Job:
    """A frame on its way.

    `memory` is its worker's, for the message out; `frame` is known once it is decoded, and whether its pixels
    are the message's own; `handle` once the backend has it. It leaves until `due`, by the stream's clock, and
    is settled once it has its outcome.
    """

    pending: PendingFrame
    message: bytes
    settings: Settings
    due: float = math.inf
    memory: bytearray | None = None
    frame: Frame | None = None
    is_message: bool = True
    handle: Handle | None = None
    is_settled: bool = False

    def is_stale(self, now_ns: int) -> bool:
        """Tell whether the frame is older than `max_age` by the node's clock; a zero stamp tells no age."""
        stamp_ns, max_age = self.pending.stamp_ns, self.settings.max_age
        return bool(stamp_ns) and 0 < max_age < (now_ns - (stamp_ns or 0)) / 1e9


def leaves_until(settings: Settings, age_s: float | None, now: float) -> float:
    """Return when a frame that has just come leaves at last, by the clock of `now`; infinite without a limit.

    A stamp that tells no age, or is ahead of the clock, counts as now.
    """
    limit, age_s = settings.deadline or settings.max_age, max(age_s or 0.0, 0.0)
    if not limit or 0 < settings.max_age < age_s:  # no limit, or stale: it will be dropped
        return math.inf
    return now + limit - min(age_s, limit)
