"""Motion blur of a batch: scenes and the things before them, sub-frame by sub-frame, all samples at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.degradation.blur.moving_object import HARMONICS, MovingObject
from training.degradation.blur.scene import sub_frames_of
from training.degradation.blur.trajectory import homographies, resample
from training.degradation.degrade import Degradation
from training.degradation_torch.smoothstep import smoothstep
from training.degradation_torch.warping import sampling, warp


class Things(NamedTuple):
    """One moving thing of each sample that has one.

    Attributes:
        rows: int64 [T], which of the movement's samples, ascending.
        moving: how many of `rows` are still exposed at each sub-frame.
        shapes: float32 [T, 5 + 2 * harmonics], the outlines.
        texture: float32 [T, 2, 3], where each is cut from, see `sampling`.
        poses: float32 [T, M, 2, 3], see `sampling`.
    """

    rows: Tensor
    moving: tuple[int, ...]
    shapes: Tensor
    texture: Tensor
    poses: Tensor


class Movement(NamedTuple):
    """What moves during a batch's exposures.

    Attributes:
        samples: int64 [B], the samples that are blurred, those of most sub-frames first.
        moving: how many of `samples` are still exposed at each of the M sub-frames.
        counts: float32 [B], sub-frames of each sample.
        poses: float32 [B, M, 2, 3], see `sampling`.
        things: from far to near.
    """

    samples: Tensor
    moving: tuple[int, ...]
    counts: Tensor
    poses: Tensor
    things: tuple[Things, ...]


def plan_movement(degradations: Sequence[Degradation], height: int, width: int) -> Movement | None:
    """The movement in a batch of images of one size; None where nothing moves.

    Raises:
        ValueError: a blur with distances, a rolling shutter or highlights, which only the reference draws.
    """
    blurs = [drawn.blur for drawn in degradations if drawn.blur is not None]
    if any(drawn.readout or drawn.nearness is not None or drawn.highlights > 1.0 for drawn in blurs):
        raise ValueError('a blur has distances, a rolling shutter or highlights, want none in a batch')
    moving = [
        (sub_frames_of(drawn.blur), index, drawn.blur.trajectory, drawn.blur.objects)
        for index, drawn in enumerate(degradations)
        if drawn.blur is not None
    ]
    if not moving:
        return None
    moving.sort(key=lambda movement: -movement[0])
    counts, samples, paths, things = zip(*moving, strict=True)
    poses = _rest(len(samples), counts[0])
    for row, (path, count) in enumerate(zip(paths, counts, strict=True)):
        poses[row, :count] = homographies(resample(path, count), height, width)
    return Movement(
        samples=torch.tensor(samples),
        moving=_still_moving(counts, counts[0]),
        counts=torch.tensor(counts, dtype=torch.float32),
        poses=sampling(poses, height, width),
        things=tuple(
            _plan_things(things, counts, depth, height, width) for depth in range(max(map(len, things)))
        ),
    )


def blur(light: Tensor, movement: Movement) -> Tensor:
    """The exposures of a batch: float32 [N, 3, H, W] of linear light, in and out (paper eq. 2).

    The loop is over sub-frames; each takes all samples that are still exposed, so nothing is warped in vain.
    """
    still = light[movement.samples]
    layers = [cut_out(still[things.rows], things) for things in movement.things]
    total = torch.zeros_like(still)
    for index, moving in enumerate(movement.moving):
        frame = warp(still[:moving], movement.poses[:moving, index])
        for things, layer in zip(movement.things, layers, strict=True):
            if present := things.moving[index]:
                rows = things.rows[:present]
                frame[rows] = _over(
                    frame[rows], warp(layer[:present], things.poses[:present, index], 'zeros')
                )
        total[:moving] += frame
    exposed = light.clone()
    exposed[movement.samples] = total / movement.counts[:, None, None, None]
    return exposed


def with_objects(light: Tensor, movement: Movement) -> Tensor:
    """The sharp scenes with the things before them, in mid-exposure: float32 [N, 3, H, W] of linear light."""
    composed = light.clone()
    for things in movement.things:
        samples = movement.samples[things.rows]
        composed[samples] = _over(composed[samples], cut_out(light[samples], things))
    return composed


def cut_out(light: Tensor, things: Things) -> Tensor:
    """The things as layers: float32 [T, 3, H, W] to [T, 4, H, W], light weighted by cover, and the cover."""
    height, width = light.shape[2:]
    x, y, radius, stretch, softness = things.shapes[:, :5, None, None].unbind(1)
    ripples, phases = things.shapes[:, 5:].reshape(-1, 2, len(HARMONICS), 1, 1).unbind(1)
    dx = (torch.arange(width, device=light.device) - x) / radius
    dy = (torch.arange(height, device=light.device)[:, None] - y) / (radius * stretch)
    theta = torch.atan2(dy, dx)
    outline = torch.ones_like(theta)
    for index, harmonic in enumerate(HARMONICS):
        outline += ripples[:, index] * torch.cos(harmonic * theta + phases[:, index])
    cover = smoothstep(0.5 + (outline - torch.hypot(dx, dy)) * radius / softness)[:, None]
    return torch.cat((warp(light, things.texture) * cover, cover), dim=1)


def _over(behind: Tensor, layer: Tensor) -> Tensor:
    return behind * (1.0 - layer[:, 3:]) + layer[:, :3]


def _rest(samples: int, sub_frames: int) -> NDArray[np.float64]:
    """Poses to be filled in; those behind the end of a shorter exposure stay as they are and are not used."""
    return np.tile(np.eye(3), (samples, sub_frames, 1, 1))


def _still_moving(counts: Sequence[int], sub_frames: int) -> tuple[int, ...]:
    return tuple(sum(count > index for count in counts) for index in range(sub_frames))


def _plan_things(
    things: Sequence[tuple[MovingObject, ...]], counts: Sequence[int], depth: int, height: int, width: int
) -> Things:
    rows = [row for row, of_sample in enumerate(things) if len(of_sample) > depth]
    present = [things[row][depth] for row in rows]
    poses = _rest(len(rows), counts[0])
    texture = np.tile(np.eye(3), (len(rows), 1, 1))
    for index, (row, thing) in enumerate(zip(rows, present, strict=True)):
        path = resample(thing.trajectory, counts[row])
        poses[index, : counts[row]] = homographies(path, height, width, centre=(thing.x, thing.y))
        texture[index, :2, 2] = -np.array(thing.texture_px)
    shapes = [(t.x, t.y, t.radius_px, t.stretch, t.softness_px, *t.ripples, *t.phases) for t in present]
    return Things(
        rows=torch.tensor(rows),
        moving=_still_moving([counts[row] for row in rows], counts[0]),
        shapes=torch.tensor(shapes, dtype=torch.float32),
        texture=sampling(texture, height, width),
        poses=sampling(poses, height, width),
    )
