"""Water drops on the lens: each is a small lens that shows the scene upside down, smaller and blurred.

A real drop's view is so wide that it shows the sky wherever it hangs, below its middle since it is upside
down: a bright spot before a dark road. The crop around it may hold no sky, so the sky's light is a number of
its own.

The drops are static in the image, so a drive renders their field once and applies it to every frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.smoothstep import smoothstep

HORIZON_WIDTH = 0.7
"""Over how many of a drop's radii the scene in it gives way to the sky."""


@dataclass(frozen=True)
class Drop:
    """One drop.

    Attributes:
        x, y: centre, in pixels.
        radius_px: mean radius.
        stretch: height over width, 1 is round; drops on glass hang down a little.
        ripples: relative amplitudes of the outline's 2nd and 3rd harmonic.
        phases: their phases, in radians.
        shrink: how many times smaller the scene inside is; 4 shows four times the drop's own size.
        softness: width of the soft edge relative to the radius; the drop is nearer than the focus.
        opacity: share of the light that went through the drop, 0..1.
        shade: darkening towards the rim, 0..1.
        sky: light of the sky that is seen in the drop, linear, 0..1; None where it sees only the scene.
        horizon: where that sky begins, in radii below the drop's middle.
    """

    x: float
    y: float
    radius_px: float
    stretch: float
    ripples: tuple[float, float]
    phases: tuple[float, float]
    shrink: float
    softness: float
    opacity: float
    shade: float
    sky: float | None = None
    horizon: float = 0.0


@dataclass(frozen=True, eq=False)
class DropField:
    """All drops, rendered for one image size.

    Attributes:
        source: float32 [H, W, 2], x and y of the pixel that is seen at each place.
        alpha: float32 [H, W, 1], share of the light that comes through a drop, 0..1.
        gain: float32 [H, W, 1], brightness of that light, 0..1.
        sky: float32 [H, W, 1], light of the sky that is added to it, linear, 0..1.
        defocus_px: blur of the scene inside the drops (standard deviation).
    """

    source: NDArray[np.float32]
    alpha: NDArray[np.float32]
    gain: NDArray[np.float32]
    sky: NDArray[np.float32]
    defocus_px: float


def draw_drops(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    count: int,
    radius_px: tuple[float, float],
    opacity: tuple[float, float] = (0.75, 1.0),
    sky: float | None = None,
) -> tuple[Drop, ...]:
    """Drops anywhere on the image, under one sky; small ones more often than large (log-uniform radii)."""
    low, high = np.log(radius_px[0]), np.log(radius_px[1])
    return tuple(
        Drop(
            x=rng.uniform(0.0, width),
            y=rng.uniform(0.0, height),
            radius_px=float(np.exp(rng.uniform(low, high))),
            stretch=rng.uniform(0.9, 1.5),
            ripples=(rng.uniform(0.0, 0.12), rng.uniform(0.0, 0.08)),
            phases=(rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 2.0 * np.pi)),
            shrink=rng.uniform(3.0, 9.0),
            # Drops on a vehicle's lens, under a sky, are farther out of focus.
            softness=rng.uniform(0.15, 0.5 if sky is None else 0.9),
            opacity=rng.uniform(*opacity),
            shade=rng.uniform(0.1, 0.6),
            sky=sky,
            # Drawn only under a sky: without one all draws are as they were before there were any.
            horizon=0.0 if sky is None else rng.uniform(-1.2, 0.4),
        )
        for _ in range(count)
    )


def render_drops(drops: Sequence[Drop], height: int, width: int, *, defocus_px: float = 1.5) -> DropField:
    """The field of all drops for one image size; where drops overlap the later one is in front."""
    rows, columns = np.indices((height, width), dtype=np.float32)
    source = np.stack((columns, rows), axis=-1)
    alpha = np.zeros((height, width, 1), np.float32)
    gain = np.ones((height, width, 1), np.float32)
    sky = np.zeros((height, width, 1), np.float32)
    for drop in drops:
        _render(drop, source, alpha, gain, sky)
    return DropField(source, alpha, gain, sky, defocus_px)


def add_drops(light: NDArray[np.float32], field: DropField) -> NDArray[np.float32]:
    """The picture through a wet lens: float32 [H, W, 3], linear light.

    Args:
        light: float32 [H, W, 3], linear light, of the size the field was rendered for.
        field: the drops.
    """
    scene = cv2.GaussianBlur(light, (0, 0), field.defocus_px) if field.defocus_px > 0.0 else light
    seen = cv2.remap(scene, field.source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return light + field.alpha * (seen * field.gain + field.sky - light)


def _render(
    drop: Drop,
    source: NDArray[np.float32],
    alpha: NDArray[np.float32],
    gain: NDArray[np.float32],
    sky: NDArray[np.float32],
) -> None:
    """Draw one drop into the field's arrays, in place."""
    height, width = alpha.shape[:2]
    reach = drop.radius_px * max(1.0, drop.stretch) * (1.0 + sum(drop.ripples) + drop.softness)
    left, right = max(0, int(drop.x - reach)), min(width, int(drop.x + reach) + 2)
    top, bottom = max(0, int(drop.y - reach)), min(height, int(drop.y + reach) + 2)
    if left >= right or top >= bottom:
        return

    # Offsets from the centre in units of the radius, and its distance in units of the outline's radius.
    dx = (np.arange(left, right, dtype=np.float32) - drop.x)[None, :] / drop.radius_px
    dy = (np.arange(top, bottom, dtype=np.float32) - drop.y)[:, None] / (drop.radius_px * drop.stretch)
    theta = np.arctan2(dy, dx)
    outline = (
        1.0
        + drop.ripples[0] * np.cos(2.0 * theta + drop.phases[0])
        + drop.ripples[1] * np.cos(3.0 * theta + drop.phases[1])
    )
    distance = np.hypot(dx, dy) / outline

    edge = smoothstep((1.0 + drop.softness / 2.0 - distance) / drop.softness)
    cover = (drop.opacity * edge).astype(np.float32)[..., None]
    # A steeper surface near the rim bends light more: the view widens there. Over a disc the factor's mean is
    # 1, so that the drop as a whole shrinks the scene by `shrink`; in its soft edge the view widens no more.
    bent = drop.shrink * (0.6 + 0.8 * np.minimum(distance, 1.2) ** 2)
    view = np.stack((drop.x - drop.radius_px * bent * dx, drop.y - drop.radius_px * bent * dy), axis=-1)
    shade = (1.0 - drop.shade * np.minimum(distance, 1.0) ** 4).astype(np.float32)[..., None]
    below = np.zeros_like(shade)
    if drop.sky is not None:
        below = smoothstep((dy - drop.horizon) / HORIZON_WIDTH + 0.5).astype(np.float32)[..., None]

    box = np.s_[top:bottom, left:right]
    inside = cover > 0.0
    source[box] = np.where(inside, view.astype(np.float32), source[box])
    gain[box] = np.where(inside, shade * (1.0 - below), gain[box])
    sky[box] = np.where(inside, shade * below * (drop.sky or 0.0), sky[box])
    alpha[box] = 1.0 - (1.0 - alpha[box]) * (1.0 - cover)
