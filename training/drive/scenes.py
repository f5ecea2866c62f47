"""What the demo's camera looks at: a real photograph under a moving camera, or a user's own video.

The truth of a view is made of the source's own pixels: at the middle of each exposure the camera stands on
whole pixels of the photograph, without roll, and nothing is ever enlarged. Only the exposure around that
moment moves between them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from restore_node.common.errors import InputError
from training.degradation.blur.trajectory import Trajectory, times_of

Floats = NDArray[np.floating[Any]]
Size = tuple[int, int]
"""Width and height in pixels."""

# At 640x360; the picture of a smaller camera shakes by as much less.
REFERENCE_HEIGHT = 360
EXPOSURE_S = 0.03  # a dark, wet day
# Hz and pixels: the body on its springs, the wheels, the bracket of the camera. Pitch shakes more than yaw.
VIBRATION_HZ, AMPLITUDE_PX = np.array([(3.1, 8.3, 14.7), (5.0, 4.6, 1.8)])
YAW_SHARE = 0.6
ROLL_RAD = 0.004
FORWARD_ZOOM = 0.25  # relative growth of the picture per second
WANDER_HZ = (0.17, 0.23)
# A photograph much larger than the camera's picture is reduced until it leaves this much room to move.
ROOM = 1.2


@dataclass(frozen=True, eq=False)
class View:
    """What the camera sees in one exposure: a window of a scene, and its path, relative to the middle.

    The scene is uint8 [h, w, 3] RGB, 0..255: the view and, where the source has more, a margin around it.
    """

    scene: NDArray[np.uint8]
    window: tuple[slice, slice]
    trajectory: Trajectory

    @property
    def sharp(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3] RGB: the view in the middle of the exposure."""
        return self.scene[self.window]


class VirtualCamera:
    """A camera on a vehicle: wanders slowly over the scene and is shaken by the road.

    Its amplitudes are scaled by the `height` of its picture; `rng` decides on their phases.
    """

    def __init__(self, rng: np.random.Generator, height: int) -> None:
        self._scale = height / REFERENCE_HEIGHT
        self._wander = rng.uniform(0.0, 2.0 * np.pi, size=2)
        self._phases = rng.uniform(0.0, 2.0 * np.pi, size=(3, len(VIBRATION_HZ)))

    def view(self, scene: NDArray[np.uint8], time_s: float, size: Size | None = None) -> View:
        """What it sees of a scene, uint8 [h, w, 3] RGB, in the exposure around a moment.

        With a size it moves over the scene; else it sees all of it, and shakes.
        """
        rows, columns = scene.shape[:2]
        width, height = size or (columns, rows)
        reach_px = float(np.hypot(width, height)) / 2.0
        if size is None:
            left, top, room = 0, 0, np.array([width, height], np.float64)
        else:
            room = np.array([columns - width, rows - height], np.float64)
            left, top = self._position(time_s, room)
        window = slice(top, top + height), slice(left, left + width)
        return View(scene, window, self._trajectory(time_s, room, reach_px))

    def _position(self, time_s: float, room: Floats) -> tuple[int, int]:
        """Top left corner (x, y) of the view, whole pixels in 0..room, at a moment."""
        shake = np.minimum(self._reach(room), room / 2.0)
        wander = np.sin(2.0 * np.pi * np.array(WANDER_HZ) * time_s + self._wander) * (room / 2.0 - shake)
        vibration = self._shift(np.array([time_s]), room)[0]
        left, top = np.clip(np.rint(room / 2.0 + wander + vibration), 0.0, room)
        return int(left), int(top)

    def _trajectory(self, time_s: float, room: Floats, reach_px: float) -> Trajectory:
        """Path over the exposure around a moment; `reach_px` is the distance of the farthest pixel."""
        growth = FORWARD_ZOOM * EXPOSURE_S
        travel = EXPOSURE_S * np.linspace(-0.5, 0.5, 65)
        steps = np.abs(np.diff(self._shift(time_s + travel, room), axis=0)).max(axis=0, initial=0.0) * 64.0
        roll_speed = ROLL_RAD * np.average(2.0 * np.pi * VIBRATION_HZ, weights=AMPLITUDE_PX)
        fastest = float(np.hypot(*steps)) + reach_px * (growth + EXPOSURE_S * roll_speed)
        time = EXPOSURE_S * times_of(fastest)
        middle = np.array([time_s])
        # The picture moves against the camera.
        return Trajectory(
            shift_px=self._shift(middle, room) - self._shift(time_s + time, room),
            roll_rad=self._roll(time_s + time) - self._roll(middle),
            zoom=1.0 + FORWARD_ZOOM * time,
        )

    def _reach(self, room: Floats) -> Floats:
        """Largest vibration per axis, pixels; none where the source leaves no room for it."""
        return np.minimum(self._scale * AMPLITUDE_PX.sum() * np.array([YAW_SHARE, 1.0]), room / 4.0)

    def _shift(self, time_s: Floats, room: Floats) -> Floats:
        """Vibration (x, y) of the camera, float64 [M, 2], pixels."""
        return self._waves(time_s)[:2].T * self._reach(room)

    def _roll(self, time_s: Floats) -> Floats:
        return ROLL_RAD * self._waves(time_s)[2]

    def _waves(self, time_s: Floats) -> Floats:
        """Sums of the vibrations in yaw, pitch and roll, float64 [3, M], within -1..1."""
        waves = np.sin(2.0 * np.pi * VIBRATION_HZ * time_s[:, None] + self._phases[:, None])
        return (AMPLITUDE_PX * waves).sum(axis=-1) / AMPLITUDE_PX.sum()


