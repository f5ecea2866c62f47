"""Scenes of little contrast: fog, dusk, a plain wall. Their truth is in fog as well, to be left there.

Without them little contrast is a sign of water on the lens, and a restoration takes a haze that was never
there from walls, roads and dull skies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.bounds import PositiveShares, Ranges, Share, Shares, log_uniform, uniform
from training.degradation.linear_light import to_display, to_linear
from training.degradation.veil import Veil, add_veil


@dataclass(frozen=True)
class FogRanges(Ranges):
    """Fog before the scene of a photograph, as even as fog between a camera and a wall.

    Attributes:
        share: share of the photographs that are put in fog.
        density: share of the light that the fog replaces.
        light: its grey, linear, drawn log-uniformly, so that dark scenes are as frequent as bright ones.
    """

    share: Share = 0.0
    density: Shares = (0.4, 0.95)
    light: PositiveShares = (0.02, 0.7)


NO_FOG = FogRanges()


def draw_fog(ranges: FogRanges, rng: np.random.Generator) -> Veil:
    """The fog of one scene that is in fog."""
    return Veil(share=uniform(rng, ranges.density), light=log_uniform(rng, ranges.light))


def in_fog(image: NDArray[np.uint8], fog: Veil) -> NDArray[np.uint8]:
    """A photograph seen through fog: uint8 [H, W, 3], 0..255, in and out."""
    return to_display(add_veil(to_linear(image), fog))
