"""Degraded patches: each is planned, read and made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restore_node.common.errors import InputError
from training.config.data import SourceConfig
from training.config.run import TrainConfig
from training.data.cutting import Cuts, SquareCuts
from training.data.samples import Image, Pair
from training.data.stored import CameraFrame, Photograph
from training.degradation.blur.real_motion import BadMotionError, Clip, MotionDraw, draw_motion
from training.degradation.bounds import happens
from training.degradation.degrade import KINDS, DegradationConfig, degrade, draw, truth
from training.degradation.fog import NO_FOG, FogRanges, draw_fog, in_fog

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


def read_frames(photograph: Photograph, plans: Sequence[Plan]) -> list[Image]:
    """As many frames as the plans take, uint8 [H, W, 3] RGB each; fewer where a sequence ends."""
    count = max(plan.frames for plan in plans)
    if count == 1:
        return [photograph.read()]
    assert isinstance(photograph, CameraFrame), 'only these are planned to move'
    return photograph.read_on(count)


@dataclass(frozen=True)
class PatchMaker:
    """Makes degraded patches of photographs, cut from them and drawn from the ranges of a degradation.

    `real_motion` is the share of the blurred patches whose blur is the frames' own motion, 0..1. `fog` is
    what some scenes are in.
    """

    cuts: Cuts
    degradation: DegradationConfig
    real_motion: float = 0.0
    fog: FogRanges = NO_FOG

    @classmethod
    def of(cls, source: SourceConfig, config: TrainConfig) -> 'PatchMaker':
        """That of the training patches of a source; `config` is the run's."""
        cuts = SquareCuts(config.data.patch_px, source.sharp.smallest_scale)
        degradation = source.degradation or config.degradation
        return cls(cuts, degradation, source.sharp.real_motion, config.data.fog)

    def plan(self, photograph: Photograph, kind: str, rng: np.random.Generator) -> Plan:
        """Decide on a patch of a kind before anything is read; only a `CameraFrame` has others behind it."""
        may_move = self.real_motion > 0.0 and 'blur' in KINDS[kind] and isinstance(photograph, CameraFrame)
        if may_move and rng.random() < self.real_motion:
            return Plan(kind, draw_motion(self.degradation.motion, rng))
        return Plan(kind)

    def make(self, frames: Sequence[Image], plan: Plan, rng: np.random.Generator) -> Pair:
        """A (degraded, sharp) pair: uint8 [rows, columns, 3] RGB each, 0..255, contiguous.

        Of several frames, what `read_frames` gave, the middle one is the truth. Raises BadMotionError where
        they make no exposure with a sharp truth.
        """
        height, width = frames[0].shape[:2]
        if plan.motion is None:
            kind, margin = plan.kind, MARGIN_PX
            seen = sharp = self.cuts.draw(height, width, margin, rng).of(frames[len(frames) // 2])
        else:
            if len(frames) < plan.motion.frames or len({frame.shape for frame in frames}) > 1:
                raise BadMotionError(
                    f'{len(frames)} frames of a sequence, want {plan.motion.frames} of one size'
                )
            around = max(MARGIN_PX, plan.motion.margin_px)
            cut = self.cuts.draw(height, width, around, rng)
            # What is centred on the middle frame needs an odd number of them.
            odd = frames[: len(frames) - 1 + len(frames) % 2]
            seen, sharp = Clip([cut.of(frame) for frame in odd], around).expose(plan.motion)
            kind = next(name for name, effects in KINDS.items() if effects == KINDS[plan.kind] - {'blur'})
            margin = 0
        if happens(rng, self.fog.share):
            fog = draw_fog(self.fog, rng)
            seen, sharp = in_fog(seen, fog), in_fog(sharp, fog)
        rows, columns = (side - 2 * margin for side in sharp.shape[:2])
        frame_height = rows if self.cuts.is_whole else None
        drawn = draw(self.degradation, kind, rows, columns, rng, frame_height=frame_height, margin_px=margin)
        return degrade(seen, drawn, margin), truth(sharp, drawn, margin)

    def first(self, images: Sequence[Photograph], start: int, kind: str, seed: Sequence[int]) -> Pair:
        """A pair from the image at `start`, or where motion is bad there, from one behind it.

        Raises InputError where none makes one, or one cannot be read.
        """
        refused: BadMotionError | None = None
        for photograph in [*images[start:], *images[:start]]:
            rng = np.random.default_rng(seed)
            plan = self.plan(photograph, kind, rng)
            try:
                return self.make(read_frames(photograph, [plan]), plan, rng)
            except BadMotionError as error:
                refused = error
        raise InputError(
            'held-out sequences without usable motion',
            seen=refused,
            wanted='sharp frames of one camera that follow each other',
            fix='hold out others',
        )