PHOTOGRAPHS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    'motorcycle_left': lambda: skimage.data.stereo_motorcycle()[0],
    'rocket': skimage.data.rocket,
    'coffee': skimage.data.coffee,
    'motorcycle_right': lambda: skimage.data.stereo_motorcycle()[1],
    'astronaut': skimage.data.astronaut,
}
"""Colour photographs inside the scikit-image package, in the order the demo shows them."""


def load_photographs(size: Size) -> dict[str, NDArray[np.uint8]]:
    """The photographs that are at least as large as the camera's picture, uint8 [h, w, 3] RGB.

    Much larger ones are reduced by area, so that a small camera sees the scene and not a detail of it. Raises
    InputError where none is large enough.
    """
    width, height = size
    photographs = {}
    for name, load in PHOTOGRAPHS.items():
        photograph = load()
        rows, columns = photograph.shape[:2]
        if rows < height or columns < width:
            continue
        scale = min(1.0, max(ROOM * width / columns, ROOM * height / rows))
        if scale < 1.0:
            reduced = round(columns * scale), round(rows * scale)
            photograph = cv2.resize(photograph, reduced, interpolation=cv2.INTER_AREA)
        photographs[name] = photograph
    if not photographs:
        raise InputError(
            'no photograph of scikit-image is as large as the picture',
            seen=f'{width}x{height}',
            wanted='741x500 or less',
            fix='choose a smaller --size, or bring your own --video',
        )
    return photographs


def read_video(path: Path, size: Size, rate_hz: float, frames: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of a video at a rate of one's own, uint8 [H, W, 3] RGB, all of one size.

    Larger frames are reduced by area and cut to the asked shape in the middle; smaller ones stay as they are.
    Raises InputError where it cannot be read as a video, or has no frames.
    """
    video = cv2.VideoCapture(str(path))
    if not path.is_file() or not video.isOpened():
        raise InputError(f'cannot read {path} as a video', fix='name an existing mp4, avi, mkv or mov file')
    source_hz = video.get(cv2.CAP_PROP_FPS) or rate_hz
    given, index = 0, 0
    while given < frames and (picture := video.read()[1]) is not None:
        # A slow video shows a frame more than once; a fast one leaves frames out.
        while given < frames and given / rate_hz < (index + 1) / source_hz:
            yield fit(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), size)
            given += 1
        index += 1
    if not given:
        raise InputError(f'the video {path} has no frames', fix='check that it plays')


def fit(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Reduce by area to cover the size, then cut the middle out; never enlarge."""
    rows, columns = picture.shape[:2]
    width, height = min(size[0], columns), min(size[1], rows)
    scale = max(width / columns, height / rows)
    if scale < 1.0:
        columns, rows = max(width, round(columns * scale)), max(height, round(rows * scale))
        picture = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    left, top = (columns - width) // 2, (rows - height) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
