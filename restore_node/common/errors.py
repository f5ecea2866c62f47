"""The errors a user of this package can meet.

Each one says in a single line what was seen, what is wanted and what to do, because the reader is often an
engineer with a vehicle in front of them and no debugger. Programming mistakes are not in this family.
"""

from typing import Any


class RestoreError(Exception):
    """Base of every error that input, files or the environment can cause.

    Args:
        what: what went wrong, naming the file, topic or parameter.
        seen: the value that was found, if there is one.
        wanted: the value that would have been right, if it can be said.
        fix: what the user can do.
    """

    def __init__(self, what: str, *, seen: object = None, wanted: object = None, fix: str = '') -> None:
        self.what, self.seen, self.wanted, self.fix = what, seen, wanted, fix
        detail = ', '.join(
            f'{label} {value}' for label, value in (('got', seen), ('want', wanted)) if value is not None
        )
        line = what + (f': {detail}' if detail else '') + (f'; {fix}' if fix else '')
        super().__init__(' '.join(line.split()))


class EncodingError(RestoreError):
    """An image message that gives no picture: it is malformed, or in an encoding that is not read."""


class MalformedError(EncodingError):
    """An image message that contradicts itself, or ends too early: nobody can read it."""


class UnreadableEncodingError(EncodingError):
    """A well-formed image message in an encoding that is not read here; others may read it."""


class ModelError(RestoreError):
    """A model file that is missing, corrupt, or does not agree with its card."""


class BackendError(RestoreError):
    """A backend that cannot be opened or failed while it restored a frame."""


class EngineError(BackendError):
    """A TensorRT engine that cannot be built, loaded or run.

    Attributes:
        sticky: this process can never use the GPU again, though another process may.
    """

    sticky: bool = False


class UnavailableError(BackendError):
    """A library or a device that this machine does not have; the next best is used without further ado."""


class EngineMissingError(EngineError):
    """A TensorRT engine that is not in the cache yet.

    Attributes:
        spec: what to build, a `restore_node.engine.spec.EngineSpec`.
    """

    def __init__(self, what: str, *, spec: Any = None, **details: Any) -> None:
        super().__init__(what, **details)
        self.spec = spec


class BagError(RestoreError):
    """A rosbag2 bag that cannot be read or written."""


class InputError(RestoreError):
    """An image, video or folder that a tool cannot read or write."""


class ConfigError(RestoreError):
    """A configuration with an unknown key or an impossible value."""


class ReplayError(RestoreError):
    """A replay whose parts do not find each other, or that ends before its bag does."""
