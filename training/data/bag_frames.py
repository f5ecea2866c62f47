"""Frames of the user's own camera, from rosbag2 bags, as photographs."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from restore_node.common.errors import InputError
from restore_node.messages.bag import BagReader, Message
from restore_node.messages.codec import DECODERS, rgb_of
from training.data.samples import Image
from training.data.stored import CameraFrame, Extent

BAG_SUFFIXES = {'.mcap', '.db3'}


@dataclass(frozen=True)
class BagFrame(CameraFrame):
    """Message `number` of an image topic, recorded at `time_ns`."""

    bag: Path
    topic: str
    number: int
    time_ns: int

    @property
    def name(self) -> str:
        """As globs see it: `drive/camera/image_raw#000123`."""
        return f'{self.bag.name}{self.topic}#{self.number:06d}'

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        whole = self.bag.is_dir()
        files = [file for file in self.bag.iterdir() if file.suffix in BAG_SUFFIXES] if whole else [self.bag]
        return tuple(map(Extent, sorted(files)))

    def read_on(self, count: int) -> list[Image]:
        """See `CameraFrame`; frames may have any encoding that the node reads.

        Raises BagError where the bag has become unreadable, EncodingError for a malformed message.
        """
        with BagReader(self.bag) as reader:
            messages = list(islice(reader.messages([self.topic], start_ns=self.time_ns), count))
        if not messages:
            raise InputError(f'{self.bag} has lost {self.name}', fix='leave bags alone while they are used')
        return [_pixels(message) for message in messages]


def is_bag(path: Path) -> bool:
    """Whether a path is a rosbag2 bag: its folder, or a single file of one."""
    return (path / 'metadata.yaml').is_file() or path.suffix in BAG_SUFFIXES


def bag_frames(path: Path, stride: int) -> list[BagFrame]:
    """Every n-th frame of every image topic of a bag, raw or compressed.

    Raises BagError where it is damaged or has no images, EncodingError for what the node does not read.
    """
    frames: list[BagFrame] = []
    with BagReader(path) as reader:
        counts = dict.fromkeys((topic.name for topic in reader.images()), 0)
        for message in reader.messages(list(counts)):
            number = counts[message.topic]
            if number == 0:
                # A depth camera's topic is to be refused now, not after an hour of training.
                _pixels(message)
            if number % stride == 0:
                frames.append(BagFrame(path, message.topic, number, message.time_ns))
            counts[message.topic] += 1
    return frames


def _pixels(message: Message) -> Image:
    return rgb_of(DECODERS[message.type](message.data))
