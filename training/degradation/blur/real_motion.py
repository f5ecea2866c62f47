"""Motion blur from a camera's own video: one exposure over consecutive frames, along their optical flow.

What carries over to real blur is as in J. Rim et al., "Realistic Blur Synthesis for Learning Image
Deblurring", ECCV 2022: sub-frames interpolated until no step is longer than about a pixel, what was clipped
to white raised again before it is averaged, and the average taken in light. The published GOPRO set
(S. Nah et al., CVPR 2017) averages by a gamma of 2.2 in one form and pixel values in the other; a camera has
a curve of its own. All three are drawn. Rain, drops and the sensor come after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.exposure import integrate
from training.degradation.blur.optical_flow import Interval
from training.degradation.blur.ranges import MotionRanges
from training.degradation.blur.trajectory import Trajectory, draw_shake, homographies, resample
from training.degradation.bounds import log_uniform
from training.degradation.linear_light import USUAL, ToneCurve, raised, white_of

SMALLEST_PX = 32
_SUB_FRAMES = 7, 39
"""At least and at most, both odd: one of them is the middle of the exposure."""

# Of the fastest pixels, from one sub-frame to the next.
_STEP_PX = 1.5

# Beyond these the flow of two frames is not their motion.
_MOST_LOST, _MOST_ERROR, _FARTHEST_PX = 0.3, 9.0, 64.0
_SOFTEST = 0.34

_WINDOW_PX = 9
# Differences of neighbours up to this are noise.
_NOISE = 4.0


class BadMotionError(ValueError):
    """These frames make no exposure with a sharp truth; others of the same sequence may."""


@dataclass(frozen=True, eq=False)
class MotionDraw:
    """One exposure over consecutive frames.

    Attributes:
        exposure: how long, in times between two frames.
        most_px: where the fastest pixels would move farther it is shortened.
        curve: between pixel values and what is averaged.
        highlights: how bright lamps are, 1 or more, see `white_of`.
        shake: the camera's own path on top.
    """

    exposure: float
    most_px: float = 48.0
    curve: ToneCurve = USUAL
    highlights: float = 1.0
    shake: Trajectory | None = None

    @property
    def frames(self) -> int:
        """How many frames it takes, an odd number."""
        return 2 * int(np.ceil(self.exposure / 2.0)) + 1

    @property
    def margin_px(self) -> int:
        """How far from the border what moves in from outside may be seen, an even number."""
        shake = 0.0 if self.shake is None else float(np.abs(self.shake.shift_px).max())
        return 2 * int(np.ceil(self.most_px / 4.0 + shake / 2.0)) + 2


def draw_motion(ranges: MotionRanges, rng: np.random.Generator) -> MotionDraw:
    """One exposure; what is drawn does not depend on what comes of it, so that any number draws alike."""
    exposure = log_uniform(rng, ranges.exposure)
    kind, highlighted, shaken = rng.random(3)
    own = ToneCurve(rng.uniform(*ranges.gamma), rng.uniform(*ranges.contrast))
    curve = ToneCurve(1.0) if kind < ranges.display_share else USUAL
    if ranges.display_share <= kind < ranges.display_share + ranges.camera_share:
        curve = own
    highlights = log_uniform(rng, ranges.highlights)
    shake = None
    if shaken < ranges.shake_share:
        shake = draw_shake(
            rng,
            extent_px=log_uniform(rng, ranges.shake_px),
            anxiety=rng.uniform(*ranges.anxiety),
            roll_rad=rng.uniform(*ranges.roll_rad),
            reach_px=150.0,
        )
    return MotionDraw(
        exposure=exposure,
        most_px=ranges.most_px,
        curve=curve,
        highlights=highlights if highlighted < ranges.highlight_share else 1.0,
        shake=shake,
    )


class Clip:
    """Consecutive frames of a camera and what moves between them, for long exposures (paper eq. 2-4).

    Several exposures of the same frames take little more time than one.

    Args:
        frames: an odd number of consecutive frames, three or more, uint8 [H, W, 3] RGB, 0..255, of one shape
            of even sides of at least 32; the middle one is the truth, and is not changed.
        margin_px: even; this much around the frames gives them their flow, and what moves in, and is cut off
            in the end. `MotionDraw.margin_px` says how much that takes.

    Raises BadMotionError where the middle frame is not sharp, and ValueError for frames of another number, or
    of different or too small shapes.
    """

    def __init__(self, frames: Sequence[NDArray[np.uint8]], margin_px: int = 0) -> None:
        shapes = [list(frame.shape) for frame in frames]
        if len(frames) < 3 or len(frames) % 2 == 0:
            raise ValueError(f'there are {len(frames)} frames, want an odd number of three or more')
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f'frames have the shapes {shapes}, want one shape')
        height, width = shapes[0][:2]
        if margin_px % 2 or height % 2 or width % 2 or min(height, width) - 2 * margin_px < SMALLEST_PX:
            raise ValueError(
                f'frames have the shape {shapes[0]} and a margin of {margin_px}, want even numbers, '
                f'and {SMALLEST_PX} or more rows and columns within the margin'
            )
        self._frames, self._middle, self._margin_px = list(frames), len(frames) // 2, margin_px
        self._within = np.s_[margin_px : height - margin_px, margin_px : width - margin_px]
        self._greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        self._intervals: dict[int, Interval] = {}
        if (found := softness(self._greys[self._middle][self._within])) > _SOFTEST:
            raise BadMotionError(f'the middle frame has a softness of {found:.2f}, want {_SOFTEST} or less')

    @property
    def truth(self) -> NDArray[np.uint8]:
        """What the camera saw in the middle: uint8 [H, W, 3] RGB, 0..255."""
        return np.ascontiguousarray(self._frames[self._middle][self._within])

    def expose(self, drawn: MotionDraw) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """An exposure around the middle frame, and that frame: uint8 [H, W, 3] RGB each, 0..255.

        Raises BadMotionError where two of its frames have nothing to do with each other, or too much moves
        too far, and ValueError where it takes more frames than there are.
        """
        if drawn.frames > len(self._frames):
            raise ValueError(f'an exposure of {drawn.exposure:g} takes {drawn.frames} frames, not fewer')
        reach = drawn.frames // 2
        used = range(self._middle - reach, self._middle + reach)
        fastest_px = max(self._interval(index).fastest_px for index in used)
        exposure = min(drawn.exposure, drawn.most_px / max(fastest_px, 1e-6))
        path_px = exposure * fastest_px + (0.0 if drawn.shake is None else len(drawn.shake))
        least, most = _SUB_FRAMES
        count = min(max(2 * int(path_px / _STEP_PX / 2.0) + 1, least), most)
        moments = self._middle + exposure * ((np.arange(count) + 0.5) / count - 0.5)
        return drawn.curve.to_display(integrate(self._sub_frames(drawn, moments))), self.truth

    def _interval(self, index: int) -> Interval:
        if index not in self._intervals:
            found = Interval(self._greys[index], self._greys[index + 1], self._margin_px)
            if found.lost > _MOST_LOST or found.error > _MOST_ERROR or found.fastest_px > _FARTHEST_PX:
                raise BadMotionError(
                    f'between two frames {found.lost:.0%} of the pixels are not found again, '
                    f'the others differ by {found.error:.1f} grey levels, the fastest move '
                    f'by {found.fastest_px:.0f} px, '
                    f'want at most {_MOST_LOST:.0%}, {_MOST_ERROR:g} and {_FARTHEST_PX:g} px'
                )
            self._intervals[index] = found
        return self._intervals[index]

    def _sub_frames(self, drawn: MotionDraw, moments: NDArray[np.float64]) -> Iterator[NDArray[np.float32]]:
        first, last = int(moments[0]), int(np.ceil(moments[-1]))
        frames = self._frames[first : last + 1]
        white = white_of(self._frames[self._middle], drawn.highlights)
        lights = list(pairwise(raised(frame, white, drawn.curve) for frame in frames))
        poses: Sequence[NDArray[np.float64] | None] = [None] * len(moments)
        if drawn.shake is not None:
            height, width = self.truth.shape[:2]
            poses = list(homographies(resample(drawn.shake, len(moments)), height, width))
        for moment, pose in zip(moments.tolist(), poses, strict=True):
            index = int(moment)
            yield self._interval(index).at(moment - index, lights[index - first], pose)


def softness(grey: NDArray[np.uint8]) -> float:
    """Softness along the softer of the two axes: uint8 [H, W] to 0..1; 0 where there is nothing to see.

    About 0.15 to 0.3 for sharp photographs, 0.35 to 0.6 where the camera moved. After F. Crete et al., "The
    blur effect: perception and estimation with a new no-reference perceptual blur metric", SPIE 6492, 2007:
    what is sharp changes much when it is blurred once more, what is blurred does not.
    """
    image = grey.astype(np.float32)
    return max(_along(image), _along(image.T))


def _along(image: NDArray[np.float32]) -> float:
    once_more = cv2.blur(image, (_WINDOW_PX, 1))
    edges, left = (np.abs(np.diff(picture, axis=1)) for picture in (image, once_more))
    seen = edges > _NOISE
    total = float(edges[seen].sum())
    return float(np.minimum(left[seen], edges[seen]).sum()) / total if total else 0.0
