"""A camera with moods: it sends at its rate, from a thread of its own, whatever it is told to."""

from __future__ import annotations

import struct
import threading
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from dev.soak.mutation import mutated

#: Bytes of a row for each pixel, and rows for each row of the image.
ENCODINGS = {
    'rgb8': (3, 1.0),
    'bgr8': (3, 1.0),
    'bgra8': (4, 1.0),
    'mono8': (1, 1.0),
    'mono16': (2, 1.0),
    'bayer_rggb8': (1, 1.0),
    'uyvy': (2, 1.0),
    'nv12': (1, 1.5),
    '32FC1': (4, 1.0),
    'of tomorrow': (3, 1.0),
}
FORMATS = ('.jpg', '.png', '.webp', '.tiff')
SIZES = ((240, 320), (360, 640), (480, 640), (720, 1280))
RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
#: Where a serialised message has its stamp and, as long as all of ours are, its frame_id.
STAMP, FRAME_ID = slice(4, 12), slice(16, 33)
#: Frames whose stamp and size are remembered: more than any queue holds.
REMEMBERED = 2000


class Sent(NamedTuple):
    """What was sent under a number: its stamp (seconds, nanoseconds) and its size (height, width)."""

    stamp: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Mood:
    """How the camera behaves.

    Attributes:
        size: (height, width).
        encoding: of raw images; of compressed ones the suffix of the file.
        offset_s: by which its clock is ahead; None sends zero stamps.
        damaged: the share of messages that are damaged.
        cut: compressed files lose what lies behind this share of them.
        is_silent: it sends nothing.
    """

    size: tuple[int, int] = SIZES[0]
    encoding: str = 'rgb8'
    offset_s: float | None = 0.0
    damaged: float = 0.0
    cut: float = 1.0
    is_silent: bool = False


class Camera:
    """Publishes numbered frames.

    Args:
        node: of rclpy; makes the publisher.
        topic: with its `/compressed` where it carries compressed images.
        rate_hz: frames a second.
        seed: of what is random.

    Attributes:
        mood: how it behaves from the next frame on.
        sent: messages so far.
    """

    def __init__(self, node: Any, topic: str, rate_hz: float, seed: int) -> None:
        self._node, self._topic, self._period_s = node, topic, 1.0 / rate_hz
        self.is_compressed = topic.endswith('/compressed')
        self.calm = Mood(encoding='.jpg' if self.is_compressed else 'rgb8')
        self.mood = self.calm
        self._rng = np.random.default_rng(seed)
        self._templates: dict[tuple[Any, ...], bytes] = {}
        self._remembered: dict[int, Sent] = {}
        self._publishing = threading.Lock()
        self._publisher: Any = None
        self._life = self.sent = 0
        self._ends = threading.Event()
        self.reopen(RELIABLE)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def reopen(self, qos: QoSProfile) -> None:
        """Restart the camera: another publisher takes the place of the present one."""
        with self._publishing:
            if self._publisher:
                self._node.destroy_publisher(self._publisher)
            kind = CompressedImage if self.is_compressed else Image
            self._publisher = self._node.create_publisher(kind, self._topic, qos)
            self._life += 1

    def remembered(self, frame_id: str) -> tuple[int, int, Sent] | None:
        """Life, number and what was sent of one of ours, by its frame_id; None for others."""
        words = frame_id.split()
        if len(words) != 3 or words[0] != 'cam' or not (words[1] + words[2]).isdigit():
            return None
        sent = self._remembered.get(int(words[2]))
        return (int(words[1]), int(words[2]), sent) if sent else None

    def close(self) -> None:
        """Send nothing any more."""
        self._ends.set()
        self._thread.join()

    def send(self, mood: Mood) -> int:
        """Send one frame; its number."""
        with self._publishing:
            self.sent += 1
            now_ns = time.time_ns() + int((mood.offset_s or 0.0) * 1e9)
            stamp = (0, 0) if mood.offset_s is None else divmod(now_ns, 10**9)
            message = bytearray(self._template(mood))
            message[STAMP] = struct.pack('<iI', *stamp)
            message[FRAME_ID] = f'cam {self._life:04d} {self.sent:08d}'.encode()
            if self._rng.random() < mood.damaged:
                message[FRAME_ID] = b'damaged'.ljust(17)
                self._publisher.publish(mutated(message, self._rng).ljust(16, b'\0'))
                return self.sent
            self._remembered[self.sent] = Sent(stamp, mood.size)
            self._remembered.pop(self.sent - REMEMBERED, None)
            self._publisher.publish(bytes(message))
            return self.sent

    def _run(self) -> None:
        while not self._ends.wait(self._period_s):
            if not self.mood.is_silent:
                self.send(self.mood)

    def _template(self, mood: Mood) -> bytes:
        key = mood.size, mood.encoding, mood.cut
        if key not in self._templates:
            message = self._compressed(mood) if self.is_compressed else self._raw(mood)
            message.header.frame_id = 'cam 0000 00000000'
            self._templates[key] = serialize_message(message)
        return self._templates[key]

    def _raw(self, mood: Mood) -> Image:
        (height, width), (width_bytes, rows) = mood.size, ENCODINGS[mood.encoding]
        message = Image(height=height, width=width, encoding=mood.encoding, step=width * width_bytes)
        message.data.frombytes(self._picture(int(height * rows), message.step).tobytes())
        return message

    def _compressed(self, mood: Mood) -> CompressedImage:
        height, width = mood.size
        data = cv2.imencode(mood.encoding, self._picture(height, 3 * width).reshape(height, width, 3))[1]
        message = CompressedImage(format=mood.encoding[1:])
        message.data.frombytes(data[: int(len(data) * mood.cut)].tobytes())
        return message

    def _picture(self, height: int, width: int) -> np.ndarray:
        """Something that is neither flat nor noise, uint8 `[height, width]`."""
        return cv2.resize(self._rng.integers(0, 256, (9, 16), np.uint8), (width, height))
