"""Frames of a video as photographs."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import InputError
from training.data.contents import Extent


@dataclass(frozen=True)
class VideoFrame:
    """Frame `number` of a video; reading it decodes from the key frame before it."""

    video: Path
    number: int

    @property
    def name(self) -> str:
        """As globs see it: `drive.mp4#000123`."""
        return f'{self.video.name}#{self.number:06d}'

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.video),)

    def read(self) -> NDArray[np.uint8]:
        """The pixels: uint8 [H, W, 3] RGB, 0..255. Raises InputError when the frame cannot be read."""
        return self.read_on(1)[0]

    def read_on(self, count: int) -> list[NDArray[np.uint8]]:
        """This frame and those that follow, `count` in all or fewer where the video ends.

        Each is uint8 [H, W, 3] RGB, 0..255. Raises InputError when this frame cannot be read.
        """
        capture = _open(self.video)
        try:
            pictures = [_frame(capture, self.number), *(capture.read()[1] for _ in range(count - 1))]
        finally:
            capture.release()
        if pictures[0] is None:
            raise InputError(f'cannot read frame {self.number} of {self.video}', fix='check that it plays')
        return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures if picture is not None]


def video_frames(path: Path, stride: int) -> list[VideoFrame]:
    """Every n-th frame of a video, from the first on.

    Raises:
        InputError: it cannot be read as a video, or has no frames.
    """
    capture = _open(path)
    try:
        numbers = range(0, _count(capture), stride)
        # A container's own count may promise frames that its stream does not have.
        while numbers and _frame(capture, numbers[-1]) is None:
            numbers = numbers[:-1]
    finally:
        capture.release()
    if not numbers:
        raise InputError(f'the video {path} has no frames', fix='check that it plays')
    return [VideoFrame(path, number) for number in numbers]


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not path.is_file() or not capture.isOpened():
        raise InputError(f'cannot read {path} as a video', fix='name a file that plays')
    return capture


def _count(capture: cv2.VideoCapture) -> int:
    stated = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if stated > 0:
        return stated
    counted = 0
    while capture.grab():
        counted += 1
    return counted


def _frame(capture: cv2.VideoCapture, number: int) -> NDArray[np.uint8] | None:
    capture.set(cv2.CAP_PROP_POS_FRAMES, number)
    return capture.read()[1]
