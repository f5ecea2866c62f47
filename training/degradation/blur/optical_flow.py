"""The scene at any moment between two frames, along their optical flow.

Interpolated as in S. Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 92, 2011,
section 3.3.2: the flow is carried to the moment, better matched pixels before worse ones, its holes are
filled, and what only one of the frames shows is taken from that frame alone. The flow is DIS (T. Kroeger et
al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016). It is carried at half the resolution, which
is all that it resolves, and in steps of a few pixels; pictures are looked up in full.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""float32 [H, W] or [H, W, channels]."""

Flow = Field
"""float32 [H, W, 2]: how far each pixel moves, x and y, in pixels."""

# Where both frames show the same thing, flows there and back differ by no more, in squares (N. Sundaram et
# al., "Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow", ECCV 2010, equation 5).
_AGREEMENT, _AGREEMENT_PX2 = 0.01, 0.5
_DOUBT = 0.01
# What moves this far between two carried flows has its edge at most half as far from where it belongs.
_CARRIED_EVERY_PX = 5.0
_MOST_CARRIED = 12


def optical_flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Flow:
    """Where each pixel of the first frame is in the second: uint8 [H, W] grey each."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Against the preset: as good on driving sequences, in less than half the time.
    method.setPatchStride(5)
    method.setGradientDescentIterations(12)
    method.setVariationalRefinementIterations(2)
    return method.calc(first, second, None)


class Interval:
    """Everything between two frames.

    Args:
        first, second: uint8 [H, W] grey, of one shape of even sides, at least 32x32.
        margin_px: even; this much around the frames gives them their flow, and is not in what `at` returns.

    Attributes:
        fastest_px: how far the fastest pixels move, without the fastest 1 %.
        lost: share of the pixels, 0..1, whose ways there and back do not cancel although they stay inside;
            some of them are hidden in the other frame, many are a sign that the flow is wrong.
        error: mean difference of the frames along the flow where both show the same, in grey levels.
    """

    def __init__(self, first: NDArray[np.uint8], second: NDArray[np.uint8], margin_px: int = 0) -> None:
        height, width = first.shape
        self._margin_px, self._size = margin_px, (width - 2 * margin_px, height - 2 * margin_px)
        half = width // 2, height // 2
        there, back = optical_flow(first, second), optical_flow(second, first)
        rows, columns = np.indices(half[::-1], dtype=np.float32)
        self._places: Field = 2.0 * np.stack((columns, rows), axis=-1) + 0.5
        rows, columns = np.indices(self._size[::-1], dtype=np.float32)
        self._grid: Field = np.stack((columns, rows), axis=-1) + np.float32(margin_px)
        self._last = (width - 1.0, height - 1.0)
        self._flow, back = (cv2.resize(flow, half, interpolation=cv2.INTER_AREA) for flow in (there, back))
        self.fastest_px = float(np.sqrt(np.percentile(_squared(self._flow), 99.0)))
        stays, agrees = self._fate(self._flow, back)
        self._shown_in_second = (stays & agrees).astype(np.float32)
        self._shown_in_first = np.logical_and(*self._fate(back, self._flow)).astype(np.float32)

        seen = _look_up(second, self._places + self._flow)
        error = cv2.absdiff(seen, cv2.resize(first, half, interpolation=cv2.INTER_AREA))
        self.lost = float((stays & ~agrees).sum() / max(1, stays.sum()))
        self.error = float((error * self._shown_in_second).sum() / max(1.0, self._shown_in_second.sum()))
        # The best matched pixel is carried last, and so is seen.
        self._order: NDArray[np.intp] = np.argsort(255 - error, axis=None, kind='stable')
        self._moments = max(1, min(_MOST_CARRIED, round(self.fastest_px / _CARRIED_EVERY_PX)))
        self._by_moment: dict[int, Field] = {}
        self._in_full: dict[int, tuple[Field, Field, Field]] = {}

    def at(self, time: float, lights: tuple[Field, Field], pose: Field | None = None) -> Field:
        """The scene at a moment: light, float32 [H - 2 margin, W - 2 margin, 3].

        The first frame is at time 0, the second at 1; `lights` are those of both, float32 [H, W, 3]. A pose,
        float64 [3, 3], maps a pixel (x, y, 1) within the margin to where the camera sees it; by default where
        it is.
        """
        index = min(int(time * self._moments), self._moments - 1)
        if pose is None:
            grid, fields = self._grid, self._carried_in_full(index)
        else:
            grid = _transformed(self._grid, np.linalg.inv(pose), self._margin_px)
            fields = _apart(self._posed(self._carried(index), pose))
        flow, shown_in_first, shown_in_second = fields
        first = _look_up(lights[0], cv2.scaleAdd(flow, -time, grid))
        second = _look_up(lights[1], cv2.scaleAdd(flow, 1.0 - time, grid))
        # What the second frame hides is the first one's alone, and the other way round; what neither is sure
        # of is mixed by nearness.
        return cv2.blendLinear(first, second, (1.0 - time) * shown_in_first, time * shown_in_second)

    def _carried(self, index: int) -> Field:
        """The flow at one of the moments, and how surely either frame shows what it carries: [h, w, 4]."""
        if index not in self._by_moment:
            moment = (index + 0.5) / self._moments
            flow = carry(self._flow, self._order, moment / 2.0)
            in_first = _look_up_half(self._shown_in_first, self._places + (1.0 - moment) * flow)
            in_second = _look_up_half(self._shown_in_second, self._places - moment * flow)
            self._by_moment[index] = cv2.merge([*cv2.split(flow), in_first + _DOUBT, in_second + _DOUBT])
        return self._by_moment[index]

    def _carried_in_full(self, index: int) -> tuple[Field, Field, Field]:
        """The same in full resolution, within the margin, apart."""
        if index not in self._in_full:
            carried, cut = self._carried(index), self._margin_px // 2
            height, width = carried.shape[:2]
            within = carried[cut : height - cut, cut : width - cut]
            self._in_full[index] = _apart(cv2.resize(within, self._size, interpolation=cv2.INTER_LINEAR))
        return self._in_full[index]

    def _posed(self, carried: Field, pose: Field) -> Field:
        """What is carried, in full resolution and within the margin, as the posed camera sees it."""
        from_half = np.diag((2.0, 2.0, 1.0))
        from_half[:2, 2] = 0.5 - self._margin_px
        return cv2.warpAffine(
            carried,
            (pose @ from_half)[:2],
            self._size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _fate(self, flow: Flow, back: Flow) -> tuple[Any, Any]:
        """Where a flow stays inside, and where the way back cancels it: elsewhere the pixel is hidden."""
        there = self._places + flow
        returned = _look_up_half(back, there)
        around = flow + returned
        stays = cv2.inRange(there, (0.0, 0.0), self._last) > 0
        length = _squared(flow) + _squared(returned)
        return stays, _squared(around) < _AGREEMENT * length + _AGREEMENT_PX2


def carry(flow: Flow, order: NDArray[np.intp], time: float) -> Flow:
    """The flow of what is seen at each place at a moment between two frames.

    Args:
        flow: from the first frame to the second.
        order: int [H * W], the flow's pixels (counted row by row) in the order in which they are carried;
            where several land on one place, the last is seen.
        time: 0 is the first frame, 1 the second; half of it where the flow counts in pixels of twice its
            own resolution.

    Returns the flow where it has been carried to; a place that nothing lands on has that of the nearest
    other.
    """
    height, width = flow.shape[:2]
    vectors = flow.reshape(-1, 2)
    there = np.rint(flow * np.float32(time)).astype(np.int32)
    # A frame of one pixel around takes what leaves the picture.
    x = np.clip(there[..., 0] + np.arange(1, width + 1, dtype=np.int32), 0, width + 1)
    y = np.clip(there[..., 1] + np.arange(1, height + 1, dtype=np.int32)[:, None], 0, height + 1)
    seen = np.full((height + 2, width + 2), -1)
    seen.ravel()[(y * (width + 2) + x).ravel()[order]] = order
    return vectors[_filled(seen[1:-1, 1:-1])]


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


def _look_up(image: NDArray[Any], places: Field) -> NDArray[Any]:
    """An image at places, float32 [H, W, 2] of x and y, bilinear; what lies outside is as at the border."""
    return cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _apart(carried: Field) -> tuple[Field, Field, Field]:
    x, y, in_first, in_second = cv2.split(carried)
    return cv2.merge([x, y]), in_first, in_second


def _squared(flow: Flow) -> Field:
    """Squared lengths, [H, W]."""
    x, y = cv2.split(flow)
    return x * x + y * y


def _transformed(grid: Field, pose: Field, margin_px: int) -> Field:
    """Places, float32 [H, W, 2], where an affine pose, counted within the margin, takes them."""
    shift = pose[:2, 2] + margin_px - margin_px * pose[:2, :2].sum(axis=1)
    return cv2.transform(grid, np.column_stack((pose[:2, :2], shift)))


def _look_up_half(field: Field, places: Field) -> Field:
    """A field of half the resolution at places that are counted in full."""
    return _look_up(field, places * np.float32(0.5) - np.float32(0.25))
