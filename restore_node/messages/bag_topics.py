"""Topics and messages of a bag as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag2, Qos
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE

IMAGE_TYPES = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)
UNKNOWN_TYPE_HASH = 'RIHS01_' + '0' * 64


class Message(NamedTuple):
    """One recorded message: `time_ns` is the bag's log time, `data` the CDR serialisation with its header."""

    topic: str
    type: str
    time_ns: int
    data: bytes


@dataclass(frozen=True)
class Topic:
    """A topic of a bag.

    Attributes:
        name: resolved topic name, such as `/camera/image_raw`.
        type: message type, such as `sensor_msgs/msg/Image`.
        count: messages in the bag (ignored when writing).
        qos: profiles its publishers offered, in rosbags' terms; `qos()` makes one.
        definition: the text of the message definition as the bag carries it; empty means: look the type up.
        type_hash: REP-2016 hash of the type; empty means: work it out.
    """

    name: str
    type: str
    count: int = 0
    qos: tuple[Qos, ...] = ()
    definition: str = ''
    type_hash: str = ''

    @property
    def is_image(self) -> bool:
        """Whether its messages are raw or compressed images."""
        return self.type in IMAGE_TYPES


def topics_of(connections: Sequence[Connection]) -> tuple[Topic, ...]:
    """Merge the connections of a bag into topics: several publishers of one topic may each have their own."""
    topics: dict[tuple[str, str], Topic] = {}
    for connection in connections:
        extension = connection.ext
        offered = tuple(extension.offered_qos_profiles) if isinstance(extension, ConnectionExtRosbag2) else ()
        key = connection.topic, connection.msgtype
        before = topics.get(key, Topic(*key))
        topics[key] = Topic(
            *key,
            count=before.count + connection.msgcount,
            qos=before.qos + offered,
            definition=before.definition or connection.msgdef.data,
            type_hash=before.type_hash or connection.digest,
        )
    return tuple(topics.values())


def type_hash_of(name: str, definition: str) -> str:
    """Return the REP-2016 hash of a type by its definition, or zeros where that does not say enough."""
    if not definition:
        return UNKNOWN_TYPE_HASH
    store = get_typestore(Stores.EMPTY)
    try:
        is_idl = definition.startswith('=' * 80 + '\nIDL: ')
        store.register(get_types_from_idl(definition) if is_idl else get_types_from_msg(definition, name))
        return store.hash_rihs01(name)
    except Exception:  # a recorded definition may be anything; the hash is a courtesy to the reader
        return UNKNOWN_TYPE_HASH
