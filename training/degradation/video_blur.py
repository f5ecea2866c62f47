"""Motion blur from a camera's own video: the exposure between neighbouring frames, along their optical flow.

Moments between two frames are interpolated as in S. Baker et al., "A Database and Evaluation Methodology for
Optical Flow", IJCV 92, 2011, section 3.3.2: the flow is carried to the moment, better matched pixels before
worse ones, its holes are filled, and what only one of the frames shows is taken from that frame alone. The
flow is DIS (T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.exposure import integrate
from training.degradation.linear_light import to_display, to_linear

Flow = NDArray[np.float32]
"""float32 [H, W, 2]: how far each pixel moves, x and y, in pixels."""

SMALLEST_PX = 32
_MOST_STEPS = 64
# Flows there and back may differ by this much where both frames show the same thing (Baker et al.: 0.5).
_AGREEMENT_PX = 0.5
_DOUBT = 1e-3


def blur_between(
    frames: Sequence[NDArray[np.uint8]], shutter: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One long exposure over neighbouring sharp frames (paper eq. 2-4), and its truth.

    Args:
        frames: two or more consecutive frames, uint8 [H, W, 3] RGB, 0..255, at least 32x32. Of an odd number
            the truth is the middle one as the camera took it; of an even number it is interpolated, and a
            little softer.
        shutter: share of the time between the first and the last frame that the shutter is open, above 0, at
            most 1; it is open around the middle.

    Returns:
        The exposure, and what the camera saw in its middle: uint8 [H, W, 3] RGB each. Rain, drops and the
        sensor come after: `degrade` the exposure by a degradation without a trajectory.

    Raises:
        ValueError: fewer than two frames, frames of different or too small sizes, or an impossible shutter.
    """
    if len(frames) < 2 or len({frame.shape for frame in frames}) != 1:
        shapes = [list(frame.shape) for frame in frames]
        raise ValueError(f'frames have the shapes {shapes}, want two or more of one shape')
    if min(frames[0].shape[:2]) < SMALLEST_PX:
        raise ValueError(f'frames have the shape {list(frames[0].shape)}, want 32 or more rows and columns')
    if not 0.0 < shutter <= 1.0:
        raise ValueError(f'shutter is {shutter}, want above 0 to 1')

    intervals = [_Interval(first, second) for first, second in pairwise(frames)]
    span = len(intervals)
    path_px = shutter * span * max(interval.fastest_px for interval in intervals)
    count = 2 * int(min(path_px, _MOST_STEPS) / 2.0) + 3
    moments = span / 2.0 + span * shutter * ((np.arange(count) + 0.5) / count - 0.5)
    exposure = to_display(integrate(_moments(intervals, moments)))
    if span % 2 == 0:
        return exposure, frames[span // 2].copy()
    return exposure, to_display(intervals[span // 2].at(0.5))


def optical_flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Flow:
    """Where each pixel of the first frame is in the second: uint8 [H, W, 3] RGB each."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    return method.calc(grey[0], grey[1], None)


def _moments(intervals: Sequence['_Interval'], moments: NDArray[np.float64]) -> Iterator[NDArray[np.float32]]:
    for moment in moments:
        index = min(int(moment), len(intervals) - 1)
        yield intervals[index].at(float(moment) - index)


class _Interval:
    """Everything between two frames."""

    def __init__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
        self._lights = to_linear(first), to_linear(second)
        self._flow = optical_flow(first, second)
        back = optical_flow(second, first)
        self.fastest_px = float(np.percentile(np.hypot(self._flow[..., 0], self._flow[..., 1]), 99.0))

        rows, columns = np.indices(first.shape[:2], dtype=np.float32)
        self._places = np.stack((columns, rows), axis=-1)
        self._shown_in_other = (
            _agrees(self._flow, back, self._places).astype(np.float32),
            _agrees(back, self._flow, self._places).astype(np.float32),
        )
        # The best matched pixel is carried last, and so is seen.
        error = np.abs(_look_up(self._lights[1], self._places + self._flow) - self._lights[0]).sum(axis=2)
        self._order: NDArray[np.intp] = np.argsort(-error, axis=None)

    def at(self, time: float) -> NDArray[np.float32]:
        """The scene at a moment, 0 the first frame and 1 the second: float32 [H, W, 3], linear light."""
        if time in (0.0, 1.0):
            return self._lights[int(time)]
        flow = splat(self._flow, self._order, time)
        places = self._places - time * flow, self._places + (1.0 - time) * flow
        # What the second frame hides is the first one's alone, and the other way round; what neither is sure
        # of is mixed by nearness.
        shown_in_second, shown_in_first = (
            _look_up(shown, place) for shown, place in zip(self._shown_in_other, places, strict=True)
        )
        weights = (1.0 - time) * (shown_in_first + _DOUBT), time * (shown_in_second + _DOUBT)
        share = (weights[0] / (weights[0] + weights[1]))[..., None]
        first, second = (_look_up(light, place) for light, place in zip(self._lights, places, strict=True))
        return second + share * (first - second)


def splat(flow: Flow, order: NDArray[np.intp], time: float) -> Flow:
    """The flow of what is seen at each place at a moment between two frames.

    Args:
        flow: from the first frame to the second.
        order: int [H * W], the flow's pixels (counted row by row) in the order in which they are carried;
            where several land on one place, the last is seen.
        time: 0 is the first frame, 1 the second.

    Returns:
        The flow where it has been carried to; a place that nothing lands on has that of the nearest other.
    """
    height, width = flow.shape[:2]
    vectors = flow.reshape(-1, 2)
    rows, columns = np.divmod(order, width)
    x = np.rint(columns + time * vectors[order, 0]).astype(np.int64)
    y = np.rint(rows + time * vectors[order, 1]).astype(np.int64)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    seen = np.full((height, width), -1)
    seen[y[inside], x[inside]] = order[inside]
    return vectors[_filled(seen)]


def _agrees(flow: Flow, back: Flow, places: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a flow and the way back cancel, bool [H, W]: elsewhere the other frame hides the pixel."""
    there = places + flow
    around = flow + _look_up(back, there)
    height, width = flow.shape[:2]
    inside = ((there >= 0.0) & (there <= (width - 1, height - 1))).all(axis=2)
    return inside & (np.hypot(around[..., 0], around[..., 1]) < _AGREEMENT_PX)


def _filled(pixels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Pixel numbers, int [H, W], with those below 0 replaced by the nearest other."""
    hole = pixels < 0
    if not hole.any() or hole.all():
        return np.maximum(pixels, 0)
    _, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(nearest.max() + 1, np.intp)
    by_label[nearest[~hole]] = pixels[~hole]
    return by_label[nearest]


def _look_up(image: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """An image at places, float32 [H, W, 2] of x and y, bilinear; what lies outside is as at the border."""
    return cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
