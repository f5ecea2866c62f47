"""Water drops on the lens: each is a small lens that shows the scene upside down, smaller and blurred.

A real drop's view is so wide that it shows the sky wherever it hangs, below its middle since it is upside
down: a bright spot before a dark road. The crop around it may hold no sky, so the sky's light is a number of
its own. A drop out of focus has no edge: its light falls off to its middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.smoothstep import smoothstep

Floats = NDArray[np.float32]
Numbers = Any
"""A number, or float64 [N]."""

HORIZON_WIDTH = 0.7
"""Over how many of a drop's radii the scene in it gives way to the sky."""

# No edge is harder than a pixel of the sensor makes it.
_HARDEST_EDGE_PX = 1.2
_COLUMNS = 256


@dataclass(frozen=True, eq=False)
class Drops:
    """N drops that are equally far out of focus, from back to front; for the rest see `DropFamilyRanges`.

    Attributes:
        x, y: centres, in pixels, float64 [N]; all but the last of these are that, or one number for all.
        ripple_2, ripple_3: relative amplitudes of the outline's 2nd and 3rd harmonic.
        phase_2, phase_3: their phases, in radians.
        sky: light of the sky that is seen in the drop, linear; 0 where it sees only the scene.
        highlight: light of a small bright spot, linear.
        defocus_px: blur of the scene in them (standard deviation).
    """

    x: Numbers
    y: Numbers
    radius_px: Numbers
    stretch: Numbers = 1.0
    ripple_2: Numbers = 0.0
    ripple_3: Numbers = 0.0
    phase_2: Numbers = 0.0
    phase_3: Numbers = 0.0
    shrink: Numbers = 4.0
    softness: Numbers = 0.3
    opacity: Numbers = 1.0
    shade: Numbers = 0.0
    sky: Numbers = 0.0
    horizon: Numbers = 2.0
    rim: Numbers = 0.0
    highlight: Numbers = 0.0
    defocus_px: float = 0.0

    @property
    def reach_px(self) -> Numbers:
        """Nothing farther from a centre than this is changed."""
        softness = np.maximum(self.softness, _HARDEST_EDGE_PX / self.radius_px)
        outline = 1.0 + self.ripple_2 + self.ripple_3 + softness / 2.0
        return self.radius_px * np.maximum(1.0, self.stretch) * outline


@dataclass(frozen=True, eq=False)
class DropLayer:
    """Drops that do not overlap, rendered for one image size: the N pixels that they cover.

    Attributes:
        pixels: int64 [N], each once, counted row by row.
        source: float32 [N, 2], x and y of the pixel that is seen there.
        alpha: float32 [N, 1], share of the light that comes through the drop, 0..1.
        gain: float32 [N, 1], brightness of that light, 0..1.
        glow: float32 [N, 1], light of the sky and of highlights that is added to it, linear.
    """

    pixels: NDArray[np.intp]
    source: Floats
    alpha: Floats
    gain: Floats
    glow: Floats


def render_drops(drops: Drops, height: int, width: int) -> tuple[DropLayer, ...]:
    """The drops for one image size, in layers from back to front; where two overlap the later is seen."""
    numbers = [getattr(drops, field.name) for field in fields(drops)[:-1]]
    table = np.stack(np.broadcast_arrays(*numbers, drops.reach_px), axis=-1).reshape(-1, len(numbers) + 1)
    x, y, reach = table[:, 0], table[:, 1], table[:, -1]
    seen = table[(-reach < x) & (x < width + reach) & (-reach < y) & (y < height + reach)]
    if not len(seen):
        return ()
    x, y, reach = seen[:, 0], seen[:, 1], seen[:, -1]
    which, row, column = _pixels_of(x, y, reach, height, width)
    inside, source, *light = _look(seen[:, :-1].astype(np.float32)[which].T, row, column)
    values = (row * width + column)[inside], source, *light
    layers = _layers_of(x, y, reach)
    layer_of = layers[which[inside]]
    return tuple(
        DropLayer(*(value[layer_of == layer] for value in values)) for layer in range(layers.max() + 1)
    )


def add_drops(light: Floats, layers: Sequence[DropLayer], *, defocus_px: float = 1.5) -> Floats:
    """The picture through layers of drops, from back to front: float32 [H, W, 3], linear light, in and out.

    `defocus_px` is the blur of the scene inside the drops (standard deviation).
    """
    if not layers:
        return light
    scene = defocused(light, defocus_px)
    wet = light.reshape(-1, 3).copy()
    for layer in layers:
        behind = wet[layer.pixels]
        in_drops = _look_up(scene, layer.source) * layer.gain + layer.glow
        wet[layer.pixels] = behind + layer.alpha * (in_drops - behind)
    return wet.reshape(light.shape)


