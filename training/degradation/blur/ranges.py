"""What motion blur is drawn from. Of photographs, pixels are those of a frame of the `reference_height`."""

from dataclasses import dataclass
from typing import Annotated

from training.degradation.bounds import (
    Counts,
    NotNegative,
    Positive,
    PositiveShares,
    Ranges,
    Share,
    Shares,
    Within,
)


@dataclass(frozen=True)
class MovingObjectRanges(Ranges):
    """Things that move by themselves before a blurred scene. `extent_px` is drawn log-uniformly.

    Attributes:
        share: share of the blurred frames that have any, 0..1.
        count: how many, whole numbers.
        radius_part: mean radius as a part of the image's shorter side.
        extent_px: length of their paths.
        softness_px: width of their edges, whatever the frame's height.
        parallax_share: share of them that stand still, nearer than the scene: the camera's own path moves
            them, 0..1.
        parallax: by how much more than the scene.
    """

    share: Share = 0.35
    count: Counts = (1, 3)
    radius_part: Positive = (0.08, 0.35)
    extent_px: Positive = (1.0, 20.0)
    softness_px: Positive = (0.7, 2.5)
    parallax_share: Share = 0.4
    parallax: Positive = (1.2, 3.0)


@dataclass(frozen=True)
class BlurRanges(Ranges):
    """Motion blur by the camera. `extent_px` and `highlights` are drawn log-uniformly, the others uniformly.

    Attributes:
        extent_px: length of the path.
        curvature: 0 is straight and steady, 1 strongly bent; of the smooth paths of `draw_trajectory`.
        roll_rad: rotation over the exposure, in radians.
        zoom: relative change of scale over the exposure.
        shake_share: share of the paths that are a shaken camera's, `draw_shake`, 0..1.
        anxiety: how restless those are, 0 straight to 1 a scribble.
        depth_share: share of the scenes whose far parts move less than the near ones, 0..1.
        farthest: by how much the farthest part moves, of what the nearest does.
        depths: number of distances with soft steps between them; of 1 the distance is a smooth slope.
        rolling_share: share of the exposures by a rolling shutter, 0..1.
        readout: time from its first row to its last, in exposures.
        highlight_share: share of the exposures in which white is raised before it is averaged, 0..1.
        highlights: how bright lamps are, see `white_of`.
        objects: what moves by itself.
    """

    extent_px: Positive = (1.5, 20.0)
    curvature: Shares = (0.0, 0.8)
    roll_rad: NotNegative = (0.0, 0.02)
    zoom: Shares = (0.0, 0.02)
    shake_share: Share = 0.35
    anxiety: Shares = (0.05, 1.0)
    depth_share: Share = 0.5
    farthest: PositiveShares = (0.1, 0.8)
    depths: Counts = (1, 4)
    rolling_share: Share = 0.3
    readout: PositiveShares = (0.2, 1.0)
    highlight_share: Share = 0.4
    highlights: Positive = (1.2, 8.0)
    objects: MovingObjectRanges = MovingObjectRanges()


@dataclass(frozen=True)
class MotionRanges(Ranges):
    """Blur from the motion between consecutive frames, in their own pixels.

    `exposure`, `shake_px` and `highlights` are drawn log-uniformly.

    Attributes:
        exposure: how long the shutter is open, in times between two frames.
        most_px: exposures in which the fastest pixels would move farther are shortened.
        shake_share: share of the exposures in which the camera shakes as well, 0..1.
        shake_px: length of the path of that, in pixels.
        anxiety, roll_rad: of it, see `draw_shake`.
        display_share: share of the exposures that average pixel values, 0..1.
        camera_share: share of those that average light by a curve of their own, 0..1; the rest go by the
            usual gamma of 2.2.
        gamma, contrast: of such curves, see `ToneCurve`.
        highlight_share: share of the exposures in which white is raised, 0..1.
        highlights: how bright lamps are, see `white_of`.
    """

    exposure: Annotated[tuple[float, float], Within(above=0.0, highest=4.0)] = (0.5, 4.0)
    most_px: Annotated[float, Within(above=0.0)] = 48.0
    shake_share: Share = 0.4
    shake_px: Positive = (1.5, 20.0)
    anxiety: Shares = (0.05, 0.8)
    roll_rad: NotNegative = (0.0, 0.02)
    display_share: Share = 0.25
    camera_share: Share = 0.35
    gamma: Positive = (1.8, 2.6)
    contrast: Shares = (0.0, 0.6)
    highlight_share: Share = 0.5
    highlights: Positive = (1.2, 8.0)
