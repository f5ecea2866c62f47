"""Frames of a video as photographs: frame n is the n-th that it shows, whatever its frame rate does.

A video is gone through once, for the time of each frame; where a frame is looked for later, its time says
whether it was found. Seeking by numbers alone, as OpenCV offers it, takes an even rate for granted.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2

from restore_node.common.errors import InputError
from training.data.remembered import remembered
from training.data.samples import Image
from training.data.stored import CameraFrame, Extent

_EARLY_MS = 0.0, 400.0, 4000.0
"""So much before a frame's time it is looked for: seeking may end behind it."""

_SAME_MS = 0.05


@dataclass(frozen=True)
class VideoFrame(CameraFrame):
    """Frame `number` of a video, from 0; reading it decodes from the key frame before it.

    `time_ms` is when it is shown; None where the video's times do not rise, and it is decoded from its start.
    """

    video: Path
    number: int
    time_ms: float | None = None

    @property
    def name(self) -> str:
        """As globs see it: `drive.mp4#000123`."""
        return f'{self.video.name}#{self.number:06d}'

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.video),)

    def read_on(self, count: int) -> list[Image]:
        """See `CameraFrame`. Raises InputError where this frame cannot be read."""
        capture = _open(self.video)
        found = self._seek(capture) or self._count_up_to(capture)
        first = capture.retrieve()[1] if found else None
        pictures = [first, *(capture.read()[1] for _ in range(count - 1))]
        if first is None:
            raise InputError(f'cannot read frame {self.number} of {self.video}', fix='check that it plays')
        return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures if picture is not None]

    def _seek(self, capture: cv2.VideoCapture) -> bool:
        """Go to this frame by its time; False where that does not lead there."""
        if self.time_ms is None:
            return False
        for early_ms in _EARLY_MS:
            capture.set(cv2.CAP_PROP_POS_MSEC, max(0.0, self.time_ms - early_ms))
            while capture.grab():
                ahead_ms = self.time_ms - capture.get(cv2.CAP_PROP_POS_MSEC)
                if abs(ahead_ms) < _SAME_MS:
                    return True
                if ahead_ms < 0.0:
                    break
        return False

    def _count_up_to(self, capture: cv2.VideoCapture) -> bool:
        """Go to this frame from the start of the video."""
        capture.open(str(self.video))
        return all(capture.grab() for _ in range(self.number + 1))


def video_frames(path: Path, stride: int) -> list[VideoFrame]:
    """Every n-th frame of a video, from the first on. Raises InputError where none can be read."""
    capture = _open(path)
    times = remembered('videos', [path], 'times', lambda: _times(capture))
    if not times:
        raise InputError(f'the video {path} has no frames', fix='check that it plays')
    rising = all(earlier < later for earlier, later in pairwise(times))
    numbers = range(0, len(times), stride)
    return [VideoFrame(path, number, times[number] if rising else None) for number in numbers]


def _times(capture: cv2.VideoCapture) -> list[float]:
    """When each frame is shown, in milliseconds, of a video that was just opened."""
    times = []
    while capture.grab():
        times.append(float(capture.get(cv2.CAP_PROP_POS_MSEC)))
    return times


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not path.is_file() or not capture.isOpened():
        raise InputError(f'cannot read {path} as a video', fix='name a file that plays')
    return capture
