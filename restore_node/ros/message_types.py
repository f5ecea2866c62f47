"""Message classes by name, and the other way round."""

from __future__ import annotations

from typing import Any

from rosidl_runtime_py.utilities import get_message

from restore_node.common.errors import ReplayError


def message_class(type_name: str, topic: str) -> Any:
    """The Python class of a message type such as `sensor_msgs/msg/Image`.

    Raises:
        ReplayError: it is not installed here; the line names `topic`.
    """
    try:
        return get_message(type_name)
    except (AttributeError, ModuleNotFoundError, ValueError) as error:
        raise ReplayError(
            f'cannot play or record {topic}',
            seen=f'{type_name}, which is not installed',
            fix='install its package, or leave the topic out',
        ) from error


def type_name(kind: type) -> str:
    """The name of a message class's type."""
    return f'{kind.__module__.partition(".")[0]}/msg/{kind.__name__}'
