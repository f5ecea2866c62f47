"""What the supervisor deals with: requests, openings, instances and builds; events and commands about them.

Each event names what it is about: the opening, the instance or the build itself, never "the current one". So
what comes back late for something that is no longer wanted is recognised, and closed or dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from restore_node.backends.base import Backend, Candidate
from restore_node.common.errors import EngineMissingError, RestoreError


@dataclass(eq=False)
class Request:
    """A model that was asked for, with what was learnt about it.

    Attributes:
        model: its name or path.
        given_up: candidates that are not tried again for this request, and why.
    """

    model: str
    given_up: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Opening:
    """A candidate that is being opened; after `due` nobody waits for it any longer."""

    request: Request
    candidate: Candidate
    due: float


@dataclass(eq=False)
class Instance:
    """An opened backend, from its opening to its closing.

    Attributes:
        request: what it was opened for.
        candidate: what it was opened by.
        backend: the backend itself.
        model, name, device: what diagnostics say; read once, because asking a backend is a native call.
        holder: whoever restores with it now; None while it is free.
        is_fit: it may be handed out; False once it has failed, hangs, or has a successor.
        is_closing: its closing was ordered, which happens once.
    """

    request: Request
    candidate: Candidate
    backend: Backend
    model: str
    name: str
    device: str
    holder: object | None = None
    is_fit: bool = True
    is_closing: bool = False


@dataclass(eq=False)
class Build:
    """The build of an engine that an instance misses; `process` is whatever carries it out."""

    request: Request
    candidate: Candidate
    missing: EngineMissingError
    process: Any = None
    is_cancelled: bool = False


# Events: what happened.


@dataclass(frozen=True)
class Requested:
    """A model is asked for."""

    model: str


@dataclass(frozen=True)
class Opened:
    """A candidate is open, in time or late."""

    opening: Opening
    instance: Instance


@dataclass(frozen=True)
class OpenFailed:
    """A candidate could not be opened."""

    opening: Opening
    error: RestoreError


@dataclass(frozen=True)
class EngineMissing:
    """A frame met a size for which no engine has been built."""

    instance: Instance
    error: EngineMissingError


@dataclass(frozen=True)
class Failed:
    """A frame failed; its holder has given the instance back."""

    instance: Instance
    error: RestoreError


@dataclass(frozen=True)
class Hung:
    """A frame does not come back; its holder still has the instance."""

    instance: Instance
    reason: str


@dataclass(frozen=True)
class Returned:
    """An instance that is not fit any more has been given back."""

    instance: Instance


@dataclass(frozen=True)
class Closed:
    """An instance has been closed."""

    instance: Instance


@dataclass(frozen=True)
class BuildEnded:
    """A build is over; `complaint` is empty where the engine was built."""

    build: Build
    complaint: str


@dataclass(frozen=True)
class TimePassed:
    """Nothing happened, but something may be due."""


@dataclass(frozen=True)
class Shutdown:
    """Close everything; no other model is opened after this."""


Event = (
    Requested
    | Opened
    | OpenFailed
    | EngineMissing
    | Failed
    | Hung
    | Returned
    | Closed
    | BuildEnded
    | TimePassed
    | Shutdown
)


# Commands: what is to be done.


@dataclass(frozen=True)
class Open:
    """Open a candidate; ends in `Opened` or `OpenFailed`."""

    opening: Opening


@dataclass(frozen=True)
class Close:
    """Close an instance that nobody holds; ends in `Closed`."""

    instance: Instance


@dataclass(frozen=True)
class StartBuild:
    """Start a build; ends in `BuildEnded`."""

    build: Build


@dataclass(frozen=True)
class CancelBuild:
    """Cancel a build; it still ends in `BuildEnded`."""

    build: Build


@dataclass(frozen=True)
class Say:
    """Log a line at a level of `logging`."""

    level: int
    line: str


Command = Open | Close | StartBuild | CancelBuild | Say
