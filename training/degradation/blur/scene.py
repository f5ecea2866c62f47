"""A photograph as a scene before a moving camera: distances, things in it, a rolling shutter."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.exposure import integrate, warp
from training.degradation.blur.moving_object import MovingLayer, MovingObject, draw_object, with_objects
from training.degradation.blur.ranges import BlurRanges, MovingObjectRanges
from training.degradation.blur.trajectory import (
    Trajectory,
    draw_shake,
    draw_trajectory,
    homographies,
    resample,
)
from training.degradation.bounds import happens, log_uniform, uniform, whole
from training.degradation.linear_light import raised, to_display, to_linear, white_of
from training.degradation.smoothstep import smoothstep

_NEARNESS_PX, _LUMPS = 24, 4
# Part of a distance's share of the picture over which it becomes the next.
_SOFT = 0.35
# Paths come in steps below one pixel at their fastest place; so far apart, sub-frames still leave no gaps.
_STEP_PX = 1.5


@dataclass(frozen=True, eq=False)
class Blur:
    """What moves during one exposure of a photograph.

    Attributes:
        trajectory: the camera's path, from the moment that the first row's exposure begins until the last
            row's ends.
        readout: time between the first row's exposure and the last row's, in exposures; 0 is a shutter that
            is open for all rows at once. The photograph was taken by the same shutter: each row is sharp in
            the middle of its own exposure.
        nearness: float32 [h, w], above 0 to 1, stretched over the image: by how much of the path each part
            moves; None moves all alike.
        highlights: how bright lamps are, 1 or more, see `white_of`.
        objects: things that move by themselves, from far to near.
    """

    trajectory: Trajectory
    readout: float = 0.0
    nearness: NDArray[np.float32] | None = None
    highlights: float = 1.0
    objects: tuple[MovingObject, ...] = ()


def draw_blur(
    ranges: BlurRanges, height: int, width: int, rng: np.random.Generator, *, scale: float = 1.0
) -> Blur:
    """Motion blur for an image of so many pixels.

    `scale` is the height of the frame that the image is a part of, over the one that the ranges are for.
    """
    readout = uniform(rng, ranges.readout) if happens(rng, ranges.rolling_share) else 0.0
    # The ranges are those of one exposure; a rolling shutter sees more of the path in all.
    longer = 1.0 + readout
    path_of: dict[str, float] = {
        'extent_px': longer * scale * log_uniform(rng, ranges.extent_px),
        'roll_rad': longer * uniform(rng, ranges.roll_rad),
        'zoom': longer * uniform(rng, ranges.zoom),
        'reach_px': float(np.hypot(height, width) / 2.0),
    }
    if happens(rng, ranges.shake_share):
        path = draw_shake(rng, anxiety=uniform(rng, ranges.anxiety), **path_of)
    else:
        path = draw_trajectory(rng, curvature=uniform(rng, ranges.curvature), **path_of)
    nearness = None
    if happens(rng, ranges.depth_share):
        nearness = draw_nearness(
            rng, farthest=uniform(rng, ranges.farthest), depths=whole(rng, ranges.depths)
        )
    highlights = log_uniform(rng, ranges.highlights) if happens(rng, ranges.highlight_share) else 1.0
    objects = _draw_objects(ranges.objects, path, readout, height, width, rng, scale)
    return Blur(path, readout, nearness, highlights, objects)


def draw_nearness(rng: np.random.Generator, *, farthest: float, depths: int) -> NDArray[np.float32]:
    """How near the parts of a photograph are, made up: float32 [24, 24], from `farthest` to 1.

    Near things move more when the camera moves. The map, to be stretched over the photograph, is random lumps
    on a slope: the lower a pixel, the nearer it mostly is, as a road before a camera. `farthest` is above 0
    to 1; `depths` is the number of distances, with soft steps between them; of 1 it is a smooth slope.
    """
    lumps = rng.normal(size=(_LUMPS, _LUMPS)).astype(np.float32)
    lumps = cv2.resize(lumps, (_NEARNESS_PX, _NEARNESS_PX), interpolation=cv2.INTER_CUBIC)
    slope = np.linspace(-1.0, 1.0, _NEARNESS_PX, dtype=np.float32)[:, None]
    near = lumps + rng.uniform(0.0, 3.0) * slope
    near = (near - near.min()) / max(float(np.ptp(near)), 1e-6)
    if depths > 1:
        steps = (smoothstep((near * depths - step) / _SOFT + 0.5) for step in range(1, depths))
        near = sum(steps, np.zeros_like(near)) / (depths - 1)
    return (farthest + (1.0 - farthest) * near).astype(np.float32)


def sub_frames_of(blur: Blur) -> int:
    """How many sub-frames an exposure takes, an odd number, so that its middle is among them."""
    lengths = len(blur.trajectory) / (1.0 + blur.readout), *(len(thing.trajectory) for thing in blur.objects)
    return 2 * int(max(lengths) / _STEP_PX / 2.0) + 1


def expose(sharp: NDArray[np.uint8], blur: Blur, margin_px: int = 0) -> NDArray[np.float32]:
    """The exposure of a photograph, uint8 [H, W, 3] RGB, 0..255, as a moving scene (paper eq. 2-4).

    What moves in over the border is its reflection, seen as far as the margin around the exposure; the
    objects are cut from the photograph. Returns float32 [H - 2 margin, W - 2 margin, 3], linear light, above
    1 where it is brighter than white.
    """
    light = raised(sharp, white_of(sharp, blur.highlights))
    count = sub_frames_of(blur)
    layers = [MovingLayer(light, thing, count, margin_px) for thing in blur.objects]

    def sub_frames() -> Iterator[NDArray[np.float32]]:
        for index, scene in enumerate(_scenes(light, blur, count, margin_px)):
            for layer in layers:
                layer.put_on(scene, index)
            yield scene

    return integrate(sub_frames())


def truth(sharp: NDArray[np.uint8], blur: Blur) -> NDArray[np.uint8]:
    """The sharp scene in mid-exposure: uint8 [H, W, 3] RGB, in and out, often `sharp` itself."""
    return to_display(with_objects(to_linear(sharp), blur.objects)) if blur.objects else sharp


def _scenes(
    light: NDArray[np.float32], blur: Blur, count: int, margin_px: int
) -> Iterator[NDArray[np.float32]]:
    height, width = light.shape[:2]
    if blur.readout == 0.0 and blur.nearness is None:
        for pose in homographies(resample(blur.trajectory, count), height, width):
            yield warp(light, pose, margin_px=margin_px)
        return
    for places in _places(blur, height, width, count, margin_px):
        yield cv2.remap(light, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _places(blur: Blur, height: int, width: int, count: int, margin_px: int) -> Iterator[NDArray[np.float32]]:
    """Where each pixel within the margin is in the photograph, by sub-frame: float32 [H, W, 2], x and y.

    Every row has a pose of its own, that of its moment relative to the middle of its exposure; what is
    farther follows less of the shift. Rotation and zoom do not know distances.
    """
    rows, columns = slice(margin_px, height - margin_px), slice(margin_px, width - margin_px)
    late: NDArray[np.float64] = np.zeros(1)
    if blur.readout > 0.0:
        late = blur.readout * ((np.arange(height)[rows] + 0.5) / height - 0.5)
    moments = np.linspace(-0.5, 0.5, count)[:, None] + late
    then, sharp = (blur.trajectory.at(times / (1.0 + blur.readout)) for times in (moments, late))
    x_px, y_px = np.moveaxis(then.shift_px - sharp.shift_px, -1, 0)
    roll, zoom = then.roll_rad - sharp.roll_rad, then.zoom / sharp.zoom
    # The way back, from the sub-frame to the photograph, of every row: float32 [count, rows, 1].
    cos, sin, right, below = (
        values.astype(np.float32)[..., None]
        for values in (np.cos(roll) / zoom, np.sin(roll) / zoom, x_px, y_px)
    )
    near: NDArray[np.float32] | np.float32 = np.float32(1.0)
    if blur.nearness is not None:
        near = cv2.resize(blur.nearness, (width, height), interpolation=cv2.INTER_LINEAR)[rows, columns]
    middle = np.float32((width - 1) / 2.0), np.float32((height - 1) / 2.0)
    across = np.arange(width, dtype=np.float32)[columns] - middle[0]
    down = np.arange(height, dtype=np.float32)[rows, None] - middle[1]
    places = np.empty((len(down), len(across), 2), np.float32)
    for index in range(count):
        from_x, from_y = across - near * right[index], down - near * below[index]
        places[..., 0] = cos[index] * from_x + sin[index] * from_y + middle[0]
        places[..., 1] = cos[index] * from_y - sin[index] * from_x + middle[1]
        yield places


def _draw_objects(
    ranges: MovingObjectRanges,
    camera: Trajectory,
    readout: float,
    height: int,
    width: int,
    rng: np.random.Generator,
    scale: float,
) -> tuple[MovingObject, ...]:
    if not happens(rng, ranges.share):
        return ()
    # One exposure of a rolling shutter's, which is open longer in all.
    middle = camera.at(np.linspace(-0.5, 0.5, len(camera)) * (1.0 / (1.0 + readout)))
    things = []
    for _ in range(whole(rng, ranges.count)):
        thing = draw_object(
            rng,
            height,
            width,
            radius_px=uniform(rng, ranges.radius_part) * min(height, width),
            extent_px=scale * log_uniform(rng, ranges.extent_px),
            softness_px=uniform(rng, ranges.softness_px),
        )
        if happens(rng, ranges.parallax_share):
            nearer = replace(middle, shift_px=uniform(rng, ranges.parallax) * middle.shift_px)
            length_px = np.linalg.norm(np.diff(nearer.shift_px, axis=0), axis=1).sum()
            thing = replace(thing, trajectory=resample(nearer, 2 * int(length_px / 2.0) + 3))
        things.append(thing)
    return tuple(things)
