"""One degraded patch: planned, read and made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.cutting import Cuts
from training.data.photographs import CameraFrame, Photograph
from training.data.samples import Pair
from training.degradation.blur.real_motion import BadMotionError, Clip, MotionDraw, draw_motion
from training.degradation.degrade import KINDS, DegradationConfig, degrade, draw, truth

MARGIN_PX = 32
"""Seen around a patch by what blurs it: what moves in over its border is what a real camera would see."""


@dataclass(frozen=True)
class Plan:
    """What is to become of a patch; with `motion`, its blur is that between neighbouring frames."""

    kind: str
    motion: MotionDraw | None = None

    @property
    def frames(self) -> int:
        """How many frames in a row it takes."""
        return self.motion.frames if self.motion else 1


def plan_patch(
    photograph: Photograph,
    kind: str,
    degradation: DegradationConfig,
    real_motion: float,
    rng: np.random.Generator,
) -> Plan:
    """Decide on a patch before anything is read.

    Args:
        photograph: what it is cut from; only a `CameraFrame` has others behind it.
        kind: of degradation, a key of `KINDS`.
        degradation: the ranges that strengths are drawn from.
        real_motion: the share of blurred patches whose blur is the frames' own motion, 0..1.
        rng: decides.
    """
    may_move = real_motion > 0.0 and 'blur' in KINDS[kind] and isinstance(photograph, CameraFrame)
    if may_move and rng.random() < real_motion:
        return Plan(kind, draw_motion(degradation.motion, rng))
    return Plan(kind)


def read_frames(photograph: Photograph, plans: Sequence[Plan]) -> list[NDArray[np.uint8]]:
    """As many frames as the plans take, uint8 [H, W, 3] RGB each; fewer where a sequence ends."""
    count = max(plan.frames for plan in plans)
    if count == 1:
        return [photograph.read()]
    assert isinstance(photograph, CameraFrame), 'only these are planned to move'
    return photograph.read_on(count)


def make_patch(
    frames: Sequence[NDArray[np.uint8]],
    plan: Plan,
    cuts: Cuts,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    """A (degraded, sharp) pair: uint8 [rows, columns, 3] RGB each, 0..255, contiguous.

    Args:
        frames: uint8 [H, W, 3] RGB, what `read_frames` gave; of several the middle one is the truth.
        plan: what to make.
        cuts: which part of the image it is cut from.
        degradation: the ranges that strengths are drawn from.
        rng: decides.

    Raises:
        BadMotionError: these frames make no exposure with a sharp truth.
    """
    height, width = frames[0].shape[:2]
    if plan.motion is not None:
        return _moving(frames, plan.motion, plan.kind, cuts, degradation, rng)
    sharp = cuts.draw(height, width, MARGIN_PX, rng).of(frames[len(frames) // 2])
    rows, columns = (side - 2 * MARGIN_PX for side in sharp.shape[:2])
    frame_height = rows if cuts.is_whole else None
    drawn = draw(degradation, plan.kind, rows, columns, rng, frame_height=frame_height, margin_px=MARGIN_PX)
    return degrade(sharp, drawn, MARGIN_PX), truth(sharp, drawn, MARGIN_PX)


def _moving(
    frames: Sequence[NDArray[np.uint8]],
    motion: MotionDraw,
    kind: str,
    cuts: Cuts,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    if len(frames) < motion.frames or len({frame.shape for frame in frames}) > 1:
        raise BadMotionError(f'{len(frames)} frames of a sequence, want {motion.frames} of one size')
    margin = max(MARGIN_PX, motion.margin_px)
    height, width = frames[0].shape[:2]
    cut = cuts.draw(height, width, margin, rng)
    # What is centred on the middle frame needs an odd number of them.
    frames = frames[: len(frames) - 1 + len(frames) % 2]
    exposure, sharp = Clip([cut.of(frame) for frame in frames], margin).expose(motion)
    rest = next(name for name, effects in KINDS.items() if effects == KINDS[kind] - {'blur'})
    rows, columns = sharp.shape[:2]
    frame_height = rows if cuts.is_whole else None
    drawn = draw(degradation, rest, rows, columns, rng, frame_height=frame_height)
    return degrade(exposure, drawn), sharp