def defocused(light: Floats, defocus_px: float) -> Floats:
    """An image blurred by a Gaussian of any width, the wide ones on a smaller copy: same shape out."""
    if defocus_px <= 0.0:
        return light
    height, width = light.shape[:2]
    shrink = max(1, min(int(defocus_px / 1.5), height, width))
    if shrink == 1:
        return cv2.GaussianBlur(light, (0, 0), defocus_px)
    small = cv2.resize(light, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), defocus_px / shrink)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _look_up(image: Floats, source: Floats) -> Floats:
    """An image at places x and y, float32 [N, 2], bilinear and mirrored at the border: float32 [N, 3]."""
    # OpenCV takes places in rows and columns, of which it allows 32 767.
    rows = -(-len(source) // _COLUMNS)
    places = np.zeros((rows, _COLUMNS, 2), np.float32)
    places.reshape(-1, 2)[: len(source)] = source
    seen = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return seen.reshape(-1, 3)[: len(source)]


def _layers_of(x: Numbers, y: Numbers, reach: Numbers) -> NDArray[np.intp]:
    """For each drop a layer above those of all earlier drops that it may overlap."""
    apart = np.hypot(np.subtract.outer(x, x), np.subtract.outer(y, y))
    overlap = np.tril(apart < np.add.outer(reach, reach), -1)
    layers = np.zeros(len(overlap), np.intp)
    for index in np.flatnonzero(overlap.any(axis=1)):
        layers[index] = layers[overlap[index]].max() + 1
    return layers


def _look(numbers: Floats, row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[NDArray[Any], ...]:
    """What drops, of the numbers of `Drops`, [.., N], show at N pixels.

    Which of the pixels they cover, bool [N], and of these the last values of a `DropLayer`.
    """
    (x, y, radius, stretch, ripple_2, ripple_3, phase_2, phase_3, shrink, softness, opacity, shade, sky,
     horizon, rim, highlight) = numbers  # fmt: skip
    # Offsets from the centre in units of the radius.
    dx, dy = (column - x) / radius, (row - y) / (radius * stretch)

    # The distance from the centre in units of the outline's radius.
    theta = np.arctan2(dy, dx)
    outline = 1.0 + ripple_2 * np.cos(2.0 * theta + phase_2) + ripple_3 * np.cos(3.0 * theta + phase_3)
    distance = np.hypot(dx, dy) / outline
    softness = np.maximum(softness, np.float32(_HARDEST_EDGE_PX) / radius)
    cover = opacity * smoothstep((1.0 + softness / 2.0 - distance) / softness)

    # A steeper surface near the rim bends light more: the view widens there. Over a disc the factor's mean is
    # 1, so that the drop as a whole shrinks the scene by `shrink`; in its soft edge the view widens no more.
    bent = radius * shrink * (0.6 + 0.8 * np.square(np.minimum(distance, 1.2)))
    source = np.stack((x - bent * dx, y - bent * dy), axis=-1)
    dark = 1.0 - shade * np.minimum(distance, 1.0) ** 4
    # The rim: a line a fifth of the radius wide, inside of the edge.
    dark *= 1.0 - rim * np.maximum(1.0 - np.square((distance - 0.9) / 0.2), 0.0)
    below = np.where(sky > 0.0, smoothstep((dy - horizon) / HORIZON_WIDTH + 0.5), 0.0)
    spot = np.maximum(1.0 - 9.0 * (np.square(dx + 0.3) + np.square(dy + 0.35)), 0.0)
    glow = dark * below * sky + highlight * spot

    inside = cover > 0.0
    values = cover, dark * (1.0 - below), glow
    columns = (value[inside, None].astype(np.float32) for value in values)
    return inside, source[inside].astype(np.float32), *columns


def _pixels_of(
    x: Numbers, y: Numbers, reach: Numbers, height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The pixels of the boxes around all drops, one after the other: which drop, row and column of each."""
    top, left = (np.maximum((middle - reach).astype(np.intp), 0) for middle in (y, x))
    bottom = np.minimum((y + reach).astype(np.intp) + 2, height)
    wide = np.maximum(np.minimum((x + reach).astype(np.intp) + 2, width) - left, 0)
    pixels = np.maximum(bottom - top, 0) * wide
    which = np.repeat(np.arange(len(pixels)), pixels)
    place = np.arange(which.size) - np.repeat(np.cumsum(pixels) - pixels, pixels)
    down, along = np.divmod(place, wide[which])
    return which, top[which] + down, left[which] + along
