"""What a wet lens is drawn from. Pixels are those of a frame as high as the `reference_height`."""

from dataclasses import dataclass, field
from typing import Annotated

from training.degradation.bounds import (
    Counts,
    NotNegative,
    Positive,
    PositiveShares,
    Range,
    Ranges,
    Share,
    Shares,
    Weights,
    Within,
)

Finite = Annotated[Range, Within()]

FAMILIES = ('refracting', 'blobs', 'beads')
"""Kinds of drops: see the ranges of each."""


@dataclass(frozen=True)
class DropFamilyRanges(Ranges):
    """Refracting drops near the focus, as a camera behind a clean screen shows them.

    Attributes:
        per_megapixel: how many, drawn log-uniformly; 43 is ten drops on 640x360.
        fullest: area of all drops together, soft edges included, relative to the frame's; they do not become
            more than that.
        radius_px: mean radius; small ones more often than large.
        softness: width of the soft edge relative to the radius; at 2 it reaches the drop's middle.
        opacity: share of the light that went through the drop, 0..1.
        shrink: how many times smaller the scene inside is; 4 shows four times the drop's own size.
        shade: darkening towards the rim, 0..1.
        stretch: height over width, 1 is round; drops on glass hang down a little.
        sky_share: share of the wet frames whose drops show the sky, 0..1.
        horizon: where the sky begins, in radii below a drop's middle.
        rim: darkness of a thin line along the edge, 0..1.
        highlight: light of a small bright spot, relative to the sky's.
        defocus_px: blur of the scene in the drops (standard deviation).
    """

    per_megapixel: Positive = (40.0, 350.0)
    fullest: Annotated[float, Within(above=0.0)] = 0.4
    radius_px: Positive = (3.0, 28.0)
    softness: Positive = (0.15, 0.7)
    opacity: Shares = (0.6, 1.0)
    shrink: Positive = (3.0, 9.0)
    shade: Shares = (0.1, 0.6)
    stretch: Positive = (0.9, 1.5)
    sky_share: Share = 0.6
    horizon: Finite = (-1.2, 0.4)
    rim: Shares = (0.0, 0.2)
    highlight: NotNegative = (0.0, 0.3)
    defocus_px: NotNegative = (0.6, 3.0)


@dataclass(frozen=True)
class BlobRanges(DropFamilyRanges):
    """Drops far out of focus: bright, soft to their middle, running into each other."""

    per_megapixel: Positive = (40.0, 1200.0)
    radius_px: Positive = (4.0, 40.0)
    softness: Positive = (0.6, 2.0)
    opacity: Shares = (0.2, 0.95)
    shrink: Positive = (6.0, 20.0)
    shade: Shares = (0.0, 0.2)
    stretch: Positive = (0.7, 1.4)
    sky_share: Share = 0.9
    horizon: Finite = (-1.6, 0.3)
    rim: Shares = (0.0, 0.0)
    highlight: NotNegative = (0.0, 0.0)
    defocus_px: NotNegative = (4.0, 12.0)


@dataclass(frozen=True)
class BeadRanges(DropFamilyRanges):
    """Small crisp drops, hundreds in a frame, each with a dark rim and a highlight."""

    per_megapixel: Positive = (300.0, 2600.0)
    radius_px: Positive = (1.5, 8.0)
    softness: Positive = (0.1, 0.4)
    shrink: Positive = (6.0, 16.0)
    shade: Shares = (0.2, 0.7)
    sky_share: Share = 0.7
    horizon: Finite = (-0.6, 0.5)
    rim: Shares = (0.3, 0.9)
    highlight: NotNegative = (0.2, 1.0)
    defocus_px: NotNegative = (0.6, 2.0)


@dataclass(frozen=True)
class FilmRanges(Ranges):
    """Trickles and wiper smear: see `Film`, `Trickle` and `Smear` for what is not said here.

    Attributes:
        share: share of the wet frames with a film, 0..1.
        trickles: how many on a frame, whole numbers.
        smear_share: share of the films with a wiper's smear, 0..1.
    """

    share: Share = 0.25
    trickles: Counts = (1, 5)
    width_px: Positive = (3.0, 14.0)
    smear_share: Share = 0.4
    spacing_px: Positive = (3.0, 14.0)
    strength: Shares = (0.2, 0.8)
    bend_px: NotNegative = (4.0, 30.0)
    blur_px: NotNegative = (0.5, 3.0)
    scatter: Shares = (0.0, 0.12)


@dataclass(frozen=True)
class LensRanges(Ranges):
    """A wet lens.

    Attributes:
        families: relative weights of the families in `FAMILIES`.
        second_share: share of the wet frames that mix two families, 0..1.
        refracting: drops near the focus.
        blobs: drops far out of focus.
        beads: small crisp drops.
        sky: light of the sky that drops show, linear, 0..1.
        film: trickles and wiper smear.
        haze_share: share of the wet frames with a haze over the lens.
        haze: share of the light that the haze replaces where it is thickest.
    """

    families: Annotated[dict[str, float], Weights(FAMILIES)] = field(
        default_factory=lambda: {'refracting': 0.35, 'blobs': 0.4, 'beads': 0.25}
    )
    second_share: Share = 0.35
    refracting: DropFamilyRanges = DropFamilyRanges()
    blobs: BlobRanges = BlobRanges()
    beads: BeadRanges = BeadRanges()
    sky: PositiveShares = (0.2, 1.0)
    film: FilmRanges = FilmRanges()
    haze_share: Share = 0.35
    haze: Shares = (0.02, 0.15)
