"""Read and write rosbag2 bags as raw serialised messages; needs no ROS.

Storage, compression and message definitions are the business of `rosbags`. Added here is what the rest of the
package needs: topics as plain values, errors that a user can act on, bags that appear whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from restore_node.common.atomic import Unfinished
from restore_node.common.errors import BagError
from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE

IMAGE_TYPES = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)

METADATA_VERSION: Literal[8] = 8  # the newest that rosbag2 of both Humble and Jazzy reads
UNKNOWN_TYPE_HASH = 'RIHS01_' + '0' * 64
FOREVER = QosTime(9223372036, 854775807)  # how rosbag2 writes an infinite duration


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


def qos(
    reliability: str = 'reliable', durability: str = 'volatile', history: str = 'keep_last', depth: int = 10
) -> Qos:
    """Return an offered QoS profile; the words are rmw's (`best_effort`, `transient_local`, `keep_all`)."""
    return Qos(
        QosHistory[history.upper()],
        depth,
        QosReliability[reliability.upper()],
        QosDurability[durability.upper()],
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class BagReader:
    """A bag opened for reading: a rosbag2 folder (sqlite3 or mcap, compressed or not), or one .mcap or .db3.

    Attributes:
        topics: every topic, in the bag's order, those without messages included.
        start_ns: log time of the first message; 0 in an empty bag.
        duration_ns: from there to the last message; 0 in an empty bag.

    Raises:
        BagError: the bag is missing, corrupt, or in a format that cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise BagError(f'no bag at {self.path}', fix='check the path; a bag is a folder or an .mcap file')
        if self.path.is_dir() and not (self.path / 'metadata.yaml').is_file():
            raise BagError(
                f'{self.path} is not a rosbag2 bag',
                seen='a folder without metadata.yaml',
                fix="name the bag's own folder, or repair an interrupted recording with `ros2 bag reindex`",
            )
        # A damaged file makes rosbags and the libraries under it raise almost anything, asserts included.
        try:
            self._reader = Reader(self.path)
            self._reader.open()
        except Exception as err:
            raise self._unreadable(err) from err
        self.topics = _topics_of(self._reader.connections)
        has_messages = self._reader.message_count > 0
        self.start_ns = self._reader.start_time if has_messages else 0
        # rosbags counts one nanosecond past the last message.
        self.duration_ns = self._reader.duration - 1 if has_messages else 0

    @property
    def message_count(self) -> int:
        """Messages of all topics."""
        return sum(topic.count for topic in self.topics)

    def images(self, names: Sequence[str] = ()) -> list[Topic]:
        """Return the image topics that hold messages: all of them, or exactly the named ones.

        Raises:
            BagError: there is none, or a named one is unknown, no image, or has no messages.
        """
        usable = [topic for topic in self.topics if topic.is_image and topic.count]
        known = ', '.join(topic.name for topic in usable) or 'none'
        if not usable and not names:
            raise BagError(
                f'{self.path} has no images',
                seen=', '.join(f'{topic.name} ({topic.type})' for topic in self.topics) or 'an empty bag',
                wanted=' or '.join(IMAGE_TYPES),
            )
        by_name = {topic.name: topic for topic in self.topics}
        for name in names:
            topic = by_name.get(name)
            fix = f'image topics of this bag: {known}'
            if topic is None:
                raise BagError(f'{self.path} has no topic {name}', fix=fix)
            if not topic.is_image:
                raise BagError(
                    f'topic {name} is not an image', seen=topic.type, wanted=' or '.join(IMAGE_TYPES), fix=fix
                )
            if not topic.count:
                raise BagError(f'topic {name} of {self.path} has no messages', fix=fix)
        return [by_name[name] for name in dict.fromkeys(names)] or usable

    def messages(self, names: Sequence[str] = (), start_ns: int | None = None) -> Iterator[Message]:
        """Iterate over the messages of all topics, or of the named ones, in order of log time.

        Args:
            names: topics; empty for all.
            start_ns: log time to begin at, found by the bag's index.

        Raises:
            BagError: the bag turns out to be damaged.
        """
        wanted = [found for found in self._reader.connections if not names or found.topic in names]
        if not wanted:
            return
        iterator = iter(self._reader.messages(wanted, start=start_ns))
        while True:
            try:
                connection, time_ns, data = next(iterator)
            except StopIteration:
                return
            except Exception as err:
                raise self._unreadable(err) from err
            yield Message(connection.topic, connection.msgtype, time_ns, bytes(data))

    def close(self) -> None:
        """Close the bag; closing twice is harmless."""
        if self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unreadable(self, err: Exception) -> BagError:
        return BagError(
            f'cannot read the bag {self.path}',
            seen=f'{type(err).__name__}: {err}' if str(err) else type(err).__name__,
            fix='check it with `ros2 bag info`; an interrupted recording may need `ros2 bag reindex`',
        )


class BagWriter:
    """A bag being written: an mcap rosbag2 folder that gets its name when it is complete.

    Until `close()` everything happens in a hidden folder beside the final one; leaving the `with` block by an
    error, or calling `discard()`, removes it.

    Raises:
        BagError: the name is taken, or the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._unfinished = Unfinished(path, BagError)
        self._typestore = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[tuple[str, str], Connection] = {}
        self._writer = Writer(
            self._unfinished.path, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP
        )
        try:
            self._writer.open()
        except OSError as err:
            self._unfinished.discard()
            raise self._unwritable(err) from err

    def add_topic(self, topic: Topic) -> None:
        """Declare a topic before its first message; one of a BagReader keeps its definition, hash and QoS."""
        definition, type_hash = topic.definition, topic.type_hash
        if not definition and topic.type in self._typestore.fielddefs:
            definition = self._typestore.generate_msgdef(topic.type, ros_version=2)[0]
        self._connections[topic.name, topic.type] = self._writer.add_connection(
            topic.name,
            topic.type,
            msgdef=definition,
            rihs01=type_hash or _type_hash(topic.type, definition),
            offered_qos_profiles=topic.qos,
        )

    def write(self, message: Message) -> None:
        """Append a message of a declared topic, exactly as serialised.

        Raises:
            KeyError: the topic was not declared with this type.
            BagError: the disk refuses.
        """
        connection = self._connections[message.topic, message.type]
        try:
            self._writer.write(connection, message.time_ns, message.data)
        except OSError as err:
            raise self._unwritable(err) from err

    def close(self) -> None:
        """Finish the bag and give it its name, once all of it has reached the disk."""
        try:
            self._writer.close()
        except OSError as err:
            self.discard()
            raise self._unwritable(err) from err
        self._unfinished.keep()

    def discard(self) -> None:
        """Give the bag up and remove what was written."""
        self._writer.abort()
        self._unfinished.discard()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _unwritable(self, err: OSError) -> BagError:
        return BagError(f'cannot write the bag {self.path}', seen=err, fix='check permissions and free space')


def _topics_of(connections: Sequence[Connection]) -> tuple[Topic, ...]:
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


def _type_hash(name: str, definition: str) -> str:
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
