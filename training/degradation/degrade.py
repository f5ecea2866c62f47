"""Draw how a frame is degraded, then degrade it: motion blur -> streaks -> drops on the lens -> sensor.

Drawing and applying are apart, so that a drawn degradation can be looked at and kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.blur import scene
from training.degradation.blur.scene import Blur, draw_blur
from training.degradation.bounds import choose, log_uniform
from training.degradation.lens.wet_lens import WetLens, add_lens, draw_lens, render_lens
from training.degradation.linear_light import to_linear
from training.degradation.rain.falling import Rain, add_rain, draw_rain
from training.degradation.ranges import KINDS, DegradationConfig
from training.degradation.sensor import Sensor, draw_sensor, expose


@dataclass(frozen=True, eq=False)
class Degradation:
    """Everything that happens to one frame, in this order; what is None does not happen."""

    blur: Blur | None
    rain: Rain | None
    lens: WetLens | None
    sensor: Sensor


def draw_kind(config: DegradationConfig, rng: np.random.Generator) -> str:
    """A kind of `KINDS`, by the weights of the config."""
    return choose(rng, config.kinds)


def draw(
    config: DegradationConfig,
    kind: str,
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    frame_height: float | None = None,
    margin_px: int = 0,
) -> Degradation:
    """Parameters of one degradation of a kind, a key of `KINDS`, with a margin around, see `degrade`.

    `frame_height` is the rows of the frame that the image is, or is a part of; drawn where it is None.
    """
    effects = KINDS[kind]
    rows = frame_height if frame_height is not None else log_uniform(rng, config.frame_height)
    scale = rows / config.reference_height
    around = height + 2 * margin_px, width + 2 * margin_px
    return Degradation(
        blur=draw_blur(config.blur, *around, rng, scale=scale) if 'blur' in effects else None,
        rain=draw_rain(config.rain, rng, scale=scale) if 'streaks' in effects else None,
        lens=draw_lens(config.lens, height, width, rng, scale=scale) if 'drops' in effects else None,
        sensor=draw_sensor(config.sensor, rng, processed=bool(effects)),
    )


def degrade(sharp: NDArray[np.uint8], degradation: Degradation, margin_px: int = 0) -> NDArray[np.uint8]:
    """Apply a degradation; the same input gives the same output.

    What a restoration should make of it is `truth(sharp, degradation)`, which is `sharp` itself unless there
    are moving objects. uint8 [H, W, 3] RGB, 0..255, in, and without the margin out: that much around the
    image is what a long exposure draws in.
    """
    if degradation.blur is None:
        light = to_linear(within(sharp, margin_px))
    else:
        light = scene.expose(sharp, degradation.blur, margin_px)
    if degradation.rain is not None:
        light = add_rain(light, degradation.rain)
    if degradation.lens is not None:
        light = add_lens(light, render_lens(degradation.lens, *light.shape[:2]))
    return expose(light, degradation.sensor)


def truth(sharp: NDArray[np.uint8], degradation: Degradation, margin_px: int = 0) -> NDArray[np.uint8]:
    """The sharp, dry frame in the middle of a degradation's exposure: uint8 RGB, shapes as of `degrade`."""
    seen = sharp if degradation.blur is None else scene.truth(sharp, degradation.blur)
    return within(seen, margin_px)


def within(image: NDArray[np.uint8], margin_px: int) -> NDArray[np.uint8]:
    """An image without its margin, contiguous; the image itself where there is none."""
    height, width = image.shape[:2]
    inner = image[margin_px : height - margin_px, margin_px : width - margin_px]
    return np.ascontiguousarray(inner) if margin_px else image
