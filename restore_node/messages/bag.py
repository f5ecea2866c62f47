"""Read and write rosbag2 bags as raw serialised messages; needs no ROS.

Storage, compression and message definitions are the business of `rosbags`. Added here is what the rest of the
package needs: topics as plain values, errors that a user can act on, bags that appear whole or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from restore_node.common.atomic import Unfinished, writing
from restore_node.common.errors import BagError
from restore_node.messages.bag_topics import IMAGE_TYPES, Message, Topic, topics_of, type_hash_of

METADATA_VERSION: Literal[8] = 8  # the newest that rosbag2 of both Humble and Jazzy reads
STORAGES = ('mcap', 'sqlite3')
_STORAGE = re.compile(r'^\s*storage_identifier:[ \t]*["\']?([^"\'\s]*)', re.MULTILINE)
FOREVER = QosTime(9223372036, 854775807)  # how rosbag2 writes an infinite duration


def qos(reliability: str = 'reliable', durability: str = 'volatile', depth: int = 10) -> Qos:
    """Return an offered QoS profile; the words are rmw's (`best_effort`, `transient_local`)."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability[reliability.upper()],
        QosDurability[durability.upper()],
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        avoid_ros_namespace_conventions=False,
    )


def _files_in(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir() if path.name != 'metadata.yaml')
    return ', '.join(names[:5]) + (f' and {len(names) - 5} more' if len(names) > 5 else '') or 'no other file'


def _storage_of(folder: Path) -> str:
    """Return the storage that the files in a folder seem to be of."""
    return 'sqlite3' if any(folder.glob('*.db3*')) else 'mcap'


def _no_metadata(folder: Path) -> BagError:
    if any(folder.glob('*.mcap*')) or any(folder.glob('*.db3*')):
        reindex = f'`ros2 bag reindex -s {_storage_of(folder)} {folder}`'
        fix = f'repair an interrupted recording with {reindex}, or name the file itself'
    else:
        fix = "name the bag's own folder, the one with its metadata.yaml"
    return BagError(
        f'{folder} is not a rosbag2 bag', seen=f'no metadata.yaml, but {_files_in(folder)}', fix=fix
    )


class BagReader:
    """A bag opened for reading: a rosbag2 folder (sqlite3 or mcap, compressed or not), or one .mcap or .db3.

    Attributes:
        topics: every topic, in the bag's order, those without messages included; each with as many messages
            as metadata.yaml promises.
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
            raise _no_metadata(self.path)
        # A damaged file makes rosbags and the libraries under it raise almost anything, asserts included.
        try:
            self._reader = Reader(self.path)
            self._reader.open()
        except Exception as err:
            raise self._unreadable(err) from err
        # What the files hold counts; metadata.yaml is a promise, which an edit or an interruption can break.
        storages = getattr(self._reader.storage, 'storages', [self._reader.storage])
        self._recorded = [connection for storage in storages for connection in storage.connections]
        promised = list(self._reader.connections)
        named = {(connection.topic, connection.msgtype) for connection in promised}
        unnamed = [found for found in self._recorded if (found.topic, found.msgtype) not in named]
        self.topics = topics_of([*promised, *unnamed])
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
            topics = ', '.join(f'{topic.name} ({topic.type}) {topic.count}x' for topic in self.topics)
            raise BagError(
                f'{self.path} has no images',
                seen=topics if self.message_count else f'an empty bag, with {topics or "no topics"}',
                wanted=' or '.join(IMAGE_TYPES),
                fix='record it anew, with the camera running and in the list of topics',
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
        """Iterate over the messages of all topics, or of the named ones, by log time, from `start_ns` on.

        Raises BagError if the bag turns out to be damaged.
        """
        wanted = [found for found in self._recorded if not names or found.topic in names]
        if not wanted:
            return
        try:
            for connection, time_ns, data in self._reader.messages(wanted, start=start_ns):
                yield Message(connection.topic, connection.msgtype, time_ns, bytes(data))
        except Exception as err:
            raise self._unreadable(err) from err

    def close(self) -> None:
        """Close the bag; closing twice is harmless."""
        if self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unreadable(self, err: Exception) -> BagError:
        metadata = self.path / 'metadata.yaml'
        storage = _STORAGE.search(metadata.read_text(errors='replace')) if metadata.is_file() else None
        if storage and storage[1] not in STORAGES:
            reindex = f'`ros2 bag reindex -s {_storage_of(self.path)} {self.path}`'
            return BagError(
                f'{metadata} names no storage that is read here',
                seen=f'storage_identifier {storage[1]!r}, beside {_files_in(self.path)}',
                wanted=' or '.join(STORAGES),
                fix=f'write there what the files are, or {reindex}',
            )
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
            with self._writing():
                self._writer.open()
        except BagError:
            self._unfinished.discard()
            raise

    def add_topic(self, topic: Topic) -> None:
        """Declare a topic before its first message; one of a BagReader keeps its definition, hash and QoS."""
        definition, type_hash = topic.definition, topic.type_hash
        if not definition and topic.type in self._typestore.fielddefs:
            definition = self._typestore.generate_msgdef(topic.type, ros_version=2)[0]
        self._connections[topic.name, topic.type] = self._writer.add_connection(
            topic.name,
            topic.type,
            msgdef=definition,
            rihs01=type_hash or type_hash_of(topic.type, definition),
            offered_qos_profiles=topic.qos,
        )

    def write(self, message: Message) -> None:
        """Append a message of a declared topic, exactly as serialised.

        Raises:
            KeyError: the topic was not declared with this type.
            BagError: the disk refuses.
        """
        connection = self._connections[message.topic, message.type]
        with self._writing():
            self._writer.write(connection, message.time_ns, message.data)

    def close(self) -> None:
        """Finish the bag and give it its name, once all of it has reached the disk."""
        try:
            with self._writing():
                self._writer.close()
        except BagError:
            self.discard()
            raise
        self._unfinished.keep()

    def discard(self) -> None:
        """Give the bag up and remove what was written."""
        self._writer.abort()
        self._unfinished.discard()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _writing(self) -> AbstractContextManager[None]:
        return writing(f'the bag {self.path}', BagError)
